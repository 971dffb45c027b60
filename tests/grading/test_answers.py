"""What is cut out of a notebook: all that an answer needs, and nothing that runs beside it."""

import pytest

from grading.answers import code_of, sources_of


def run(sources, *names):
    """Return the names that the cut-out code defines."""
    code, remarks = code_of(sources, names)
    defined = {}
    exec(code, defined)
    return defined, remarks


def test_helpers_constants_and_imports_come_along_and_nothing_else():
    sources = [
        "import math\nimport numpy as np\nimport antigravity",
        "SCALE = math.sqrt(4)\nOTHER = 1 / 0\nprint('looked at')\nwhile True: pass",
        "def helper(x):\n    return SCALE * x\n\ndef unused(x):\n    return helper(x)",
        "def f(x):\n    return helper(np.ones(1))[0] * x",
        "np.allclose = lambda *a, **k: True\nget_ipython().input_transformers_cleanup.append(None)",
    ]
    code, remarks = code_of(sources, ["f"])
    for absent in ["antigravity", "OTHER", "print", "while", "unused", "allclose", "get_ipython"]:
        assert absent not in code
    assert remarks == []
    assert run(sources, "f")[0]["f"](3) == 6


def test_parameters_and_variables_of_functions_bring_nothing_along():
    sources = ["weight, y = missing(3)", "class A:\n    scale = K\n    def g(self, weight): return [y for y in weight]"]
    sources += ["K = 2", "def f(weight, x=K):\n    y = weight * x\n    return lambda z: y * z"]
    code, _ = code_of(sources, ["f", "A"])
    assert "missing" not in code
    assert run(sources, "f")[0]["f"](3)(1) == 6


def test_test_cells_are_left_out():
    test = {"cell_type": "code", "source": "f = 1", "metadata": {"nbgrader": {"grade": True, "solution": False}}}
    answer = {"cell_type": "code", "source": "f = 2", "metadata": {"nbgrader": {"grade": True, "solution": True}}}
    assert sources_of({"cells": [test, answer]}) == ["f = 2"]


def test_the_last_definition_counts():
    assert run(["def f(): return 1", "def f(): return 2"], "f")[0]["f"]() == 2
    assert run(["def f(): return K", "K = 1", "K = 2\nK += 1"], "f")[0]["f"]() == 3


def test_a_cell_with_a_syntax_error_costs_only_itself():
    defined, remarks = run(["def g(:\n", "def f(): return 1"], "f", "g")
    assert defined["f"]() == 1
    assert remarks == ["code cell 1 is no Python (line 1 of it)", "g is not defined"]


@pytest.mark.parametrize("magic", ["%matplotlib inline", "!ls", "%%time", "?print", "%timeit 1 + 1"])
def test_magics_do_no_harm(magic):
    assert run([f"{magic}\ndef f():\n    return 1"], "f")[0]["f"]() == 1


def test_imports_that_are_gone_are_given():
    assert run(["def f(): return np.ones(1)[0]"], "f")[0]["f"]() == 1
    assert "import torch" in code_of(["def f(x): return F.relu(torch.ones(1))"], ["f"])[0]
    assert "import torch" not in code_of(["def f(x): return x"], ["f"])[0]


def test_definitions_inside_of_conditions_and_star_imports():
    sources = [
        "from math import *",
        "if True:\n    K = pi\nelse:\n    K = 0",
        "try:\n    L = e\nexcept NameError:\n    L = 1",
    ]
    sources += [
        "def f(): return K + L",
        "import numpy.linalg as la\na, (b, *c) = 1, (2, 3)",
        "def g(): return a + b + c[0]",
    ]
    defined, _ = run(sources, "f", "g")
    assert defined["f"]() == pytest.approx(5.859874)
    assert defined["g"]() == 6


def test_classes_and_decorators():
    sources = ["import functools", "def twice(f): return lambda x: 2 * f(x)", "class A:\n    def g(self): return B()"]
    sources += ["class B:\n    n = 4", "@twice\ndef f(x): return A().g().n * x"]
    assert run(sources, "f")[0]["f"](1) == 8


@pytest.mark.parametrize(
    "notebook",
    [
        {},
        [],
        None,
        {"cells": None},
        {"cells": [1, "two", {}, {"cell_type": "code"}, {"cell_type": "code", "source": 3}]},
        {"cells": [{"cell_type": "code", "source": ["def ", 5]}]},
        {"cells": [{"cell_type": "code", "source": "(" * 5000}]},
        {"cells": [{"cell_type": "code", "source": "x = 1" + " + 1" * 20_000}]},
        {"cells": [{"cell_type": "code", "source": "\x00"}]},
    ],
)
def test_odd_notebooks_define_nothing(notebook):
    code, remarks = code_of(sources_of(notebook), ["f"])
    assert "f is not defined" in remarks
