"""What platforms import: Moodle's worksheet and feedback zip, Canvas' own export with our scores in it."""

import csv
import io
import zipfile

import pytest

from grading.delivery import unpacked
from grading.exports import fill_canvas, write_moodle

EXPORT = """Student,ID,SIS User ID,SIS Login ID,Section,Forward (1234),Other forward (1),State (1235)
Points Possible,,,,,20,5,20
"Lovelace, Ada",501,a1,ada,1,,3,11
"Hopper, Grace",502,g1,grace,1,4,5,12
"Nothing, Nobody",503,n1,nobody,1,,,
"""


def row(student, score, file, status="graded", assignment="forward"):
    """Return what of a row of grades.csv counts here."""
    most = "" if score == "" else 20.0
    return dict(student=student, assignment=assignment, score=score, max_score=most, status=status, file=file)


ADA = "Ada L_123_assignsubmission_file/forward.ipynb"
BEN = "Ben_124_assignsubmission_file_forward (1).ipynb"
MOODLE = [
    row("Ada L", 17.5, ADA),
    row("Ben", 13.0, BEN),
    row("Cleo", 9.0, "Cleo_125_assignsubmission_file/forward.ipynb", "grade by hand"),
    row("Dan", "", "Dan_126_assignsubmission_file/forward.ipynb", "NOT GRADED: no notebook"),
    row("eve", 20.0, "eve/forward.ipynb"),
]
CANVAS = [row("lovelaceada_501", 17.5, "lovelaceada_501_9_forward.ipynb"), row("grace", 20.0, "grace/forward.ipynb")]


@pytest.fixture
def course(tmp_path):
    """Return a course with feedback pages."""
    for given in MOODLE:
        page = tmp_path / "feedback" / given["student"] / "forward/forward.html"
        page.parent.mkdir(parents=True)
        page.write_text(f"page of {given['student']}")
    return tmp_path


def test_moodles_worksheet_has_who_is_graded_by_the_number_of_moodle(course):
    write_moodle(course, MOODLE)
    lines = list(csv.DictReader((course / "moodle/forward.csv").open()))
    assert [(line["Identifier"], line["Grade"]) for line in lines] == [
        ("Participant 123", "17.5"),
        ("Participant 124", "13"),
    ]
    assert all(line["Last modified (grade)"].endswith(" UTC") for line in lines)


def test_moodles_feedback_zip_has_each_page_in_the_students_folder(course):
    write_moodle(course, MOODLE)
    with zipfile.ZipFile(course / "moodle/forward-feedback.zip") as packed:
        assert {name: packed.read(name).decode() for name in packed.namelist()} == {
            "Ada L_123_assignsubmission_file/forward.html": "page of Ada L",
            "Ben_124_assignsubmission_file/forward.html": "page of Ben",
        }


def test_where_nothing_came_from_moodle_nothing_is_written_for_it(course):
    write_moodle(course, CANVAS)
    assert not (course / "moodle").exists()


def test_canvas_gets_its_own_export_with_our_scores(course):
    text, missed = fill_canvas(EXPORT, CANVAS, "forward")
    assert list(csv.reader(io.StringIO(text))) == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Forward (1234)"],
        ["Points Possible", "", "", "", "", "20"],
        ["Lovelace, Ada", "501", "a1", "ada", "1", "17.5"],
        ["Hopper, Grace", "502", "g1", "grace", "1", "20"],
        ["Nothing, Nobody", "503", "n1", "nobody", "1", ""],
    ]
    assert missed == []


def test_who_is_not_in_canvas_is_named_and_who_is_not_graded_keeps_the_cell():
    rows = [row("grace", 20.0, "grace/forward.ipynb", "grade by hand"), row("zed", 1.0, "zed/forward.ipynb")]
    text, missed = fill_canvas("\ufeff" + EXPORT, rows, "forward")
    assert list(csv.reader(io.StringIO(text)))[3][5] == "4"
    assert missed == ["zed"]


def test_a_column_can_be_named():
    text, _ = fill_canvas(EXPORT.replace("1,,3,11", "1,,3,11").replace(",20,5,20", ",5,20,20"), CANVAS, "forward",
                          "Other forward (1)")  # fmt: skip
    assert list(csv.reader(io.StringIO(text)))[2] == ["Lovelace, Ada", "501", "a1", "ada", "1", "17.5"]


@pytest.mark.parametrize(
    ("export", "assignment", "column", "told"),
    [
        ("a,b\n1,2\n", "forward", None, "EXPORT must be what Canvas exports"),
        ("", "forward", None, "EXPORT must be what Canvas exports"),
        (EXPORT, "backward", None, "COLUMN must be the title of one column"),
        (EXPORT, "forward", "Forward", "COLUMN must be the title of one column"),
        (EXPORT.replace(",20,5", ",100,5"), "forward", None, "Canvas has 100 points for 'Forward .1234.', we have 20"),
    ],
)
def test_what_does_not_fit_is_refused(export, assignment, column, told):
    with pytest.raises(ValueError, match=told):
        fill_canvas(export, CANVAS, assignment, column)


def packed(path, files):
    """Write a zip."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def test_a_zip_of_a_class_is_a_folder_for_as_long_as_it_is_read(tmp_path):
    path = packed(tmp_path / "class.zip", {ADA: "{}", "../../up.ipynb": "{}"})
    with unpacked(path) as folder:
        assert (folder / ADA).read_text() == "{}"
        assert (folder / "up.ipynb").exists()  # no file leaves the folder
    assert not folder.exists()
    with unpacked(tmp_path) as folder:
        assert folder == tmp_path


def test_a_file_that_is_no_zip_and_a_zip_that_fills_the_disk_are_refused(tmp_path, monkeypatch):
    (tmp_path / "forward.ipynb").write_text("{}")
    with pytest.raises(ValueError, match="SUBMISSIONS must be a folder or a zip"), unpacked(tmp_path / "forward.ipynb"):
        pass
    monkeypatch.setattr("grading.delivery.LARGEST", 3)
    path = packed(tmp_path / "class.zip", {"a": "12", "b": "34"})
    with pytest.raises(ValueError, match="at most"), unpacked(path):
        pass
