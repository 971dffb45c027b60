"""The marking scheme beside each written answer, for who grades it in formgrader; no student sees it."""

import functools
from copy import deepcopy

import nbformat

from grading.course import COURSE, source_of
from grading.repair import is_answer

MARKERS = ("### BEGIN SOLUTION", "### END SOLUTION")
MARK = "scheme-"  # begins the id of such a cell
HEAD = "**For the grader: a full answer, and how its points are given**"


@functools.cache
def schemes(assignment, course=COURSE):
    """Return, for each answer that is graded by hand, our own answer and its points, as Markdown."""
    found = {}
    for cell in nbformat.read(source_of(assignment, course), 4).cells:
        if is_answer(cell) and cell.metadata.nbgrader.get("grade"):
            lines = [line for line in cell.source.splitlines() if line.strip() not in MARKERS]
            text = "\n".join(lines).strip()
            code = cell.cell_type == "code"
            found[cell.metadata.nbgrader.grade_id] = f"```python\n{text}\n```" if code else text
    return found


def with_scheme(notebook, assignment, course=COURSE):
    """Return a notebook with a cell below each written answer that says what it is to be measured by."""
    notebook, below = deepcopy(notebook), schemes(assignment, course)
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in below:
            scheme = nbformat.v4.new_markdown_cell(f"{HEAD}\n\n{below[name]}", id=f"{MARK}{name}"[:64])
            cells.append(scheme)
    notebook.cells = cells
    return notebook


def without_scheme(notebook):
    """Return the notebook without those cells, as its student may see it."""
    notebook = deepcopy(notebook)
    notebook.cells = [cell for cell in notebook.cells if not cell.get("id", "").startswith(MARK)]
    return notebook
