"""The built book as a reader meets it: every page in a real browser."""

import gzip
import html.parser
import io
import json
import re
import shutil
import sys
import time
from itertools import pairwise
from urllib.parse import unquote, urljoin, urlsplit

import pytest
import yaml
from book_page import cure, hold_marks, join_prints
from bs4 import BeautifulSoup
from build_book import chapters_of, pages_of
from conftest import ROOT, build_book, tree_hash
from docutils import nodes
from figures import ON_BLACK, ON_WHITE, PAGE_INK, take_page_ink
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode
from PIL import Image, ImageColor
from visits import AXE, DESKTOP, FIND_FAULTS, PHONE, SCHEMES

from bnutils.plotting import COLOR, INK

REPOSITORY = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
OWNER_AND_NAME = REPOSITORY.removeprefix("https://github.com/")
PUBLISHED = "https://{}.github.io/{}/".format(*OWNER_AND_NAME.split("/"))
CHAPTERS = [path.stem for path in chapters_of(ROOT / "_toc.yml")]
WRITTEN = [f"{folder}{name}.html" for folder in ["", "zh/"] for name in pages_of(ROOT / "_toc.yml")]
PAGES = [*WRITTEN, *(f"{folder}{name}.html" for folder in ["", "zh/"] for name in ["search", "genindex"])]
OFTEN = {"zh/intro.html", "zh/chapters/03_running_statistics.html"}  # `make test-slow` visits the other Chinese pages
RARE = {page: [pytest.mark.slow] for page in PAGES if page.startswith("zh/") and page not in OFTEN}
VISITED = [pytest.param(page, marks=RARE.get(page, ())) for page in PAGES]
VISITED_WRITTEN = [pytest.param(page, marks=RARE.get(page, ())) for page in WRITTEN]
# On a phone `make test` visits these, and `make test-quick` the page that is written
ON_A_PHONE = OFTEN | {"intro.html", "search.html", "assignments/forward.html"}
ON_A_PHONE |= {f"chapters/{name}.html" for name in ["02_formula", "07_linear", "clinic", "museum"]}
BY_PHONE = [pytest.param(page, marks=() if page in ON_A_PHONE else pytest.mark.slow) for page in PAGES]
EACH = [pytest.param(DESKTOP, *page.values, marks=page.marks) for page in VISITED]
EACH += [pytest.param(PHONE, *page.values, marks=page.marks) for page in BY_PHONE]


@pytest.mark.parametrize("page", VISITED)
def test_page_loads_without_error_and_asks_no_other_host(visit, site, page):
    seen = visit(page)
    assert seen["errors"] == []
    assert seen["failed"] == []
    assert [url for url in seen["requests"] if not url.startswith((site, "data:", "blob:"))] == []
    assert seen["emptyHeaders"] == 0


@pytest.mark.parametrize("page", BY_PHONE)
def test_page_opens_from_a_folder_without_a_server(visit, page):
    seen = visit(page, PHONE)
    assert seen["errors"] == []
    assert seen["failed"] == []


@pytest.mark.parametrize(("width", "page"), EACH)
def test_page_does_not_scroll_sideways(visit, page, width):
    assert visit(page, width)["overflow"] <= 0


@pytest.mark.parametrize("page", VISITED)
def test_nothing_in_a_page_from_a_server_moves_by_itself(visit, page):  # in a folder no face can be asked for early
    assert visit(page)["shift"] < 0.01  # letters of a face that comes late may be a little wider


@pytest.mark.parametrize(("width", "page"), EACH)
def test_code_and_prints_are_large_enough(visit, page, width):
    assert min(visit(page, width)["codeSizes"], default=99) >= {DESKTOP: 13, PHONE: 12}[width]


@pytest.mark.parametrize("page", VISITED_WRITTEN)
def test_formulas_are_set(visit, page):
    seen = visit(page)
    assert all(height > 5 for height in seen["formulaHeights"])
    assert not re.search(r"\\\(|\\\[|\$\$|\\frac|\\sqrt|(?<!\w)\$[^$\n]+\$", seen["text"])
    if page.removesuffix(".html").rpartition("chapters/")[2] in CHAPTERS:
        assert seen["formulas"] > 0
        assert seen["formulaHeights"]
        assert seen["formulaFonts"]


@pytest.mark.parametrize("page", VISITED_WRITTEN)
def test_figures_are_loaded_and_described(visit, page):
    for image in visit(page)["images"]:
        assert image["width"] > 0, image["source"]
        words = image["alt"].split() if not page.startswith("zh/") else image["alt"]
        assert len(words) >= 4, image["source"]
        assert not image["alt"].endswith((".svg", ".png")), image["source"]


@pytest.mark.parametrize("page", VISITED_WRITTEN)
def test_page_has_a_description_for_search_engines(visit, page):
    least = 15 if page.startswith("zh/") else 40
    assert least < len(visit(page)["description"] or "") <= 155


def test_marks_stay_with_the_formula_before_them():
    def held(before, tex, after):
        paragraph = nodes.paragraph("", "", nodes.Text(before), nodes.math("", tex), nodes.Text(after))
        hold_marks(None, paragraph, "")
        formula = paragraph[1]
        return formula.astext(), formula.get("before", ""), formula.get("after", ""), paragraph.astext()

    assert held("(", "x", "), and") == ("x", "(", "),", "x and")
    assert held("so ", "x", " and") == ("x", "", "", "so x and")
    long = "a+b+c+d+e+f+g+h+i+j+k+l+m+n"
    assert held("(", long, ".) Then") == (rf"{long}\text{{.}}", "", "", rf"({long}\text{{.}}) Then")
    assert held("", long, " is") == (long, "", "", f"{long} is")


def test_only_code_of_another_colour_is_marked():
    marked = '<pre><span class="k">del</span><span class="w"> </span><span class="n">x</span></pre>'
    plain = '<pre tabindex="0"><span class="k">del</span> x</pre>'
    assert cure(marked) == plain


def test_figures_take_the_ink_of_the_page(browser, site):
    tab = browser.new_page(viewport={"width": DESKTOP, "height": 900}, color_scheme="light")
    tab.goto(f"{site}chapters/{CHAPTERS[0]}.html")
    figure = tab.locator(".cell_output figure img").first
    light, dark = PAGE_INK
    assert has_colour(figure.screenshot(), light)
    assert not has_colour(figure.screenshot(), dark)
    for _ in range(3):  # the button goes through auto, light and dark
        if tab.evaluate("document.documentElement.dataset.theme") != "dark":
            tab.locator(".theme-switch-button").locator("visible=true").first.click()
    assert has_colour(figure.screenshot(), dark)
    assert not has_colour(figure.screenshot(), light)
    tab.close()


def has_colour(png, colour):
    """Tell whether at least 30 pixels of a picture have exactly this colour."""
    pixels = Image.open(io.BytesIO(png)).convert("RGB")
    counts = {rgb: count for count, rgb in pixels.getcolors(maxcolors=pixels.width * pixels.height)}
    return counts.get(ImageColor.getrgb(colour), 0) >= 30


@pytest.mark.parametrize(("edition", "chapter"), [*(("", name) for name in CHAPTERS), ("zh/", CHAPTERS[2])])
def test_launch_buttons_open_the_chapter(book, edition, chapter):
    page = (book / f"{edition}chapters/{chapter}.html").read_text()
    notebook, copies = f"chapters/{chapter}.ipynb", f"{OWNER_AND_NAME}/blob/gh-pages/{edition}_sources"
    assert f'href="https://mybinder.org/v2/gh/{OWNER_AND_NAME}/main?urlpath=lab/tree/{edition}{notebook}"' in page
    assert f'href="https://colab.research.google.com/github/{copies}/{notebook}"' in page
    assert f'href="../_sources/{notebook}"' in page
    assert f'href="{REPOSITORY}"' in page


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_downloaded_notebook_sets_itself_up(book, monkeypatch, chapter):
    cells = json.loads((book / f"_sources/chapters/{chapter}.ipynb").read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] for cell in code)
    setup = TransformerManager().transform_cell(code[0]["source"])
    asked = []
    shell = {"get_ipython": lambda: type("Shell", (), {"run_line_magic": lambda self, *call: asked.append(call)})()}
    exec(setup, shell)
    assert asked == []  # bnutils is here
    monkeypatch.setitem(sys.modules, "bnutils", None)  # now its import fails, as on Colab
    exec(setup, shell)
    assert asked == [("pip", f'install -q "bnutils @ git+{REPOSITORY}"')]


def test_figure_without_the_colours_of_the_book_stays_as_it_is():
    assert take_page_ink("<svg><path/></svg>") == "<svg><path/></svg>"
    assert "currentColor" in take_page_ink(f'<svg><path stroke="{INK}"/></svg>')
    assert "var(--wrong)" in take_page_ink(f'<svg><path style="fill: {COLOR["wrong"]}"/></svg>')


def test_colours_of_a_figure_can_be_read_on_the_page():
    svg = f'<svg><path id="{COLOR["batch"]}" style="fill: {COLOR["batch"]}"/><path style="stroke: {INK}"/></svg>'
    shown = take_page_ink(svg)
    assert f'id="{COLOR["batch"]}" style="fill: var(--batch)"' in shown
    assert "--running" not in shown
    assert take_page_ink(shown) == shown  # a build with one page changed meets the figures of the others again
    light, dark = re.findall(r"--batch:(#\w{6})", shown)
    assert contrast(light, "#ffffff") >= 4.5
    assert contrast(dark, "#121212") >= 4.5
    assert ON_WHITE.keys() == COLOR.keys()
    for name, tone in (COLOR | ON_BLACK).items():
        assert contrast(ON_WHITE[name], "#ffffff") >= 4.5
        assert contrast(tone, "#121212") >= 4.5


def contrast(a, b):
    """Return the contrast of two colours as WCAG defines it, from 1 to 21."""
    bright, dim = sorted((luminance(rgb_of(colour)) for colour in (a, b)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def rgb_of(colour):
    """Return three numbers from 0 to 255; what color-mix gives is written as parts of one."""
    mixed = re.fullmatch(r"color\(srgb ([\d.]+) ([\d.]+) ([\d.]+)\)", colour)
    return [255 * float(part) for part in mixed.groups()] if mixed else ImageColor.getrgb(colour)


def luminance(rgb):
    """Return the relative luminance of a colour, from 0 to 1."""
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (value / 255 for value in rgb)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@pytest.mark.parametrize("cut", [[], [3], [4], [3, 4, 9], [1, 5]])
def test_prints_do_not_hang_on_the_pieces_in_which_the_kernel_sends_them(cut):
    text = "ab 1\n\ncd 2\n"
    places = [0, *cut, len(text)]
    pieces = [text[a:b] for a, b in pairwise(places)]
    outputs = [NotebookNode(output_type="stream", name="stdout", text=piece) for piece in pieces]
    assert [output["text"] for output in join_prints(outputs)] == [text]
    assert [output["text"] for output in outputs] == pieces


def test_cured_page_does_not_load_fontawesome_as_script():
    assert cure('<p><script defer src="_static/scripts/fontawesome.js?digest=1"></script></p>') == "<p></p>"


def faint(inks):
    """Return the pairs of ink and ground that are hard to read."""
    return [pair for pair in inks if contrast(*pair.split(" on ")) < 4.5]


@pytest.mark.parametrize(("width", "page"), EACH)
def test_axe_finds_nothing_that_keeps_readers_out(visit, page, width):
    seen = visit(page, width, judged=True)
    assert seen["theme"] == SCHEMES[width]
    assert seen["axe"] == []
    assert faint(seen["inks"]) == []


def test_axe_finds_a_fault(browser):
    tab = browser.new_page()
    formula = '<span class="katex-html" aria-hidden="true"><i>xy</i>{}</span>'
    code = '<pre>a <span style="color: #00f">b</span><span style="color: #999">c</span></pre>'
    faded = '<p>black</p><p style="color: #999">faded</p>'
    body = f'<h1>x</h1><img src="x.png">{faded}{formula.format("z<b style=background:#222>d</b>")}{code}'
    tab.set_content(f'<html lang="en"><title>x</title><main>{body}{formula.format("<a href=x>e</a>")}</main></html>')
    tab.evaluate(AXE.read_text())
    found = tab.evaluate(FIND_FAULTS)
    assert [fault.split(":")[0] for fault in found["axe"]] == ["aria-hidden-focus", "color-contrast", "image-alt"]
    assert faint(found["inks"]) == ["rgb(0, 0, 0) on rgb(34, 34, 34)", "rgb(153, 153, 153) on rgb(255, 255, 255)"]
    tab.close()


@pytest.mark.parametrize("page", VISITED)
def test_page_weighs_little(visit, site, book, page):
    most = 320_000 if page.endswith("search.html") else 250_000  # it holds all words of the book
    files = {urlsplit(url).path for url in visit(page)["requests"] if url.startswith(site)}
    weights = {name: packed_size(book / name.removeprefix("/")) for name in files}
    assert sum(weights.values()) <= most, weights


def packed_size(path):
    """Return the bytes of a file as a server sends it."""
    content = path.read_bytes()
    return len(content if path.suffix in {".png", ".woff2"} else gzip.compress(content))


@pytest.mark.parametrize("page", PAGES)
def test_head_of_page_says_where_it_is_published_and_what_to_show_beside_a_link(book, page):
    head = BeautifulSoup((book / page).read_text().partition("<body")[0], "lxml").head
    assert [link["href"] for link in head.select("link[rel=canonical]")] == [PUBLISHED + page]
    shown = {tag["property"]: tag["content"] for tag in head.select("meta[property]")}
    assert shown["og:url"] == PUBLISHED + page
    assert shown["og:description"] == head.select_one("meta[name=description]")["content"]
    assert shown["og:title"]
    card = book / shown["og:image"].removeprefix(PUBLISHED)
    assert Image.open(card).size == (1200, 630)
    icon = head.select_one("link[rel=icon]")["href"]
    assert (book / page).parent.joinpath(icon).is_file()


def test_sitemap_lists_the_pages(book):
    addresses = re.findall("<loc>(.*)</loc>", (book / "sitemap.xml").read_text())
    assert addresses == sorted(PUBLISHED + page for page in WRITTEN)


class Anchors(html.parser.HTMLParser):
    """Collect the ids and the links of a page."""

    def __init__(self, page):
        super().__init__()
        self.ids, self.links = {""}, []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        """Note an id, or the target of a link, an image, a script or a style."""
        attributes = dict(attributes)
        self.ids |= {attributes.get("id"), attributes.get("name")}
        self.links += [attributes[name] for name in ["href", "src"] if attributes.get(name)]


def test_every_link_inside_the_book_resolves(book):
    pages = {path.relative_to(book).as_posix(): Anchors(path.read_text()) for path in book.rglob("*.html")}
    broken = []
    for name, page in pages.items():
        for link in page.links:
            target = urlsplit(urljoin(f"file:///{name}", link))  # urljoin joins no unknown scheme
            home = urlsplit(PUBLISHED).path  # with which those of 404.html begin
            path, anchor = unquote(target.path).removeprefix(home).lstrip("/"), unquote(target.fragment)
            if target.scheme != "file":
                continue
            if not (book / path).is_file() or (path in pages and anchor not in pages[path].ids):
                broken.append(f"{name}: {link}")
    assert broken == []


def test_second_build_is_fast_and_changes_no_byte(book):
    before, start = tree_hash(book), time.perf_counter()
    assert build_book().returncode == 0
    assert time.perf_counter() - start < 5
    assert tree_hash(book) == before


@pytest.mark.slow  # test_build.py does so with a small book
def test_pages_made_anew_are_the_same_bytes(book, tmp_path):
    shutil.copytree(book.parent / ".jupyter_cache", tmp_path / "_build/.jupyter_cache")
    shutil.copy(book.parent / "cells.sha256", tmp_path / "_build")
    run = build_book("--out", tmp_path)
    assert run.returncode == 0, run.stdout
    assert tree_hash(tmp_path / "_build/html") == tree_hash(book)
