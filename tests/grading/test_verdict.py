"""A verdict is plain data, made of one file, and the same each time."""

import json
import subprocess
import sys

import nbformat
import pytest
from conftest import ROOT
from test_judge import TRAIN, filled, handed_out

from grading.verdict import title_of, verdict

WRONG = TRAIN.replace("axis=0) + eps", "axis=0, ddof=1) + eps")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Return a course with one release."""
    folder = tmp_path_factory.mktemp("course")
    (folder / "release/forward").mkdir(parents=True)
    nbformat.write(handed_out("forward"), folder / "release/forward/forward.ipynb")
    return folder


@pytest.fixture
def file(tmp_path):
    """Return a file with a wrong answer."""
    nbformat.write(filled(WRONG), tmp_path / "mine.ipynb")
    return tmp_path / "mine.ipynb"


def test_a_verdict_is_data_and_depends_on_file_and_seed_only(file, course):
    first, second, other = (verdict(file, "forward", seed, "none", course=course) for seed in (7, 7, 8))
    assert json.loads(json.dumps(first)) == first
    assert first | {"seconds": 0} == second | {"seconds": 0}
    assert first["state"] == "graded"
    points = {name: (concept["points"], concept["max"]) for name, concept in first["concepts"].items()}
    assert points["forward-formula"] == (0, 4)
    assert points["forward-eps"] == (2, 2)
    assert "divided by N - 1" in first["concepts"]["forward-formula"]["mistake"]
    assert first["concepts"]["forward-formula"]["lesson"].startswith("Asked: ")
    assert first["written"] == {"forward-why-eps": {"title": "3. What is eps good for?", "max": 3, "answered": False}}
    assert first["empty"] == ["forward-why-eps"]
    assert other["concepts"]["forward-formula"]["lines"] != first["concepts"]["forward-formula"]["lines"]


def test_what_is_no_notebook_is_not_graded_and_says_why(tmp_path, course):
    (tmp_path / "x.ipynb").write_text("{}")
    said = verdict(tmp_path / "x.ipynb", "forward", 7, "none", course=course)
    assert (said["state"], said["concepts"]) == ("not graded", {})
    assert "it has no cells" in said["reason"]


def test_a_machine_that_cannot_judge_is_no_verdict(file, course, monkeypatch):
    monkeypatch.setattr("grading.sandbox.subprocess.Popen", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        verdict(file, "forward", 7, "none", course=course)


def test_the_command_prints_a_verdict_a_line(file, course):
    command = [sys.executable, "-m", "grading.verdict", file, file, "--course", course, "--seed", "7", "--wall", "none"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    first, second = map(json.loads, run.stdout.splitlines())
    assert first | {"seconds": 0} == second | {"seconds": 0}
    assert first["concepts"]["forward-formula"]["points"] == 0
    assert first["remarks"] == ["the file was called mine.ipynb"]


def test_titles_are_what_test_cells_begin_with():
    lines = {
        "# The formula, 4 points. Here weight is 1.": "The formula",
        "# One row, 1 point: in training it is refused.": "One row",
        "# weight, bias and eps, 2 points. One weight.": "weight, bias and eps",
        "# The new bias (2 points)": "The new bias",
    }
    for line, title in lines.items():
        assert title_of(nbformat.v4.new_code_cell(line)) == title
