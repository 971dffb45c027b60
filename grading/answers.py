"""What of a student's notebook is run: the asked functions and classes, and what they use. No cell is executed.

The last definition of a name counts, as it does when a notebook is run from top to bottom. Cells with a syntax error
are left out, so that they cost nothing but themselves. Ids, metadata and order of the test cells do not matter.
"""

import ast
import re
import symtable

from IPython.core.inputtransformer2 import TransformerManager

GIVEN = {  # what the first cell of an assignment imports, should it be gone
    "np": "import numpy as np",
    "torch": "import torch",
    "nn": "from torch import nn",
    "F": "import torch.nn.functional as F",
}
BINDING = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
IMPORT = ast.Import | ast.ImportFrom
ASSIGNMENT = ast.Assign | ast.AnnAssign | ast.AugAssign


def sources_of(notebook):
    """Return the sources of a notebook's code cells, without the test cells of the course.

    The notebook is a dict as JSON gives it, perhaps a broken one.
    """
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    code = [cell for cell in cells or [] if isinstance(cell, dict) and cell.get("cell_type") == "code"]
    return [source_of(cell) for cell in code if not is_test(cell)]


def is_test(cell):
    """Return whether a cell is one that gives points, and no answer."""
    meta = cell.get("metadata")
    meta = meta.get("nbgrader") if isinstance(meta, dict) else None
    return isinstance(meta, dict) and bool(meta.get("grade")) and not meta.get("solution")


def source_of(cell):
    """Return the source of a cell, which may be a text or a list of lines."""
    source = cell.get("source", "")
    return "".join(map(str, source)) if isinstance(source, list) else str(source)


def statements_of(source):
    """Return the statements of a cell; SyntaxError if it is no Python."""
    source = re.sub(r"\A\s*%%(time|timeit|capture)\b.*\n", "", source)
    return ast.parse(TransformerManager().transform_cell(source)).body


def code_of(sources, names):
    """Return the code that defines the names, out of the sources of a notebook's cells, and remarks on what was met.

    Parameters
    ----------
    sources : list of str
        The code cells, from the top.
    names : collection of str
        What is asked for.

    Returns
    -------
    code : str
    remarks : list of str
        Cells that could not be read, names that are nowhere defined.

    >>> code_of(["scale = 2\\nprint(scale)", "def double(x):\\n    return scale * x"], ["double"])[0]
    'scale = 2\\ndef double(x):\\n    return scale * x'
    """
    statements, remarks = [], []
    for number, source in enumerate(sources, start=1):
        try:
            statements += statements_of(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = getattr(error, "lineno", None)
            remarks.append(f"code cell {number} is no Python" + (f" (line {line} of it)" if line else ""))
    bound = [names_bound_by(statement) for statement in statements]
    wanted, used, seen = [*names, "*"], set(), set(names)  # * stands for: from module import *
    while wanted:
        name = wanted.pop()
        for place in {place for place, binds in enumerate(bound) if name in binds} - used:
            used.add(place)
            new = names_used_by(statements[place]) - seen
            seen |= new
            wanted += new
    defined = {name for place in used for name in bound[place]}
    remarks += [f"{name} is not defined" for name in names if name not in defined]
    body = [statements[place] for place in sorted(used)]
    given = [line for name, line in GIVEN.items() if name in seen - defined]
    return "\n".join(given + [ast.unparse(statement) for statement in body]), remarks


def names_bound_by(statement):
    """Return the names that a statement at the top of a cell defines; a statement of another kind defines none."""
    if isinstance(statement, BINDING):
        return {statement.name}
    if isinstance(statement, IMPORT):
        return {(alias.asname or alias.name).split(".")[0] for alias in statement.names}
    if isinstance(statement, ASSIGNMENT):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        names = [node for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
        return {node.id for node in names if isinstance(node.ctx, ast.Store)}  # not the x of x.y = 1
    if isinstance(statement, ast.If | ast.Try | ast.With):
        return set().union(*map(names_bound_by, ast.iter_child_nodes(statement)))
    if isinstance(statement, ast.ExceptHandler):
        return set().union(*map(names_bound_by, statement.body))
    return set()


def names_used_by(statement):
    """Return the global names that a statement uses; parameters and variables of functions are none."""

    def used_in(table):
        top = table.get_type() == "module"
        names = {symbol.get_name() for symbol in table.get_symbols() if is_used(symbol, top)}
        return names.union(*map(used_in, table.get_children()))

    def is_used(symbol, top):
        return symbol.is_referenced() if top else symbol.is_global()

    return used_in(symtable.symtable(ast.unparse(statement), "answer", "exec"))
