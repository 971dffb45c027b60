"""The course as nbgrader sees it: its folders, its gradebook, and what is done to one submission."""

import logging
import os
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COURSE = ROOT / "assignments"  # source/ is in git; release/, submitted/, autograded/, feedback/, gradebook.db are not
MADE = "submitted verdicts autograded feedback moodle canvas samples".split()  # by grading, and of it these tables:
MADE += ["gradebook.db", "grades.csv", "class.csv", "class.html", "nbgrader.csv"]
NAMES = ["forward", "state", "backward", "identity", "project"]


def nbgrader(course=COURSE, **settings):
    """Return nbgrader's API for a course folder, with the settings of assignments/nbgrader_config.py.

    Parameters
    ----------
    course : path
        The folder with ``source``; all that nbgrader makes goes there.
    settings : dict
        Further settings by class: ``SaveCells={"enabled": False}``.
    """
    from nbgrader.apps import NbGraderAPI
    from sqlalchemy.exc import SAWarning
    from traitlets.config import Config
    from traitlets.config.loader import PyFileConfigLoader

    warnings.simplefilter("ignore", SAWarning)  # nbgrader's, three for each submission, all harmless
    config = PyFileConfigLoader("nbgrader_config.py", path=str(COURSE)).load_config()
    config.CourseDirectory.root = str(Path(course).resolve())
    config.merge(Config(settings))
    logging.getLogger("traitlets").setLevel(logging.CRITICAL + 1)  # it tells of the exchange, and that there is none
    api = NbGraderAPI(config=config)
    api.log_level = logging.ERROR
    return api


@contextmanager
def gradebook(api):
    """Open the gradebook of a course."""
    with api.gradebook as book:
        yield book


def release_of(assignment, course=COURSE):
    """Return the path of the notebook that is handed out."""
    return Path(course) / "release" / assignment / f"{assignment}.ipynb"


def source_of(assignment, course=COURSE):
    """Return the path of the instructor's notebook."""
    return Path(course) / "source" / assignment / f"{assignment}.ipynb"


def succeed(result, what):
    """Raise RuntimeError with nbgrader's own words if it has not succeeded."""
    if not result["success"]:
        raise RuntimeError(f"nbgrader could not {what}:\n{result.get('error', '')}\n{result.get('log', '')}")


os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]  # nbgrader calls alembic
