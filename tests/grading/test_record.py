"""What is written into a course: whole files, one writer, rows that are quick to find however many there are."""

import csv
import json

import pytest

from grading import record
from grading.course import gradebook, nbgrader, source_of
from grading.files import Busy, lock, write
from grading.record import Stopped
from grading.release import make

pytestmark = pytest.mark.usefixtures("stamped")

POINTS = {"formula": 4, "eps": 2, "weight-bias": 2, "arguments": 2, "one-row": 1, "offset": 1, "2d-axes": 3}
POINTS["2d-channels"] = 2


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """Return a course with one assignment."""
    folder = tmp_path_factory.mktemp("released")
    source = folder / "source/forward/forward.ipynb"
    source.parent.mkdir(parents=True)
    source.write_bytes(source_of("forward").read_bytes())
    make(["forward"], folder)
    return folder


@pytest.fixture
def course(released, tmp_path):
    """Return a course in which nothing has been graded."""
    (tmp_path / "gradebook.db").write_bytes((released / "gradebook.db").read_bytes())
    return tmp_path


def said(student, lost=(), answered=True, handed_in=None):
    """Return a verdict."""
    concepts = {
        f"forward-{name}": {"title": name, "points": 0.0 if name in lost else float(most), "max": float(most)}
        for name, most in POINTS.items()
    }
    written = {"forward-why-eps": {"title": "Why", "max": 3.0, "answered": answered}}
    return {"student": student, "assignment": "forward", "state": "graded", "reason": "", "handed_in": handed_in} | {
        "concepts": concepts, "written": written, "empty": [] if answered else ["forward-why-eps"],
        "remarks": [], "file": f"{student}/forward.ipynb",
    }  # fmt: skip


def put(course, *verdicts):
    """Record verdicts and put them where they belong; return the rows by student."""
    record.record(verdicts, course)
    for each in verdicts:
        write(record.verdict_path(each["student"], "forward", course / "verdicts"), json.dumps(each))
    return {row["student"]: row for row in record.write_tables(course)}


def change(course, student, cell, **values):
    """Change a grade, as formgrader does."""
    with gradebook(nbgrader(course)) as book:
        given = book.find_grade(f"forward-{cell}", "forward", "forward", student)
        for name, value in values.items():
            setattr(given, name, value)
        book.db.commit()


def test_a_file_is_there_as_a_whole_or_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "deep/grades.csv"
    write(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write(path, "new \ud800")
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        write(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in path.parent.iterdir()] == ["grades.csv"]


def test_one_at_a_time_may_write(tmp_path):
    with lock(tmp_path), pytest.raises(Busy, match="is being graded already"), lock(tmp_path):
        pass
    with lock(tmp_path):
        pass


def test_rows_hold_points_by_concept_and_what_is_open_is_empty(course):
    rows = put(course, said("ada", ["eps"]), said("ben", answered=False))
    ada, ben = rows["ada"], rows["ben"]
    assert (ada["score"], ada["auto"], ada["max_score"], ada["status"]) == (15, 15, 20, "grade by hand")
    assert (ada["forward-formula"], ada["forward-eps"], ada["forward-why-eps"]) == (4, 0, "")
    assert (ben["status"], ben["forward-why-eps"]) == ("graded", 0)
    with (course / "grades.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["forward-eps"] for row in table] == ["0.0", "2.0"]


def test_the_gradebook_is_what_nbgrader_makes_of_it(course):
    put(course, said("ada", ["eps"]), said("ben", answered=False))
    with gradebook(nbgrader(course)) as book:
        submission = book.find_submission("forward", "ada")
        assert (submission.score, submission.max_score, submission.needs_manual_grade) == (15, 20, True)
        assert not book.find_submission("forward", "ben").needs_manual_grade
        assert book.find_comment("forward-why-eps", "forward", "forward", "ben").comment == "No response."
        assert book.find_comment("forward-why-eps", "forward", "forward", "ada").comment is None


def test_graded_again_what_was_given_by_hand_stays_and_is_to_be_looked_at(course):
    put(course, said("ada", ["eps"]))
    change(course, "ada", "why-eps", manual_score=2.0, needs_manual_grade=False)
    row = put(course)["ada"]
    assert (row["status"], row["score"], row["by_hand"]) == ("graded", 17, 2)
    row = put(course, said("ada"))["ada"]
    assert (row["status"], row["score"], row["by_hand"]) == ("grade by hand", 19, 2)
    assert record.by_hand(course)["ada", "forward"]["forward-why-eps"]["points"] == 2


def test_points_by_hand_for_a_test_cell_stay_and_count_as_those_of_the_grader(course):
    put(course, said("ada", ["eps"]))
    change(course, "ada", "eps", manual_score=1.0)
    row = put(course, said("ada", ["eps"]))["ada"]
    assert (row["auto"], row["by_hand"], row["score"]) == (16, 0, 16)


def delivered(course, folder, *files):
    """Put verdicts in their places: of files that nobody could read (None), or of an assignment; return the names."""
    for file, _ in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    for file, assignment in files:
        verdict = {"student": "ada", "assignment": assignment, "file": file, "state": "not graded"}
        staged = record.verdict_path("ada", assignment, folder / "staged")
        write(staged, json.dumps(verdict))
        record.put_in_place(verdict, staged, folder, course)
    return {path.stem for path in course.glob("verdicts/ada/*.json")}


def test_a_file_that_nobody_can_read_keeps_its_row_until_another_is_in_its_place(course, tmp_path):
    broken, right = ("ada/homework.ipynb", None), ("ada/forward.ipynb", "forward")
    assert delivered(course, tmp_path / "in", broken, right) == {"unknown", "forward"}
    assert delivered(course, tmp_path / "in", right, broken) == {"unknown", "forward"}
    assert delivered(course, tmp_path / "state", ("ada_2/state.ipynb", "state")) == {"unknown", "forward", "state"}
    assert delivered(course, tmp_path / "in", (broken[0], "state")) == {"forward", "state"}
    assert delivered(course, tmp_path / "in", broken) == {"unknown", "forward", "state"}
    (tmp_path / "in" / broken[0]).unlink()
    assert delivered(course, tmp_path / "in", right) == {"forward", "state"}


def test_a_score_above_the_maximum_is_recorded_for_nobody(course):
    put(course, said("ada"))
    change(course, "ada", "eps", manual_score=9.0)
    with pytest.raises(Stopped, match="ada has 9 of 2 points for forward-eps"):
        record.record([said("ben")], course)
    with gradebook(nbgrader(course)) as book:
        assert [student.id for student in book.students] == ["ada"]


@pytest.mark.parametrize(("days", "score"), [(0, 0.0), (3, 15.0)])
def test_a_penalty_is_that_of_the_present_score(course, monkeypatch, days, score):
    api = nbgrader(course)
    api.config.LateSubmissionPlugin.penalty_method = "zero"
    monkeypatch.setattr(record, "nbgrader", lambda course=None: api)
    with gradebook(api) as book:
        book.update_or_create_assignment("forward", duedate="2026-11-01 12:00:00 UTC")
    late = said("ada", ["eps"], handed_in="2026-11-02 12:00:00 UTC")
    row = put(course, late)["ada"]
    assert (row["score"], row["late_penalty"], row["late"]) == (0, 15, 24)
    change(course, "ada", "why-eps", manual_score=3.0, needs_manual_grade=False)
    with gradebook(api) as book:
        if days:
            book.grant_extension("forward", "ada", days=days)
    row = put(course)["ada"]
    assert row["score"] == (score + 3 if days else 0)
    assert row["late_penalty"] == (0 if days else 18)


def test_all_that_is_asked_of_a_large_gradebook_has_an_index(course):
    put(course, said("ada"))
    with gradebook(nbgrader(course)) as book:
        query = (
            "SELECT * FROM grade JOIN submitted_notebook AS n ON n.id = grade.notebook_id WHERE n.assignment_id = 'x'"
        )
        plan = [row[-1] for row in book.db.execute(record.sql(f"EXPLAIN QUERY PLAN {query}"))]
    assert plan
    assert all(step.startswith("SEARCH") for step in plan), plan


def test_a_verdict_that_was_never_recorded_is_no_zero(course):
    put(course, said("ada"))
    write(record.verdict_path("ben", "forward", course / "verdicts"), json.dumps(said("ben")))
    rows = {row["student"]: row for row in record.rows(course)}
    assert rows["ben"]["status"].startswith("NOT GRADED: ")
    assert rows["ben"]["score"] == ""


def test_a_table_that_somebody_has_overwritten_is_made_anew(course):
    put(course, said("ada"))
    table = (course / "grades.csv").read_text()
    (course / "grades.csv").write_text("assignment,duedate\n")
    record.write_tables(course)
    assert (course / "grades.csv").read_text() == table
