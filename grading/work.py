"""What workers do: read, judge and show submissions. They are given plain data and give it back; they write nothing."""

import faulthandler
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from grading.collect import Submission, sort_out
from grading.page import page_of
from grading.release import wrong_points
from grading.verdict import judged, mend, shown
from grading.walls import choose

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


def read(hand_in, names, course):
    """Return the submissions in what a student has handed in."""
    return sort_out(hand_in, names, course)


def watch(name, course, wall):
    """Return where judging an assignment goes wrong on this machine: the canary."""
    return wrong_points(name, course, choose(wall).name)


def work(task):
    """Judge a submission, unless there is a verdict on it, and show what was found; or end this process."""
    faulthandler.dump_traceback_later(LONGEST, exit=True)
    try:
        return worked(task)
    finally:
        faulthandler.cancel_dump_traceback_later()


def worked(task):
    """Judge a submission, unless there is a verdict on it, and show what was found."""
    found, course = task.submission, task.course
    said, mended = about(found, task.folder), None
    if found.problem:
        return Result(said | {"reason": found.problem, "remarks": found.remarks})
    if task.known:
        here = {name: said[name] for name in ("student", "file", "handed_in")}
        return show(task.known | here, mend(found.path, found.assignment, course)[0], task.grades)
    new, mended = judged(found.path, found.assignment, task.seed, task.wall, task.seconds, course)
    said |= new | {"remarks": [*found.remarks, *new["remarks"]]}
    return show(said, mended, task.grades)


def about(found, folder):
    """Return what a verdict says of a submission before anybody has judged it."""
    stamp = found.path.parent / "timestamp.txt"
    said = {"student": found.student, "assignment": found.assignment, "file": str(found.path.relative_to(folder))}
    said |= {"handed_in": stamp.read_text(encoding="utf-8").strip() if stamp.is_file() else None}
    return said | {"sha256": "", "seed": None, "version": "", "wall": "", "state": "not graded", "reason": ""} | {
        "remarks": [], "concepts": {}, "written": {}, "empty": [], "seconds": 0.0,
    }  # fmt: skip


def show(said, mended, grades):
    """Return a verdict with the notebook and the page that show it."""
    if said["state"] != "graded":
        return Result(said)
    return Result(said, nbformat.writes(shown(mended, said)), page_of(said, mended, grades))
