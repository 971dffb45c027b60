"""Due dates, extensions, a fresh course after practising, the marking scheme beside an answer, formgrader's place."""

import subprocess

import nbformat
import pytest
from conftest import ROOT

from grading import dates, fresh
from grading.course import MADE, gradebook, nbgrader, source_of
from grading.dates import extend, set_due
from grading.marking import HEAD, schemes, with_scheme, without_scheme
from grading.release import make

pytestmark = pytest.mark.usefixtures("stamped")


@pytest.fixture
def course(tmp_path):
    """Return a course with one assignment and a student."""
    source = source_of("forward", tmp_path)
    source.parent.mkdir(parents=True)
    source.write_bytes(source_of("forward").read_bytes())
    make(["forward"], tmp_path)
    with gradebook(nbgrader(tmp_path)) as book:
        book.update_or_create_student("ada")
    return tmp_path


def hand_in(course, date):
    """Write into the gradebook that ada has handed in at this time; return how many hours late that is."""
    with gradebook(nbgrader(course)) as book:
        book.update_or_create_submission("forward", "ada", timestamp=date)
        return book.find_submission("forward", "ada").total_seconds_late / 3600


def test_a_due_date_has_a_time_zone(course):
    assert set_due("forward", "2026-12-01 23:00 +0100", course) == "2026-12-01 22:00:00 UTC"
    assert hand_in(course, "2026-12-02 00:00:00 UTC") == 2
    for text, told in [("2026-12-01", "time zone"), ("soon", "must be like")]:
        with pytest.raises(ValueError, match=f"DATE {told if told[0] == 'm' else 'must name its ' + told}"):
            set_due("forward", text, course)


def test_an_extension_counts_from_the_due_date_also_when_nothing_is_handed_in_yet(course):
    set_due("forward", "2026-12-01 22:00 UTC", course)
    assert extend("forward", "ada", 2, course) == "2026-12-03 22:00:00 UTC"
    assert hand_in(course, "2026-12-04 00:00:00 UTC") == 2
    assert extend("forward", "ada", 3, course) == "2026-12-04 22:00:00 UTC"  # not two and three
    assert hand_in(course, "2026-12-04 00:00:00 UTC") == 0


def test_what_cannot_be_extended_is_refused(course):
    with pytest.raises(ValueError, match="ASSIGNMENT must have a due date"):
        extend("forward", "ada", 2, course)
    set_due("forward", "2026-12-01 22:00 UTC", course)
    with pytest.raises(ValueError, match="STUDENT must be in the gradebook or the roster, got 'adda'"):
        extend("forward", "adda", 2, course)


def test_the_command_says_what_it_has_done(course, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["dates", "forward", "--due", "2026-12-01 22:00 UTC", "--course", str(course)])
    assert dates.main() == 0
    monkeypatch.setattr("sys.argv", "dates forward --student ada --days 2 --course".split() + [str(course)])
    assert dates.main() == 0
    assert "forward of ada is due at 2026-12-03 22:00:00 UTC" in capsys.readouterr().out


def test_after_practising_a_course_begins_anew_and_the_old_is_kept(course):
    made = ["submitted/ada/forward.ipynb", "verdicts/ada/forward.json", "feedback/ada/forward.html", "grades.csv"]
    for name in [*made, "roster.csv", "samples/ada/forward.ipynb"]:
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        (course / name).write_text("old")
    aside = fresh.begin_anew(course)
    assert {name for name in made if (aside / name).read_text() == "old"} == set(made)
    assert not any((course / name).exists() for name in made)
    assert (course / "roster.csv").exists()
    with gradebook(nbgrader(course)) as book:
        assert [student.id for student in book.students] == []
        assert [assignment.name for assignment in book.assignments] == ["forward"]
    with gradebook(nbgrader(course, CourseDirectory={"db_url": f"sqlite:///{aside}/gradebook.db"})) as book:
        assert [student.id for student in book.students] == ["ada"]


def test_a_course_in_which_nothing_was_done_stays(tmp_path):
    assert fresh.begin_anew(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_all_that_is_made_is_put_aside_or_is_the_courses_own():
    ignored = [line[13:].rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines()
               if line.startswith("/assignments/")]  # fmt: skip
    assert {*MADE, fresh.OLD, "*.ipynb", "release", "roster.csv", "exchange", ".grading.lock"} == set(ignored)


@pytest.mark.parametrize("name", ["forward", "state", "backward", "identity", "project"])
def test_each_written_answer_has_its_scheme_below_it(name):
    source = nbformat.read(source_of(name), 4)
    shown = with_scheme(source, name)
    assert source == nbformat.read(source_of(name), 4)
    nbformat.validate(shown)
    assert without_scheme(shown) == source
    below = {
        shown.cells[place].metadata.nbgrader.grade_id: cell.source
        for place, cell in enumerate(shown.cells[1:])
        if cell.source.startswith(HEAD)
    }
    assert below.keys() == schemes(name).keys() != set()
    assert all("Points" in text and "SOLUTION" not in text for text in below.values()), below.keys()


def test_formgrader_begins_at_the_gradebook_and_finds_an_exchange():
    printed = subprocess.run(
        ["make", "-n", "formgrader", "-o", ".venv/ready"], cwd=ROOT, capture_output=True, text=True
    ).stdout
    assert "--LabApp.default_url=/formgrader/gradebook" in printed
    assert f"--Exchange.root={ROOT}/assignments/exchange" in printed
