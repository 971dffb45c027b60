"""Right answers get all points, in whatever style; a wrong one loses the points of its concept, and no others."""

import importlib
import json

import pytest
from test_chinese import english_in

from grading.answers import is_test
from grading.course import NAMES, source_of
from grading.judge import judge
from grading.words import CHINESE, catalog_of, told

ANSWERS = {name: importlib.import_module(f"tests.answers.{name}") for name in NAMES}
CHECKS = {name: importlib.import_module(f"grading.checks.{name}") for name in NAMES}
RIGHT = [(name, style) for name in NAMES for style in ANSWERS[name].RIGHT]
WALL = "none"  # these answers are ours; they run in forks of one process, see `warm`
WRONG = [(name, mistake) for name in NAMES for mistake in ANSWERS[name].WRONG]
ONCE = {"the second layer is the first"}  # and no other: the check has made these two, so no example shows it
pytestmark = pytest.mark.usefixtures("fork_workers")


def lost(name, code, seed=20261124):
    """Return the concepts whose points an answer loses, with what the checks say."""
    notebook = {"cells": [{"cell_type": "code", "source": code}]}
    return {concept: lines for concept, lines in judge(name, notebook, seed, WALL)[0].items() if lines}


def test_there_are_enough_of_them():
    assert len(WRONG) >= 40
    assert len(RIGHT) >= 12


@pytest.mark.parametrize(("name", "style"), RIGHT)
def test_right_answer_gets_everything(name, style):
    assert lost(name, ANSWERS[name].RIGHT[style]) == {}


@pytest.mark.parametrize(("name", "mistake"), WRONG)
def test_wrong_answer_loses_its_concept_and_no_other(name, mistake):
    code, expected = ANSWERS[name].WRONG[mistake]
    assert expected
    failures = lost(name, code)
    assert set(failures) == set(expected), failures
    assert all(0 < len(line) <= 300 and "\n" not in line for lines in failures.values() for line in lines[:-1])
    examples = {concept: "\nPaste this into a cell below" in lines[-1] for concept, lines in failures.items()}
    by_library = {concept: "uses a library that could" in lines[0] for concept, lines in failures.items()}
    assert mistake in ONCE or all(examples[concept] or by_library[concept] for concept in failures)  # those are right
    in_chinese = [told(line, catalog_of(CHINESE)) for lines in failures.values() for line in lines]
    assert [(piece, line) for line in in_chinese for piece in english_in(line)] == []


def failing_cells(name, code):
    """Run an answer and the notebook's own test cells as the student does; return the names of those that fail."""
    notebook, names, failing = json.loads(source_of(name).read_text()), {"__name__": "__main__"}, []
    cells = {c["metadata"]["nbgrader"]["grade_id"]: c for c in notebook["cells"] if c["cell_type"] == "code"}
    tests = {grade_id: cell for grade_id, cell in cells.items() if is_test(cell)}
    tests |= {grade_id: cells[grade_id] for grade_id in cells if grade_id == "forward-2d-arguments"}
    for grade_id in (f"{name}-imports", f"{name}-missed", "project-photos"):
        exec("".join(cells[grade_id]["source"]) if grade_id in cells else "", names)
    exec(code, names)
    for grade_id, cell in tests.items():
        try:
            exec("".join(cell["source"]), names)
        except Exception:
            failing.append(grade_id)
    return failing


def in_the_notebook(answers):
    """Return answers as parameters; those of the project, which train, are slow."""
    return [pytest.param(*each, marks=pytest.mark.slow if each[0] == "project" else ()) for each in answers]


@pytest.mark.parametrize(("name", "mistake"), in_the_notebook(WRONG))
def test_a_wrong_answer_makes_a_cell_of_the_notebook_fail(name, mistake):
    assert failing_cells(name, ANSWERS[name].WRONG[mistake][0])


@pytest.mark.parametrize(("name", "style"), in_the_notebook(each for each in RIGHT if "float32" not in each[1]))
def test_a_right_answer_makes_none_fail(name, style):
    assert failing_cells(name, ANSWERS[name].RIGHT[style]) == []


BUILT = [
    "bias forgotten",
    "eps squared",
    "rows over the features",
    "root of the mean square",
    "bias inside of the bracket",
]
SWINGING = [("forward", mistake) for mistake in BUILT]
SWINGING += [("state", "shape (1, D)"), ("state", "variance first"), ("backward", "shape (1, D)")]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "mistake"), SWINGING)
def test_no_verdict_depends_on_the_seed(name, mistake):
    code, expected = ANSWERS[name].WRONG[mistake]
    assert [set(lost(name, code, seed)) for seed in range(10)] == [set(expected)] * 10


@pytest.mark.parametrize("name", NAMES)
def test_each_concept_is_lost_by_some_wrong_answer(name):
    losing = set().union(*(concepts for _, concepts in ANSWERS[name].WRONG.values()))
    assert losing == CHECKS[name].CONCEPTS.keys()


@pytest.mark.parametrize("name", NAMES)
def test_concepts_are_the_graded_code_cells_of_the_notebook(name):
    notebook = json.loads(source_of(name).read_text())
    metas = [c["metadata"].get("nbgrader", {}) for c in notebook["cells"] if c["cell_type"] == "code"]
    graded = [meta for meta in metas if meta.get("grade") and not meta["solution"]]
    assert {meta["grade_id"] for meta in graded} == CHECKS[name].CONCEPTS.keys()
    assert all(meta["points"] > 0 for meta in graded)


@pytest.mark.parametrize("name", NAMES)
def test_a_check_draws_the_same_inputs_again_for_the_same_seed(name):
    code = next(iter(ANSWERS[name].WRONG.values()))[0]
    assert lost(name, code, 1) == lost(name, code, 1)
