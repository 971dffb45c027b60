"""The W3C's checker, a Java program, finds no error in any page: `make valid` says the same."""

import pytest
from build_book import pages_of
from check_html import find_errors, pages_in
from conftest import ROOT


@pytest.mark.slow
def test_every_page_is_valid_html(book):
    pages = pages_in(book)
    assert len(pages) > len(pages_of(ROOT / "_toc.yml"))
    assert find_errors(pages) == []


@pytest.mark.slow
def test_checker_finds_an_error(tmp_path):
    bad = tmp_path / "bad.html"
    bad.write_text('<!DOCTYPE html><html lang="en"><title>x</title><summary><p>y</p></summary></html>')
    (error,) = find_errors([bad])
    assert "summary" in error
