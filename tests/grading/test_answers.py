"""What is cut out of a notebook: all that an answer needs, and nothing that runs beside it."""

import pytest

from grading.answers import PYTHON, Answers

STUB = "def f():\n    'Return 1.'\n    raise NotImplementedError"


def answers(sources, *names):
    """Return the answers in a notebook with these code cells; a name with a hash stands for a test cell."""
    tests = {"metadata": {"nbgrader": {"grade": True, "solution": False}}}
    cells = [{"cell_type": "code", "source": source} for source in sources]
    for cell in cells:
        if cell["source"].startswith("#"):
            cell["metadata"] = {"nbgrader": tests["metadata"]["nbgrader"] | {"grade_id": cell["source"][1:]}}
    return Answers({"cells": cells}, list(names))


def run(sources, *names, test=None):
    """Return the names that the cut-out code defines."""
    defined = {}
    exec(answers(sources, *names).code(test), defined)
    return defined


def test_helpers_constants_and_imports_come_along_and_nothing_else():
    sources = [
        "import math\nimport numpy as np\nimport antigravity",
        "SCALE = math.sqrt(4)\nOTHER = 1 / 0\nprint('looked at')\nwhile True: pass",
        "def helper(x):\n    return SCALE * x\n\ndef unused(x):\n    return helper(x)",
        "def f(x):\n    return helper(np.ones(1))[0] * x",
        "np.allclose = lambda *a, **k: True\nget_ipython().input_transformers_cleanup.append(None)",
    ]
    found = answers(sources, "f")
    for absent in ["antigravity", "OTHER", "print", "while", "unused", "allclose", "get_ipython"]:
        assert absent not in found.code()
    assert found.remarks == []
    assert run(sources, "f")["f"](3) == 6


def test_parameters_and_variables_of_functions_bring_nothing_along():
    sources = ["weight, y = missing(3)", "class A:\n    scale = K\n    def g(self, weight): return [y for y in weight]"]
    sources += ["K = 2", "def f(weight, x=K):\n    y = weight * x\n    return lambda z: y * z"]
    assert "missing" not in answers(sources, "f", "A").code()
    assert run(sources, "f")["f"](3)(1) == 6


def test_the_last_definition_counts():
    assert run(["def f(): return 1", "def f(): return 2"], "f")["f"]() == 2
    assert run(["def f(): return K", "K = 1", "K = 2\nK += 1"], "f")["f"]() == 3


@pytest.mark.parametrize(
    "stub",
    [
        STUB,
        "def f(): raise NotImplementedError()",
        "class f:\n    def g(self): raise NotImplementedError\n    def h(self): raise NotImplementedError('!')",
        "def f(:",
    ],
)
def test_an_empty_definition_never_counts_beside_another(stub):
    for sources in (["def f(): return 1", stub], [stub, "def f(): return 1"]):
        assert run(sources, "f")["f"]() == 1
        assert "NotImplemented" not in answers(sources, "f").code(everything=True)


def test_an_empty_definition_counts_where_it_is_the_only_one_and_a_base_class_always():
    with pytest.raises(NotImplementedError):
        run([STUB], "f")["f"]()
    base = "class Base:\n    def g(self): raise NotImplementedError"
    assert run([base, "class A(Base):\n    def g(self): return 1"], "A")["A"]().g() == 1


def test_for_a_test_cell_the_code_above_it_is_run():
    sources = ["def h(): return 1\ndef f(): return h()", "#f-test", "def h(): return 2\ndef g(): return h()", "#g-test"]
    assert run(sources, "f", "g", test="f-test")["f"]() == 1
    assert run(sources, "f", "g", test="g-test")["g"]() == 2
    assert run(sources, "f", "g")["f"]() == 2


def test_where_nothing_below_has_a_part_in_it_there_is_one_code_for_all_test_cells():
    sources = ["def f(): return 1", "#f-test", "K = 2\ndef g(): return f() + K", "#g-test", "K2 = 3"]
    found = answers(sources, "f", "g")
    assert found.code("f-test") == found.code("g-test") == found.code()


@pytest.mark.parametrize(
    ("lines", "value"),
    [
        ("C = {}\nC['k'] = 2", "C['k']"),
        ("class C: pass\nC.k = 2", "C.k"),
        ("C = []\nC.append(2)", "C[0]"),
        ("C = {}\nfor k in 'ab': C[k] = 2", "C['b']"),
        ("for k in (1, 2): pass", "k"),
        ("while (k := 2) < 1: pass", "k"),
        ("print(k := 2)", "k"),
        ("with open('/dev/null') as file: k = 2", "k"),
        ("class C: pass\ndef two(self): return 2\nC.__call__ = two", "C()()"),
        ("class C: pass\nsetattr(C, 'two', lambda self: 2)", "C().two()"),
        (
            "def to(k):\n    return lambda f: setattr(k, 'g', f)\nclass C: pass\n@to(C)\ndef _(self): return 2",
            "C().g()",
        ),
        ("class C:\n    def g(self): return 2\nclass C(C):\n    h = 3", "C().g()"),
        ("class C:\n    all = {}\n    def add(f): C.all['f'] = f\n@C.add\ndef two(): return 2", "C.all['f']()"),
        ("match 2:\n    case k: pass", "k"),
        ("try:\n    import nothing as k\nexcept ImportError:\n    k = 2", "k"),
    ],
)
def test_what_is_bound_or_changed_in_other_ways_comes_along(lines, value):
    assert run([lines, f"def f(): return {value}"], "f")["f"]() == 2


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("def g(:\n", "invalid syntax"),
        ("def g(x, x): pass", "duplicate argument 'x'"),
        ("def g(x):\n    global x", "parameter and global"),
        ("def g():\n    from math import *", "import * only allowed at module level"),
        ("def g(): pass\nreturn 1", "'return' outside function"),
    ],
)
def test_a_cell_that_is_no_python_costs_only_itself_and_says_so(source, what):
    found = answers([source, "def f(): return 1"], "f", "g")
    defined = {}
    exec(found.code(), defined)
    assert defined["f"]() == 1
    with pytest.raises(SyntaxError, match="the cell that begins with"):
        defined["g"]()
    (remark,) = found.remarks
    assert what in remark
    assert f"begins with {source.splitlines()[0]!r} is no {PYTHON}" in remark or '"' in remark


def test_what_is_nowhere_is_remarked():
    assert answers(["def f(): return 1"], "f", "g").remarks == ["there is no g in the notebook"]


@pytest.mark.parametrize("magic", ["%matplotlib inline", "!ls", "%%time", "?print", "%timeit 1 + 1"])
def test_magics_do_no_harm(magic):
    assert run([f"{magic}\ndef f():\n    return 1"], "f")["f"]() == 1


def test_imports_that_are_gone_are_given():
    assert run(["def f(): return np.ones(1)[0]"], "f")["f"]() == 1
    assert "import torch" in answers(["def f(x): return F.relu(torch.ones(1))"], "f").code()
    assert "import torch" not in answers(["def f(x): return x"], "f").code()


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
    defined = run(sources, "f", "g")
    assert defined["f"]() == pytest.approx(5.859874)
    assert defined["g"]() == 6


def test_classes_and_decorators():
    sources = ["import functools", "def twice(f): return lambda x: 2 * f(x)", "class A:\n    def g(self): return B()"]
    sources += ["class B:\n    n = 4", "@twice\ndef f(x): return A().g().n * x"]
    assert run(sources, "f")["f"](1) == 8


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
    found = Answers(notebook, ["f"])
    assert "there is no f in the notebook" in found.remarks
    assert found.code() == ""
