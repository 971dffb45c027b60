"""The first screens: the entrance of the book, the top of a chapter, and the clinic's table; in a real browser."""

import json
import re
import tomllib

import pytest
import yaml
from bs4 import BeautifulSoup
from conftest import ROOT, read_page
from docutils import nodes
from docutils.core import publish_doctree
from myst_parser.docutils_ import Parser
from notebooks import CHAPTERS, source
from openings import describe_sketches, name_authors, read_citation, split_facts, to_bibtex
from playwright.sync_api import expect
from sketches import SKETCHES
from visits import shifted

CLINIC = "chapters/clinic.html"
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())


@pytest.fixture
def open_tab(browser, site):
    """Return a function that opens a page for a reader of whom nothing is kept; an error in it fails the test."""
    contexts, errors = [], []

    def open_it(page, width=1280, **options):
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, **options))
        contexts[-1].on("weberror", lambda error: errors.append(str(error.error)))
        tab = contexts[-1].new_page()
        tab.goto(site + page)
        return tab

    yield open_it
    for context in contexts:
        context.close()
    assert errors == []


# The entrance.


def values(tab):
    """Return the values that the explorer of the first page shows."""
    return tab.evaluate("document.querySelector('.book-play [data-alone]').state.z")


def test_explorer_of_the_first_page_plays_until_the_button_or_a_hand_stops_it(open_tab):
    tab = open_tab("intro.html")
    button = tab.locator(".book-play > button")
    expect(button).to_have_text("Pause")
    before = values(tab)
    tab.wait_for_function("z => document.querySelector('[data-alone]').state.z.some((v, i) => v !== z[i])", arg=before)
    button.click()
    expect(button).to_have_text("Play")
    rest = values(tab)
    tab.wait_for_timeout(200)
    assert values(tab) == rest
    button.click()
    tab.wait_for_function("z => document.querySelector('[data-alone]').state.z.some((v, i) => v !== z[i])", arg=rest)
    tab.locator(".book-play .handle").first.focus()
    tab.keyboard.press("ArrowRight")
    expect(button).to_have_text("Play")
    assert tab.url.endswith("intro.html")  # a view that nobody has chosen is none to send


def test_explorer_of_the_first_page_rests_out_of_sight_and_for_readers_who_want_no_motion(open_tab):
    tab = open_tab("intro.html")
    tab.evaluate("scrollTo(0, 3000)")
    tab.wait_for_timeout(200)
    rest = values(tab)
    tab.wait_for_timeout(200)
    assert values(tab) == rest
    still = open_tab("intro.html", reduced_motion="reduce")
    expect(still.locator(".book-play > button")).to_have_text("Play")
    before = values(still)
    still.wait_for_timeout(200)
    assert values(still) == before


@pytest.mark.parametrize("width", [1280, 390])
def test_entrance_is_the_first_window_and_shows_no_controls(open_tab, width):
    tab = open_tab("intro.html", width=width)
    for link in tab.locator(".book-ways a").all():
        expect(link).to_be_in_viewport()
    assert tab.locator(".book-play").bounding_box()["y"] < 600
    assert tab.locator(".book-play :is(input, summary, table)").filter(visible=True).count() == 0
    assert tab.locator(".book-play svg").filter(visible=True).count() == 1


def test_entrance_without_scripts_is_a_still_picture_with_all_links(open_tab):
    tab = open_tab("intro.html", java_script_enabled=False)
    assert tab.locator(".book-play svg").filter(visible=True).count() == 1
    assert tab.locator("article button").count() == 0
    assert tab.locator(".book-paths > li").count() == 3
    assert tab.locator(".book-cards > li a").count() == len(CHAPTERS)


def test_layout_of_the_entrance_does_not_shift(open_tab):
    for width in [1280, 390]:
        tab = open_tab("intro.html", width=width)
        tab.wait_for_timeout(500)
        assert shifted(tab) < 0.005  # where scripts are slow, the buttons of the header move by a hair


def minutes_of(path):
    """Return how long a chapter takes, as its first cell says."""
    first = source(json.loads(path.read_text())["cells"][0])
    return re.search(r"akes\*\* (.*?) · ", first)[1]


def test_each_chapter_has_a_card_with_its_question_its_minutes_and_its_picture(book):
    page = read_page(book / "intro.html")
    cards = page.select(".book-cards > li")
    rows = dict(re.findall(r"^\| \[[^]]*\]\((\S+)\) \| (.*) \|$", (ROOT / "intro.md").read_text(), flags=re.M))
    for path, card in zip(CHAPTERS, cards, strict=True):
        assert card.a["href"] == f"chapters/{path.stem}.html"
        asks = BeautifulSoup(rows[f"chapters/{path.name}"].replace("`", ""), "html.parser").text
        assert asks.replace("'", "’") in card.get_text().replace("'", "’")
        assert card.select_one(".book-takes").text == minutes_of(path)
        assert card.img["src"] == f"_static/openings/{path.stem}.svg"
        assert (book / card.img["src"]).is_file()


def test_whole_card_leads_to_its_chapter(open_tab):
    tab = open_tab("intro.html")
    card = tab.locator(".book-cards > li").nth(1)
    card.scroll_into_view_if_needed()
    card.click(position={"x": 20, "y": 20})
    assert tab.url.endswith("chapters/02_formula.html")


# How to cite.


def test_citation_agrees_with_the_book():
    cited = read_citation(ROOT)
    assert cited["title"].startswith(CONFIG["title"])
    assert name_authors(cited).lower() == CONFIG["author"]
    assert cited["repository-code"] == CONFIG["repository"]["url"]
    owner, name = CONFIG["repository"]["url"].split("/")[-2:]
    assert cited["url"] == f"https://{owner}.github.io/{name}/"
    assert cited["version"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert str(cited["date-released"].year) in CONFIG["copyright"]
    assert {"cff-version", "message", "title", "authors"} <= cited.keys()


def test_page_shows_the_citation_as_bibtex(book):
    page = read_page(book / "intro.html")
    shown = page.select_one("#how-to-cite pre").get_text().strip()
    assert shown == to_bibtex(read_citation(ROOT))
    link = page.select_one(".book-by a")
    assert link["href"] == "#how-to-cite"
    assert f"Version {read_citation(ROOT)['version']}" in link.parent.get_text()


def test_bibtex_names_persons_and_groups():
    day = yaml.safe_load("2026-11-30")
    cited = {"title": "T", "version": "2.0", "date-released": day, "url": "https://x/"}
    cited["authors"] = [{"given-names": "Ada", "family-names": "Byron"}, {"name": "A group"}]
    assert name_authors(cited) == "Ada Byron and A group"
    assert "  author  = {Byron, Ada and {A group}},\n  title   = {T},\n  year    = {2026}," in to_bibtex(cited)


# The top of a chapter.


def test_facts_are_split_at_bold_words():
    text = "**You need** [this](https://x.org) and $y$.\n\n**Takes** 5 minutes · **Runs in** a second."
    document = publish_doctree(text, parser=Parser(), settings_overrides={"myst_enable_extensions": ["dollarmath"]})
    facts = split_facts(list(document.findall(nodes.paragraph)))
    told = [(label.astext(), "".join(node.astext() for node in words).strip()) for label, words in facts]
    assert told == [("You need", "this and y."), ("Takes", "5 minutes"), ("Runs in", "a second.")]


@pytest.mark.parametrize("chapter", [path.stem for path in CHAPTERS])
def test_chapter_opens_with_a_picture_and_its_facts_before_any_code(book, chapter):
    article = read_page(book / f"chapters/{chapter}.html").article
    first = article.section.find_all(recursive=False)
    kinds = [" ".join(element.get("class", [])) or element.name for element in first]
    picture, strip, code = (
        next(n for n, kind in enumerate(kinds) if name in kind)
        for name in ["book-sketch", "book-facts", "book-imports"]
    )
    assert kinds[0] == "h1"
    assert set(kinds[1:picture]) == {"book-lead"}
    assert picture + 1 == strip == code - 1
    labels = [label.get_text() for label in first[strip].select("dt")]
    assert labels[:2] == ["You will", "You need"]
    assert labels[2].endswith("akes")
    assert labels[3:] == ["Runs in"]
    assert all(fact.get_text().strip(" .·") for fact in first[strip].select("dd"))
    assert first[code].details.summary.get_text().split() == 2 * "What this page imports".split()  # to show, to hide


def test_each_chapter_has_a_sketch_and_words_for_it():
    assert set(SKETCHES) == set(describe_sketches()) == {path.stem for path in CHAPTERS}


def test_imports_are_one_line_that_opens(open_tab):
    tab = open_tab("chapters/03_running_statistics.html")
    fold = tab.locator(".book-imports")
    assert fold.bounding_box()["height"] < 60
    fold.locator("summary").click()
    expect(fold.get_by_text("import copy")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 390])
def test_picture_and_facts_are_in_the_first_window(open_tab, width):
    tab = open_tab("chapters/05_backward.html", width=width)
    expect(tab.locator(".book-sketch").first).to_be_in_viewport(ratio=1)
    assert tab.locator(".book-sketch img").first.evaluate("image => image.naturalWidth") > 0


# The clinic.


def lines(tab):
    """Return the numbers of the questions that the table of symptoms shows."""
    links = tab.locator(".book-symptoms td:nth-child(2) a").filter(visible=True)
    return [int(text) for text in links.all_inner_texts()]


def test_symptoms_are_filtered_by_words_of_the_table_and_of_the_questions(open_tab):
    tab = open_tab(CLINIC)
    every = lines(tab)
    assert len(every) > 30
    field = tab.get_by_role("searchbox", name="What do you see?")
    field.fill("NaN")
    assert 14 in lines(tab)
    assert len(lines(tab)) < 5
    field.fill("gpu")
    assert lines(tab) == [25]
    groups = tab.locator(".book-symptoms tbody tr").filter(visible=True)
    assert groups.count() == 2  # the head of the group, and its line
    expect(tab.locator(".book-filter [role=status]")).to_have_text("1 question")
    field.fill("no such symptom")
    assert lines(tab) == []
    expect(tab.locator(".book-filter [role=status]")).to_have_text("No question here has these words.")
    field.fill("")
    assert lines(tab) == every


@pytest.mark.parametrize("width", [1280, 390])
def test_table_of_symptoms_stays_in_reach_and_the_text_in_its_place(open_tab, width):
    tab = open_tab(f"{CLINIC}#clinic-20", width=width)
    button = tab.get_by_role("button", name="Symptoms")
    expect(button).to_be_visible()
    heading = tab.locator("section:has(> #clinic-20) > h3")
    before = heading.bounding_box()["y"]
    button.click()
    field = tab.locator(".book-panel input")
    expect(field).to_be_focused()
    assert abs(heading.bounding_box()["y"] - before) < 2
    field.fill("dropout")
    tab.locator(".book-panel a", has_text=re.compile("^22$")).click()
    expect(tab.locator(".book-panel")).to_be_hidden()
    assert tab.url.endswith("#clinic-22")
    expect(tab.locator("h3", has_text="22.")).to_be_in_viewport()
    assert tab.locator(".book-panel table").count() == 0
    button.click()
    tab.keyboard.press("Escape")
    expect(tab.locator(".book-panel")).to_be_hidden()
    expect(button).to_be_focused()


def test_nothing_to_press_is_on_paper(open_tab):
    tab = open_tab(f"{CLINIC}#clinic-20")
    expect(tab.locator(".book-filter input")).to_have_count(1)
    expect(tab.locator(".book-reach")).to_be_visible()
    tab.emulate_media(media="print")
    for gone in [".book-filter", ".book-reach", ".book-panel"]:
        expect(tab.locator(gone)).to_be_hidden()
    tab = open_tab("intro.html")
    expect(tab.locator(".book-play > button")).to_be_visible()
    tab.emulate_media(media="print")
    expect(tab.locator(".book-play > button")).to_be_hidden()


def test_symptoms_without_scripts_are_the_plain_table(open_tab):
    tab = open_tab(CLINIC, java_script_enabled=False)
    assert len(lines(tab)) > 30
    assert tab.locator("article :is(input, button)").count() == 0
    assert not tab.locator(".book-filter").is_visible() or tab.locator(".book-filter").bounding_box()["height"] == 0
