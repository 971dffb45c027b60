"""What makes reading pleasant: keys, copying, and where one left off; in a real browser, from a server and a folder."""

import gzip

import pytest
from screenshot import show_whole

CHAPTER = "chapters/02_formula.html"


@pytest.fixture(params=["server", "folder"])
def start(book, site, request):
    """Return the address at which the book begins: on a server, and in a folder."""
    return site if request.param == "server" else f"{book.as_uri()}/"


@pytest.fixture
def reader(browser):
    """Return a browser window that remembers nothing of an earlier test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context
    context.close()


def ticks(tab):
    """Return the chapters with a tick in the list of contents."""
    return tab.eval_on_selector_all(".bd-links a.book-read", "links => links.map(link => link.innerText)")


def test_chapter_read_to_its_end_has_a_tick_and_can_be_gone_on_with_and_forgotten(reader, start):
    tab = reader.new_page()
    tab.goto(f"{start}intro.html")
    assert tab.locator(".book-continue").count() == 0
    tab.goto(start + CHAPTER)
    tab.evaluate("document.querySelector('#a-stable-range').scrollIntoView()")
    tab.wait_for_timeout(200)
    assert ticks(tab) == []
    tab.goto(f"{start}intro.html")
    link = tab.locator(".book-continue a")
    assert "What does BatchNorm compute" in link.inner_text()
    link.click()
    assert tab.url == f"{start}{CHAPTER}#a-stable-range"
    tab.locator(".prev-next-footer").scroll_into_view_if_needed()
    tab.wait_for_selector(".bd-links a.book-read")
    tab.goto(f"{start}glossary.html")
    assert len(ticks(tab)) == 1
    assert "What does BatchNorm compute" in ticks(tab)[0]
    tab.goto(f"{start}intro.html")
    tab.get_by_role("button", name="Forget my progress").click()
    assert ticks(tab) == []
    assert tab.locator(".book-continue").count() == 0
    tab.reload()
    assert ticks(tab) == []
    assert tab.evaluate("localStorage.getItem('batch-normalization')") is None


def test_spoilt_memory_of_progress_is_begun_anew(reader, book):
    tab, errors = reader.new_page(), []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.add_init_script("localStorage.getItem('batch-normalization') ?? (localStorage['batch-normalization'] = '{')")
    tab.goto(f"{book.as_uri()}/{CHAPTER}")
    tab.locator(".prev-next-footer").scroll_into_view_if_needed()
    tab.wait_for_selector(".bd-links a.book-read")
    assert errors == []


def test_progress_is_small_and_stays_on_the_machine(book):
    script = (book / "_static/progress.js").read_text()
    assert len(gzip.compress(script.encode())) <= 1000
    for request in ["fetch", "XMLHttpRequest", "sendBeacon", "cookie", "import"]:
        assert request not in script


def test_page_without_javascript_lacks_nothing(browser, book):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{book.as_uri()}/{CHAPTER}")
    assert tab.locator("article .katex").count() > 50
    solution = tab.locator("article .sd-dropdown").first
    assert not solution.locator("p").first.is_visible()
    solution.locator("summary").click()
    assert solution.locator("p").first.is_visible()
    context.close()


def box_in_its_section(element):
    """Return where a box stands from the top of its section (what is above may scroll or still grow), and its size."""
    return element.evaluate(
        """element => {
            const [box, section] = [element, element.parentElement].map((e) => e.getBoundingClientRect());
            return [box.x - section.x, box.y - section.y, box.width, box.height];
        }"""
    )


def test_solution_is_opened_and_closed_by_keys_and_its_box_stays_where_it_is(reader, book):
    tab = reader.new_page()
    tab.goto(f"{book.as_uri()}/{CHAPTER}")
    show_whole(tab)
    solution = tab.locator("article .sd-dropdown").first
    before = box_in_its_section(solution)
    solution.locator("summary").focus()
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Tab")
    assert solution.locator("summary:focus-visible").count() == 1
    assert box_in_its_section(solution) == before
    tab.keyboard.press("Enter")
    assert solution.locator("p").first.is_visible()
    tab.keyboard.press("Enter")
    assert box_in_its_section(solution) == before


def test_copy_button_copies_the_code_without_a_network(reader, book):
    tab = reader.new_page()
    tab.goto(f"{book.as_uri()}/{CHAPTER}")
    code = tab.locator("div.cell_input div.highlight").locator("visible=true").first
    code.hover()
    code.locator("button.copybtn").click()
    tab.wait_for_selector("button.copybtn.success")
    field = tab.locator("#pst-search-dialog input").first
    tab.keyboard.press("Control+k")
    field.wait_for(state="visible")
    tab.keyboard.press("Control+v")
    assert field.input_value().split() == code.locator("pre").inner_text().split()


def test_keyboard_opens_the_search_and_leaves_it(reader, book):
    tab = reader.new_page()
    tab.goto(f"{book.as_uri()}/{CHAPTER}")
    dialog = tab.locator("#pst-search-dialog")
    tab.keyboard.press("Control+k")
    assert dialog.evaluate("dialog => dialog.open")
    tab.keyboard.press("Escape")
    assert not dialog.evaluate("dialog => dialog.open")


def test_code_wider_than_the_screen_is_reached_by_key_and_other_code_is_not(browser, book):
    tab = browser.new_page(viewport={"width": 390, "height": 900})
    tab.goto(f"{book.as_uri()}/{CHAPTER}")
    show_whole(tab)
    tab.wait_for_timeout(300)
    boxes = "[...document.querySelectorAll('article pre, article .katex-display')].filter((b) => b.checkVisibility())"
    states = tab.evaluate(f"{boxes}.map((b) => [b.scrollWidth > b.clientWidth, b.tabIndex === 0])")
    assert [wide for wide, _ in states] == [reached for _, reached in states]
    assert {wide for wide, _ in states} == {True, False}
    tab.close()
