"""The ledger of claims: every statement of the note has a row, and every row a cell that asserts it.

Each rule is a function that returns its violations; below, each is seen to report a broken row.
"""

import ast
import json
import re

import pytest
import yaml
from bs4 import BeautifulSoup
from build_book import CHINESE, chapters_of
from conftest import ROOT

ROWS = yaml.safe_load((ROOT / "chapters/claims.yml").read_text("utf8"))
NOTEBOOKS = {path.stem: json.loads(path.read_text("utf8")) for path in chapters_of(ROOT / "_toc.yml")}
KEYS = set(re.findall(r"^@\w+\{([^,]+),", (ROOT / "chapters/references.bib").read_text("utf8"), flags=re.M))
FIELDS = {"id": str, "note": str, "original": str, "verdict": str, "book": str, "sources": list, "chapter": str}
HAN = re.compile(r"[\u3400-\u9fff]")
STATEMENTS = [f"s{number}" for number in range(1, 30)]  # of the note, as its audit numbers them


def claims_of(notebooks):
    """Return the cells with a tag like claim-s6, as (chapter, id of the row): code."""
    return {
        (chapter, tag.removeprefix("claim-")): "".join(cell["source"])
        for chapter, notebook in notebooks.items()
        for cell in notebook["cells"]
        for tag in cell["metadata"].get("tags", [])
        if tag.startswith("claim-") and cell["cell_type"] == "code"
    }


def rows_are_whole(rows):
    found = [f"{row}: not the fields {list(FIELDS)}" for row in rows if list(row) != list(FIELDS)]
    for row in rows:
        found += [f"{row['id']}: {name} is empty" for name in FIELDS if row.get(name) in (None, "", [])]
        wrong = [name for name, kind in FIELDS.items() if not isinstance(row[name], kind)]
        found += [f"{row['id']}: {name} is no {FIELDS[name].__name__}" for name in wrong]
        if row["verdict"] not in ("right", "with care", "wrong"):
            found.append(f"{row['id']}: the verdict {row['verdict']!r} is unknown")
    return found


def every_statement_has_a_row(rows, statements):
    ids = [row["id"] for row in rows]
    return [] if ids == statements else [f"rows {ids} for the statements {statements}"]


def rows_lead_to_cells_that_assert(rows, claims):
    found = []
    for row in rows:
        code = claims.get((row["chapter"], row["id"]))
        if code is None:
            found.append(f"{row['id']}: no code cell of {row['chapter']} is tagged claim-{row['id']}")
        elif not any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(code))):
            found.append(f"{row['id']}: its cell in {row['chapter']} asserts nothing")
    known = {(row["chapter"], row["id"]) for row in rows}
    return found + [f"{chapter}: a cell is tagged claim-{name}, without a row" for chapter, name in set(claims) - known]


def sources_are_known(rows, keys):
    return [f"{row['id']}: {key} is not in references.bib" for row in rows for key in row["sources"] if key not in keys]


def test_rows_are_whole():
    assert rows_are_whole(ROWS) == []


def test_every_statement_of_the_note_has_its_row():
    assert every_statement_has_a_row(ROWS, STATEMENTS) == []


def test_every_row_leads_to_a_cell_that_asserts():
    assert rows_lead_to_cells_that_assert(ROWS, claims_of(NOTEBOOKS)) == []


def test_every_source_of_a_row_is_known():
    assert sources_are_known(ROWS, KEYS) == []


def test_each_row_links_to_its_cell_on_the_page(book):
    page = (book / "chapters/ledger.html").read_text("utf8")
    for row in ROWS:
        assert f'href="{row["chapter"]}.html#claim-{row["id"]}"' in page
        assert re.search(rf'id="claim-{row["id"]}"', (book / f"chapters/{row['chapter']}.html").read_text("utf8"))


def test_the_chinese_page_quotes_the_note_beside_each_row(book):
    pages = [(book / f"{edition}chapters/ledger.html").read_text("utf8") for edition in ("", f"{CHINESE}/")]
    english, chinese = (BeautifulSoup(page, "lxml") for page in pages)
    for row in ROWS:
        quoted = [len(page.find(id=row["id"]).blockquote.find_all("p")) for page in (english, chinese)]
        assert quoted == [1, 2], row["id"]
        words = chinese.find(id=row["id"]).blockquote.find_all("p")[1].text
        assert words.startswith("原文：")
        assert HAN.findall(words.removeprefix("原文：")) == HAN.findall(row["original"])


# Each rule, broken once.

ROW = {
    "id": "s1",
    "note": "a",
    "original": "甲",
    "verdict": "right",
    "book": "b",
    "sources": ["known"],
    "chapter": "01_why",
}
CELL = {"cell_type": "code", "metadata": {"tags": ["claim-s1"]}, "source": ["x = 1\n", "assert x"]}


def test_a_whole_row_is_accepted():
    claims = claims_of({"01_why": {"cells": [CELL]}})
    assert (
        rows_are_whole([ROW]) == every_statement_has_a_row([ROW], ["s1"]) == sources_are_known([ROW], {"known"}) == []
    )
    assert rows_lead_to_cells_that_assert([ROW], claims) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"note": ""}, "s1: note is empty"),
        ({"original": ""}, "s1: original is empty"),
        ({"sources": []}, "s1: sources is empty"),
        ({"verdict": "maybe"}, "s1: the verdict 'maybe' is unknown"),
        ({"sources": "known"}, "s1: sources is no list"),
        ({"more": 1}, "not the fields"),
    ],
)
def test_a_row_that_is_not_whole_is_seen(change, fault):
    assert any(fault in violation for violation in rows_are_whole([ROW | change]))


def test_a_missing_row_is_seen():
    assert every_statement_has_a_row([ROW], ["s1", "s2"])


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        (CELL | {"metadata": {}}, "s1: no code cell of 01_why is tagged claim-s1"),
        (CELL | {"cell_type": "markdown"}, "s1: no code cell of 01_why is tagged claim-s1"),
        (CELL | {"source": "x = 1  # assert"}, "s1: its cell in 01_why asserts nothing"),
        (CELL | {"metadata": {"tags": ["claim-s1", "claim-s99"]}}, "01_why: a cell is tagged claim-s99, without a row"),
    ],
)
def test_a_row_without_its_cell_is_seen(cell, fault):
    assert rows_lead_to_cells_that_assert([ROW], claims_of({"01_why": {"cells": [cell]}})) == [fault]


def test_an_unknown_source_is_seen():
    assert sources_are_known([ROW], {"other"}) == ["s1: known is not in references.bib"]
