"""The build refuses a book with a fault, and runs cells again when what they import has changed."""

import re
import shutil

import nbformat
import pytest
import yaml
from book_page import CURES, JOINED
from build_book import digest
from conftest import ROOT, build_book, tree_hash
from replacing import found, list_found, replace

INTRO = """# A book

It holds $x$, a source {cite:t}`source`, and a table.

| | first |
|---|---|
| row | $x$ |

$$x$$

![A dot.](dot.svg)

<div class="book-table"></div>

```{bibliography}
```

<svg width="1" height="1"><metadata>made by hand</metadata></svg>
"""
DOT = '<svg xmlns="http://www.w3.org/2000/svg" width="1pt" viewBox="0 0 1 1"><circle r="1"/></svg>'
SOURCE = "@book{source, author = {A. Author}, title = {A Title}, publisher = {A Publisher}, year = {2000}}"


@pytest.fixture
def small_book(tmp_path):
    """Return the folder of a book that is built as ours is, with a page, a notebook, and all that page/ replaces."""
    begin_book(tmp_path, INTRO)
    (tmp_path / "bnutils").mkdir()
    (tmp_path / "bnutils/value.txt").write_text("first")
    write_notebook(tmp_path, "print('value')")
    return tmp_path


def begin_book(folder, intro):
    """Write all of a small book, built as ours is, but for the notebook chapters/one.ipynb."""
    for name in ["_config.yml", "tools/build_book.py"]:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / "page").symlink_to(ROOT / "page")
    chapters = "  - file: chapters/one\n  - file: two\n"
    (folder / "_toc.yml").write_text(f"format: jb-book\nroot: intro\nparts:\n- chapters:\n{chapters}")
    (folder / "two.md").write_text("# Two\n\nWhat stays as it is.\n\n![The same dot.](dot.svg)\n\n- `code`\n")
    (folder / "intro.md").write_text(intro)
    (folder / "dot.svg").write_text(DOT)
    (folder / "chapters").mkdir()
    (folder / "chapters/references.bib").write_text(SOURCE)
    share_fonts(folder)


def share_fonts(folder):
    """Give a small book the fonts that earlier builds have made; they are kept by the hash of what they are made of."""
    for path in [ROOT / "_build/fonts", folder / "_build"]:
        path.mkdir(parents=True, exist_ok=True)
    (folder / "_build/fonts").symlink_to(ROOT / "_build/fonts")


def write_notebook(folder, code):
    """Write the notebook of the small book, with one cell of code."""
    folded = {"tags": ["hide-input"]}
    cells = [
        nbformat.v4.new_markdown_cell("# One", id="title"),
        nbformat.v4.new_code_cell(code, id="code", metadata=folded),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "chapters/one.ipynb")


@pytest.mark.slow
def test_undefined_macro_and_link_to_nowhere_fail_the_build_with_page_and_place_until_they_are_mended(small_book):
    (small_book / "intro.md").write_text(INTRO + "It holds $x + \\nosuchmacro$\nand [a link](#to-nowhere).\n")
    for _ in range(2):
        run = build_book(root=small_book)
        assert run.returncode != 0
        assert "Undefined control sequence: \\nosuchmacro" in run.stdout
        assert "the formula x + \\nosuchmacro" in run.stdout
        assert "'to-nowhere'" in run.stdout
        assert run.stdout.count(str(small_book / "intro.md")) >= 2


def test_raising_cell_fails_the_build(small_book):
    write_notebook(small_book, "assert 1 == 2, 'one is not two'")
    run = build_book(root=small_book)
    assert run.returncode != 0
    assert "one is not two" in run.stdout


@pytest.mark.slow
def test_what_is_replaced_and_no_more_written_fails_the_build_by_name(small_book):
    (small_book / "page").unlink()
    shutil.copytree(ROOT / "page", small_book / "page", ignore=shutil.ignore_patterns("node_modules"))
    (small_book / "page/node_modules").symlink_to(ROOT / "page/node_modules")
    found_nowhere = 'times = len(re.findall(pattern, ""))'
    exchange(small_book / "page/replacing.py", "text, times = re.subn(pattern, replacement, text)", found_nowhere)
    exchange(small_book / "page/book_page.py", "render.coalesce_streams =", "render.another_name =")
    run = build_book(root=small_book)
    assert run.returncode != 0
    sources = "".join(path.read_text() for path in (ROOT / "page").glob("*.py"))
    names = {JOINED, *(fault for cures in CURES.values() for fault in cures)}
    names |= set(re.findall(r'(?<!\.)\breplace\(\s*"([^"]+)"', sources))
    assert set(re.findall(r"nowhere in the book: ([^\x1b\n]+)", run.stdout)) == names


def exchange(path, old, new):
    """Exchange the one place in a file."""
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_what_is_not_found_is_counted_too():
    assert list_found("none", iter([])) == []
    assert replace("nowhere", "b", "c", "aa") == "aa"
    assert list_found("two", iter("ab")) == ["a", "b"]
    assert replace("twice", "a", "c", "aa") == "cc"
    assert [found.get(name) for name in ["none", "nowhere", "two", "twice"]] == [0, 0, 2, 2]


@pytest.mark.slow
def test_only_what_has_changed_is_made_anew_and_the_book_is_as_from_nothing(small_book):
    draw = "from matplotlib import pyplot as plt\nplt.plot({})\nplt.show()\n"
    draw += "print(open('../bnutils/value.txt').read(), 'value')"
    page = small_book / "_build/html/chapters/one.html"
    write_notebook(small_book, draw.format([1, 2]))
    assert build_book(root=small_book).returncode == 0
    assert "first value" in page.read_text()
    (small_book / "bnutils/value.txt").write_text("second")  # a helper, so the cells run again
    assert build_book(root=small_book).returncode == 0
    assert "second value" in page.read_text()
    write_notebook(small_book, draw.format([2, 1]))
    run = build_book(root=small_book)
    assert run.returncode == 0
    assert "0 added, 2 changed, 0 removed" in run.stdout  # and the first page: its cards say what a chapter takes
    changed = tree_hash(small_book / "_build/html")
    shutil.rmtree(small_book / "_build")
    share_fonts(small_book)
    assert build_book(root=small_book).returncode == 0
    assert tree_hash(small_book / "_build/html") == changed


def test_digest_follows_content_and_not_time(small_book):
    before = digest(["bnutils"], small_book)
    (small_book / "bnutils/value.txt").write_text("first")
    (small_book / "bnutils/__pycache__").mkdir()
    (small_book / "bnutils/__pycache__/value.pyc").touch()
    assert digest(["bnutils"], small_book) == before
    (small_book / "bnutils/new.txt").touch()
    assert digest(["bnutils"], small_book) != before


def test_repository_is_named_only_in_the_configuration():
    address = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
    for folder in ["page", "tools", "chapters", ".github"]:
        files = [path for path in (ROOT / folder).rglob("*") if path.is_file() and "node_modules" not in path.parts]
        assert [path for path in files if address.encode() in path.read_bytes()] == []
