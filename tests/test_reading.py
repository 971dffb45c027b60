"""A page keeps the reader's place, is large enough to read, and works by key, zoomed, without scripts or a memory."""

import pytest
from playwright.sync_api import expect

CHAPTER = "chapters/02_formula.html"
WIDTHS = [1280, 390]
BLOCKS = "[...document.querySelectorAll('article :is(h2, h3, p, li, pre, figure, .math)')]"
SEEN = f"""() => {{
  for (let y = innerHeight / 3; y < innerHeight; y += 20) {{
    const number = {BLOCKS}.indexOf(document.elementFromPoint(innerWidth / 2, y)?.closest('h2, h3, p, li, pre, figure, .math'));
    if (number >= 0) return [number, {BLOCKS}[number].getBoundingClientRect().top];
  }}
}}"""


@pytest.fixture
def open_tab(browser):
    """Return a function that opens a tab for a reader of whom nothing is kept; an error in a page fails the test."""
    contexts, errors = [], []

    def open_it(address, script="", width=1280, height=900, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.on("weberror", lambda error: errors.append(str(error.error)))
        contexts.append(context)
        if script:
            context.add_init_script(script)
        tab = context.new_page()
        tab.goto(address)
        return tab

    yield open_it
    for context in contexts:
        context.close()
    assert errors == []


# The place.


def scroll(tab, steps):
    """Turn the wheel, a window at each step; return the block under the reader's eye and its place in the window."""
    tab.mouse.move(tab.viewport_size["width"] / 2, 400)
    for _ in range(steps):
        tab.mouse.wheel(0, 800)
        tab.wait_for_timeout(30)
    tab.wait_for_timeout(100)
    return tab.evaluate(SEEN)


def moved(tab, block):
    """Return by how many pixels a block has moved in the window, once the page has come to rest."""
    tab.wait_for_timeout(150)
    number, top = block
    return abs(tab.evaluate(f"{BLOCKS}[{number}].getBoundingClientRect().top") - top)


@pytest.mark.parametrize("width", WIDTHS)
def test_reload_and_back_from_another_page_keep_the_place(open_tab, site, width):
    tab = open_tab(site + CHAPTER, width=width)
    for steps in [7, 5]:
        block = scroll(tab, steps)
        tab.reload()
        assert moved(tab, block) < 4
    block = scroll(tab, 3)
    tab.goto(f"{site}bibliography.html")
    tab.go_back()
    assert moved(tab, block) < 4


@pytest.mark.parametrize("width", WIDTHS)
def test_back_after_a_jump_within_the_page_keeps_the_place_and_forward_jumps_again(open_tab, site, width):
    tab = open_tab(f"{site}{CHAPTER}#which-axis", width=width)
    block = scroll(tab, 3)
    tab.evaluate("document.querySelector('#pst-page-toc-nav a[href=\"#exercises\"]').click()")
    tab.wait_for_timeout(150)
    there = tab.evaluate(SEEN)
    assert there[0] > block[0] + 20
    tab.go_back()
    assert moved(tab, block) < 4
    tab.go_forward()
    assert moved(tab, there) < 4


def test_tab_that_is_hidden_and_thrown_away_comes_back_to_the_place(open_tab, site):
    no_leaving = "addEventListener('pagehide', (event) => event.stopImmediatePropagation(), true)"
    tab = open_tab(site + CHAPTER, script=no_leaving)
    block = scroll(tab, 8)
    tab.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    tab.reload()
    assert moved(tab, block) < 4


def test_place_in_a_fold_is_shown_again(open_tab, site):
    tab = open_tab(site + CHAPTER)
    fold = tab.locator("article .sd-dropdown").first
    fold.locator("summary").click()
    fold.locator("p").last.evaluate("p => scrollBy(0, p.getBoundingClientRect().top - 75)")
    tab.reload()
    expect(fold.locator("p").last).to_be_in_viewport()


# Sizes.


@pytest.mark.parametrize(("width", "least"), [(1280, 13), (390, 12)])
def test_text_and_code_are_large_enough_to_read(open_tab, book, width, least):
    tab = open_tab(f"{book.as_uri()}/{CHAPTER}", width=width)
    sizes = """(which) => [...document.querySelectorAll(which)].map((e) => parseFloat(getComputedStyle(e).fontSize))"""
    assert set(tab.evaluate(sizes, "article > section > :is(p, section > p)")) == {17}
    assert min(tab.evaluate(sizes, "article pre")) >= least
    assert min(tab.evaluate(sizes, "article code")) >= least


def test_reader_who_has_chosen_larger_text_gets_it(open_tab, book):
    tab = open_tab(f"{book.as_uri()}/{CHAPTER}")
    before = tab.evaluate("getComputedStyle(document.querySelector('article p')).fontSize")
    tab.context.new_cdp_session(tab).send("Page.setFontSizes", {"fontSizes": {"standard": 20}})
    assert before == "17px"
    assert tab.evaluate("getComputedStyle(document.querySelector('article p')).fontSize") == "21.25px"


def test_code_of_a_chapter_fits_beside_both_lists_of_contents(open_tab, book):
    tab = open_tab(f"{book.as_uri()}/{CHAPTER}")
    wide = "pres => pres.filter((pre) => pre.checkVisibility() && pre.scrollWidth > pre.clientWidth).length"
    assert tab.eval_on_selector_all("article div.cell_input pre", wide) == 0
    assert tab.locator("#pst-page-toc-nav").is_visible()
