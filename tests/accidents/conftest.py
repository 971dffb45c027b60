"""A class that is graded once without any accident: after an accident and a second try, the same must come out."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import psutil
import pytest
from conftest import ROOT

from grading.course import gradebook, nbgrader, release_of, source_of
from grading.record import POINTS, sql
from grading.release import make
from tests.answers.forward import RIGHT, WRONG

SEED = 7
HANGS = "def batch_norm_train(x, weight, bias, eps):\n    while True: pass"
ANSWERS = {f"right{n}": source for n, source in enumerate(list(RIGHT.values())[:3])}
ANSWERS |= {f"wrong{n}": source for n, (source, _) in enumerate(list(WRONG.values())[:3])}
ANSWERS |= {"hangs": HANGS, "zoe": WRONG["unbiased variance"][0]}
BROKEN = "broken"  # the name of the one whose file is cut off


def filled(course, answer):
    """Return the text of a notebook with an answer."""
    notebook = json.loads(release_of("forward", course).read_text())
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("solution") and cell["cell_type"] == "code":
            cell["source"], answer = answer, "pass"
    return json.dumps(notebook)


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """Return a course in which nothing has been graded."""
    folder = tmp_path_factory.mktemp("course")
    shutil.copytree(source_of("forward").parent, folder / "source/forward")
    make(["forward"], folder)
    return folder


@pytest.fixture(scope="session")
def handed_in(empty, tmp_path_factory):
    """Return a folder of submissions."""
    folder = tmp_path_factory.mktemp("handed in")
    texts = {student: filled(empty, answer) for student, answer in ANSWERS.items()}
    texts[BROKEN] = texts["zoe"][:1000]
    for student, text in texts.items():
        (folder / student).mkdir()
        (folder / student / "forward.ipynb").write_text(text)
    return folder


@pytest.fixture(scope="session")
def undisturbed(empty, handed_in, tmp_path_factory):
    """Return what comes out if nothing happens."""
    course = shutil.copytree(empty, tmp_path_factory.mktemp("undisturbed") / "course")
    assert begin(handed_in, course).wait() == 1  # one file is broken
    outcome = outcome_of(course)
    assert len(outcome.rows) == len(ANSWERS) + 1
    assert [row["student"] for row in outcome.rows if row["score"] == ""] == [BROKEN]
    return outcome


@pytest.fixture
def course(empty, tmp_path):
    """Return a course of this test's own."""
    return shutil.copytree(empty, tmp_path / "course")


def begin(handed_in, course, *options, seed=SEED, **environment):
    """Start `python -m grading` in a process group of its own."""
    command = [sys.executable, "-m", "grading", str(handed_in), "--course", str(course), "--jobs", "2", *options]
    paths = [environment.pop("path", ""), str(ROOT), str(ROOT / "tools/lean")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))} | environment
    with (course.parent / "output.txt").open("w") as output:
        return subprocess.Popen(
            [*command, *([] if seed is None else ["--seed", str(seed)])],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def output_of(course):
    """Return what the last run has printed."""
    return (course.parent / "output.txt").read_text()


def wait_for(count, course, run):
    """Wait until a run has put aside so many verdicts; return all processes that it has started, and theirs."""
    deadline = time.monotonic() + 300
    while len(list(course.glob("verdicts/.unfinished/*/*.json"))) < count:
        assert run.poll() is None, output_of(course)
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return psutil.Process(run.pid).children(recursive=True)


def workers_among(processes):
    """Return those that judge: the children of the process that forks them."""
    return [p for p in processes if "multiprocessing.forkserver" in " ".join(p.parent().cmdline())]


def assert_all_end(processes, seconds=10):
    """Check that these processes end soon."""
    _, alive = psutil.wait_procs(processes, seconds)
    for process in alive:
        process.send_signal(signal.SIGKILL)
    assert [process.cmdline() for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def outcome_of(course):
    """Return what a teacher and the students have in the end, but for what may differ: times and names in the db."""
    with (course / "grades.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with gradebook(nbgrader(course)) as book:
        points = sorted(map(str, book.db.execute(sql(POINTS)).all()))
    pages = {str(p.relative_to(course)): p.read_text() for p in course.glob("feedback/*/*/*.html")}
    shown = {str(p.relative_to(course)): p.read_text() for p in course.glob("autograded/*/*/*.ipynb")}
    left = [str(p) for p in course.rglob("*.new")] + [str(p) for p in course.glob("verdicts/.*")]
    return SimpleNamespace(rows=rows, points=points, pages=pages, shown=shown, left=left)
