"""`make check`: a student's own file is judged by the checks of the grading, and nothing is written."""

import json
import shutil

import pytest
from test_course import WALL, filled

from grading import check
from grading.course import release_of, source_of
from grading.release import make
from tests.answers.forward import WRONG


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Return a course with one assignment."""
    folder = tmp_path_factory.mktemp("course")
    path = source_of("forward", folder)
    path.parent.mkdir(parents=True)
    path.write_bytes(source_of("forward").read_bytes())
    make(["forward"], folder, database=False)
    return folder


@pytest.fixture
def checked(course, tmp_path, monkeypatch, capsys):
    """Return a function that checks a notebook; it returns the exit status and what is printed."""
    monkeypatch.setattr(check, "NAMES", ["forward"])

    def run(text, *options):
        path = tmp_path / "mine.ipynb"
        path.write_text(text)
        arguments = [str(path), "--course", str(course), "--wall", WALL, *options]
        monkeypatch.setattr("sys.argv", ["check", *arguments])
        before = sorted(course.rglob("*"))
        status = check.main()
        assert sorted(course.rglob("*")) == before
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return run


def test_a_right_answer_is_told_so(checked, course):
    status, text = checked(json.dumps(filled(course)))
    assert status == 0
    assert "17 of 17, and 3 more that are given by hand" in text


def test_the_seed_of_the_feedback_page_gives_its_lines_again(checked, course):
    wrong = json.dumps(filled(course, WRONG["unbiased variance"][0]))
    status, text = checked(wrong, "--seed", "7")
    assert status == 1
    assert "forward, seed 7" in text
    assert "0 of 4  The formula" in text
    assert "Your numbers are what comes out if the variance is divided by N - 1." in text
    assert checked(wrong, "--seed", "7")[1] == text
    assert checked(wrong, "--seed", "8")[1] != text


def test_what_cannot_be_judged_says_why(checked, monkeypatch, capsys):
    status, text = checked("{")
    assert (status, "not readable as a notebook: mine.ipynb" in text) == (2, True)
    monkeypatch.setattr("sys.argv", ["check", ""])
    assert check.main() == 2
    assert "make check NOTEBOOK=mine.ipynb" in capsys.readouterr().err


def test_a_release_that_is_missing_is_made(checked, course):
    shutil.rmtree(course / "release")
    found = check.check(source_of("forward"), 7, WALL, course=course)
    assert [said["state"] for said in found] == ["graded"]
    assert release_of("forward", course).exists()
