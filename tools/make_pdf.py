"""Print the built book into one PDF, and pack its pages into a zip for reading offline: `make pdf`.

Chromium prints one long page, put together from the built ones: cover, contents, then each page with its links to the
others led inside. It prints twice: the first time, without tags, shows on which sheet each page begins. JavaScript
stays off, so what is folded is open, and an explorer is its figure.
"""

import argparse
import os
import re
import tempfile
import zipfile
from html import escape
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pikepdf
import yaml
from bs4 import BeautifulSoup
from build_book import ROOT, pages_of
from find_chromium import open_browser
from playwright.sync_api import sync_playwright

PDF, ZIP = "batch-normalization.pdf", "batch-normalization.zip"
IN_EACH_CHAPTER = {"Summary", "Exercises", "Sources"}  # not worth a line of the contents
STYLE = """
@page { size: A4; margin: 17mm 17mm 19mm; @bottom-center { content: counter(page); font: 9pt sans-serif; color: #666 } }
@page :first { margin: 0; @bottom-center { content: none } }
body { display: block; background: white }
.cover { height: 297mm; padding: 40mm 25mm; break-after: page; background: #14181e; color: white }
.cover h1 { margin: 0 0 6mm; font-size: 46pt; line-height: 1.15 }
.cover p { font-size: 16pt; color: #d6dbe1 }
.cover img { width: 100%; margin-top: 25mm; padding: 8mm; border-radius: 3mm; background: white }
.contents { break-after: page }
.contents h2 { margin: 6mm 0 2mm; font-size: 13pt }
.contents { columns: 2; column-gap: 10mm; font-size: 9pt }
.contents h1 { column-span: all }
.contents p { display: flex; gap: 2mm; margin: 0.6mm 0; line-height: 1.25; break-inside: avoid }
.contents p.page { margin-top: 2.5mm; font-weight: 600; break-after: avoid }
.contents a { flex: 1; color: inherit; text-decoration: none }
article { margin-inline: 0.3mm }  /* the sheet cuts off half of a border at its edge */
article + article { break-before: page }
.book-checked { color: #666; font-size: 8pt }
* { animation: none !important }  /* what is unfolded would begin invisible */
:is(h1, h2, h3, h4) { white-space: break-spaces }  /* keeps a space where a line ends, for the list of bookmarks */
"""


def slug(page):
    """Return the address of a page within the printed one, from its name in the table of contents."""
    return page.replace("/", "-")


def read_page(html, page, pages, published):
    """Return a built page as an article whose addresses lead on, and its headings by their addresses."""
    soup = BeautifulSoup((html / f"{page}.html").read_text("utf8"), "html.parser")
    article, title = soup.find("article"), soup.title.text.split(" — ")[0]
    for useless in article.select(".headerlink, script, button, .book-lost, .tag_hide-input > details"):
        useless.decompose()
    for solution in article.select("details.sd-dropdown"):
        solution.name, solution.summary.name = "div", "p"
    for check in article.select(".tag_check > details"):  # of which the line stays
        line = check.summary.span.extract()
        line.name, line["class"] = "p", "book-checked"
        check.replace_with(line)
    for folded in article.select("details.hide"):
        folded.summary.replace_with(BeautifulSoup("<p><b>Solution in code</b></p>", "html.parser"))
        folded.unwrap()
    for element in article.find_all(id=True):
        if element.find_parent("svg") is None:  # whose parts use each other
            element["id"] = f"{slug(page)}--{element['id']}"
    for element in article.find_all(src=True):
        element["src"] = urljoin(f"{html.as_uri()}/{page}.html", element["src"])
    for link in article.select("a.book-figure"):
        link.unwrap()
    for link in article.find_all("a", href=True):
        link["href"] = lead_on(link["href"], page, pages, published)
    article.h1.string = title  # with the number of the chapter
    article["id"] = slug(page)
    for source in article.select("h2 .katex-mathml"):
        source.decompose()
    found = article.select("section > section > h2")
    sections = {h2.parent["id"]: h2.text for h2 in found if h2.text not in IN_EACH_CHAPTER}
    return article, {slug(page): title} | sections


def lead_on(href, page, pages, published):
    """Return where a link of a page leads from within the PDF: to a place in it, or to a published address."""
    target = urlsplit(urljoin(f"file:///{page}.html", href))
    if target.scheme != "file":
        return href
    name = target.path.removeprefix("/")
    if name.removesuffix(".html") not in pages:
        return published + name
    name = slug(name.removesuffix(".html"))
    return f"#{name}--{target.fragment}" if target.fragment else f"#{name}"


def contents(toc, headings):
    """Return the table of contents as HTML, with a mark where the number of a sheet belongs."""
    lines = []
    for part in [{"chapters": [{"file": toc["root"]}]}, *toc["parts"]]:
        lines += [f"<h2>{part['caption']}</h2>"] if "caption" in part else []
        for page in (entry["file"] for entry in part["chapters"]):
            for address, title in headings[page].items():
                kind = "page" if address == slug(page) else "section"
                line = f'<a href="#{address}">{escape(title)}</a><i data-sheet="{address}">000</i>'
                lines.append(f'<p class="{kind}">{line}</p>')
    return "\n".join(lines)


def put_together(html, toc_path):
    """Return the book as one page of HTML, whose contents name no sheets yet."""
    toc, pages = yaml.safe_load(toc_path.read_text()), pages_of(toc_path)
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    root = BeautifulSoup((html / f"{toc['root']}.html").read_text("utf8"), "html.parser")
    published = root.find("link", rel="canonical")["href"].removesuffix(f"{toc['root']}.html")
    articles, headings = zip(*(read_page(html, page, pages, published) for page in pages), strict=True)
    picture = next((image["src"] for image in articles[0].find_all("img")), f"{html.as_uri()}/_static/logo.svg")
    return f"""<!DOCTYPE html>
<html lang="en" data-theme="light" data-mode="light"><head><meta charset="utf-8"><title>{config["title"]}</title>
<link rel="stylesheet" href="{html.as_uri()}/_static/book-all.css"><style>{STYLE}</style></head><body>
<div class="cover"><h1>{config["title"]}</h1><p>By {config["author"]}</p><p>{published}</p>
<img src="{picture}" alt=""></div>
<div class="contents bd-article"><h1>Contents</h1>{contents(toc, dict(zip(pages, headings, strict=True)))}</div>
{"".join(str(article) for article in articles)}
</body></html>"""


def name_sheets(book, sheets):
    """Return the book with the number of a sheet in each line of its contents."""
    return re.sub(r'<i data-sheet="([^"]+)">000</i>', lambda mark: str(sheets[mark[1]]), book)


def print_page(text, path, browser, tagged=True):
    """Print a page of HTML with Chromium."""
    source = path.with_suffix(".html")
    source.write_text(text, "utf8")
    tab = browser.new_page(color_scheme="light", java_script_enabled=False)
    tab.goto(source.as_uri(), timeout=120_000)
    tab.pdf(path=path, prefer_css_page_size=True, print_background=True, tagged=tagged, outline=tagged)
    tab.close()


def sheets_of(pdf):
    """Return the number of the sheet, from 1, to which each name in a PDF leads."""
    numbers = {page.objgen: number for number, page in enumerate(pdf.pages, start=1)}
    return {name.removeprefix("/"): numbers[place[0].objgen] for name, place in pdf.Root.Dests.items()}


def pack(path, out):
    """Write a printed PDF anew at half of its size; the same pages give the same bytes, whenever they are printed."""
    with pikepdf.open(path) as pdf:
        pdf.docinfo.CreationDate = pdf.docinfo.ModDate = "D:20000101000000Z"
        pdf.save(out, object_stream_mode=pikepdf.ObjectStreamMode.generate, deterministic_id=True)


def make_pdf(html, toc, out, browser):
    """Write the book as a PDF."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "book.pdf")
        book = put_together(html, toc)
        print_page(book, path, browser, tagged=False)
        with pikepdf.open(path) as pdf:
            sheets = sheets_of(pdf)
        print_page(name_sheets(book, sheets), path, browser)
        pack(path, out)


def make_zip(html, out):
    """Pack the built pages, without what is no page of theirs, in an order and with dates that never change."""
    left_out = {PDF, ZIP, ".buildinfo"}  # the last is Sphinx's own, and hangs on the folder
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(p for p in html.rglob("*") if p.is_file() and p.name not in left_out):
            entry = zipfile.ZipInfo(f"batch-normalization/{path.relative_to(html).as_posix()}")
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, 9)


def main():
    """Make what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "_build/html", help="the folder for the two files")
    args = parser.parse_args()
    html = ROOT / "_build/html"
    with sync_playwright() as playwright:
        make_pdf(html, ROOT / "_toc.yml", args.out / PDF, open_browser(playwright))
    make_zip(html, args.out / ZIP)
    for name in [PDF, ZIP]:
        print(f"{args.out / name}: {os.path.getsize(args.out / name) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
