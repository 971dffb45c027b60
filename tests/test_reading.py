"""A page keeps the reader's place, is large enough to read, and works by key, zoomed, without scripts or a memory."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import expect
from screenshot import lay_out_whole
from test_page import WRITTEN

CHAPTER = "chapters/02_formula.html"
WIDTHS = [1280, 390]
BLOCKS = "[...document.querySelectorAll('article :is(h2, h3, p, li, pre, figure, .math)')]"
SEEN = f"""() => {{
  for (let y = innerHeight / 3; y < innerHeight; y += 20) {{
    const block = document.elementFromPoint(innerWidth / 2, y)?.closest('h2, h3, p, li, pre, figure, .math');
    const number = {BLOCKS}.indexOf(block);
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
    assert set(tab.evaluate(sizes, "article section section > p:not([class])")) == {17}
    assert min(tab.evaluate(sizes, "article pre")) >= least
    assert min(tab.evaluate(sizes, "article code")) >= least


def test_reader_who_has_chosen_larger_text_gets_it(open_tab, book):
    tab = open_tab(f"{book.as_uri()}/{CHAPTER}")
    before = tab.evaluate("getComputedStyle(document.querySelector('article section section > p')).fontSize")
    tab.context.new_cdp_session(tab).send("Page.setFontSizes", {"fontSizes": {"standard": 20}})
    assert before == "17px"
    assert tab.evaluate("getComputedStyle(document.querySelector('article section section > p')).fontSize") == "21.25px"


def test_code_of_a_chapter_fits_beside_both_lists_of_contents(open_tab, book):
    tab = open_tab(f"{book.as_uri()}/{CHAPTER}")
    lay_out_whole(tab)
    wide = "all => all.filter((pre) => pre.checkVisibility() && pre.scrollWidth > pre.clientWidth).length"
    assert tab.eval_on_selector_all("article div.cell_input pre", wide) == 0
    assert tab.locator("#pst-page-toc-nav").is_visible()


# Without scripts, without a memory, zoomed, by key.


def clickable(tab):
    """Return the names of what can be pressed and is in sight."""
    return tab.eval_on_selector_all(
        "button, summary.btn, [type=search]",
        "all => all.filter((e) => e.checkVisibility()).map((e) => e.className || e.name)",
    )


@pytest.mark.parametrize("width", WIDTHS)
def test_page_without_scripts_has_its_light_theme_its_contents_and_no_dead_button(open_tab, book, width):
    tab = open_tab(f"{book.as_uri()}/{CHAPTER}", width=width, java_script_enabled=False, color_scheme="dark")
    style = "e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor]"
    assert tab.eval_on_selector("body", style) == ["rgb(34, 40, 50)", "rgb(255, 255, 255)"]
    assert {name.split()[0] for name in clickable(tab)} <= {"btn", "book-predict"}
    assert all("dropdown-toggle" in name for name in clickable(tab))
    for link in [".bd-links a[href='03_running_statistics.html']", "#pst-page-toc-nav a[href='#exercises']"]:
        tab.locator(link).scroll_into_view_if_needed()
        expect(tab.locator(link)).to_be_in_viewport()
    menu = tab.locator("details.dropdown-download-buttons")
    menu.locator("summary").click()
    expect(menu.locator("a").first).to_be_in_viewport()
    assert tab.evaluate("document.scrollingElement.scrollWidth") <= width


def test_search_page_without_scripts_says_so(open_tab, book):
    tab = open_tab(f"{book.as_uri()}/search.html", java_script_enabled=False)
    assert not any("search" in name or name == "q" for name in clickable(tab))
    assert "activate JavaScript" in tab.inner_text("main")


FORBIDDEN = "{ get() { throw new DOMException('forbidden', 'SecurityError'); } }"
FORBID = {
    "all": f"for (const s of ['localStorage', 'sessionStorage']) Object.defineProperty(window, s, {FORBIDDEN})",
    "to keep more": "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }",
    "none": "Object.defineProperty(window, 'localStorage', { value: null })",
}


@pytest.mark.parametrize("what", FORBID)
def test_browser_that_forbids_to_keep_anything_breaks_nothing(open_tab, book, what):
    tab = open_tab(f"{book.as_uri()}/{CHAPTER}", script=FORBID[what])
    themes = []
    for _ in range(3):
        themes.append(tab.evaluate("document.documentElement.dataset.theme"))
        tab.locator(".theme-switch-button").locator("visible=true").click()
    assert set(themes) == {"light", "dark"}
    tab.locator(".prev-next-footer").scroll_into_view_if_needed()
    tab.goto(f"{book.as_uri()}/summary.html")  # to leave is no error either


NARROW = ["chapters/04_identity.html", "teach.html"]


@pytest.mark.parametrize("page", [pytest.param(p, marks=() if p in NARROW else pytest.mark.slow) for p in WRITTEN])
def test_page_at_200_percent_and_at_320_px_does_not_scroll_sideways(open_tab, book, page):
    tab = open_tab(f"{book.as_uri()}/{page}")
    lay_out_whole(tab)
    for width in [640, 320]:
        tab.set_viewport_size({"width": width, "height": 900})
        assert tab.evaluate("document.scrollingElement.scrollWidth") <= width


def test_buttons_of_the_header_show_the_focus(open_tab, book):
    tab = open_tab(f"{book.as_uri()}/{CHAPTER}")
    buttons = tab.locator(".bd-header-article :is(button, summary)").locator("visible=true")
    assert buttons.count() >= 6
    tab.keyboard.press("Tab")  # now the focus is shown
    for button in buttons.all():
        before = button.screenshot()
        button.focus()
        assert button.screenshot() != before, button.get_attribute("title")


def test_menu_opens_by_key_and_closes_by_escape_and_by_a_click_elsewhere(open_tab, book):
    tab = open_tab(f"{book.as_uri()}/{CHAPTER}", width=390)
    menu = tab.locator("details.dropdown-launch-buttons")
    menu.locator("summary").focus()
    tab.keyboard.press("Enter")
    expect(menu.get_by_text("Colab")).to_be_in_viewport(ratio=1)
    tab.keyboard.press("Escape")
    expect(menu.get_by_text("Colab")).to_be_hidden()
    expect(menu.locator("summary")).to_be_focused()
    tab.keyboard.press("Enter")
    tab.mouse.click(200, 700)
    expect(menu.get_by_text("Colab")).to_be_hidden()


# Previews, and the place to say that a sentence lost a reader.


def preview(tab):
    """Return the box beside a link that shows what it leads to."""
    return tab.locator(".book-preview")


SHOWN = {
    "a.reference[title*='Samuelson']": "How deviant can you be",  # a source
    "a[href='#formula-exercises']": "Two lines of proof",
    "a.reference[href^='#equation-']": "β",
    "a.reference[href^='#fig-']": "Figure 2.",
}


def test_link_shows_beside_it_what_it_leads_to_here_and_on_another_page(open_tab, site):
    tab = open_tab(site + CHAPTER)
    for which, shown in [*SHOWN.items(), ("a[href*='02_formula.html#formula-']", "")]:
        if "02_formula" in which:
            tab.goto(f"{site}chapters/04_identity.html")
        lay_out_whole(tab)  # else the link may move away from under the mouse
        link = tab.locator(f"article {which}").filter(visible=True).first
        link.scroll_into_view_if_needed()
        link.hover()
        expect(preview(tab)).to_be_in_viewport()
        expect(preview(tab)).to_contain_text(shown)
        assert tab.locator(".book-preview :is([id], button, [tabindex])").count() == 0
        tab.mouse.move(5, 5)
        expect(preview(tab)).to_be_hidden()


def test_preview_by_key_stays_until_escape_or_the_next_link(open_tab, book):
    tab = open_tab(f"{book.as_uri()}/{CHAPTER}", width=390)
    link = tab.locator("article a.reference[title]").last  # the focus scrolls to it
    link.focus()
    expect(preview(tab)).to_be_in_viewport()
    tab.mouse.wheel(0, 60)
    tab.wait_for_timeout(500)
    expect(preview(tab)).to_be_in_viewport()
    expect(link).to_have_attribute("aria-describedby", "book-preview")
    tab.keyboard.press("Escape")
    expect(preview(tab)).to_be_hidden()
    expect(link).not_to_have_attribute("aria-describedby", "book-preview")


def test_preview_can_be_entered_by_the_mouse(open_tab, book):
    tab = open_tab(f"{book.as_uri()}/{CHAPTER}")
    tab.locator("article a.reference[title]").filter(visible=True).first.hover()
    preview(tab).hover()
    tab.wait_for_timeout(400)
    expect(preview(tab)).to_be_visible()


def test_sentence_that_loses_a_reader_is_reported_with_page_and_section(open_tab, book):
    tab = open_tab(f"{book.as_uri()}/{CHAPTER}")
    section = tab.locator("#which-axis")
    link = section.locator(".book-lost a")
    report = parse_qs(urlsplit(link.get_attribute("href")).query)
    assert report["title"] == ["Lost in “Which axis?” (What does BatchNorm compute, exactly?)"]
    assert f"/{CHAPTER}#which-axis\n" in report["body"][0]
    section.locator("p").first.click(click_count=3)
    words = tab.evaluate("getSelection().toString().trim().replace(/\\s+/g, ' ')")
    link.evaluate("link => link.addEventListener('click', (event) => event.preventDefault())")
    link.click()
    assert f"\n> {words}\n" in parse_qs(urlsplit(link.get_attribute("href")).query)["body"][0]


def test_section_has_its_address_in_sight_on_a_phone(open_tab, book):
    tab = open_tab(f"{book.as_uri()}/{CHAPTER}", width=390)
    link = tab.locator("#which-axis > h2 > .headerlink")
    link.scroll_into_view_if_needed()
    expect(link).to_be_in_viewport(ratio=1)
    assert min(link.bounding_box()[side] for side in ["width", "height"]) >= 24


def test_wrong_address_leads_on(open_tab, book):
    page = BeautifulSoup((book / "404.html").read_text(), "html.parser")
    base = urlsplit(page.select_one("link[rel=canonical]")["href"]).path.removesuffix("404.html")
    own = [tag[name] for tag in page.find_all(True) for name in ["href", "src", "action"] if tag.get(name)]
    paths = {urlsplit(address).path for address in own if not address.startswith(("#", "http", "data:"))}
    assert all(path.startswith(base) for path in paths)
    assert all((book / path.removeprefix(base)).is_file() for path in paths)
    assert f"{base}chapters/02_formula.html" in paths
    assert page.find("meta", {"name": "robots"})["content"] == "noindex"
    assert page.html["data-content_root"] == base


# What the checker of the W3C finds: `make audit` runs it on all pages, which takes 20 seconds.


def test_pages_have_none_of_the_faults_that_the_checker_of_the_w3c_has_found(book):
    for path in book.rglob("*.html"):
        page = path.read_text()
        assert page.lstrip().lower().startswith("<!doctype html>"), path
        assert "<title>" in page, path
        assert not re.search(r"<summary[^>]*>\s*<(?:p|div)\b", page), path
        assert "<metadata" not in page, path
    assert not [path for path in book.glob("_images/*.svg") if "<metadata" in path.read_text()]
