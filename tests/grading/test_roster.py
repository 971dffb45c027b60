"""One person is one student in all assignments, whatever the platform calls a submission; a roster knows the rest."""

import json
from pathlib import Path

import pytest

from grading.collect import Submission, name_of, owner_of
from grading.course import gradebook, nbgrader
from grading.roster import identify, import_roster, marked_late, participant, read_roster

pytestmark = pytest.mark.usefixtures("stamped")

MOODLE = """First name,Last name,Email address
Ada,Lovelace,ada@example.org
Shaun,O'Neil,shaun@example.org
Ada,Byron,byron@example.org
"""
CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section,Forward (77)
Points Possible,,,,,20
"Lovelace, Ada",501,a1,ada,1,
"Hopper, Grace",502,g1,grace,1,
"""


def handed_in(course, assignment, *names):
    """Return the students that files of these names are given to."""
    submissions = []
    for name in names:
        (course / name).parent.mkdir(exist_ok=True)
        (course / name).touch()
        owner = owner_of(course / name, course)
        submissions.append(Submission(name_of(owner, []), assignment, course / name))
    return [submission.student for submission in identify(submissions, course)]


def test_who_hands_in_twice_under_two_names_has_one_row(tmp_path, roster):
    roster(MOODLE)
    names = ["shaun@example.org/forward.ipynb", "Shaun O'Neil_125_assignsubmission_file/x.ipynb"]
    assert handed_in(tmp_path, "forward", *names) == ["shaun@example.org"]


def remember(course, student, assignment, file):
    """Write the verdict of an earlier grading."""
    path = course / "verdicts" / student / f"{assignment}.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"student": student, "assignment": assignment, "file": file}))


@pytest.fixture
def roster(tmp_path):
    """Return a function that imports a table into a course, and the course."""

    def given(text):
        (tmp_path / "export.csv").write_text(text, encoding="utf-8-sig")
        return import_roster(tmp_path / "export.csv", tmp_path)

    return given


def test_moodles_number_makes_no_second_student_of_one(tmp_path):
    forward = handed_in(tmp_path, "forward", "Ada Lovelace_123_assignsubmission_file/forward.ipynb")
    state = handed_in(tmp_path, "state", "Ada Lovelace_987_assignsubmission_file_state.ipynb")
    assert forward == state == ["Ada Lovelace"]


def test_two_people_of_one_name_stay_two(tmp_path):
    names = [f"Ada Lovelace_{number}_assignsubmission_file/forward.ipynb" for number in (17, 18)]
    assert handed_in(tmp_path, "forward", *names) == ["Ada Lovelace_17", "Ada Lovelace_18"]
    remember(tmp_path, "Ada Lovelace", "forward", names[0])
    assert handed_in(tmp_path, "forward", names[1]) == ["Ada Lovelace_18"]
    assert handed_in(tmp_path, "forward", *names) == ["Ada Lovelace", "Ada Lovelace_18"]
    remember(tmp_path, "Ada Lovelace_19", "forward", names[0].replace("17", "19"))
    assert handed_in(tmp_path, "forward", names[0].replace("17", "19")) == ["Ada Lovelace_19"]


def test_without_a_roster_names_of_canvas_and_of_folders_stay(tmp_path):
    names = ["lovelaceada_501_9_forward.ipynb", "lovelaceada_LATE_502_9_forward.ipynb", "ada_7/forward.ipynb"]
    assert handed_in(tmp_path, "forward", *names) == ["ada_7", "lovelaceada_501", "lovelaceada_502"]


def test_a_roster_of_moodle_gives_each_person_the_address(tmp_path, roster):
    assert len(roster(MOODLE)) == 3
    names = ["O'Neil, Shaun_125_assignsubmission_file/x.ipynb", "Ada Lovelace_4_assignsubmission_file/x.ipynb"]
    assert handed_in(tmp_path, "forward", *names) == ["ada@example.org", "shaun@example.org"]
    assert handed_in(tmp_path, "forward", "ADA@example.org/x.ipynb") == ["ada@example.org"]
    with gradebook(nbgrader(tmp_path)) as book:
        assert book.find_student("ada@example.org").last_name == "Lovelace"


def test_a_roster_of_canvas_gives_each_person_the_login(tmp_path, roster):
    assert [row["name"] for row in roster(CANVAS)] == ["Ada Lovelace", "Grace Hopper"]
    names = ["hoppergrace_LATE_502_9_forward.ipynb", "lovelaceada_501_8_forward.ipynb", "x_999_1_forward.ipynb"]
    assert handed_in(tmp_path, "forward", *names) == ["ada", "grace", "x_999"]


def test_a_name_that_two_of_the_roster_have_is_nobodys(tmp_path, roster):
    roster(MOODLE.replace("Byron", "Lovelace"))
    assert handed_in(tmp_path, "forward", "Ada Lovelace_4_assignsubmission_file/x.ipynb") == ["Ada Lovelace"]


def test_a_roster_is_read_again_as_it_was_written(tmp_path, roster):
    rows = roster(CANVAS)
    assert read_roster(tmp_path) == rows
    assert import_roster(tmp_path / "roster.csv", tmp_path) == rows


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n"])
def test_what_is_no_list_of_participants_is_refused(roster, tmp_path, text):
    with pytest.raises(ValueError, match="FILE must have columns"):
        roster(text)
    assert not (tmp_path / "roster.csv").exists()


def test_what_platforms_write_into_a_name_is_read():
    assert participant("Ada Lovelace_123_assignsubmission_file/a.ipynb") == "123"
    assert participant("lovelaceada_501_9_forward.ipynb") is None
    assert marked_late("lovelaceada_LATE_501_9_forward.ipynb")
    assert not marked_late("late_1/forward.ipynb")
    assert not marked_late(str(Path("ada/x_LATE_501_9_forward.ipynb")))
