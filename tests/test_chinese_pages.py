"""The built Chinese pages: made from the same cells without a kernel, and tied to the English ones place by place."""

import json
import re
from functools import cache

import pytest
import yaml
from bs4 import BeautifulSoup
from build_book import CHINESE, pages_of
from conftest import ROOT
from playwright.sync_api import expect

PAGES = pages_of(ROOT / "_toc.yml")
NOTEBOOKS = [page for page in PAGES if page.startswith(("chapters/", "assignments/")) and page != "chapters/ledger"]
MADE = [*PAGES, "search", "genindex", "404"]


@cache
def soup(book, page):
    """Return a built page, parsed; nothing changes it."""
    return BeautifulSoup((book / f"{page}.html").read_text("utf8"), "lxml")


def notebook(book, page):
    """Return the notebook that a page offers."""
    return json.loads((book / f"_sources/{page}.ipynb").read_text("utf8"))


def test_both_editions_have_the_same_files(book):
    def names(folder):
        files = {path.relative_to(folder).as_posix() for path in folder.rglob("*.*") if path.is_file()}
        return {name for name in files if not name.startswith(f"{CHINESE}/") and not name.endswith((".pdf", ".zip"))}

    assert names(book / CHINESE) ^ names(book) == set()


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_chinese_notebook_has_the_same_cells_and_code_byte_by_byte(book, page):
    english, chinese = notebook(book, page), notebook(book / CHINESE, page)
    assert [cell["id"] for cell in chinese["cells"]] == [cell["id"] for cell in english["cells"]]
    for ours, theirs in zip(chinese["cells"], english["cells"], strict=True):
        assert ours["cell_type"] == theirs["cell_type"]
        if ours["cell_type"] == "code":
            assert (ours["source"], ours["outputs"]) == (theirs["source"], [])
            assert ours["metadata"].get("tags") == theirs["metadata"].get("tags")


def test_no_kernel_ran_for_the_chinese_edition(book):
    from jupyter_cache import get_cache

    config = yaml.safe_load((ROOT / f"_build/{CHINESE}/_config.yml").read_text("utf8"))
    assert config["execute"]["execute_notebooks"] == "off"
    executed = [record.uri for record in get_cache(ROOT / "_build/.jupyter_cache").list_project_records()]
    assert executed != []
    assert [uri for uri in executed if f"/_build/{CHINESE}/" in uri] == []
    assert not (ROOT / f"_build/{CHINESE}/_build/.jupyter_cache").exists()


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_both_pages_show_the_same_outputs(book, page):
    shown = [
        [pre.get_text() for pre in soup(folder, page).select(".cell_output pre")] for folder in (book, book / CHINESE)
    ]
    assert shown[0] == shown[1]
    assert shown[0] or page.startswith("assignments/")


@pytest.mark.parametrize("page", MADE)
def test_page_is_tied_to_the_same_page_of_the_other_edition(book, page):
    chinese, english = soup(book / CHINESE, page), soup(book, page)
    assert (english.html["lang"], chinese.html["lang"]) == ("en", "zh-CN")
    for folder, from_page, to, words in [(book, english, "zh-CN", "中文"), (book / CHINESE, chinese, "en", "English")]:
        link = from_page.select_one("a.book-edition")
        assert (link["hreflang"], link["lang"], link.text) == (to, to, words)
        if page != "404":  # which is shown at any address
            target = (folder / page).parent / link["href"]
            assert target.resolve() == ((book if to == "en" else book / CHINESE) / f"{page}.html").resolve()
    if page == "404":
        return
    base = english.find("link", rel="canonical")["href"].removesuffix(f"{page}.html")
    assert chinese.find("link", rel="canonical")["href"] == f"{base}{CHINESE}/{page}.html"
    for at in (english, chinese):
        alternates = {link["hreflang"]: link["href"] for link in at.find_all("link", rel="alternate", hreflang=True)}
        address, other = f"{base}{page}.html", f"{base}{CHINESE}/{page}.html"
        assert alternates == {"en": address, "zh-CN": other, "x-default": address}


@pytest.mark.parametrize("page", PAGES)
def test_sections_predicts_and_cells_have_the_same_addresses(book, page):
    def addresses(folder):
        article = soup(folder, page).select_one("article")
        found = article.select("section, .book-predict, .book-answer, .cell, figure, .math[id]")
        return [element.get("id") for element in found]

    assert addresses(book / CHINESE) == addresses(book)


def test_sitemap_names_the_pages_of_both_editions(book):
    listed = re.findall(r"<loc>([^<]*)</loc>", (book / "sitemap.xml").read_text())
    base = soup(book, "intro").find("link", rel="canonical")["href"].removesuffix("intro.html")
    assert sorted(listed) == sorted(f"{base}{folder}{page}.html" for folder in ("", f"{CHINESE}/") for page in PAGES)


@pytest.fixture
def tab(browser):
    """Return a new tab."""
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    yield tab
    tab.close()


def test_switch_keeps_the_place_and_leads_back(tab, site):
    tab.goto(f"{site}chapters/02_formula.html")
    heading = tab.locator("#formula-biased > h2, #divide-by-m-or-by-m-1 > h2").first
    heading.evaluate("heading => heading.scrollIntoView()")  # the first block that begins in the window
    top = heading.bounding_box()["y"]
    for words, address in [("中文", f"{CHINESE}/chapters/02_formula.html"), ("English", "chapters/02_formula.html")]:
        tab.locator("a.book-edition:visible").evaluate("link => link.click()")  # without scrolling to it first
        tab.wait_for_url(re.compile(re.escape(f"{site}{address}")))
        expect(tab.locator("a.book-edition:visible")).not_to_have_text(words)
        tab.wait_for_function(
            f"(h) => Math.abs(h.getBoundingClientRect().top - {top}) < 2", arg=heading.element_handle()
        )


def test_guesses_and_progress_are_the_same_in_both_editions(tab, site):
    tab.goto(f"{site}{CHINESE}/chapters/02_formula.html")
    predict = tab.locator(".book-predict[data-answer]").first
    predict.locator("button").first.click()
    name = predict.get_attribute("id")
    tab.locator(".prev-next-footer").scroll_into_view_if_needed()
    tab.wait_for_function("keep.load().read.length === 1")
    tab.goto(f"{site}chapters/02_formula.html")
    expect(tab.locator(f"#{name} button[aria-pressed=true]")).to_have_count(1)
    expect(tab.locator(".bd-links a.book-read")).to_have_count(1)


def test_words_of_scripts_are_chinese(tab, site):
    tab.goto(f"{site}{CHINESE}/chapters/02_formula.html")
    expect(tab.locator(".book-predict[data-answer] label").first).to_contain_text("总是显示答案")
    expect(tab.locator("bn-batch")).to_contain_text("缩放γ")
    tab.goto(f"{site}chapters/02_formula.html")
    expect(tab.locator("bn-batch")).to_contain_text("scale γ")


@pytest.mark.parametrize("words", ["批均值", "滑动平均", "running_mean", "运行均值", "有偏"])
def test_search_finds_chinese_and_names(tab, book, words):
    tab.goto(f"{(book / CHINESE).as_uri()}/search.html?q={words}")
    expect(tab.locator("#search-results li").first).to_be_visible()
    assert words in tab.locator("#search-results li").first.inner_text()
