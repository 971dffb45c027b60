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

NAMED = {  # of the project: what is said
    "a bias before BatchNorm": "all Linear layers have a bias",
    "ReLU before BatchNorm": "ReLU comes before BatchNorm",
    "probabilities instead of logits": "the logits go through a Softmax",
    "buffers counted": "running statistics are counted, too",
    "train() forgotten": "the network is not switched to training mode",
    "gradients add up": "zero_grad() is missing",
    "a momentum of the optimizer": "the optimizer has a momentum",
    "the sum of the losses": "summed, and not averaged",
    "the rest is a batch, too": "the remainder is a batch, too",
    "percent": "accuracy is given in percent",
    "eval() forgotten": "the network is not switched to evaluation mode",
    "always back to training mode": "the network is put into training mode, whatever it was in",
    "a number of photos written into the network": "A network must take any number of photos",
}


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
        ("state", "biased variance", "torch stores the unbiased variance, where it is divided by N - 1"),
        ("state", "Keras' momentum", "momentum is taken for the weight of the old value"),
        ("state", "shape (1, D)", "as with keepdims=True"),
        ("state", "evaluation with the batch", "evaluation uses the statistics of its batch"),
        ("backward", "direct term only", "grad_x has the direct term only"),
        ("backward", "grad_weight times weight", "grad_weight is multiplied by weight"),
        ("identity", "undo: eps outside the root", "the weight is the standard deviation plus eps"),
        ("identity", "fold: no mean", "the running mean is not subtracted"),
        ("identity", "fold: no gamma", "the weight of the BatchNorm is left out"),
        ("identity", "data: one seed for all", "the seed is not used"),
        ("identity", "data: another draw each time", "drawn anew at each call"),
        ("forward", "in place", "An operation in place, such as x -= 1"),
        ("forward", "integers stay integers", "Whole numbers came in"),
        ("forward", "images: integers stay integers", "Whole numbers came in"),
        ("state", "memory is never updated", "the running statistics are never updated"),
        ("state", "evaluation updates", "evaluation first updates the running statistics, and then uses them"),
        ("state", "Keras' momentum for the variance", "the weight of the old variance, but of the new mean"),
        ("state", "memory shared by layers of one size", "all layers share the same running statistics"),
        ("state", "memory in the class", "all layers share the same running statistics"),
        ("state", "one mode for all layers", "all layers share the same mode"),
        ("backward", "autograd of the formula", "No points are given here as long as your function"),
        ("backward", "bnutils for the forward pass", "No points are given here as long as your function"),
        *[("project", mistake, words) for mistake, words in NAMED.items()],
    ],
)
def test_the_usual_mistakes_are_named(name, mistake, words):
    for first, *_ in told(name, ANSWERS[name].WRONG[mistake][0]).values():
        assert words in first


@pytest.mark.parametrize(
    ("name", "mistake", "words"),
    [
        ("forward", "no integers", "Nothing is written here yet"),
        ("identity", "fold: None gives None", "Your answer gives None"),
        ("state", "memory is never updated", "x comes back as it is"),
    ],
)
def test_no_mistake_is_named_that_is_not_made(name, mistake, words):
    for lines in told(name, ANSWERS[name].WRONG[mistake][0]).values():
        assert not any(words in line for line in lines)


def test_who_returns_nothing_is_told_so():
    code = "def batch_norm_train(x, weight, bias, eps):\n    y = x"
    assert told("forward", code)["forward-formula"][0].startswith(
        "Your answer gives None where a value should be: a return"
    )
    code = "def batch_norm_backward(grad_output, x, weight, eps):\n    y = x"
    assert told("backward", code)["backward-input"][0].startswith(
        "Your answer gives None where a value should be: a return"
    )


def test_results_in_another_order_are_known_and_the_order_is_said():
    code = ANSWERS["backward"].RIGHT
    code = next(iter(code.values())) + "\nright = batch_norm_backward\n"
    code += "def batch_norm_backward(*arguments):\n    a, b, c = right(*arguments)\n    return a, c, b\n"
    lines = told("backward", code)
    assert lines.keys() == {"backward-bias", "backward-weight"}
    assert all("grad_x comes first, then grad_weight, then grad_bias" in first for first, *_ in lines.values())


def test_an_error_says_in_which_line_of_the_answer_it_has_come():
    code = ANSWERS["identity"].WRONG["fold: None raises"][0]
    (line, lesson) = told("identity", code)["identity-fold-none"]
    assert re.fullmatch(r"fold: TypeError: unsupported operand .+, in your line: .*linear_bias - running_mean.*", line)
    assert "in your line" not in lesson


def test_where_the_first_example_shows_nothing_another_one_does():
    lines = told("forward", ANSWERS["forward"].WRONG["images: integers stay integers"][0])["forward-arguments"]
    assert "\n    x, batch_norm_2d(*whole, 1e-5)\n" in lines[-1]


def test_an_attribute_that_hides_a_method_is_named():
    code = ANSWERS["state"].WRONG["an attribute takes the place of train()"][0]
    (line, _) = told("state", code)["state-modes"]
    assert "self.train has been set to a value, False, which hides the method" in line


def test_a_name_that_is_nearly_right_is_named():
    code = ANSWERS["identity"].RIGHT
    code = next(iter(code.values())).replace("identity_parameters", "identity_parameter")
    first, line, lesson = told("identity", code)["identity-undo-values"]
    assert first.endswith("but there is identity_parameter: is its name misspelled?")
    assert "NameError: name 'identity_parameters' is not defined" in lesson


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
        student.hung["batch_norm_train"] = "it hangs"
        mistake, text = lessons.explain("forward", "forward-eps", student)
        assert student.process is None
    assert mistake == ""
    assert "Paste" not in text


def test_values_are_shown_with_four_digits():
    assert lessons.shown((np.array([1.0, 2 / 3]), 0.5)) == "[1.    , 0.6667],\n0.5"
