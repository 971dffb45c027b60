"""What workers do: read, judge and show submissions. They are given plain data and give it back; they write nothing."""

import faulthandler
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from dateutil.parser import parse

from grading.collect import Submission, notebook_in, sort_out
from grading.marking import with_scheme
from grading.page import page_of
from grading.release import wrong_points
from grading.verdict import judged, mend, shown
from grading.walls import choose
from grading.words import ENGLISH, words_of

LONGEST = 600.0  # seconds that a submission may take; its answers have limits of their own


@dataclass
class Task:
    """A submission to be judged, and how; ``known`` is the verdict where there is one already."""

    submission: Submission
    folder: Path
    course: Path
    seed: int
    wall: str | None
    seconds: float
    known: dict | None = None
    grades: dict = field(default_factory=dict)  # what has been given by hand, see `record.by_hand`


@dataclass
class Result:
    """What comes of a task: a verdict, and the notebook and the page that show it, as text; none if not graded."""

    verdict: dict
    notebook: str = ""
    page: str = ""


@contextmanager
def limited():
    """End this process where something takes far too long; the submission is lost then, and no other waits for it."""
    faulthandler.dump_traceback_later(LONGEST, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def read(hand_in, names, course):
    """Return the submissions in what a student has handed in."""
    with limited():
        return sort_out(hand_in, names, course)


def watch(name, course, wall):
    """Return where judging an assignment goes wrong on this machine: the canary."""
    return wrong_points(name, course, choose(wall).name)


def work(task):
    """Judge a submission, unless there is a verdict on it, and show what was found."""
    found, course = task.submission, task.course
    said = about(found, task.folder)
    if found.problem:
        said |= {"reason": found.problem, "language": found.language}
        return Result(said | {"words": words_of(said, found.language)})
    with limited():
        if task.known:
            here = {name: said[name] for name in ("student", "file", "handed_in")}
            mended, _ = mend(notebook_in(found.path)[0], found.assignment, course)
            return show(task.known | here, mended, task.grades, course)
        how = task.seed, task.wall, task.seconds
        new, mended = judged(found.path, found.assignment, *how, course, found.remarks)
        said |= new
        return show(said, mended, task.grades, course)


def about(found, folder):
    """Return what a verdict says of a submission before anybody has judged it."""
    said = {"student": found.student, "assignment": found.assignment, "file": str(found.path.relative_to(folder))}
    said |= {"handed_in": time_of(found.path), "sha256": "", "seed": None, "version": "", "wall": "", "seconds": 0.0}
    said |= {"state": "not graded", "reason": "", "remarks": found.remarks, "language": ENGLISH, "words": {}}
    return said | {"concepts": {}, "written": {}, "empty": []}


def time_of(path):
    """Return the time in the timestamp.txt beside a file, as it stands there; None if there is none."""
    try:
        text = path.with_name("timestamp.txt").read_text(encoding="utf-8").strip()
        parse(text)
    except (OSError, ValueError, OverflowError):
        return None
    return text


def show(said, mended, grades, course):
    """Return a verdict with the notebook and the page that show it."""
    if said["state"] != "graded":
        return Result(said)
    notebook = with_scheme(shown(mended, said), said["assignment"], course)
    return Result(said, nbformat.writes(notebook), page_of(said, mended, grades))
