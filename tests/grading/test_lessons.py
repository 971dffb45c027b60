"""Who has lost a concept is told which mistake it may be, with an example that he can paste, and where to read."""

import importlib
import re

import numpy as np
import pytest

from grading import lessons
from grading.course import NAMES
from grading.judge import judge
from grading.student import Student

pytestmark = pytest.mark.usefixtures("fork_workers")
MODULES = {name: importlib.import_module(f"grading.lessons.{name}") for name in NAMES}
ANSWERS = {name: importlib.import_module(f"tests.answers.{name}") for name in NAMES}


def told(name, code):
    """Return what is said about each concept that an answer loses."""
    failures, _ = judge(name, {"cells": [{"cell_type": "code", "source": code}]}, 3, "none")
    return {concept: lines for concept, lines in failures.items() if lines}


@pytest.mark.parametrize("name", NAMES)
def test_each_concept_has_a_lesson_whose_section_is_in_the_book_and_whose_example_runs(name):
    module, checks = MODULES[name], importlib.import_module(f"grading.checks.{name}")
    assert module.LESSONS.keys() == checks.CONCEPTS.keys()
    for concept, lesson in module.LESSONS.items():
        assert lesson.section in lessons.headings(), concept
        if lesson.example:
            value = lessons.value_of(lesson.example, module.RIGHT)
            assert isinstance(value, lessons.Raised) == concept.endswith("one-row"), (concept, value)


@pytest.mark.parametrize(("name", "words"), [(name, words) for name in NAMES for words in MODULES[name].MISTAKES])
def test_each_known_mistake_shows_in_an_example(name, words):
    module = MODULES[name]
    examples = [lesson.example for lesson in module.LESSONS.values()]
    for made in lessons.alternatives(module.MISTAKES[words]):
        asked = [example for example in examples if any(name in example for name in made)]
        values = [[lessons.value_of(example, module.RIGHT | names) for names in ({}, made)] for example in asked]
        assert not all(lessons.same(*pair) for pair in values)


@pytest.mark.parametrize(
    ("name", "mistake", "words"),
    [
        ("forward", "unbiased variance", "the variance is divided by N - 1"),
        ("forward", "no root", "you divide by the variance, not by its root"),
        ("forward", "eps outside", "eps stands beside the root, not under it"),
        ("forward", "over the features", "each row is normalized by itself"),
        ("forward", "one pass", "the variance is the mean of the squares minus the square of the mean"),
        ("forward", "one row passes", "gives a result where it should raise ValueError"),
        ("forward", "images: each pixel a feature", "each pixel is a feature of its own"),
        ("forward", "nothing", "Nothing is written here yet"),
        ("state", "biased variance", "torch stores the unbiased one, which N - 1 divides"),
        ("state", "Keras' momentum", "momentum is taken for the weight of the old value"),
        ("state", "shape (1, D)", "as with keepdims=True"),
        ("state", "evaluation with the batch", "evaluation uses the statistics of its batch"),
        ("backward", "direct term only", "grad_x has the direct term only"),
        ("backward", "grad_weight times weight", "grad_weight is multiplied by weight"),
        ("identity", "undo: eps outside the root", "the weight is the standard deviation plus eps"),
        ("identity", "fold: no mean", "the running mean is not subtracted"),
    ],
)
def test_the_usual_mistakes_are_named(name, mistake, words):
    for first, *_ in told(name, ANSWERS[name].WRONG[mistake][0]).values():
        assert words in first


@pytest.mark.parametrize(
    ("name", "mistake"), [("forward", "eps outside"), ("state", "layer ignores its momentum"), ("backward", "no root")]
)
def test_the_example_gives_what_is_said_where_a_student_pastes_it(name, mistake):
    code, (concept,) = ANSWERS[name].WRONG[mistake]
    _, _, example, _, yours, _, right, read = parts_of(told(name, code)[concept][-1])
    names = {}
    exec(code, names)
    value = lessons.value_of(example, names)
    assert lessons.shown(value) == yours
    assert lessons.shown(lessons.value_of(example, MODULES[name].RIGHT)) == right != yours
    assert re.search(r'" in the chapter ".+" \(chapters/\d\d_\w+\.html#[\w-]+\)', read)


def parts_of(lesson):
    """Return the parts of a lesson: lines that are not indented, and between them, what is."""
    blocks = re.findall(r"(?:^    .*\n?)+|^\S.*$", lesson, re.M)
    return [re.sub(r"^    ", "", block.rstrip("\n"), flags=re.M) for block in blocks]


@pytest.mark.parametrize(
    "returned",
    ["None", "3", "'text'", "[1, [2, 3]]", "object()", "x[0, 0] * np.nan", "np.zeros(0)", "(x, 'a')", "x > 0", "1 / 0"],
)
def test_whatever_an_answer_returns_there_is_a_lesson(returned):
    code = f"def batch_norm_train(x, weight, bias, eps):\n    return {returned}"
    for lines in told("forward", code).values():
        assert lines[-1].startswith("Asked: ")
        assert "\nRead: " in lines[-1]


def test_what_hangs_is_not_called_once_more_for_an_example():
    with Student("def batch_norm_train(x, weight, bias, eps):\n    while True: pass", "none", 0.2) as student:
        student.failures["batch_norm_train"] = 1
        mistake, text = lessons.explain("forward", "forward-eps", student)
        assert student.process is None
    assert mistake == ""
    assert "Paste" not in text


def test_values_are_shown_with_four_digits():
    assert lessons.shown((np.array([1.0, 2 / 3]), 0.5)) == "[1.    , 0.6667],\n0.5"
