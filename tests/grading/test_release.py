"""The students' notebooks hold no solution, nor does the book; the page for teachers tells the truth.

That the instructor's notebooks run is seen by nbval; `make assignments` itself is typed in `test_walk_through.py`.
"""

import json
import re
import shutil

import pytest
from conftest import ROOT

from edition.sources import STUB
from grading.course import NAMES, release_of, source_of
from grading.release import MARKERS, SHORT, SOLUTION, errors_when_run, faults_of, leaks, make

pytestmark = pytest.mark.usefixtures("stamped")

SOURCES = {name: json.loads(source_of(name).read_text()) for name in NAMES}


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    """Return the name of an assignment."""
    return request.param


@pytest.fixture(scope="module")
def course(name, tmp_path_factory):
    """Return a course with the release of one assignment."""
    folder = tmp_path_factory.mktemp(name)
    shutil.copytree(source_of(name).parent, source_of(name, folder).parent)
    make([name], folder)
    return folder


def metas_of(notebook):
    return [cell["metadata"].get("nbgrader", {}) for cell in notebook["cells"]]


def solved_lines(name):
    """Return the longer lines of an assignment's solutions, without those that a chapter teaches."""
    taught = {
        line.strip()
        for path in ROOT.glob("chapters/*.ipynb")
        for c in json.loads(path.read_text())["cells"]
        for line in "".join(c["source"]).splitlines()
    }
    parts = [part for cell in SOURCES[name]["cells"] for part in SOLUTION.findall("".join(cell["source"]))]
    lines = {line.strip() for part in parts for line in part.splitlines()}
    return [line for line in lines - taught if len(line) > SHORT]


def test_release_holds_no_solution(course, name):
    release = json.loads(release_of(name, course).read_text())
    text = release_of(name, course).read_text()
    assert [marker for marker in MARKERS if marker in text] == []
    assert leaks(SOURCES[name], release) == []
    assert len(solved_lines(name)) > 5
    places = [c for c in release["cells"] if c["cell_type"] == "markdown" and c["metadata"]["nbgrader"]["solution"]]
    assert {"".join(cell["source"]) for cell in places} == {STUB}
    assert (course / f"{name}.ipynb").read_bytes() == release_of(name, course).read_bytes()


def test_untouched_earns_nothing_and_solved_everything_and_it_is_made_again_byte_by_byte(course, name, monkeypatch):
    monkeypatch.setattr("grading.release.errors_when_run", lambda path: [])
    assert faults_of(name, course) == []


def test_points_in_the_notebook_s_table_are_those_of_its_cells(name):
    text = "".join(SOURCES[name]["cells"][0]["source"])
    table = re.findall(r"^\| *\d.*\| *(\d+) *\| *by (the grader|hand)", text, re.M)
    by = {"the grader": [], "hand": []}
    for points, who in table:
        by[who].append(int(points))
    for who, is_answer in [("the grader", False), ("hand", True)]:
        cells = [m["points"] for m in metas_of(SOURCES[name]) if m.get("grade") and m["solution"] == is_answer]
        assert sorted(by[who]) == sorted(cells)
    assert f"| Together | {sum(by['the grader'] + by['hand'])} |" in text


def test_the_page_for_teachers_has_the_same_points_and_minutes():
    rows = re.findall(
        r"^\| \[\w+\]\(assignments/(\w+)\.ipynb\).*\| (\d+) \| (\d+) \| (\d+) \|$",
        (ROOT / "teach.md").read_text(),
        re.M,
    )
    assert [row[0] for row in rows] == NAMES
    for name, points, by_hand, minutes in rows:
        graded = [meta for meta in metas_of(SOURCES[name]) if meta.get("grade")]
        assert int(points) == sum(meta["points"] for meta in graded)
        assert int(by_hand) == sum(meta["points"] for meta in graded if meta["solution"])
        assert f"about {minutes} minutes" in "".join(SOURCES[name]["cells"][0]["source"])


def test_no_instructor_s_notebook_and_no_solution_is_in_the_book(book):
    files = [
        path for path in book.rglob("*") if path.suffix in {".html", ".js", ".ipynb", ".md", ".txt", ".inv", ".json"}
    ]
    assert any(path.name == "search-sections.js" for path in files)
    assert any(path.match("_sources/assignments/forward.ipynb") for path in files)
    texts = {path: path.read_text("utf8", "replace") for path in files}
    for name in NAMES:
        for line in solved_lines(name):
            escaped = json.dumps(line)[1:-1]
            assert [path for path, text in texts.items() if escaped in text or line in text] == []
    assert [path for path, text in texts.items() if "BEGIN SOLUTION" in text and "teach" not in path.name] == []
    assert not list(book.rglob("*source/*")), "a folder of instructors' notebooks"


def test_page_of_an_assignment_launches_and_downloads_the_student_s_notebook(book, name):
    page = (book / f"assignments/{name}.html").read_text()
    assert f"_sources/assignments/{name}.ipynb" in page  # download
    assert re.search(rf"mybinder\.org/\S*assignments/{name}\.ipynb", page)
    assert re.search(rf"colab\.research\.google\.com/\S*_sources/assignments/{name}\.ipynb", page)
    assert "NotImplementedError" in page or "YOUR ANSWER HERE" in page


def spoiled(tmp_path, old, new):
    """Return a course whose assignment Forward has one line changed."""
    folder = tmp_path / "source/forward"
    folder.mkdir(parents=True)
    text = source_of("forward").read_text()
    assert text.count(old) == 1
    (folder / "forward.ipynb").write_text(text.replace(old, new))
    make(["forward"], tmp_path, database=False)
    return tmp_path


def test_faults_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr("grading.release.errors_when_run", lambda path: [])
    wrong = "var = (centred**2).mean(axis=0)"
    faults = faults_of("forward", spoiled(tmp_path / "wrong", wrong, "var = centred.var(axis=0, ddof=1)"))
    assert [fault.split(":")[0] for fault in faults] == ["forward-formula"]
    course = spoiled(tmp_path / "given away", wrong, wrong)
    shutil.copy(source_of("forward", course), release_of("forward", course))
    told = "\n".join(faults_of("forward", course))
    for fault in ["'BEGIN SOLUTION'", f"line '{wrong}", "other bytes", "forward-formula: an untouched notebook earns"]:
        assert fault in told
    line, place = wrong + "  # biased, in two passes", '"# The formula, 4 points.'
    left_in = spoiled(tmp_path / "left in", place, f'"{line}\\n",\n{place}')
    assert any(repr(line) in fault for fault in faults_of("forward", left_in))


def test_a_solution_that_fails_its_public_checks_is_found(tmp_path):
    folder = spoiled(tmp_path, "var = (centred**2).mean(axis=0)", "var = centred.var(axis=0, ddof=1)")
    assert any("AssertionError" in error for error in errors_when_run(source_of("forward", folder)))
