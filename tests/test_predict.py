"""Predict, commit, compare, and checks in one line: from Markdown to what a reader meets in a real browser."""

import gzip
import re
import threading
from functools import partial
from http.server import ThreadingHTTPServer
from types import SimpleNamespace

import nbformat
import pytest
from bs4 import BeautifulSoup
from conftest import SilentHandler, build_book
from docutils import nodes
from docutils.core import publish_doctree
from make_pdf import read_page
from myst_parser.docutils_ import Parser
from predict import Predict, shape_predicts
from screenshot import lay_out_whole
from test_build import INTRO, begin_book
from test_page import faint
from visits import AXE, FIND_FAULTS

CHECKED = "Checked when the book is built"
FIRST = """## Wild

> **Predict.** One of the four samples goes wild. What becomes of its $\\hat z$?
>
> a) about 1000 · b) about 250, since $m = 4$
> · c) less than 2 · d) it depends on `eps`

We compute."""
SECOND = """**Answer: c.** It stops at 1.73.

The text goes on.

> **Predict.** Draw the box. Which shape has it?

So we draw."""
THIRD = """**Answer.** It is a box.

> **Predict.** Is it so?
>
> a) yes · b) no

**Answer: a.** It is.

> **Predict.** A question that nobody answers?"""
FIND_FAULTS_IN_TEXT = FIND_FAULTS.replace("axe.run(document", "axe.run('article'")  # test_page.py looks at the rest


def faults(tab):
    """Return what axe finds in the text, and what is hard to read; the letters of formulas are gone afterwards."""
    found = tab.evaluate(FIND_FAULTS_IN_TEXT)
    return found["axe"] + faint(found["inks"])


CELLS = [
    ("# Does it spoil?", "title"),
    (FIRST, "first"),
    ("print('stops at', 3**0.5)", "run", None),
    ("assert 3**0.5 < 2", "holds", "check"),
    (SECOND, "second"),
    ("print('a box')", "box", None),
    (THIRD, "third"),
    ("assert 1 < 2", "last", "check"),
]
PAGE = "chapters/one.html"
OURS = r"(?:words|keep|predict|progress|reading|place)\.js"  # the theme's own scripts throw where storing is forbidden
WILD, DRAW, SO = "one-of-the-four-samples-goes-wild-what", "draw-the-box-which-shape-has-it", "is-it-so"
FORBID = [  # what a browser that forbids to store may do
    "Storage.prototype.getItem = Storage.prototype.setItem = () => { throw new Error('forbidden'); };",
    "Object.defineProperty(window, 'localStorage', { get() { throw new Error('forbidden'); } });",
    "Storage.prototype.setItem = () => { throw new Error('full'); };",
]


def write_book(folder, intro, cells):
    """Write a book that is built as ours is, with one notebook."""
    begin_book(folder, intro)
    made = []
    for text, name, *tag in cells:
        metadata = {"tags": [t for t in tag if t]}
        new = nbformat.v4.new_code_cell if tag else nbformat.v4.new_markdown_cell
        made.append(new(text, id=name, metadata=metadata))
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=made, metadata=kernel), folder / "chapters/one.ipynb")


def build_sample(folder):
    """Build the small book with the cells above; return the folder of its pages."""
    write_book(folder, INTRO, CELLS)
    run = build_book(root=folder)
    assert run.returncode == 0, run.stdout
    return folder / "_build/html"


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """Serve the small book; return its address and its folder."""
    html = build_sample(tmp_path_factory.mktemp("book"))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SilentHandler, directory=html)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", html
        server.shutdown()


@pytest.fixture
def open_page(browser, sample):
    """Return a function that opens a page for a reader of whom nothing is kept; an error in a page fails the test."""
    contexts, errors = [], []

    def open_it(page=PAGE, script="", **options):
        contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options))
        contexts[-1].on("weberror", lambda error: errors.append(error.error.stack))
        if script:
            contexts[-1].add_init_script(script)
        tab = contexts[-1].new_page()
        tab.goto(sample[0] + page)
        return tab

    yield open_it
    for context in contexts:
        context.close()
    assert [stack for stack in errors if re.search(OURS, stack)] == []


def choose(tab, letter, name=WILD):
    """Commit to a choice with the mouse."""
    tab.locator(f"#predict-{name} button[value={letter}]").click()


def text_of(tab, selector):
    """Return the words of an element, without the breaks between its lines."""
    return " ".join(tab.locator(selector).inner_text().split())


def opener(tab, name=WILD):
    """Return the button that shows the answer to a question, and hides it."""
    return tab.locator(f"#predict-{name} button[aria-controls]")


def held(tab):
    """Return whether what follows each question is held back."""
    return [not box.is_visible() for box in tab.locator(".book-compare > .book-answer").all()]


def verdict(tab, name=WILD):
    """Return what the answer says of the reader's choice, once it does."""
    said = tab.locator(f"#answer-{name} .book-said:not(:empty)")
    said.wait_for(state="attached")
    return said.inner_text()


def focused(tab):
    """Return the text of the element that has the focus, or its type."""
    return tab.evaluate("document.activeElement.innerText || document.activeElement.type")


# From Markdown to the page.


def shape(text):
    """Return the document of a Markdown text, with its Predicts."""
    settings = {"myst_enable_extensions": ["dollarmath"]}
    document = publish_doctree(text, parser=Parser(), settings_overrides=settings)
    shape_predicts(SimpleNamespace(config=SimpleNamespace(english_doctrees="")), document)
    return document


def test_choices_are_split_with_their_formulas_and_code():
    (predict,) = shape(f"{FIRST}\n\n**Answer: c.** So.").findall(Predict)
    items = [item.astext() for item in predict.findall(nodes.list_item)]
    assert items == ["a) about 1000", "b) about 250, since m = 4", "c) less than 2", "d) it depends on eps"]
    assert len(list(predict.findall(nodes.math))) == 2
    assert len(list(predict.findall(nodes.literal))) == 1
    assert predict["answer"] == "c"


def test_question_without_choices_keeps_all_it_says_and_any_answer():
    document = shape("> **Predict.** Order these: a) one, b) two.\n>\n> Take 2 · 3.\n\n**Answer: b, a.** So.")
    (predict,) = document.findall(Predict)
    assert [child.astext() for child in predict[:2]] == ["Predict Order these: a) one, b) two.", "Take 2 · 3."]
    assert predict["answer"] == ""


def test_answer_belongs_to_the_predict_before_it():
    quote = "> **Predict.** {}?\n>\n> a) yes · b) no\n\n"
    document = shape(quote.format("One") + "**Answer: a.** A.\n\n" + quote.format("Two") + "Text.\n\n**Answer: b.** B.")
    assert [predict["answer"] for predict in document.findall(Predict)] == ["a", "b"]
    answers = [p for p in document.findall(nodes.paragraph) if "book-answer" in p["classes"]]
    assert [p["ids"] for p in answers] == [["answer-one"], ["answer-two"]]


def test_addresses_are_the_first_words_of_the_question_and_differ():
    document = shape("> **Predict.** What is $x$, then?\n\n" * 2 + "> **Predict.** What is $x$, then? And y?")
    ids = [predict["ids"] for predict in document.findall(Predict)]
    assert ids == [["predict-what-is-x-then"], ["predict-what-is-x-then-2"], ["predict-what-is-x-then-and-y"]]


def test_other_quotes_and_answers_stay_as_they_are():
    text = "> **Key idea.** It holds.\n\n> Predict.\n\nAn **Answer: c.** in a line.\n\n**Answers.** Many."
    document = shape(text)
    assert list(document.findall(Predict)) == []
    assert len(list(document.findall(nodes.block_quote))) == 2
    assert not any("book-answer" in p["classes"] for p in document.findall(nodes.paragraph))


FAULTS = [
    ("a) one · b) two", "## Next\n\n**Answer: a.** So.", "has its answer in another section"),
    ("a) one · b) two", "", "has choices, but no paragraph **Answer: x.** follows"),
    ("a) one · b) two", "> **Predict.** Next?\n\n**Answer: a.** So.", "has choices, but no paragraph"),
    ("a) one · b) two", "**Answer: c.** So.", "has the answer 'c', which is none of its choices 'ab'"),
    ("a) one · b) two", "**Answer: ab.** So.", "has the answer 'ab', which is none"),
    ("a) one · b) two", "**Answer.** So.", "has the answer None, which is none"),
    ("a) one b) two", "**Answer: a.** So.", "has the choices 'a'"),
    ("a) one · c) two", "**Answer: a.** So.", "has the choices 'ac'"),
    ("a) 1 · b) 2 · c) 3 · d) 4 · e) 5 · f) 6", "**Answer: a.** So.", "has the choices 'abcdef'"),
]


@pytest.mark.parametrize(("choices", "after", "fault"), FAULTS)
def test_fault_of_a_predict_is_told_by_name(caplog, choices, after, fault):
    shape(f"> **Predict.** Which one?\n>\n> {choices}\n\n{after}")
    assert len(caplog.records) == 1
    assert f"the Predict 'Predict. Which one?' {fault}" in caplog.text


@pytest.mark.slow
def test_fault_of_a_predict_fails_the_build(tmp_path):
    intro = f"{INTRO}\n> **Predict.** Which one?\n>\n> a) one · b) two\n\n**Answer: d.** So.\n"
    write_book(tmp_path, intro, [("# One", "one"), ("print(1)", "code", "hide-input")])
    run = build_book(root=tmp_path)
    assert run.returncode != 0
    assert "the Predict 'Predict. Which one?' has the answer 'd'" in run.stdout
    assert f"{tmp_path / 'intro.md'}:" in run.stdout


# What a reader meets.


def test_without_scripts_and_on_paper_all_is_text(open_page):
    tab = open_page(java_script_enabled=False)
    box = tab.locator(f"#predict-{WILD}")
    assert box.locator("li").first.inner_text().split() == "a) about 1000".split()
    assert tab.get_by_role("group", name="Predict One of the four samples goes wild.").count() == 1
    assert tab.locator("article button").count() == 0
    assert not tab.locator(".book-foot").first.is_visible()
    assert text_of(tab, f"#answer-{WILD}") == "Answer: c. It stops at 1.73."
    assert tab.get_by_text("stops at 1.73205").is_visible()
    assert held(tab) == [False] * 3

    tab = open_page()
    assert held(tab) == [True] * 3
    tab.emulate_media(media="print")
    assert held(tab) == [False] * 3
    assert tab.locator(f"#answer-{WILD}").is_visible()
    assert tab.get_by_text("stops at 1.73205").is_visible()
    assert tab.locator(f"#predict-{WILD} li").all_inner_texts()[3].split() == "d) it depends on eps".split()
    style = "b => (({ borderTopWidth, backgroundColor }) => [borderTopWidth, backgroundColor])(getComputedStyle(b))"
    assert tab.locator(f"#predict-{WILD} button").first.evaluate(style) == ["0px", "rgba(0, 0, 0, 0)"]
    for of_screen in [".book-foot", f"#predict-{DRAW} button"]:
        assert not tab.locator(of_screen).first.is_visible()


def test_keys_choose_and_the_choice_is_kept(open_page):
    tab = open_page()
    group = tab.get_by_role("group", name="Predict One of the four samples goes wild.")
    buttons = group.locator(".book-choices").get_by_role("button")
    buttons.first.focus()
    tab.keyboard.press("ArrowUp")
    assert focused(tab).split() == "d) it depends on eps".split()
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Tab")
    assert focused(tab).split() == "c) less than 2".split()
    assert buttons.nth(2).evaluate("b => getComputedStyle(b).outlineStyle") == "solid"
    assert held(tab) == [True] * 3
    tab.keyboard.press("Enter")
    assert verdict(tab) == "You said c: right."
    assert held(tab) == [False, True, True]
    for _ in range(2):
        assert [b.get_attribute("aria-pressed") for b in buttons.all()] == ["false", "false", "true", "false"]
        assert group.locator(".book-guessed").inner_text() == "You said c. Compare with the answer"
        buttons.first.dispatch_event("click")  # too late
        assert verdict(tab) == "You said c: right."
        assert text_of(tab, f"#answer-{WILD}") == "Answer: c. You said c: right. It stops at 1.73."
        assert held(tab) == [False, True, True]
        tab.reload()
    buttons.nth(2).focus()
    tab.keyboard.press("Tab")
    assert focused(tab) == "Compare with the answer"
    tab.keyboard.press("Enter")
    assert tab.url.endswith(f"#answer-{WILD}")


def test_surprise_is_told_in_words_and_a_guess_on_paper_is_no_verdict(open_page):
    tab = open_page()
    choose(tab, "b")
    choose(tab, "a", SO)
    tab.get_by_role("button", name="I have written down my guess").click()
    assert verdict(tab) == "You said b: a surprise."
    assert verdict(tab, SO) == "You said a: right."
    assert verdict(tab, DRAW) == "Compare with what you wrote down."
    edge = "a => getComputedStyle(a).borderLeftColor"
    assert len({tab.locator(f"#answer-{name}").evaluate(edge) for name in [WILD, SO, DRAW]}) == 3
    mark = "s => getComputedStyle(s, '::before').content[1]"
    assert [tab.locator(f"#answer-{name} .book-label").evaluate(mark) for name in [WILD, SO, DRAW]] == ["≠", "✓", "!"]
    marked = tab.locator(f"#predict-{WILD} button[data-mark]")
    marks = marked.evaluate_all("all => all.map((b) => [b.value, b.dataset.mark])")
    assert marks == [["b", "your guess"], ["c", "right"]]
    nobody = tab.locator("#predict-a-question-that-nobody-answers")
    assert nobody.count() == 1
    assert nobody.locator("button, input").count() == 0


def test_first_page_counts_and_leads_to_the_surprises_until_they_are_forgotten(open_page, sample):
    tab = open_page()
    choose(tab, "b")
    choose(tab, "a", SO)
    tab.get_by_role("button", name="I have written down my guess").click()
    tab.goto(f"{sample[0]}intro.html")
    block = tab.locator(".book-guesses")
    text = block.inner_text()
    assert "Your predictions: 1 of 2 right" in text
    assert "Does it spoil?: 1 of 2 right" in text
    tab.evaluate(AXE.read_text())
    surprises = block.locator("li li a")
    assert [" ".join(s.split()) for s in surprises.all_inner_texts()] == [
        "One of the four samples goes wild. What becomes of its z^?"
    ]
    assert faults(tab) == []
    surprises.click()
    assert tab.url == f"{sample[0]}{PAGE}#predict-{WILD}"
    assert tab.locator(f"#predict-{WILD}").is_visible()
    tab.go_back()
    tab.get_by_role("button", name="Forget my predictions").click()
    assert block.count() == 0
    assert tab.locator(".book-continue").count() == 1
    tab.goto(sample[0] + PAGE)
    assert tab.locator("[aria-pressed]").count() == 0
    choose(tab, "c")
    tab.goto(f"{sample[0]}intro.html")
    assert "1 of 1 right" in block.inner_text()
    tab.get_by_role("button", name="Forget my progress").click()
    assert block.count() == 0
    assert tab.evaluate("localStorage.getItem('batch-normalization')") is None


def test_what_is_kept_of_a_question_that_has_changed_is_put_right(open_page, sample):
    tab = open_page("intro.html")
    said = {f"predict-{WILD}": {"said": "f"}, f"predict-{SO}": {"said": "b", "right": True}, "predict-gone": {}}
    tab.evaluate("said => localStorage['batch-normalization'] = JSON.stringify(said)", {"said": {PAGE: said}})
    tab.goto(sample[0] + PAGE)
    assert verdict(tab, SO) == "You said b: a surprise."
    assert tab.locator(f"#predict-{WILD} [aria-pressed]").count() == 0
    kept = tab.evaluate("JSON.parse(localStorage['batch-normalization'])")["said"]
    assert kept == {PAGE: {f"predict-{SO}": {"said": "b", "right": False, "question": "Is it so?"}}}


def test_what_follows_is_held_back_until_the_reader_wants_it(open_page):
    tab = open_page()
    output, code = tab.get_by_text("stops at 1.73205"), tab.get_by_text("print('stops at', 3**0.5)")
    assert opener(tab).inner_text() == "Show the answer"
    assert not output.is_visible()
    assert not code.is_visible()
    assert tab.get_by_text("The text goes on.").is_visible()
    assert tab.get_by_text(CHECKED).filter(visible=True).count() == 1  # that after the last answer
    tab.locator(f"#predict-{WILD} .book-choices button").last.focus()
    tab.keyboard.press("Tab")
    assert focused(tab) == "Show the answer"
    tab.keyboard.press("Enter")
    assert opener(tab).get_attribute("aria-expanded") == "true"
    assert held(tab) == [False, True, True]
    assert output.is_visible()
    assert tab.locator(f"#predict-{WILD} [aria-pressed]").count() == 0  # and commits to nothing
    choose(tab, "c")
    assert verdict(tab) == "You said c: right."
    opener(tab).click()
    assert held(tab) == [True] * 3
    tab.reload()
    assert held(tab) == [False, True, True]


def test_question_and_answer_are_never_in_one_window_unless_the_reader_wants_it(open_page):
    tab = open_page()
    told = tab.locator(".book-compare :is(.book-answer, .cell_output)")
    assert told.count() == 5
    assert told.filter(visible=True).count() == 0
    height = "() => document.querySelector('article').offsetHeight"
    before = tab.evaluate(height)
    tab.get_by_role("switch").first.check()
    assert told.filter(visible=True).count() == 5
    assert tab.evaluate(height) > before + 300


def test_switch_shows_all_answers_from_now_on(open_page):
    tab = open_page()
    switch = tab.get_by_role("switch", name="Always show answers")
    switch.first.check()
    for _ in range(2):
        assert [s.is_checked() for s in switch.all()] == [True] * 3
        assert held(tab) == [False] * 3
        tab.reload()
    opener(tab, SO).click()
    assert held(tab) == [False, False, True]
    switch.last.uncheck()
    assert held(tab) == [True] * 3


def test_link_and_search_and_a_place_that_was_kept_open_what_is_held_back(open_page, sample):
    tab = open_page(f"{PAGE}#cell-holds")
    tab.locator("#cell-holds pre").wait_for(state="visible")
    assert held(tab) == [False, True, True]
    tab.evaluate("location.hash = '#answer-is-it-so'")
    tab.locator(f"#answer-{SO}").wait_for(state="visible")
    assert held(tab) == [False, True, False]
    boxes = tab.locator(".book-compare")
    assert [box.get_attribute("hidden") for box in boxes.all()] == [None, "until-found", None]
    boxes.nth(1).dispatch_event("beforematch")  # the browser's own search has found words in it
    assert held(tab) == [False] * 3
    assert opener(tab, DRAW).inner_text() == "Hide the answer"
    tab.locator(f"#answer-{DRAW}").evaluate("answer => scrollTo(0, answer.offsetTop - 100)")
    tab.reload()
    assert held(tab)[1] is False


@pytest.mark.parametrize("script", FORBID)
def test_browser_that_forbids_to_store_breaks_nothing(open_page, script):
    tab = open_page(script=script)
    assert held(tab) == [True] * 3
    tab.locator(".book-foot input").first.check()
    assert held(tab) == [False] * 3
    tab.locator(".book-foot input").first.uncheck()
    choose(tab, "b")
    assert verdict(tab) == "You said b: a surprise."
    assert tab.locator(f"#answer-{WILD}").is_visible()
    tab.locator(".prev-next-footer").scroll_into_view_if_needed()
    tab.evaluate("dispatchEvent(new Event('pagehide'))")


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (1280, "light"),
        (390, "dark"),
        *(pytest.param(*other, marks=pytest.mark.slow) for other in [(1280, "dark"), (390, "light")]),
    ],
)
def test_axe_finds_nothing_in_any_state_and_fingers_find_what_they_press(open_page, width, scheme):
    tab = open_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    lay_out_whole(tab)
    tab.evaluate(AXE.read_text())
    sizes = "all => all.map((e) => Math.round(e.getBoundingClientRect().height * 10) / 10)"
    targets = ".book-predict :is(button, label, a), .tag_check summary"
    for step in range(3):
        if step == 1:
            choose(tab, "b")
            choose(tab, "a", SO)
            tab.get_by_role("button", name="I have written down my guess").click()
            verdict(tab, DRAW)
        if step == 2:
            tab.evaluate("localStorage.clear()")
            tab.reload()
            lay_out_whole(tab)
            tab.evaluate(AXE.read_text())
            tab.locator(".book-foot input").first.check()
        if width == 390:
            assert [size for size in tab.locator(targets).evaluate_all(sizes) if 0 < size < 44] == []
            assert tab.evaluate("document.scrollingElement.scrollWidth") == width
        assert faults(tab) == []
        tab.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = false; })")


@pytest.mark.parametrize("width", [1280, 390])
def test_text_does_not_move_when_the_script_comes(open_page, width):
    heights = "all => all.map((box) => Math.round(box.getBoundingClientRect().height))"
    size = {"width": width, "height": 900}
    with_script = open_page(viewport=size)
    before = open_page("intro.html", viewport=size)
    before.route("**/predict.js*", lambda route: route.abort())
    before.goto(with_script.url)
    for tab in [with_script, before]:
        lay_out_whole(tab)
    assert before.locator(".book-predict button").count() == 0
    boxes = ".book-predict, .book-answer"
    assert before.locator(boxes).evaluate_all(heights) == with_script.locator(boxes).evaluate_all(heights)


def test_check_is_one_line_that_keys_and_links_open(open_page, sample):
    tab = open_page()
    fold = tab.locator("#cell-holds details")
    code = fold.locator("pre")
    opener(tab).click()
    assert fold.locator("summary").inner_text().strip() == CHECKED
    assert not code.is_visible()
    assert fold.evaluate("fold => fold.getBoundingClientRect().height") < 40
    fold.locator("summary").focus()
    tab.keyboard.press("Enter")
    assert code.inner_text().strip() == "assert 3**0.5 < 2"
    tab.keyboard.press("Enter")
    assert not code.is_visible()
    tab.evaluate("location.hash = '#cell-last'")
    tab.locator("#cell-last pre").wait_for(state="visible")
    assert not code.is_visible()
    other = open_page(f"{PAGE}#cell-holds")
    assert other.locator("#cell-holds pre").is_visible()
    assert not other.locator("#cell-last pre").is_visible()


def test_printed_book_has_choices_as_text_and_checks_without_their_code(sample):
    article, _ = read_page(sample[1], "chapters/one", ["chapters/one"], "https://x/")
    text = " ".join(article.get_text(" ").split())
    assert "a) about 1000 b) about 250" in text
    assert text.count(CHECKED) == 2
    assert "assert" not in text
    assert article.select_one("#chapters-one--cell-holds").get_text().strip() == CHECKED
    assert "Solution in code" not in text


def test_scripts_are_small_and_ask_nothing_of_anybody(sample):
    scripts = {name: (sample[1] / f"_static/{name}.js").read_text() for name in ["keep", "predict"]}
    assert sum(len(gzip.compress(script.encode())) for script in scripts.values()) <= 3400
    for request in ["fetch", "XMLHttpRequest", "sendBeacon", "cookie", "import", "http"]:
        assert not any(request in script for script in scripts.values())
    page = BeautifulSoup((sample[1] / PAGE).read_text(), "html.parser")
    order = [s["src"].split("/")[-1].split("?")[0] for s in page.select("script[src]")]
    assert order.index("keep.js") < order.index("progress.js")
    assert order.index("keep.js") < order.index("predict.js")
