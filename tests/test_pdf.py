"""The printed editions and the zips of their pages.

`make test` prints three pages of the book, `make test-slow` the whole, and three Chinese pages.
"""

import io
import os
import re
import shutil
import time
import unicodedata
import zipfile
from collections import Counter
from functools import cache
from urllib.parse import unquote, urljoin, urlsplit

import numpy as np
import pikepdf
import pypdfium2 as pdfium
import pytest
import yaml
from build_book import CHINESE, pages_of
from conftest import ROOT, read_page
from fontTools.ttLib import TTFont
from make_pdf import (
    FONT,
    FORMULA,
    PDF,
    TABLES,
    ZIP,
    glyphs_of,
    has_chinese_font,
    lead_on,
    main,
    make_pdf,
    make_zip,
    pack,
    print_page,
    sheets_of,
    slug,
)
from pypdf import PdfReader

PAGES = pages_of(ROOT / "_toc.yml")
THREE = [PAGES[0], "chapters/02_formula", PAGES[-1]]


PRINTED = [
    pytest.param(("en", THREE), id="three"),
    pytest.param(("en", PAGES), id="all", marks=pytest.mark.slow),
    pytest.param((CHINESE, THREE), id="chinese", marks=pytest.mark.slow),
]
BEFORE_DEEPER = ".7725 .8118 .8627 RG"  # the colour of the line beside what is no part of the lesson, as a PDF says it
EDITIONS = pytest.mark.parametrize("edition", list(TABLES))


@pytest.fixture(scope="module", params=PRINTED)
def chosen(request):
    """Return the edition and the names of the printed pages."""
    if request.param[0] == CHINESE and not has_chinese_font():
        pytest.skip(FONT)
    return request.param


@pytest.fixture(scope="module")
def pages(chosen):
    """Return the names of the printed pages."""
    return chosen[1]


@pytest.fixture(scope="module")
def read_through(pages):
    """Return the pages of which all sheets are read, which takes long: one of the three."""
    return pages if len(pages) > len(THREE) else ["chapters/02_formula"]


def folder_of(book, edition):
    """Return the folder of the pages of an edition."""
    return book / CHINESE if edition == CHINESE else book


@pytest.fixture(scope="module")
def html(book, chosen):
    """Return the folder of the pages of the printed edition."""
    return folder_of(book, chosen[0])


@pytest.fixture(scope="module")
def path(html, browser, chosen, tmp_path_factory):
    """Return the path of the printed book."""
    folder, (edition, pages) = tmp_path_factory.mktemp("pdf"), chosen
    toc = yaml.safe_load(TABLES[edition].read_text("utf8"))
    for part in toc["parts"]:
        part["chapters"] = [entry for entry in part["chapters"] if entry["file"] in pages]
    (folder / "_toc.yml").write_text(yaml.safe_dump(toc))
    shutil.copy(TABLES[edition].with_name("_config.yml"), folder)
    make_pdf(html, folder / "_toc.yml", folder / PDF, browser)
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
        return squeeze(printed.pages[sheet - 1].extract_text())

    return read


def squeeze(text):
    """Return a text without spaces, and in one form the characters that look the same."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text))


def letters_on(page):
    """Return how many letters are drawn on a sheet, but for those in figures: two bytes each."""
    strings = re.findall(rb"<([0-9A-F]{4,})>", page.get_contents().get_data())
    return sum(len(digits) // 4 for digits in strings)


@cache
def read(html, page):
    """Return a built page, parsed."""
    return read_page(html / f"{page}.html")


def title_of(html, page):
    """Return the title of a built page, without spaces."""
    return squeeze(read(html, page).title.text.split(" — ")[0])


def sheets_with(page, pages, sheets, printed):
    """Return the numbers of the sheets of a page."""
    starts = [*(sheets[slug(name)] for name in pages), len(printed.pages) + 1]
    place = pages.index(page)
    return range(starts[place], starts[place + 1])


def test_each_formula_has_the_words_that_a_screen_reader_reads(html, chosen, path):
    language, pages = chosen
    articles = [read(html, page).article for page in pages]
    formulas = [formula for article in articles for formula in article.select(".katex")]
    with pikepdf.open(path) as pdf:
        parts = [thing for thing in pdf.objects if isinstance(thing, pikepdf.Dictionary) and "/Alt" in thing]
        words = [str(part.Alt) for part in parts if part.get("/S") == "/Formula"]
        assert not [part.Alt for part in parts if str(part.Alt).startswith(FORMULA)]
    assert len(words) == len([formula for formula in formulas if not formula.find_parent(["h1", "h2", "h3"])])
    if language == "en":
        assert "sigma squared" in words
        assert [said for said in words if not said or re.search(r"[\\{}<>$^_]", said)] == []
        assert [said for said in words if re.search(r"\bnormal\b", said)] == []
    else:
        assert r"\sigma^2" in words


def test_pdf_has_the_faces_of_the_pages_as_letters(path, chosen):
    """And not as drawings, as which Chromium prints a bold Chinese letter where the font has none."""
    with pikepdf.open(path) as pdf:
        fonts = [o for o in pdf.objects if isinstance(o, pikepdf.Dictionary) and o.get("/Type") == "/Font"]
        names = {str(font.BaseFont).partition("+")[2] for font in fonts if "/BaseFont" in font}
        drawn = [str(font.get("/FontDescriptor", {}).get("/FontFamily")) for font in fonts if font.Subtype == "/Type3"]
    slanted = set() if chosen[0] == CHINESE else {"BookSansItalic"}
    assert names >= {"BookSans-400", "BookSans-600", "BookMono", "KaTeX_Main-Regular"} | slanted
    assert [family for family in drawn if family.startswith(("Book", "KaTeX"))] == []


def test_pdf_has_a_cover_and_no_blank_sheet(html, pages, printed, text_of):
    assert text_of(1).startswith(title_of(html, pages[0]))
    assert len(text_of(2)) > 200
    assert [number for number, page in enumerate(printed.pages, 1) if letters_on(page) < 40] == []


def test_no_sheet_but_the_last_of_a_page_is_more_than_two_fifths_blank(path, pages, sheets):
    with pdfium.PdfDocument(path) as pdf:
        last = {sheets[slug(page)] - 1 for page in pages} | {len(pdf)}
        blank = {sheet: blank_below(pdf[sheet - 1]) for sheet in range(1, len(pdf) + 1) if sheet not in last}
    assert {sheet: share for sheet, share in blank.items() if share > 0.4} == {}
    assert max(blank.values()) > 0.05  # it sees what is blank


def blank_below(sheet):
    """Return how much of a sheet within its margins is blank below the last thing on it."""
    drawn = sheet.render(scale=0.25, grayscale=True).to_numpy().squeeze()
    within = drawn[int(len(drawn) * 17 / 297) : int(len(drawn) * (1 - 19 / 297))]
    rows = np.flatnonzero((within < 250).any(axis=1))
    return 1 - (rows.max(initial=-1) + 1) / len(within)


def test_contents_name_the_sheet_on_which_each_page_begins(html, pages, sheets, text_of):
    contents = "".join(map(text_of, range(2, sheets[slug(pages[0])])))
    for page in pages:
        sheet, title = sheets[slug(page)], title_of(html, page)
        assert f"{title}{sheet}" in contents
        assert text_of(sheet).startswith(f"{title}{sheet}{title}")  # its head, the number at its foot, and its heading


def test_each_sheet_has_the_title_of_the_page_at_its_top(html, pages, read_through, sheets, printed, text_of):
    for page in read_through:
        for sheet in sheets_with(page, pages, sheets, printed):
            assert text_of(sheet).startswith(f"{title_of(html, page)}{sheet}")


def test_no_predict_is_split_between_sheets(html, pages, read_through, sheets, printed, text_of):
    judged = 0
    for page in read_through:
        texts = [text_of(sheet) for sheet in sheets_with(page, pages, sheets, printed)]
        for predict in read(html, page).select(".book-predict"):
            if predict.select(".katex"):  # whose letters a PDF has in another order
                continue
            judged += 1
            assert any(squeeze(predict.text) in text for text in texts), predict["id"]
    assert judged >= len(read_through)


def test_a_line_stands_beside_all_sections_that_go_deeper_and_beside_no_lesson(html, pages, sheets, printed):
    for page in (page for page in pages if page.startswith("chapters/0")):
        deeper = [s["id"] for s in read(html, page).select("section[id^=going-deeper]")]
        begin = [sheets[f"{slug(page)}--{name}"] for name in deeper]
        marked = {
            sheet
            for sheet in sheets_with(page, pages, sheets, printed)
            if BEFORE_DEEPER.encode() in printed.pages[sheet - 1].get_contents().get_data()
        }
        assert len(begin) > 4
        assert set(range(begin[0] + 1, begin[-1] + 1)) <= marked
        assert min(marked) in {begin[0] - 1, begin[0]}


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


def test_bookmarks_lead_to_the_pages(html, pages, printed, sheets):
    marks = {squeeze(mark.title): mark for mark in printed.outline if not isinstance(mark, list)}
    for page in pages[1:]:
        assert printed.get_destination_page_number(marks[title_of(html, page)]) + 1 == sheets[slug(page)]


def test_solutions_are_open_and_figures_are_drawn_not_photographed(html, pages, printed, sheets, text_of):
    numbers = sheets_with("chapters/02_formula", pages, sheets, printed)
    whole = "".join(map(text_of, numbers))
    chapter = read(html, "chapters/02_formula")
    assert len(chapter.select(".tag_check")) == whole.count(squeeze(chapter.select_one(".tag_check summary span").text))
    folded = chapter.select(":is(.tag_hide-cell, .tag_hide-input) summary span")
    assert {squeeze(prompt.text) for prompt in folded if squeeze(prompt.text) in whole} == set()
    in_code = chapter.select_one(".tag_hide-cell pre").text
    on_paper = max(chapter.select_one(".sd-dropdown p").find_all(string=True, recursive=False), key=len)  # no formula
    for solution in [in_code, on_paper]:
        assert squeeze(solution)[:60] in whole
    caption = squeeze(chapter.select_one("figcaption .caption-number").text)
    sheet = next(number for number in numbers if caption in text_of(number))
    assert not printed.pages[sheet - 1].images


def test_screen_readers_are_told_what_is_a_heading_a_list_a_table_and_code(html, pages, path):
    with pikepdf.open(path) as pdf:
        assert pdf.Root.MarkInfo.Marked
        assert pdf.Root.Lang == read(html, pages[0]).html["lang"]
        told = [thing for thing in pdf.objects if isinstance(thing, pikepdf.Dictionary) and "/S" in thing]
        kinds = Counter(str(thing.S) for thing in told)
        figures = [str(thing.get("/Alt", "")) for thing in told if thing.S == "/Figure"]
    assert figures
    assert all(figures)  # each has its description
    assert kinds["/H1"] >= len(pages)
    assert kinds["/H2"] > 5 * len(pages)
    assert min(kinds["/P"], kinds["/LI"], kinds["/TD"], kinds["/Code"], kinds["/Link"]) > 9 * len(pages)


def test_pdf_is_packed(chosen, pages, path):
    letters = 1_000_000 if chosen[0] == CHINESE else 0  # the outlines of the Chinese characters
    assert path.stat().st_size < min(8_000_000, 500_000 + letters + 320_000 * len(pages))  # Chromium's has twice


@pytest.mark.slow
def test_of_a_chinese_font_only_what_is_used_is_kept(browser, tmp_path):
    if not has_chinese_font():
        pytest.skip(FONT)
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 1000)))
    print_page(f"<html lang='zh-CN'><title>A page</title><p>{text}", tmp_path / "page.pdf", browser)
    pack(tmp_path / "page.pdf", tmp_path / "packed.pdf")
    assert (tmp_path / "packed.pdf").stat().st_size < 1_000_000  # Chromium leaves in all of the font
    assert squeeze(PdfReader(tmp_path / "packed.pdf").pages[0].extract_text()) == squeeze(text)
    with pikepdf.open(tmp_path / "packed.pdf") as pdf:
        fonts = [t for t in pdf.objects if isinstance(t, pikepdf.Dictionary) and t.get("/Type") == "/FontDescriptor"]
        outlines = [TTFont(io.BytesIO(f.FontFile2.read_bytes()))["glyf"] for f in fonts if "/FontFile2" in f]
    drawn = [name for glyf in outlines for name in glyf.keys() if glyf[name].numberOfContours]
    assert len(drawn) >= 1000 or not outlines  # a font of another kind becomes drawings


def test_numbers_of_glyphs_are_read_from_the_table_of_a_font():
    characters = "1 beginbfchar\n<0003> <4e00>\nendbfchar\n"
    ranges = "2 beginbfrange\n<0005> <0007> <4e01>\n<000a> <000a> <5b57>\nendbfrange"
    assert glyphs_of(characters + ranges) == {3, 5, 6, 7, 10}


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


@pytest.fixture(scope="module")
def packed(book, tmp_path_factory):
    """Return a function that gives what is in the zip of an edition: the name of its folder, and its files."""

    @cache
    def unpack(edition):
        path = tmp_path_factory.mktemp("zip") / ZIP
        make_zip(folder_of(book, edition), path)
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        (folder,) = {name.split("/")[0] for name in files}
        return folder, {name.removeprefix(f"{folder}/"): content for name, content in files.items()}

    return unpack


@EDITIONS
def test_zip_holds_the_pages_and_not_itself(book, packed, edition):
    folder, files = packed(edition)
    assert folder == ("batch-normalization-zh" if edition == CHINESE else "batch-normalization")
    assert {f"{page}.html" for page in [*PAGES, "index", "search", "genindex"]} <= set(files)
    assert [name for name in files if name.endswith((".zip", ".pdf", ".buildinfo")) or name.startswith("zh/")] == []
    built = (folder_of(book, edition) / "_static/book-all.css").read_bytes()
    assert files["_static/book-all.css"] == built


@EDITIONS
def test_zip_works_by_itself(packed, edition):
    files = packed(edition)[1]
    inside = Counter()
    for name in (name for name in files if name.endswith(".html") and not name.startswith("_static/")):
        page = files[name].decode()
        for address in re.findall(r'<[^>]*?\s(?:href|src|srcset|poster|data-src)="([^"]*)"', page):
            target = urlsplit(urljoin(f"file:///{name}", address))
            if target.scheme == "file":
                assert unquote(target.path).removeprefix("/") in files, (name, address)
                inside[name] += 1
    assert min(inside[f"{page}.html"] for page in PAGES) > 20
    style = files["_static/book-all.css"].decode()
    addresses = [address.strip("\"'") for address in re.findall(r"url\(([^)]*)\)", style)]
    fonts = [urlsplit(urljoin("file:///_static/", a)) for a in addresses if not a.startswith(("data:", "#"))]
    assert {font.path.removeprefix("/") for font in fonts if font.scheme == "file"} <= set(files) != set()


@EDITIONS
def test_switch_in_the_zip_leads_to_the_published_page_of_the_other_edition(book, packed, edition):
    files = packed(edition)[1]
    other = "en" if edition == CHINESE else CHINESE
    for page in [*PAGES, "search"]:
        (switch,) = re.findall(r'<a class="[^"]*book-edition"[^>]* href="([^"]*)"', files[f"{page}.html"].decode())
        theirs = (folder_of(book, other) / f"{page}.html").read_text("utf8")
        assert [switch] == re.findall(r'<link rel="canonical" href="([^"]*)"', theirs)


@pytest.mark.parametrize("fonts", ["", "/usr/share/fonts/a.ttf: A"])
def test_make_pdf_says_that_no_font_is_chinese(fonts, monkeypatch, tmp_path):
    command = tmp_path / "fc-list"
    command.write_text(f'#!/bin/sh\nprintf "{fonts}"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert has_chinese_font() == bool(fonts)
    if not fonts:
        monkeypatch.setattr("sys.argv", ["make_pdf.py", "--out", str(tmp_path / "out")])
        with pytest.raises(SystemExit, match="make font"):
            main()
        assert not (tmp_path / "out").exists()


@EDITIONS
def test_landing_page_links_to_what_publishing_makes(book, edition):
    published = "https://{}.github.io/{}/".format(*yaml_config()["repository"]["url"].split("/")[-2:])
    published += f"{CHINESE}/" if edition == CHINESE else ""
    links = [a["href"] for a in read(folder_of(book, edition), "intro").select("article a[href]")]
    assert {published + PDF, published + ZIP} <= set(links)


def test_publishing_makes_them():
    steps = yaml.safe_load((ROOT / ".github/workflows/publish.yml").read_text())["jobs"]["publish"]["steps"]
    commands = [step["run"].split(" #")[0] for step in steps if "run" in step]
    assert commands.index("sudo make font") + 1 == commands.index("make pdf")


def yaml_config():
    """Return the configuration of the book."""
    return yaml.safe_load((ROOT / "_config.yml").read_text())


def test_summary_fits_one_sheet_of_the_book(html, printed, text_of):
    last = text_of(len(printed.pages))
    assert title_of(html, "summary") in last
    assert last_name_in_summary(html) in last


def last_name_in_summary(html):
    """Return the bold words with which the last line of the summary begins."""
    return squeeze(read(html, "summary").select("article li strong")[-1].text)


@EDITIONS
def test_summary_fits_one_sheet_of_paper(browser, book, edition):
    html = folder_of(book, edition)
    tab = browser.new_page()
    tab.goto(f"{html.as_uri()}/summary.html")
    sheets = PdfReader(io.BytesIO(tab.pdf(format="A4"))).pages
    tab.close()
    assert len(sheets) == 1
    if edition == "en" or has_chinese_font():  # else nothing but boxes is printed
        text = squeeze(sheets[0].extract_text())
        assert title_of(html, "summary") in text
        assert last_name_in_summary(html) in text
