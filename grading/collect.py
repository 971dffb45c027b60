"""Find the notebooks in a folder of submissions, as learning platforms deliver them; know whose and what they are.

Understood are a folder for each student, ``student/assignment/any name.ipynb`` (nbgrader), ``student/any name.ipynb``,
Moodle's ``Name_123_assignsubmission_file/any name.ipynb``, and Canvas's flat ``name_123_456_forward.ipynb``.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from grading.course import NAMES, release_of
from grading.repair import match

LARGEST = 2**26  # bytes of a notebook
MOODLE = re.compile(r"^(.+?_\d+)_assignsubmission_.*$")  # Ada Lovelace_12345_assignsubmission_file
CANVAS = re.compile(r"^(.+?)_(?:LATE_)?(\d+)_\d+_.*$")  # lovelaceada_12345_67890_forward


@dataclass
class Submission:
    """One notebook of one student, or the reason why there is none that could be graded."""

    student: str
    assignment: str | None
    path: Path
    notebook: dict | None = None
    problem: str = ""
    remarks: list = field(default_factory=list)
    judgement: dict | None = None  # what `judge.Record` is to write


def collect(folder, course, only=None):
    """Return the submissions below a folder, one for each student and assignment, in order of their names.

    Parameters
    ----------
    folder : path
        The folder of submissions.
    course : path
        The course's folder, with the releases.
    only : str, optional
        The one assignment that all submissions are of.

    Returns
    -------
    list of Submission
        With ``problem`` where a file is no notebook of the course.

    Raises
    ------
    ValueError
        If there is no such folder or assignment, or nothing in it.
    """
    folder = Path(folder)
    if not str(folder) or not folder.is_dir():
        raise ValueError(f"SUBMISSIONS must be a folder, got {str(folder)!r}")
    names = [name for name in NAMES if release_of(name, course).exists() and only in (None, name)]
    if not names:
        raise ValueError(f"ASSIGNMENT must be one of {NAMES}, made by `make assignments`, got {only!r}")
    releases = {name: cells_of(release_of(name, course)) for name in names}
    paths = [path for path in sorted(folder.rglob("*.ipynb")) if ".ipynb_checkpoints" not in path.parts]
    if not paths:
        raise ValueError(f"SUBMISSIONS must hold notebooks, got {str(folder)!r}, in which no file ends in .ipynb")
    empty = {p.name for p in folder.iterdir() if p.is_dir()} - {path.relative_to(folder).parts[0] for path in paths}
    owners, students = [*(owner_of(path.relative_to(folder)) for path in paths), *sorted(empty)], {}
    for owner in owners:
        if owner not in students:
            students[owner] = name_of(owner, students.values())
    found = {}
    for path, owner in zip(paths, owners, strict=False):
        submission = read(path, folder, releases, students[owner])
        found.setdefault((submission.student, submission.assignment), []).append(submission)
    nothing = [Submission(students[name], only, folder / name, problem="no notebook") for name in sorted(empty)]
    return [best(versions) for _, versions in sorted(found.items(), key=lambda item: str(item[0]))] + nothing


def cells_of(path):
    """Return the cells of a release."""
    import nbformat

    return nbformat.read(path, 4).cells


def read(path, folder, releases, student):
    """Return the submission in a file, with its problem if it cannot be read."""
    parts = path.relative_to(folder)
    submission = Submission(student, assignment_by_name(parts, releases), path)
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"larger than {LARGEST // 2**20} MB")
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells = [cell for cell in notebook["cells"] if isinstance(cell, dict)]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        submission.problem = f"not readable as a notebook ({type(error).__name__}: {str(error)[:100]})"
        return submission
    submission.notebook = notebook
    by_name, by_content = submission.assignment, assignment_by_content(cells, releases)
    submission.assignment = by_content or by_name
    if by_content is None:
        submission.problem = "has no cell of an assignment that we know" if cells else "the file has no cells"
    elif by_name not in (None, by_content):
        submission.remarks.append(f"lay among {by_name}, is {by_content}")
    elif path.name != f"{submission.assignment}.ipynb":
        submission.remarks.append(f"the file was called {path.name}")
    return submission


def owner_of(parts):
    """Return what tells the students apart: the first folder, or the begin of a file's name, with its number."""
    first = parts.parts[0]
    return MOODLE.sub(r"\1", first) if len(parts.parts) > 1 else CANVAS.sub(r"\1_\2", Path(first).stem)


def name_of(owner, taken):
    """Return a name that nbgrader can use as a folder, and that is not taken."""
    name = plain = re.sub(r"[^\w.@ -]", "-", owner).strip(" .") or "unnamed"
    while name in taken:
        name = f"{plain}-{len(taken)}"
    return name


def assignment_by_name(parts, releases):
    """Return the assignment that the folders or the file's name tell, or None."""
    for part in reversed(parts.parts):
        for name in releases:
            if name in Path(part).stem.lower():
                return name
    return next(iter(releases)) if len(releases) == 1 else None


def assignment_by_content(cells, releases):
    """Return the assignment of which the notebook has most cells, or None if it has none of any."""
    hits = {name: sum(place is not None for place in match(cells, given)) for name, given in releases.items()}
    name = max(hits, key=hits.get)
    return name if hits[name] else None


def best(versions):
    """Return the one of a student's notebooks for an assignment that counts: readable, rightly named, the newest."""
    chosen = max(versions, key=lambda v: (not v.problem, v.path.stem == v.assignment, v.path.stat().st_mtime))
    if len(versions) > 1:
        others = ", ".join(sorted(v.path.name for v in versions if v is not chosen))
        chosen.remarks.append(f"graded is {chosen.path.name}, not {others}")
    return chosen
