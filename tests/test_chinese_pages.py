"""The built Chinese pages: made from the same cells without a kernel, and tied to the English ones place by place."""

import json
import re

import lxml.html
import pytest
import yaml
from build_book import CHINESE, pages_of
from conftest import ROOT
from playwright.sync_api import expect

from edition.sources import STUB

PAGES = pages_of(ROOT / "_toc.yml")
NOTEBOOKS = [page for page in PAGES if page.startswith(("chapters/", "assignments/")) and page != "chapters/ledger"]
MADE = [*PAGES, "search", "genindex", "404"]


def tree(book, page):
    """Return a built page, parsed, in which XPath finds: all pages of both editions are read here, again and again."""
    return lxml.html.parse(book / f"{page}.html").getroot()


def of_class(*names):
    """Return the XPath of all elements of one of these classes."""
    return " or ".join(f"contains(concat(' ', normalize-space(@class), ' '), ' {name} ')" for name in names)


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
    prints = f"//*[{of_class('cell_output')}]//pre"
    shown = [[pre.text_content() for pre in tree(folder, page).xpath(prints)] for folder in (book, book / CHINESE)]
    assert shown[0] == shown[1]
    assert shown[0] or page.startswith("assignments/")


@pytest.mark.parametrize("page", MADE)
def test_page_is_tied_to_the_same_page_of_the_other_edition(book, page):
    chinese, english = tree(book / CHINESE, page), tree(book, page)
    assert (english.get("lang"), chinese.get("lang")) == ("en", "zh-CN")
    for folder, from_page, to, words in [(book, english, "zh-CN", "中文"), (book / CHINESE, chinese, "en", "English")]:
        link = from_page.xpath(f"//a[{of_class('book-edition')}]")[0]
        assert (link.get("hreflang"), link.get("lang"), link.text) == (to, to, words)
        if page != "404":  # which is shown at any address
            target = (folder / page).parent / link.get("href")
            assert target.resolve() == ((book if to == "en" else book / CHINESE) / f"{page}.html").resolve()
    if page == "404":
        return
    canonical = [at.xpath("//link[@rel='canonical']/@href") for at in (english, chinese)]
    base = canonical[0][0].removesuffix(f"{page}.html")
    assert canonical[1] == [f"{base}{CHINESE}/{page}.html"]
    for at in (english, chinese):
        links = at.xpath("//link[@rel='alternate'][@hreflang]")
        address, other = f"{base}{page}.html", f"{base}{CHINESE}/{page}.html"
        assert {link.get("hreflang"): link.get("href") for link in links} == {
            "en": address, "zh-CN": other, "x-default": address,
        }  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_sections_predicts_and_cells_have_the_same_addresses(book, page):
    def addresses(folder):
        placed = f"self::section or self::figure or {of_class('book-predict', 'book-answer', 'cell')}"
        found = tree(folder, page).xpath(f"//article//*[{placed} or ({of_class('math')}) and @id]")
        return [element.get("id") for element in found]

    assert addresses(book / CHINESE) == addresses(book)


def test_sitemap_names_the_pages_of_both_editions(book):
    listed = re.findall(r"<loc>([^<]*)</loc>", (book / "sitemap.xml").read_text())
    base = tree(book, "intro").xpath("//link[@rel='canonical']/@href")[0].removesuffix("intro.html")
    assert sorted(listed) == sorted(f"{base}{folder}{page}.html" for folder in ("", f"{CHINESE}/") for page in PAGES)


NAMES = {"English", "Binder", "Colab", ".ipynb", ".md", ".pdf"}
# the title of a link to a source is that of its paper, in the language of that
HEARD = "//*[not(contains(@href, 'bibliography.html#'))]/@title | //@aria-label | //@placeholder | //@alt"
FOLDED = "//summary[not(*)] | //summary/* | //*[contains(@class, 'dropdown-item')]"
OFTEN = "chapters/03_running_statistics"
SELDOM = [pytest.param(page, marks=pytest.mark.slow) for page in MADE if page != OFTEN]


@pytest.mark.parametrize("page", [OFTEN, *SELDOM])
def test_names_of_parts_menus_and_folds_are_chinese(book, page):
    root = tree(book / CHINESE, page)
    said = {*root.xpath(HEARD), *(element.text_content().strip() for element in root.xpath(FOLDED))} - NAMES - {""}
    assert [words for words in sorted(said) if not re.search("[\u3400-\u9fff]", words)] == []
    assert {"搜索本书", "报告问题"} <= said


def test_answers_of_a_student_have_their_place_in_chinese(book):
    assert "在这里写下你的回答" in tree(book / CHINESE, "assignments/forward").text_content()
    assert STUB in tree(book, "assignments/forward").text_content()


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
            f"(h) => Math.abs(h.getBoundingClientRect().top - {top}) < 2", arg=heading.element_handle(), timeout=1000
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
