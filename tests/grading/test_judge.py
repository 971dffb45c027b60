"""What a student ran is what is judged: answers of all kinds and in odd places get the points that they deserve."""

import json
from copy import deepcopy

import nbformat
import pytest

from edition.sources import STUB
from grading.course import source_of
from grading.judge import judge
from grading.release import SOLUTION
from grading.repair import repair

pytestmark = pytest.mark.usefixtures("fork_workers")
TRAIN = """
def batch_norm_train(x, weight, bias, eps):
    if len(x) < 2:
        raise ValueError("one row")
    return weight * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps) + bias
"""
IMAGES = """
def batch_norm_2d(x, weight, bias, eps):
    n, c, h, w = x.shape
    rows = batch_norm_train(np.moveaxis(x, 1, -1).reshape(-1, c), weight, bias, eps)
    return np.moveaxis(rows.reshape(n, h, w, c), -1, 1)
"""
LAYER = """
class BatchNorm:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps, self.momentum = eps, momentum
        self.weight, self.bias = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)
        self.on = True

    def train(self):
        self.on = True

    def eval(self):
        self.on = False
"""
CALL = """
def __call__(self, x):
    mean, var = self.running_mean, self.running_var
    if self.on:
        if len(x) < 2:
            raise ValueError("one row")
        self.running_mean, self.running_var = update_running(mean, var, x, self.momentum)
        mean, var = x.mean(axis=0), x.var(axis=0)
    return self.weight * (x - mean) / np.sqrt(var + self.eps) + self.bias
"""
OF_TRAIN = {f"forward-{c}" for c in ("formula", "eps", "weight-bias", "arguments", "one-row", "offset")}
OF_IMAGES = {"forward-2d-axes", "forward-2d-channels"}


def handed_out(name):
    """Return the students' notebook of an assignment."""
    notebook = nbformat.reads(source_of(name).read_text(), 4)
    for cell in notebook.cells:
        stub = "raise NotImplementedError" if cell.cell_type == "code" else STUB
        cell.source = SOLUTION.sub(stub, cell.source)
    return notebook


RELEASES = {name: handed_out(name) for name in ("forward", "state")}


def cell_of(notebook, name):
    return next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == name)


def filled(train=TRAIN, images=IMAGES, **others):
    """Return a notebook of the assignment Forward with these answers, and what is typed above other cells."""
    notebook = deepcopy(RELEASES["forward"])
    for name, source in {"train": train, "2d": images}.items():
        if source is not None:
            cell_of(notebook, f"forward-{name}").source = source
    for name, source in others.items():
        cell = cell_of(notebook, f"forward-{name}")
        cell.source = f"{source}\n{cell.source}"
    return notebook


def added(source, place=-1, **answers):
    """Return a notebook with a cell of the student's own."""
    notebook = filled(**answers)
    notebook.cells.insert(len(notebook.cells) if place == -1 else place, nbformat.v4.new_code_cell(source))
    return notebook


def judged(notebook, name="forward", seed=5):
    """Return the concepts that a hand-in loses, with what is said of them, and the remarks."""
    submitted = json.loads(nbformat.writes(notebook))
    mended, remarks = repair(submitted, RELEASES[name])
    failures, met = judge(name, mended, seed, "none")
    return {concept: lines for concept, lines in failures.items() if lines}, remarks + met


def axis(line, where="AXIS"):
    """Return an answer whose axis comes from a line above it."""
    return f"{line}\n{TRAIN.replace('axis=0', f'axis={where}')}"


NORMALIZE = """
def normalize(x, eps):
    return (x - x.mean(axis=AXES, keepdims=True)) / np.sqrt(x.var(axis=AXES, keepdims=True) + eps)
"""
TRAIN_BY_HELPER = NORMALIZE.replace("AXES", "0") + TRAIN.split("    return")[0]
TRAIN_BY_HELPER += "    return weight * normalize(x, eps) + bias"
IMAGES_BY_HELPER = NORMALIZE.replace("AXES", "(0, 2, 3)") + IMAGES.split("    n, c")[0]
IMAGES_BY_HELPER += "    return weight[:, None, None] * normalize(x, eps) + bias[:, None, None]"
DEBUGGING = "def batch_norm_train(x, weight, bias, eps):\n    return x"
RIGHT = {
    "typed into the test cell": filled(train=None, formula=TRAIN),
    "typed into the cell of imports": filled(train=axis(""), imports="from math import pi\nAXIS = 0"),
    "a helper of one name in both answers": filled(TRAIN_BY_HELPER, IMAGES_BY_HELPER),
    "a debugging cell at the end": added(DEBUGGING),
    "both answers in the first cell": filled(TRAIN + IMAGES, None),
    "both answers in a cell of their own": added(TRAIN + IMAGES, 5, train=None, images=None),
    "mended below the tests": added(TRAIN, train=DEBUGGING),
    "an item": filled(axis("C = {}\nC['axis'] = 0", "C['axis']")),
    "an attribute": filled(axis("class C: pass\nC.axis = 0", "C.axis")),
    "a list that is filled": filled(axis("C = []\nC.append(0)", "C[0]")),
    "a dict that a function fills": filled(axis("C = {}\ndef fill(c): c['axis'] = 0\nfill(C)", "C['axis']")),
    "a loop": filled(axis("for AXIS in (0,): pass")),
    "exec": filled(axis("exec('AXIS = 0')")),
    "globals": filled(axis("globals()['AXIS'] = 0")),
    "a walrus": filled(axis("print(AXIS := 0)")),
    "a function with global": filled(axis("def setup():\n    global AXIS\n    AXIS = 0\nsetup()")),
    "await": filled(axis("import asyncio\nAXIS = await asyncio.sleep(0.01, 0)")),
    "only if it is run": filled(axis("if __name__ == '__main__':\n    AXIS = 0")),
    "only outside of Colab": filled(axis("if 'google.colab' not in str(get_ipython()):\n    AXIS = 0")),
    "display": filled(TRAIN.replace("    if len", "    display(x.shape)\n    if len")),
    "annotations of names that are nowhere": filled(TRAIN.replace("x, w", "x: A, w").replace("eps)", "eps) -> Y", 1)),
    "annotations from the future": filled("from __future__ import annotations\n" + TRAIN.replace("x, w", "x: Y, w")),
}  # fmt: skip


@pytest.mark.parametrize("kind", RIGHT)
def test_right_answer_in_an_odd_place_or_form_gets_everything(kind):
    assert judged(RIGHT[kind])[0] == {}


CLASSES = {
    "a method that is attached": "BatchNorm.__call__ = __call__",
    "setattr": "setattr(BatchNorm, '__call__', __call__)",
    "in a loop": "for name, method in [('__call__', __call__)]:\n    setattr(BatchNorm, name, method)",
    "by a function": "def add(kind, f):\n    kind.__call__ = f\nadd(BatchNorm, __call__)",
}
ADD_TO = "def add_to(kind):\n    return lambda f: setattr(kind, f.__name__, f)\n"


@pytest.mark.parametrize("line", [*CLASSES.values(), None], ids=[*CLASSES, "a decorator"])
def test_a_class_over_several_cells_gets_everything(line):
    notebook = deepcopy(RELEASES["state"])
    update = SOLUTION.search(cell_of(nbformat.reads(source_of("state").read_text(), 4), "state-running").source)[1]
    running = cell_of(notebook, "state-running")
    running.source = running.source.replace("raise NotImplementedError", update.strip())
    cell_of(notebook, "state-layer").source = LAYER + (CALL + line if line else ADD_TO + "@add_to(BatchNorm)" + CALL)
    assert judged(notebook, "state")[0] == {}


UNREAD = {
    "no Python": ("def batch_norm_2d(x, weight, bias, eps)\n    return x", OF_IMAGES),
    "an argument twice": ("def batch_norm_train(x, weight, bias, x, eps):\n    return x", OF_TRAIN),
    "a parameter that is global": ("def batch_norm_train(x, weight, bias, eps):\n    global x\n    return x", OF_TRAIN),
    "a star import inside": ("def batch_norm_train(x, weight, bias, eps):\n    from math import *", OF_TRAIN),
}


@pytest.mark.parametrize("kind", UNREAD)
def test_a_cell_that_is_no_python_costs_only_itself_and_is_quoted(kind):
    source, lost = UNREAD[kind]
    notebook = filled(images=source) if lost == OF_IMAGES else filled(train=source, images=IMAGES_BY_HELPER)
    failures, remarks = judged(notebook)
    assert failures.keys() == lost
    assert all("SyntaxError: the cell that begins with 'def batch_norm" in lines[0] for lines in failures.values())
    assert any("is no Python" in remark for remark in remarks)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("from numba import njit\n\n\n@njit" + TRAIN, "could not be defined: No module named 'numba'"),
        ("from bnutils import batch_norm as batch_norm_train", "bnutils is not there when you are graded"),
        ("from helpers import *\nbatch_norm_train = ours", "could not be defined: No module named 'helpers'"),
        ("from helpers import *", "batch_norm_train could not be defined: No module named 'helpers'"),
        (axis("AXIS = 1 / 0"), "AXIS could not be defined: division by zero"),
        ("", "there is no batch_norm_train in the notebook"),
        (None, "Nothing is written here yet, or the line raise NotImplementedError() has been left in."),
    ],
)
def test_why_an_answer_could_not_be_defined_is_told(source, told):
    failures, _ = judged(filled(source, IMAGES_BY_HELPER))
    assert failures.keys() | {"forward-one-row"} == OF_TRAIN
    assert all(told in lines[0] for lines in failures.values())


def test_what_hangs_is_waited_for_once_though_its_cells_are_run_again_and_again(tmp_path):
    calls = tmp_path / "calls"
    hanging = f"open({str(calls)!r}, 'a').write('called ')\n    import time\n    time.sleep(100)"
    train = TRAIN.split("\n    ")[0] + f"\n    {hanging}"
    notebook = added("batch_norm_train(np.ones((2, 2)), 1, 0, 0)", 0, train=train, images="")
    notebook.cells.append(nbformat.v4.new_code_cell("batch_norm_train(np.ones((2, 2)), 1, 0, 0)"))
    failures, _ = judge("forward", json.loads(nbformat.writes(notebook)), 5, "none", 0.5)
    assert {concept for concept, lines in failures.items() if lines} >= OF_TRAIN | OF_IMAGES
    assert calls.read_text().split() == ["called"]


def test_what_is_wrong_above_and_below_its_tests_loses_once_and_its_own_words_are_told():
    wrong = TRAIN.replace("axis=0) + eps", "axis=0, ddof=1) + eps")
    failures, _ = judged(added(DEBUGGING, train=wrong, images=IMAGES_BY_HELPER))
    assert failures.keys() == {"forward-formula"}


def test_two_halves_of_an_answer_are_no_answer():
    biased, unbiased = TRAIN, TRAIN.replace("axis=0) + eps", "axis=0, ddof=1) + eps")
    wrong_eps = biased.replace("+ eps)", "+ 1e-5)")
    failures, _ = judged(added(unbiased, train=wrong_eps, images=IMAGES_BY_HELPER))
    assert failures.keys() == {"forward-eps"}


def test_an_answer_below_its_tests_counts_where_there_is_none_above_whatever_else_is_below():
    failures, _ = judged(added(IMAGES_BY_HELPER + DEBUGGING.replace("def", "\n\ndef"), images=None))
    assert failures == {}


def test_what_had_to_be_done_is_remarked():
    remarks = judged(RIGHT["exec"])[1]
    assert "The formula: judged after all cells above were run: it needs what only they set" in remarks
    remarks = judged(RIGHT["mended below the tests"])[1]
    assert "The formula: judged with the cells below the test cell, too" in remarks
    (remark,) = judged(RIGHT["typed into the test cell"])[1]
    assert remark == "The formula: code that was typed into this cell now stands above it"
    assert judged(filled())[1] == []
