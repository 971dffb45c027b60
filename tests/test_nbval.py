"""nbval sees a cell that fails and an output that has changed: in what the build has run, and in a run of its own."""

import hashlib

import nbformat
import pytest
from conftest import ROOT
from nbformat.v4 import new_code_cell, new_notebook, new_output
from nbval.plugin import IPyNbFile, NbCellError
from nbval_of_build import SVG, Chapter

PAGE = '<div class="cell tag_x"><div class="cell_output">{}</div></div><p>After the cell.</p>'
PRINT = '<div class="output stream highlight"><pre tabindex="0"><span></span>{}</pre></div>'
PICTURE = '<figure><img alt="x" src="../_images/{}.svg"/></figure>'
TABLE = (
    '<div class="book-table" style="overflow-x: auto"{}>\n<table><tr><th>a &amp; b</th><td>{}</td></tr></table>\n</div>'
)
DRAWN = hashlib.sha256(b"<svg/>").hexdigest()


def printed(text):
    return new_output("stream", name="stdout", text=text)


def tabled(number):
    data = {"text/html": TABLE.format("", number), "text/plain": f"a & b  {number}"}
    return new_output("execute_result", data=data, execution_count=1)


@pytest.fixture
def nbval(request, tmp_path):
    """Return a function that takes a cell's code and returns nbval's file with the cell."""

    def collect(kind, source):
        path = tmp_path / "chapter.ipynb"
        nbformat.write(new_notebook(cells=[new_code_cell(source)]), path)
        file = kind.from_parent(request.session, path=path)
        return file, list(file.collect())

    return collect


def judge(nbval, outputs, page, source="print(1 < 2)", **executed):
    """Let nbval judge a cell that the build has run, and a page with its outputs."""
    file, (item,) = nbval(Chapter, source)
    cell = new_code_cell("print(1 < 2)", outputs=outputs, **{"execution_count": 1} | executed)
    file.judge(new_notebook(cells=[cell]), page)
    item.runtest()


def test_what_has_run_and_is_shown_is_right(nbval):
    judge(nbval, [printed("\n1 &"), printed(" 2\n")], PAGE.format(PRINT.format("1 &amp; <b>2</b>\n\n")))
    drawn = new_output("display_data", data={SVG: "<svg/>\n", "text/plain": "<Figure>"})
    judge(nbval, [printed("1\n"), drawn], PAGE.format(PRINT.format("1\n") + PICTURE.format(DRAWN)))
    shown = '<div class="output text_plain highlight"><pre>3\n</pre></div>'
    judge(nbval, [new_output("execute_result", data={"text/plain": "3"})], PAGE.format(shown))
    judge(nbval, [], PAGE.format(""))
    judge(nbval, [tabled("1.5")], PAGE.format(TABLE.format(' tabindex="0"', "1.5")))


@pytest.mark.parametrize(
    ("outputs", "shown"),
    [
        ([printed("0.25\n")], PRINT.format("0.26\n")),
        ([printed("0.25\n")], ""),
        ([], PRINT.format("0.25\n")),
        ([new_output("display_data", data={SVG: "<svg>another</svg>"})], PICTURE.format(DRAWN)),
        ([new_output("display_data", data={SVG: "<svg/>"})], ""),
        ([new_output("execute_result", data={"text/plain": "3"})], PRINT.format("3\n")),
        ([tabled("1.5")], TABLE.format("", "1.6")),
        ([tabled("1.5")], ""),
    ],
)
def test_output_that_is_not_the_one_on_the_page_is_seen(nbval, outputs, shown):
    with pytest.raises(NbCellError, match="Cell outputs differ"):
        judge(nbval, outputs, PAGE.format(shown))


def test_cell_that_raised_in_the_build_is_seen(nbval):
    error = new_output("error", ename="AssertionError", evalue="no", traceback=["one is not two"])
    with pytest.raises(NbCellError, match="caused an exception") as seen:
        judge(nbval, [printed("1\n"), error], PAGE.format(PRINT.format("1\n")))
    assert "one is not two" in seen.value.inner_traceback


@pytest.mark.parametrize("change", [{"source": "print(2 < 1)"}, {"execution_count": None}])
def test_cell_that_the_build_has_not_run_is_seen(nbval, change):
    with pytest.raises(RuntimeError, match="the build has not run this cell"):
        judge(nbval, [], PAGE.format(""), **change)


def test_page_with_a_cell_too_few_is_seen(nbval):
    with pytest.raises(ValueError, match="argument"):
        judge(nbval, [], "<p>No cell.</p>")


def test_without_a_build_a_kernel_runs_the_cells(nbval, monkeypatch):
    monkeypatch.setattr("nbval_of_build.is_built_now", lambda: False)
    file, (item,) = nbval(Chapter, "print(1)\nassert 1 == 2, 'one is not two'")
    file.setup()
    try:
        with pytest.raises(NbCellError, match="caused an exception") as seen:
            item.runtest()
    finally:
        file.teardown()
    assert "one is not two" in seen.value.inner_traceback


@pytest.mark.parametrize(
    ("path", "kind"), [("chapters/01_why", Chapter), ("assignments/source/state/state", IPyNbFile)]
)
def test_chapters_are_judged_so_and_assignments_run(request, path, kind):
    collect = request.config.hook.pytest_collect_file
    assert [type(file) for file in collect(file_path=ROOT / f"{path}.ipynb", parent=request.session)] == [kind]
