"""A class from Moodle's zip to Moodle's files, as a teacher sees it: tables, class page, what is beside an answer."""

import csv
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from test_course import WALL, cell_of, filled

from grading.course import COURSE, gradebook, nbgrader, source_of
from grading.dates import set_due
from grading.grade import grade, renew_feedback
from grading.marking import HEAD
from grading.release import make
from grading.roster import import_roster
from tests.answers.forward import WRONG

pytestmark = pytest.mark.usefixtures("stamped")

HANDED_IN = "{}_assignsubmission_file/forward.ipynb"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Return a course with one assignment, a roster, and the zip of a class."""
    folder = tmp_path_factory.mktemp("course")
    path = source_of("forward", folder)
    path.parent.mkdir(parents=True)
    path.write_bytes(source_of("forward").read_bytes())
    make(["forward"], folder)
    (folder / "export.csv").write_text("First name,Surname\nDan,D\nAda,L\nBen,B\nCleo,C\n")
    import_roster(folder / "export.csv", folder)
    right, wrong = filled(folder), filled(folder, WRONG["unbiased variance"][0])
    for notebook in (right, wrong):
        cell_of(notebook, "why-eps")["source"] = "It depends on the unit."
    with zipfile.ZipFile(folder / "class.zip", "w") as packed:
        for name, text in [("Ada L_17", json.dumps(right)), ("Ben B_18", json.dumps(wrong)), ("Cleo C_19", "{")]:
            packed.writestr(HANDED_IN.format(name), text)
    return folder


@pytest.fixture(scope="module")
def rows(course):
    """Return the rows of the first grading."""
    return grade(course / "class.zip", course, jobs=1, wall=WALL)


def read(path):
    """Return the rows of a table."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_students_have_their_names_and_the_roster_says_who_is_missing(course, rows):
    assert [(row["student"], row["score"]) for row in rows] == [("Ada L", 17.0), ("Ben B", 13.0), ("Cleo C", "")]
    assert [row["file"] for row in rows[:1]] == [HANDED_IN.format("Ada L_17")]
    assert {row["student"]: row["forward"] for row in read(course / "class.csv")} == {
        "Ada L": "grade by hand",
        "Ben B": "grade by hand",
        "Cleo C": rows[2]["status"],
        "Dan D": "nothing handed in",
    }


def test_the_class_page_names_the_mistake(course, rows):
    page = (course / "class.html").read_text()
    assert "1 × the variance is divided by N - 1" in page
    assert "Nothing was handed in by Dan D" in page


def test_the_scheme_is_beside_the_answer_for_the_grader_alone(course, rows):
    renew_feedback(course)
    graded = (course / "autograded/Ada L/forward/forward.ipynb").read_text()
    page = (course / "feedback/Ada L/forward/forward.html").read_text()
    assert HEAD in graded
    assert "It depends on the unit." in page
    assert "For the grader" not in page


def test_moodles_files_hold_who_is_graded_by_hand_as_well(course, rows):
    assert not (course / "moodle").exists()
    with gradebook(nbgrader(course)) as book:
        given = book.find_grade("forward-why-eps", "forward", "forward", "Ada L")
        given.manual_score, given.needs_manual_grade = 2.5, False
        book.db.commit()
    renew_feedback(course)
    (line,) = read(course / "moodle/forward.csv")
    assert (line["Identifier"], line["Grade"]) == ("Participant 17", "19.5")
    with zipfile.ZipFile(course / "moodle/forward-feedback.zip") as packed:
        (name,) = packed.namelist()
        assert packed.read(name) == (course / "feedback/Ada L/forward/forward.html").read_bytes()
    assert name == HANDED_IN.format("Ada L_17").replace(".ipynb", ".html")


def test_one_alone_is_graded_by_the_name_of_the_table(course, rows):
    before = read(course / "grades.csv")
    (row,) = grade(course / "class.zip", course, jobs=1, wall=WALL, student="Ben B")
    assert row["student"] == "Ben B"
    assert [row["student"] for row in read(course / "grades.csv")] == [row["student"] for row in before]
    with pytest.raises(ValueError, match="STUDENT must be one of those"):
        grade(course / "class.zip", course, student="Ben")


def test_nbgraders_export_leaves_our_table(course, rows):
    before = (course / "grades.csv").read_bytes()
    shutil.copy(COURSE / "nbgrader_config.py", course)
    command = [Path(sys.executable).with_name("nbgrader"), "export"]
    subprocess.run(command, cwd=course, check=True, capture_output=True)
    assert (course / "nbgrader.csv").exists()
    assert (course / "grades.csv").read_bytes() == before


@pytest.mark.parametrize("folder", ["", "assignments", ".", "/", "no such folder", "Makefile"])
def test_a_wrong_folder_changes_nothing_and_the_answer_says_what_to_type(course, rows, folder, monkeypatch):
    monkeypatch.chdir(COURSE.parent)
    before = {path: path.stat().st_mtime_ns for path in course.rglob("*")}
    with pytest.raises(ValueError, match="SUBMISSIONS must"):
        grade(folder, course)
    assert {path: path.stat().st_mtime_ns for path in course.rglob("*")} == before


def test_a_folder_of_one_student_is_refused_with_the_command_for_one(course, rows, tmp_path):
    (tmp_path / "class/cleo").mkdir(parents=True)
    (tmp_path / "class/cleo/forward.ipynb").write_text("{}")
    with pytest.raises(ValueError, match=r"make grade SUBMISSIONS=\S*/class STUDENT=cleo"):
        grade(tmp_path / "class/cleo", course)


def test_canvas_late_is_in_the_table_where_no_time_is_known(course, rows, tmp_path):
    set_due("forward", "2026-12-01 22:00 UTC", course)
    (tmp_path / "lovelaceada_LATE_501_9_forward.ipynb").write_text(json.dumps(filled(course)))
    (row,) = grade(tmp_path, course, jobs=1, wall=WALL)
    assert (row["student"], row["late"]) == ("lovelaceada_501", "yes")
