"""Every hand-in has a row: a submission to grade or the reason why there is none; one for each student and task."""

import json
import os
import zipfile
from copy import deepcopy

import nbformat
import pytest
from test_judge import TRAIN, cell_of, handed_out

from grading.collect import collect, notebook_in
from grading.repair import repair

SOLVED = {name: handed_out(name) for name in ("forward", "state")}
cell_of(SOLVED["forward"], "forward-train").source = TRAIN
cell_of(SOLVED["state"], "state-running").source = "def update_running(*arguments): pass"
FORWARD, STATE = map(nbformat.writes, SOLVED.values())
UNTOUCHED = nbformat.writes(handed_out("forward"))


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Return a course with two releases."""
    folder = tmp_path_factory.mktemp("course")
    for name in SOLVED:
        path = folder / "release" / name / f"{name}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(handed_out(name), path)
    return folder


@pytest.fixture
def collected(course, tmp_path):
    """Return a function that hands in files and collects: by student and assignment, what was found."""

    def hand_in(files):
        for number, (name, content) in enumerate({"other/forward.ipynb": FORWARD, **files}.items()):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            os.utime(path, (1e9 + number, 1e9 + number))  # each is newer than the one before
        found = collect(tmp_path, course)
        assert len({(s.student, s.assignment) for s in found}) == len(found)
        return {(s.student, s.assignment): s for s in found if s.student != "other"}

    return hand_in


def packed(tmp_path, **files):
    """Return the bytes of a zip."""
    with zipfile.ZipFile(tmp_path / "packed", "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return (tmp_path / "packed").read_bytes()


def old_format():
    """Return the notebook as IPython 2 wrote it."""
    cells = [{"cell_type": c.cell_type, "metadata": c.metadata, "source": c.source} for c in SOLVED["forward"].cells]
    for cell in cells:
        if cell["cell_type"] == "code":
            cell |= {"input": cell.pop("source"), "language": "python", "outputs": [], "collapsed": False}
    sheet = {"metadata": {}, "cells": cells}
    return json.dumps({"metadata": {"name": ""}, "nbformat": 3, "nbformat_minor": 0, "worksheets": [sheet]})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ada/forward.ipynb", b"\xef\xbb\xbf" + FORWARD.encode()),
        ("ada/Forward.IPYNB", FORWARD),
        ("ada/forward.ipynb.txt", FORWARD),
        ("ada/forward.ipynb.json", FORWARD),
        ("ada/forward.ipynb", old_format()),
        ("ada.ipynb", FORWARD),
    ],
)
def test_a_notebook_is_read_whatever_was_done_to_its_file(collected, name, content):
    ((who, submission),) = collected({name: content}).items()
    assert (who, submission.problem) == (("ada", "forward"), "")
    mended, _ = repair(notebook_in(submission.path)[0], handed_out("forward"))
    assert cell_of(mended, "forward-train").source.strip() == TRAIN.strip()


@pytest.mark.parametrize(
    ("name", "who", "assignment", "told"),
    [
        ("ada_7_8_forward.py", "ada_7", "forward", "no notebook: there lies ada_7_8_forward.py"),
        ("ada_7_8_homework.docx", "ada_7", None, "no notebook: there lies ada_7_8_homework.docx"),
        ("Ada L_9_assignsubmission_onlinetext/onlinetext.html", "Ada L_9", None, "there lies onlinetext.html"),
        ("ada/state/photo.png", "ada", "state", "there lies photo.png"),
        ("ada_7_8_forward.zip", "ada_7", "forward", "not readable as a notebook: ada_7_8_forward.zip (BadZipFile"),
        (
            "ada/forward.ipynb",
            "ada",
            "forward",
            "not readable as a notebook: forward.ipynb (it is cut off, or damaged, at",
        ),
    ],
)
def test_what_is_no_notebook_has_a_row_that_names_it(collected, name, who, assignment, told):
    ((found, submission),) = collected({name: "see my other file"}).items()
    assert found == (who, assignment)
    assert told in submission.problem


def test_a_zip_with_one_notebook_is_read_and_one_with_more_is_not(collected, tmp_path):
    one = packed(tmp_path, **{"a.ipynb": FORWARD, "__MACOSX__._a.ipynb": "\0"})
    two = packed(tmp_path, **{"a.ipynb": FORWARD, "b.ipynb": FORWARD})
    (tmp_path / "packed").unlink()
    found = collected({"ada_1_2_x.zip": one, "ben/forward.zip": two})
    assert found["ada_1", "forward"].remarks == ["the file was called ada_1_2_x.zip/a.ipynb"]
    assert "there are 2 notebooks in it" in found["ben", "forward"].problem


def test_the_copy_that_was_worked_on_counts_and_of_two_the_newer(collected):
    found = collected(
        {
            "ada/forward-Copy1.ipynb": FORWARD,
            "ada/forward.ipynb": UNTOUCHED,
            "ben/forward.ipynb": FORWARD,
            "ben/forward (1).ipynb": FORWARD,
            "cleo/forward.ipynb": UNTOUCHED,
        }
    )
    assert found["ada", "forward"].path.name == "forward-Copy1.ipynb"
    assert found["ada", "forward"].remarks[-1] == "graded is forward-Copy1.ipynb, not forward.ipynb"
    assert found["ben", "forward"].path.name == "forward (1).ipynb"
    assert found["cleo", "forward"].problem == ""
    assert found["cleo", "forward"].remarks == ["nothing has been filled in"]
    assert len(found) == 3


def test_two_assignments_in_one_notebook_have_a_row_each(collected):
    both = deepcopy(SOLVED["forward"])
    both.cells += SOLVED["state"].cells
    found = collected({"ada/forward.ipynb": json.dumps(both)})
    assert found.keys() == {("ada", "forward"), ("ada", "state")}
    assert all(s.remarks == ["forward.ipynb holds forward and state"] for s in found.values())


def test_what_systems_and_platforms_leave_makes_no_student(collected):
    found = collected(
        {
            "ada/forward.ipynb": FORWARD,
            "__MACOSX/ada/._forward.ipynb": b"\0\5",
            ".DS_Store": b"\0",
            "Grace H_901_assignsubmission_file/forward.ipynb": FORWARD,
            "Grace H_901_assignsubmission_onlinetext/onlinetext.html": "see file",
            "Mary S_12_assignsubmission_file_forward.ipynb": FORWARD,
            "Mary S_12_assignsubmission_file_state.ipynb": STATE,
            "ada/essay.docx": b"\0",
        }
    )
    assert {who: s.problem for who, s in found.items()} == dict.fromkeys(
        [("ada", "forward"), ("Grace H_901", "forward"), ("Mary S_12", "forward"), ("Mary S_12", "state")], ""
    )


def test_who_handed_in_something_else_for_another_assignment_has_a_row_for_it(collected):
    found = collected({"ada/forward/forward.ipynb": FORWARD, "ada/state/my state.pdf": b"%PDF"})
    assert found["ada", "forward"].problem == ""
    assert found["ada", "state"].problem == "no notebook: there lies my state.pdf"
