"""Glossary words are linked where a chapter first uses them, and the index leads to names in code."""

import ast
import json
import re
from types import SimpleNamespace
from urllib.parse import urljoin

import pytest
from conftest import read_page
from docutils import nodes
from notebooks import CHAPTERS, code_cells, statements
from playwright.sync_api import expect
from predict import Predict
from terms import NAMES, OF_BNUTILS, entry_of, link_terms, note_terms

PAGES = [f"chapters/{path.stem}.html" for path in CHAPTERS]
NO_PROSE = "h1, h2, h3, code, pre, .math, .book-predict, figcaption, strong, summary, th"


def read(book, page):
    """Return a built page."""
    return read_page(book / page)


@pytest.mark.parametrize("page", PAGES)
def test_words_of_the_glossary_are_linked_once_in_the_prose_of_a_chapter(book, page):
    soup = read(book, page)
    places = [urljoin(page, link["href"]) for link in soup.select("article a.book-word")]
    explained = {f"glossary.html#{word['id']}" for word in read(book, "glossary.html").select("dt[id]")}
    assert len(places) >= 3
    assert len(set(places)) == len(places)
    assert set(places) <= explained
    assert soup.select(f":is({NO_PROSE}) a.book-word") == []


def link_in(paragraph, docname="chapters/x", **terms):
    """Return the words that are linked in a paragraph, with where they lead to."""
    builder = SimpleNamespace(get_relative_uri=lambda here, there: f"../{there}.html")
    env = SimpleNamespace(book_terms={name.replace("_", " "): ("glossary", label) for name, label in terms.items()})
    doctree = nodes.section("", paragraph)
    link_terms(SimpleNamespace(builder=builder, env=env), doctree, docname)
    return [(link.astext(), link["refuri"]) for link in doctree.findall(nodes.reference)], doctree.astext()


def test_longest_word_is_linked_first_and_only_its_first_use():
    text = "Running statistics, statistics and running statistics of a rebuffer; the buffers, a Buffer, non-buffer."
    found, after = link_in(nodes.paragraph("", text), running="q", running_statistics="r", statistics="s", buffer="b")
    assert [word for word, _ in found] == ["Running statistics", "statistics", "buffers"]
    assert [address for _, address in found] == [f"../glossary.html#{label}" for label in "rsb"]
    assert after == text


def test_only_prose_of_chapters_is_linked():
    assert link_in(nodes.paragraph("", "A buffer."), docname="intro", buffer="b")[0] == []
    assert link_in(nodes.title("", "A buffer"), buffer="b")[0] == []
    assert link_in(Predict("", nodes.paragraph("", "A buffer?")), buffer="b")[0] == []
    for kind in [nodes.literal, nodes.math, nodes.strong, nodes.reference]:
        paragraph = nodes.paragraph("", "", kind("", "buffer", refuri="x"))
        assert [address for _, address in link_in(paragraph, buffer="b")[0]] in ([], ["x"])


def test_chapters_are_written_anew_when_the_glossary_has_other_words():
    objects = {("term", "Interval, 95%"): ("glossary", "i"), ("label", "x"): ("y", "z"), ("term", "A, b"): ("g", "a")}
    env = SimpleNamespace(domains={"std": SimpleNamespace(objects=objects)}, found_docs=["intro", "chapters/x"])
    assert note_terms(None, env) == ["chapters/x"]
    assert env.book_terms == {"95% interval": ("glossary", "i"), "a": ("g", "a"), "b": ("g", "a")}
    assert note_terms(None, env) == []
    objects[("term", "New")] = ("glossary", "n")
    assert note_terms(None, env) == ["chapters/x"]


def test_linked_word_shows_its_entry(browser, site):
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.goto(f"{site}chapters/03_running_statistics.html")
    word = tab.locator("article a.book-word[href$='#term-Running-statistics']")
    word.focus()
    expect(tab.locator(".book-preview")).to_contain_text("Averages of the means and variances of many batches")
    tab.close()


def entries(book):
    """Return the entries of the index, each with its links as pairs of words and address."""
    items = read(book, "genindex.html").select(".book-index > li")
    return {(item.code or item.a).text: [(a.text, a["href"]) for a in item.find_all("a")] for item in items}


def test_index_leads_to_names_in_code_and_to_words(book):
    found = entries(book)
    for name in NAMES.values():
        assert found.get(name), f"{name} stands in the list, but in no chapter"
    assert found["Batch statistics"] == [("Batch statistics", "glossary.html#term-Batch-statistics")]
    assert ("3", "chapters/03_running_statistics.html#code-momentum") in found["momentum"]
    assert found["identity_parameters (bnutils)"][0][0] == "4"
    places = {address for links in found.values() for _, address in links}
    for page in {address.split("#")[0] for address in places}:
        article = (book / page).read_text().partition("<article")[2].partition("</article>")[0]
        anchors = {f"{page}#{name}" for name in re.findall(r'\bid="([^"]+)"', article)}
        assert {address for address in places if address.startswith(f"{page}#")} <= anchors


def test_contents_and_glossary_lead_to_the_index(book):
    assert (
        read(book, "chapters/02_formula.html").select_one(".bd-links a[href='../genindex.html']").text.strip()
        == "Index"
    )


def test_names_are_found_however_they_are_written():
    assert entry_of("nn.BatchNorm1d") == entry_of("torch.nn.BatchNorm1d") == entry_of("BatchNorm1d") == "nn.BatchNorm1d"
    assert entry_of("model.train()") == entry_of("train()") == "train()"
    assert entry_of("train") == "train (bnutils)"
    assert entry_of("eval") == entry_of("model.eval()") == "eval()"
    assert entry_of("batch_norm") == "batch_norm (bnutils)"
    assert entry_of("F.batch_norm") == "F.batch_norm"
    assert entry_of("Z") is None


def test_list_of_names_knows_what_chapters_take_from_the_package():
    imports = [
        statement
        for path in CHAPTERS
        for cell in code_cells(json.loads(path.read_text()))
        for statement in statements(cell)
        if isinstance(statement, ast.ImportFrom) and statement.module.startswith("bnutils")
    ]
    taken = {name.name for of in imports if of.module != "bnutils.plotting" for name in of.names}
    assert {name for name in taken if not name.isupper()} == set(OF_BNUTILS.split())
