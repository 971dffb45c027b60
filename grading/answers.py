"""What of a student's notebook is run: the asked functions and classes, and what they use. No cell is executed here.

For a test cell that is the code above it, as when a notebook is run from top to bottom, or that of the whole notebook.
Of several definitions of a name the last counts, but one that only raises NotImplementedError never counts beside
another. A cell that is no Python costs nothing but itself.
"""

import ast
import re
import symtable
import sys
import warnings
from dataclasses import dataclass
from difflib import get_close_matches

from IPython.core.inputtransformer2 import TransformerManager

from grading.words import Said, say

GIVEN = {  # what the first cell of an assignment imports, should it be gone
    "np": "import numpy as np",
    "torch": "import torch",
    "nn": "from torch import nn",
    "F": "import torch.nn.functional as F",
}
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
DEFINITION = FUNCTION | ast.ClassDef
IMPORT = ast.Import | ast.ImportFrom
PYTHON = "Python {}.{}".format(*sys.version_info)
TITLE = re.compile(r"# (.+?)(?:,? \(?\d+ points?\b.*|\.|: .*)?$")  # "# One row, 1 point: in training it is refused."
ODD = SyntaxError, ValueError, RecursionError, MemoryError  # what Python raises for a text that it cannot read


@dataclass(frozen=True)
class Statement:
    """A statement at the top of a cell: its text, and the global names that it binds, uses and changes."""

    text: str
    binds: frozenset
    uses: frozenset = frozenset()
    changes: frozenset = frozenset()
    imports: bool = False
    empty: bool = False  # only raises NotImplementedError, as in the notebook that was handed out


class Answers:
    """The statements of a notebook, out of which the code is cut that a check runs.

    Parameters
    ----------
    notebook : dict
        As JSON gives it, perhaps a broken one.
    asked : list of str
        The names of the functions and classes that the assignment asks for.

    >>> cells = ["scale = 2\\nprint(scale)", "def double(x):\\n    return scale * x"]
    >>> notebook = {"cells": [{"cell_type": "code", "source": source} for source in cells]}
    >>> print(Answers(notebook, ["double"]).code())
    scale = 2
    def double(x):
        return scale * x
    """

    def __init__(self, notebook, asked):
        self.asked, self.statements, self.remarks = asked, [], []
        self.above = {}  # name of a test cell: how many statements stand above it
        for cell in code_cells(notebook):
            if is_test(cell):
                self.above[cell["metadata"]["nbgrader"].get("grade_id")] = len(self.statements)
                continue
            try:
                self.statements += statements_of(source_of(cell))
            except ODD as error:
                fault = fault_of(source_of(cell), error)
                self.remarks.append(fault)
                self.statements += [unread(name, fault) for name in defined_in(source_of(cell))]
        bound = frozenset().union(*(statement.binds for statement in self.statements))
        lacking = [] if "*" in bound else [name for name in asked if name not in bound]  # * may have brought it
        self.missing = {name: missing(name, bound - {*asked}) for name in lacking}
        self.remarks += self.missing.values()

    def code(self, test=None, everything=False):
        """Return the code to be run for the test cell of this name, or, if there is none, for the whole notebook.

        It is cut down to what the asked names need, or holds everything that stands there.
        """
        stop = self.above.get(test, len(self.statements))
        bound = frozenset().union(*(statement.binds for statement in self.statements[:stop]))
        names = [name for name in self.asked if name in bound]
        places, seen = self.needed(names, stop)
        if places == self.needed(names, len(self.statements))[0] and not everything:  # nothing below has a part in it
            places, seen = self.needed(self.asked, len(self.statements))
        if everything:
            places = self.without_empty(range(stop))
        body = [self.statements[place] for place in sorted(places)]
        known = frozenset().union(*(statement.binds for statement in body))
        given = [line for name, line in GIVEN.items() if name in seen - known]
        return "\n".join(given + [statement.text for statement in body])

    def needed(self, names, stop):
        """Return the places of the statements among the first that these names need, and all names that they use."""
        found = self.statements[:stop]
        wanted, places, seen = [*names, "*"], set(), set(names)  # * stands for: from module import *
        while wanted:
            name = wanted.pop()
            binding = {place for place, statement in enumerate(found) if name in statement.binds}
            if not all(found[place].imports for place in binding):  # what is imported stays as it is
                binding |= {place for place, statement in enumerate(found) if name in statement.changes}
            for place in self.without_empty(binding) - places:
                places.add(place)
                new = found[place].uses - seen
                seen |= new
                wanted += new
        return places, seen

    def without_empty(self, places):
        """Return the places without those of empty definitions of names that are defined by others, too."""
        full = frozenset().union(*(self.statements[p].binds for p in places if not self.statements[p].empty))
        return {p for p in places if not (self.statements[p].empty and self.statements[p].binds <= full)}


def missing(name, bound):
    """Return that a name is not in the notebook, with the one that is there and may be meant."""
    if meant := get_close_matches(name, bound, 1, 0.8):
        return say("there is no {0} in the notebook, but there is {1}: is its name misspelled?", name, meant[0])
    return say("there is no {0} in the notebook", name)


def code_cells(notebook):
    """Return the code cells of a notebook."""
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    return [cell for cell in cells or [] if isinstance(cell, dict) and cell.get("cell_type") == "code"]


def is_test(cell):
    """Return whether a cell is one that gives points, and no answer."""
    meta = cell.get("metadata")
    meta = meta.get("nbgrader") if isinstance(meta, dict) else None
    return isinstance(meta, dict) and bool(meta.get("grade")) and not meta.get("solution")


def title_of(cell):
    """Return the name of a concept, which begins its test cell; of a cell that begins otherwise, its id."""
    found = TITLE.match(source_of(cell).splitlines()[0])
    return Said(found[1] if found else cell["metadata"]["nbgrader"]["grade_id"])


def source_of(cell):
    """Return the source of a cell, which may be a text or a list of lines."""
    source = cell.get("source", "")
    return "".join(map(str, source)) if isinstance(source, list) else str(source)


def tree_of(source):
    """Return the statements of a cell as Python reads them in a notebook; one of ``ODD`` if it is no Python."""
    source = re.sub(r"\A\s*%%(time|timeit|capture)\b.*\n", "", source)
    tree = ast.parse(TransformerManager().transform_cell(source))
    with warnings.catch_warnings(action="ignore"):  # finds what only a compiler sees, such as an argument twice
        compile(tree, "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    return tree.body


def statements_of(source):
    """Return the statements of a cell; one of ``ODD`` if it is no Python."""
    return [statement_of(node) for node in tree_of(source)]


def statement_of(node):
    """Return what a statement binds, uses and changes."""
    text = ast.unparse(node)
    table = symtable.symtable(text, "answer", "exec")
    binds = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    star = isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
    return Statement(
        text,
        frozenset(binds | {"*"} if star else binds),
        frozenset(names_used_in(table)),
        frozenset(filter(None, names_changed_by(node))),
        isinstance(node, IMPORT),
        is_empty(node),
    )


def names_used_in(table):
    """Return the global names that are used; parameters and variables of functions are none."""
    top = table.get_type() == "module"
    names = {s.get_name() for s in table.get_symbols() if (s.is_referenced() if top else s.is_global())}
    return names.union(*map(names_used_in, table.get_children()))


def names_changed_by(node):
    """Yield the names that a statement changes: x for ``x.a =``, ``x[0] =``, ``x.f()``, ``setattr(x)``, ``@f(x)``."""
    if isinstance(node, DEFINITION):
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call):
                yield from map(root, decorator.args)
            yield root(decorator)
        return
    if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
        yield root(node)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
        yield root(node.value)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr" and node.args:
        yield root(node.args[0])
    for child in ast.iter_child_nodes(node):
        yield from names_changed_by(child)


def root(node):
    """Return the name with which an expression begins, such as x for ``x.a[0]``, or None."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def is_empty(node):
    """Return whether a function only raises NotImplementedError, or all functions of a class do."""
    if not isinstance(node, DEFINITION):
        return False
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    if isinstance(node, ast.ClassDef):
        return bool(body) and all(isinstance(n, FUNCTION) and is_empty(n) for n in body)
    return len(body) == 1 and isinstance(body[0], ast.Raise) and root(body[0].exc) == "NotImplementedError"


def fault_of(source, error):
    """Return what is wrong with a cell that is no Python."""
    lines = [line.strip() for line in source.splitlines()]
    first = next((line for line in lines if line and not line.startswith("#")), "")
    what = getattr(error, "msg", None) or type(error).__name__
    values = f"{first[:50]!r}", PYTHON, what
    if getattr(error, "lineno", None):
        return say("the cell that begins with {0} is no {1}: {2}, line {3} of it", *values, error.lineno)
    return say("the cell that begins with {0} is no {1}: {2}", *values)


def defined_in(source):
    """Return the functions and classes that a cell defines, as far as one sees it in a text that is no Python."""
    return re.findall(r"^(?:async\s+def|def|class)\s+(\w+)", source, re.M)


def unread(name, fault):
    """Return a definition that says what is wrong with its cell, in place of one that cannot be read."""
    return Statement(f"def {name}(*_, **__): raise SyntaxError({str(fault)!r})", frozenset([name]), empty=True)
