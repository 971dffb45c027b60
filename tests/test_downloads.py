"""What the pages offer for download reads well where nobody knows MyST, leads into the book, and runs as it did."""

import json
import re
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from conftest import ROOT, read_page
from downloads import Page, make_parser
from markdown_it import MarkdownIt
from myst_parser.config.main import MdParserConfig
from notebooks import CHAPTERS, code_cells, markdown, option, source, tags
from test_page import PUBLISHED, VISITED_WRITTEN

from grading.repair import repair

LEFT = {  # of MyST, in a text without its code and formulas
    "a role": r"\{[\w:+-]+\}`",
    "a box": r"^\s*(?::{3,}|`{3,}\{|~{3,}\{)",
    "an address": r"^\([^()\s]+\)=\s*$",
    "the name of a formula": r"\$\$\s*\([\w-]+\)\s*$",
    "a comment": r"^%|^\+\+\+",
}
NAMES = [path.relative_to(ROOT).as_posix() for path in CHAPTERS]


def offered(book, page):
    """Return the file that a page of the built book offers for download."""
    (link,) = read_page(book / page).select(".dropdown-download-buttons a[href*='_sources/']")
    return (book / page).parent.joinpath(link["href"]).resolve()


def texts(path):
    """Return the texts of a downloaded file."""
    return markdown(json.loads(path.read_text())) if path.suffix == ".ipynb" else [path.read_text()]


def left_of_myst(text):
    """Return what no plain Markdown knows in a text; code is none of it."""
    text = re.sub(r"^```\w*\n.*?^```$|(?<!\})`[^`\n]+`", "", text, flags=re.S | re.M)
    return [name for name, pattern in LEFT.items() if re.search(pattern, text, flags=re.M)]


def addresses(text):
    """Return all addresses of links and pictures in a text."""
    tokens = [child for token in MarkdownIt().enable("table").parse(text) for child in token.children or []]
    return [token.attrs[name] for token in tokens for name in ["href", "src"] if name in token.attrs]


@pytest.mark.parametrize("page", VISITED_WRITTEN)
def test_downloaded_file_holds_no_myst_and_only_links_that_lead_somewhere(book, page):
    anchors = {}
    path = offered(book, page)
    for text in texts(path):
        assert left_of_myst(text) == [], text
        for address in addresses(text):
            assert urlsplit(address).scheme in {"http", "https", "mailto"}, address
            if not address.startswith(PUBLISHED) or address.endswith((".pdf", ".zip")):  # which `make pdf` adds
                continue
            name, _, anchor = unquote(address.removeprefix(PUBLISHED)).partition("#")
            assert (book / name).is_file(), address
            if anchor and name not in anchors:
                anchors[name] = set(re.findall(r'\bid="([^"]+)"', (book / name).read_text()))
            assert not anchor or anchor in anchors[name], address


@pytest.mark.parametrize("name", NAMES)
def test_downloaded_notebook_has_the_cells_of_the_book(book, name):
    given, there = (json.loads((folder / name).read_text()) for folder in [ROOT, book / "_sources"])
    nbformat.validate(there)
    setup, *cells = code_cells(there)
    assert setup["id"] == "set-up"
    assert [(cell["id"], source(cell)) for cell in cells] == [(c["id"], source(c)) for c in code_cells(given)]
    assert all(cell["outputs"] == [] for cell in cells)
    kept = [cell["id"] for cell in there["cells"] if cell is not setup and not cell["id"].endswith("-caption")]
    assert kept == [cell["id"] for cell in given["cells"]]
    for cell in cells:
        folded = bool(tags(cell) & {"hide-input", "hide-cell", "check"})
        assert cell["metadata"].get("jupyter", {}).get("source_hidden", False) == folded
        caption = next((c for c in there["cells"] if c["id"] == f"{cell['id']}-caption"), None)
        assert bool(caption) == bool(option(cell, "figure", "caption"))


def test_words_and_numbers_are_those_of_the_page(book):
    notebook = json.loads((book / "_sources/chapters/02_formula.ipynb").read_text())
    text, address = "\n".join(markdown(notebook)), f"{PUBLISHED}chapters/02_formula.html"
    for words in [
        f"Algorithm 1 of Ioffe and Szegedy [[2015]({PUBLISHED}bibliography.html#",
        "\\end{aligned}\n\\tag{2.1}\n$$\n\nIn other words",
        f"In [Figure 2.2]({address}#fig-formula-lines), all gaps",
        f"[Figure 2.2]({address}#fig-formula-lines): **Squeezed, then stretched.**",
        f"[Exercise 1]({address}#formula-exercises)",
        f"[The last chapter]({PUBLISHED}chapters/01_why.html)",
        f"]({PUBLISHED}_sources/chapters/figures/network.svg)",
        "<details>\n<summary>Solution</summary>\n\n",
        "\n\n## Which axis?\n\n> **Predict.** `Z` has 4 rows",
        "> a) only the numbers 1 and −1 · b)",
    ]:
        assert words in text, words
    assert text.count("<details>") == text.count("</details>") == text.count("<summary>Solution</summary>")


def test_pages_that_are_no_notebooks_are_plain_too(book):
    ledger, glossary, sources = (
        (book / f"_sources/{name}.md").read_text() for name in ["chapters/ledger", "glossary", "bibliography"]
    )
    assert (
        len(re.findall(rf"^\*\*S\d+: [a-z ]+\.\*\* \[[^]]+\]\({PUBLISHED}chapters/\w+\.html#claim", ledger, re.M)) == 29
    )
    assert "**Batch statistics**\n\nMean and variance of the current batch" in glossary
    assert len(re.findall(r"^- \w", sources, flags=re.M)) > 30


def test_student_may_hand_in_what_the_page_offers(book):
    handed_out = nbformat.read(ROOT / "assignments/forward.ipynb", as_version=4)
    repaired, remarks = repair(json.loads((book / "_sources/assignments/forward.ipynb").read_text()), handed_out)
    assert [cell for cell in repaired.cells if cell.metadata.get("nbgrader")] == [
        cell for cell in handed_out.cells if cell.metadata.get("nbgrader")
    ]
    assert remarks == []


@pytest.fixture(scope="module")
def convert():
    """Return a function that converts a text of a page chapters/x, whose roles show their targets."""
    places = {"anonlabels": {"there": ("chapters/y", "there")}, "equations": {"eq_1": ("chapters/y", 1)}}
    domain = SimpleNamespace(resolve_xref=lambda *given: None, **places)
    env = SimpleNamespace(domains={"std": domain, "math": domain}, get_domain=lambda name: domain)
    config, builder = SimpleNamespace(html_baseurl="https://b/"), SimpleNamespace(get_target_uri="{}.html".format)
    parser = make_parser(MdParserConfig(enable_extensions={"dollarmath", "colon_fence"}))
    return Page(SimpleNamespace(env=env, config=config, builder=builder), "chapters/x", parser).convert


@pytest.mark.parametrize(("text", "plain"), [
    ("a [b\nc](#there) {eq}`d\ne` f", "a [b\nc](https://b/chapters/y.html#there) d e\n f"),
    ("[a](#eq_1) [b](#c)", "[a](https://b/chapters/y.html#equation-eq-1) [b](https://b/chapters/x.html#c)"),
    ("| b [a](x.md) | [a](x.md) |\n|---|---|\n| {eq}`p` | {eq}`p` |",
     "| b [a](https://b/chapters/x.html) | [a](https://b/chapters/x.html) |\n|---|---|\n| p | p |"),
    ("`{eq}` and ``[a](b.md)`` and $[a](b)$", "`{eq}` and ``[a](b.md)`` and $[a](b)$"),
    (":::{note}\na\n\n[b](../i.md)\n:::", "> **Note.**\n> \n> a\n> \n> [b](https://b/i.html)"),
    ("::::{dropdown} A\n:open:\n:::{warning} B\nc\n:::\n::::",
     "<details>\n<summary>A</summary>\n\n> **B.**\n> \n> c\n\n</details>"),
    ("- a\n\n  :::{drawn} b\n  :width: 3\n\n  c\n  :::\n", "- a\n\n  c\n"),
    ("```{drawn}\n```", "<https://b/chapters/x.html>"),
    ("(a)=\n(b)=\n# C\n\n$$\nx\n$$ (d)", "# C\n\n$$\nx\n\\tag{d}\n$$"),
    ("![a b](https://c/d.svg) [zip](published:e.zip)", "![a b](https://c/d.svg) [zip](https://b/e.zip)"),
    ("```python\n{eq}`a`\n```\n", "```python\n{eq}`a`\n```\n"),
])  # fmt: skip
def test_any_page_can_be_converted(convert, text, plain):
    assert convert(text) == plain


def test_role_that_nobody_knows_is_named(convert):
    with pytest.raises(ValueError, match="'abbr' on the page chapters/x"):
        convert("{abbr}`a`")


@pytest.mark.parametrize(("text", "name"), [
    ("See {cite:t}`a`.", "a role"),
    (":::{note}\nx\n:::", "a box"),
    ("```{figure} x\n```", "a box"),
    ("(here)=\n## There", "an address"),
    ("$$\nx\n$$ (eq-x)", "the name of a formula"),
])  # fmt: skip
def test_myst_is_seen(text, name):
    assert left_of_myst(text) == [name]
    assert left_of_myst(f"```python\n{text}\n```") == []
