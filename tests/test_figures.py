"""Figures and tables of results as readers meet them: legible on a phone, numbered alike, enlarged by a click."""

import re

import pytest
from conftest import read_page
from screenshot import lay_out_whole
from test_page import BY_PHONE, CHAPTERS
from visits import PHONE, labels

LEAST = 10  # px, of a label on a phone; what is raised or lowered beside it may be smaller


@pytest.mark.parametrize("page", BY_PHONE)
def test_labels_of_figures_are_legible_on_a_phone(visit, page):
    seen = visit(page, PHONE)["labels"]
    assert seen or page.removeprefix("chapters/").removesuffix(".html") not in CHAPTERS or "clinic" in page
    assert {name: pixels for name, pixels in seen if pixels < LEAST} == {}


def test_faint_labels_are_measured(browser, site, book):
    tab = browser.new_page(viewport={"width": PHONE, "height": 844})
    tab.goto(f"{site}chapters/02_formula.html")
    tab.add_style_tag(content="article img { width: 200px !important }")
    lay_out_whole(tab)
    assert 5 < min(pixels for _, pixels in labels(tab, book / "chapters")) < 6
    tab.close()


def numbers(book, name):
    """Return the captions' numbers on the page of a chapter, and the words of all links to figures."""
    page = read_page(book / f"chapters/{name}.html")
    links = [link.text for link in page.select("a.reference:has(> .std-numref)")]
    return [caption.text.strip() for caption in page.select("figcaption .caption-number")], links


@pytest.mark.parametrize("name", CHAPTERS)
def test_figures_are_numbered_alike(book, name):
    captions, links = numbers(book, name)
    chapter = str(int(name[:2])) if name[0].isdigit() else name[0].upper()
    assert captions == [f"Figure {chapter}.{number}" for number in range(1, len(captions) + 1)]
    assert {link for link in links if link.startswith(f"Figure {chapter}.")} == set(captions)


CHAPTER = "chapters/02_formula.html"


@pytest.mark.parametrize("width", [1280, PHONE])
def test_figure_is_enlarged_by_click_and_by_key_and_escape_leads_back(browser, site, width):
    tab = browser.new_page(viewport={"width": width, "height": 844})
    tab.goto(site + CHAPTER)
    picture = tab.locator("article figure img").nth(1)
    small = picture.bounding_box()["width"]
    picture.click()
    large = tab.locator("dialog.book-enlarged img")
    assert large.bounding_box()["width"] > 1.2 * small
    assert large.get_attribute("alt") == picture.get_attribute("alt")
    tab.keyboard.press("Escape")
    assert not large.is_visible()
    link = tab.locator("a.book-figure").nth(1)
    link.focus()
    tab.keyboard.press("Enter")
    assert large.is_visible()
    tab.get_by_role("button", name="Close").click()
    assert not large.is_visible()
    assert tab.evaluate("document.activeElement.className") == "book-figure"
    assert tab.url == site + CHAPTER
    tab.close()


def test_without_a_script_a_figure_leads_to_its_picture(browser, site):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(site + CHAPTER)
    tab.locator("a.book-figure").nth(1).click()
    assert re.fullmatch(r".+/_images/\w+\.svg", tab.url)
    context.close()


def test_wide_table_of_results_scrolls_by_itself_and_is_reached_by_key(browser, site):
    tab = browser.new_page(viewport={"width": 320, "height": 844})
    tab.goto(f"{site}chapters/01_why.html")
    lay_out_whole(tab)
    wide = tab.evaluate(
        "[...document.querySelectorAll('.book-table')].findIndex((box) => box.scrollWidth > box.clientWidth)"
    )
    box = tab.locator(".book-table").nth(wide)
    assert wide >= 0
    box.scroll_into_view_if_needed()
    tab.wait_for_function("(box) => box.tabIndex === 0", arg=box.element_handle())
    box.focus()
    tab.keyboard.press("ArrowRight")
    tab.wait_for_function("(box) => box.scrollLeft > 0", arg=box.element_handle())
    assert tab.evaluate("document.scrollingElement.scrollWidth - innerWidth") <= 0
    tab.close()
