"""nbval judges what the build has run, so that a chapter runs once and not twice.

Where the built book is of the files as they are now, nbval's kernel for a chapter is the record that the build has made
of its run, and what a cell printed and drew in it is held against what the page shows. Where it is not, or where the
tests are told of a notebook alone (``pytest chapters/02_formula.ipynb``), nbval starts a kernel and runs the cells.
"""

import hashlib
import html
import re
from functools import cache

import pytest
from build_book import ROOT, is_built, read_executed
from nbformat.v4 import new_output
from nbval.plugin import IPyNbFile

BUILT = ROOT / "_build"
FORMS = ["image/svg+xml", "text/html", "text/plain"]  # the page shows the first that an output has
SVG, HTML, PLAIN = FORMS
TEXT, PICTURE = r'<div class="output (stream|text_plain)\b.*?<pre[^>]*>(.*?)</pre>', r'src="\.\./_images/(\w{64})\.svg"'
TABLE = r'<div class="book-table"[^>]*>(.*?)</table>'
SHOWN = re.compile(f"{TEXT}|{PICTURE}|{TABLE}", re.S)


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    """Put a Chapter in the place of nbval's own file, for the notebooks of the book."""
    files = yield
    own = file_path.parent == ROOT / "chapters"
    return [Chapter.from_parent(parent, path=f.path) if own and isinstance(f, IPyNbFile) else f for f in files]


@cache
def is_built_now():
    """Tell whether the built book is of the files as they are at the start of the tests."""
    return is_built(BUILT)


class Chapter(IPyNbFile):
    """A chapter as nbval judges it: by the build's run and the built page, or by a run of its own."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.compare_outputs = True  # with the page; a stored notebook has no outputs

    def setup(self):
        """Start a kernel if the build cannot tell what the cells do."""
        if is_built_now():
            self.judge(read_executed(self.path, BUILT), (BUILT / f"html/chapters/{self.path.stem}.html").read_text())
        else:
            super().setup()

    def judge(self, executed, page):
        """Let nbval hold what was executed, a notebook, against what is shown, the HTML of a page."""
        self.kernel = Record(executed)
        self.skip_compare = (*self.skip_compare, "stderr", HTML)  # not shown; tested in tests/test_explorers.py
        self.sanitize_patterns[r"\A\n+|\s+\Z"] = ""  # around a print, the page has other blank lines
        for cell, outputs in zip(code_cells(self.nb), outputs_on(page), strict=True):
            cell.outputs, cell.execution_count = outputs, 1


class Record:
    """What nbval asks of a kernel, answered from an executed notebook: its cells, once each and in their order."""

    def __init__(self, executed):
        self.cells = iter(code_cells(executed))
        self.messages = []

    def execute_cell_input(self, source, allow_stdin=None):
        """Take the next cell; raise RuntimeError if it is another, or has not been run."""
        cell = next(self.cells)
        if cell.source != source or (source.strip() and cell.execution_count is None):
            raise RuntimeError(f"the build has not run this cell:\n{source}")
        self.messages = [message(output.output_type, as_shown(output)) for output in cell.outputs]
        self.messages.append(message("status", {"execution_state": "idle"}))
        return "the cell"

    def get_message(self, stream, timeout=None):
        """Return the next message of the run."""
        return self.messages.pop(0)

    def await_reply(self, msg_id, timeout=None):
        """Wait for nothing: the cell has run."""

    await_idle = await_reply

    def is_alive(self):
        """Tell that cells can be asked for."""
        return True

    def stop(self):
        """Stop nothing."""


def message(kind, content):
    """Return a message as a kernel sends it."""
    return {"msg_type": kind, "content": content, "parent_header": {"msg_id": "the cell"}}


def as_shown(output):
    """Return an output in the one form that the page shows; of a picture, the name of its file, a hash."""
    if "data" not in output:
        return output
    form = next(form for form in FORMS if form in output.data)
    lines = "\n".join(output.data[form].splitlines())
    if form == HTML and (table := re.search(TABLE, lines, re.S)):
        return {**output, "data": {PLAIN: cells_of(table[1])}}
    content = hashlib.sha256(lines.encode()).hexdigest() if form == SVG else lines
    return {**output, "data": {form: content}}


def cells_of(table):
    """Return what the cells of a table say, given its HTML."""
    return html.unescape(re.sub(r"\s*<[^>]*>\s*", "|", table))


def code_cells(notebook):
    """Return the code cells of a notebook."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs_on(page):
    """Return for each cell of a built page the outputs that a reader sees, but for explorers."""
    cells = re.split(r'<div class="cell[ "]', page)[1:]
    return [[shown_output(*found) for found in SHOWN.findall(cell)] for cell in cells]


def shown_output(kind, text, picture, table):
    """Return the output for a match of ``SHOWN``."""
    if table:
        return new_output("execute_result", data={PLAIN: cells_of(table)}, execution_count=1)
    text = html.unescape(re.sub("<[^>]*>", "", text))
    if kind == "stream":
        return new_output("stream", name="stdout", text=text)
    return new_output("display_data", data={PLAIN: text} if kind else {SVG: picture})
