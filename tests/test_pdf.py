"""The printed book and the zip of its pages. `make test` prints four pages of the book, `make test-slow` the whole."""

import io
import re
import time
import unicodedata
import zipfile
from collections import Counter
from functools import cache

import pikepdf
import pytest
import yaml
from bs4 import BeautifulSoup
from build_book import pages_of
from conftest import ROOT
from make_pdf import PDF, ZIP, lead_on, make_pdf, make_zip, pack, print_page, sheets_of, slug
from pypdf import PdfReader

PAGES = pages_of(ROOT / "_toc.yml")
FOUR = [PAGES[0], "chapters/02_formula", "chapters/03_running_statistics", PAGES[-1]]


@pytest.fixture(scope="module", params=[FOUR, pytest.param(PAGES, marks=pytest.mark.slow)], ids=["four", "all"])
def pages(request):
    """Return the names of the printed pages."""
    return request.param


@pytest.fixture(scope="module")
def path(book, browser, pages, tmp_path_factory):
    """Return the path of the printed book."""
    folder = tmp_path_factory.mktemp("pdf")
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    for part in toc["parts"]:
        part["chapters"] = [entry for entry in part["chapters"] if entry["file"] in pages]
    (folder / "_toc.yml").write_text(yaml.safe_dump(toc))
    make_pdf(book, folder / "_toc.yml", folder / PDF, browser)
    return folder / PDF


@pytest.fixture(scope="module")
def printed(path):
    """Return the printed book, ready to be read."""
    return PdfReader(path)


@pytest.fixture(scope="module")
def sheets(path):
    """Return the number of the sheet to which each name leads."""
    with pikepdf.open(path) as pdf:
        return sheets_of(pdf)


@pytest.fixture(scope="module")
def text_of(printed):
    """Return a function from a sheet to its text, without spaces, with f and i where they are drawn as one."""

    @cache
    def read(sheet):
        return re.sub(r"\s", "", unicodedata.normalize("NFKC", printed.pages[sheet - 1].extract_text()))

    return read


def letters_on(page):
    """Return how many letters are drawn on a sheet, but for those in figures: two bytes each."""
    strings = re.findall(rb"<([0-9A-F]{4,})>", page.get_contents().get_data())
    return sum(len(digits) // 4 for digits in strings)


def title_of(book, page):
    """Return the title of a built page, without spaces."""
    title = BeautifulSoup((book / f"{page}.html").read_text(), "html.parser").title.text
    return re.sub(r"\s", "", title.split(" — ")[0])


def test_pdf_has_a_cover_and_no_blank_sheet(printed, text_of):
    assert text_of(1).startswith("BatchNormalization")
    assert letters_on(printed.pages[1]) >= len(text_of(2)) > 400
    assert [number for number, page in enumerate(printed.pages, 1) if letters_on(page) < 40] == []


def test_contents_name_the_sheet_on_which_each_page_begins(book, pages, sheets, text_of):
    contents = "".join(map(text_of, range(2, sheets[slug(pages[0])])))
    for page in pages:
        sheet, title = sheets[slug(page)], title_of(book, page)
        assert f"{title}{sheet}" in contents
        assert text_of(sheet).startswith(f"{sheet}{title}")  # the number is that at its foot


def test_links_inside_the_pdf_resolve_and_none_leads_to_a_file(pages, printed):
    names, inside = set(printed.named_destinations), 0
    for number, page in enumerate(printed.pages, 1):
        for note in page.get("/Annots", []):
            note = note.get_object()
            target, action = note.get("/Dest"), note.get("/A", {})
            if target is not None:
                inside += 1
                assert str(target) in names or f"/{str(target).lstrip('/')}" in names, f"sheet {number}: {target}"
            else:
                assert action["/URI"].startswith(("https://", "http://")), f"sheet {number}: {action}"
    assert inside > 14 * len(pages)


def test_bookmarks_lead_to_the_pages(book, pages, printed, sheets):
    marks = {re.sub(r"\s", "", mark.title): mark for mark in printed.outline if not isinstance(mark, list)}
    for page in pages[1:]:
        assert printed.get_destination_page_number(marks[title_of(book, page)]) + 1 == sheets[slug(page)]


def test_solutions_are_open_and_figures_are_drawn_not_photographed(printed, sheets, text_of):
    numbers = range(sheets["chapters-02_formula"], sheets["chapters-03_running_statistics"])
    whole = "".join(map(text_of, numbers))
    assert "Showthesolution" not in whole
    assert "Showthecode" not in whole
    chapter = BeautifulSoup((ROOT / "_build/html/chapters/02_formula.html").read_text(), "html.parser")
    in_code = chapter.select_one(".tag_hide-cell pre").text
    on_paper = max(chapter.select_one(".sd-dropdown p").find_all(string=True, recursive=False), key=len)  # no formula
    for solution in [in_code, on_paper]:
        assert re.sub(r"\s", "", solution)[:60] in whole
    sheet = next(number for number in numbers if "Figure2.1" in text_of(number))
    assert not printed.pages[sheet - 1].images


def test_screen_readers_are_told_what_is_a_heading_a_list_a_table_and_code(pages, path):
    with pikepdf.open(path) as pdf:
        assert pdf.Root.MarkInfo.Marked
        assert pdf.Root.Lang == "en"
        kinds = Counter(
            str(thing.S) for thing in pdf.objects if isinstance(thing, pikepdf.Dictionary) and "/S" in thing
        )
    assert kinds["/H1"] >= len(pages)
    assert kinds["/H2"] > 5 * len(pages)
    assert min(kinds["/P"], kinds["/LI"], kinds["/TD"], kinds["/Code"], kinds["/Link"]) > 9 * len(pages)


def test_pdf_is_packed(pages, path):
    assert path.stat().st_size < 500_000 + 320_000 * len(pages)  # as Chromium prints it, it has twice as much


def test_same_page_gives_the_same_bytes_a_second_later(browser, tmp_path):
    for name in ["first", "second"]:
        print_page("<title>A page</title><h1 id='a'>A page</h1><a href='#a'>A link</a>", tmp_path / "page.pdf", browser)
        pack(tmp_path / "page.pdf", tmp_path / name)
        time.sleep(1)  # in which the date of a PDF changes
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_links_lead_on():
    pages = ["intro", "chapters/a", "chapters/b"]
    assert lead_on("b.html#x", "chapters/a", pages, "https://x/") == "#chapters-b--x"
    assert lead_on("#x", "chapters/a", pages, "https://x/") == "#chapters-a--x"
    assert lead_on("../intro.html", "chapters/a", pages, "https://x/") == "#intro"
    assert lead_on("../_sources/a.ipynb", "chapters/a", pages, "https://x/") == "https://x/_sources/a.ipynb"
    assert lead_on("https://pytorch.org", "chapters/a", pages, "https://x/") == "https://pytorch.org"


def test_zip_holds_the_pages_and_not_itself(book, tmp_path):
    make_zip(book, tmp_path / ZIP)
    with zipfile.ZipFile(tmp_path / ZIP) as archive:
        names = archive.namelist()
        page = archive.read("batch-normalization/intro.html")
    assert page == (book / "intro.html").read_bytes()
    assert {f"batch-normalization/{page}.html" for page in PAGES} <= set(names)
    assert not [name for name in names if name.endswith((".zip", ".pdf", ".buildinfo"))]


def test_landing_page_links_to_what_publishing_makes(book):
    published = "https://{}.github.io/{}/".format(*yaml_config()["repository"]["url"].split("/")[-2:])
    page = BeautifulSoup((book / "intro.html").read_text(), "html.parser")
    links = [a["href"] for a in page.select("article a[href]")]
    assert {published + PDF, published + ZIP} <= set(links)
    steps = yaml.safe_load((ROOT / ".github/workflows/publish.yml").read_text())["jobs"]["publish"]["steps"]
    assert [step["run"] for step in steps if "make pdf" in step.get("run", "")]


def yaml_config():
    """Return the configuration of the book."""
    return yaml.safe_load((ROOT / "_config.yml").read_text())


def test_summary_fits_one_sheet_of_the_book(printed, text_of):
    last = text_of(len(printed.pages))
    assert "Thebookononepage" in last
    assert "Aregularizer?" in last


def test_summary_fits_one_sheet_of_paper(browser, book):
    tab = browser.new_page()
    tab.goto(f"{book.as_uri()}/summary.html")
    sheets = PdfReader(io.BytesIO(tab.pdf(format="A4"))).pages
    tab.close()
    assert len(sheets) == 1
    text = sheets[0].extract_text()
    assert "The book on one page" in text
    assert "A regularizer?" in text  # the last of its lines
