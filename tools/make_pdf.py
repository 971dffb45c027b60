"""Print each edition of the built book into one PDF, and pack its pages into a zip for reading offline: `make pdf`.

Chromium prints one long page, put together from the built ones: cover, contents, then each page with its links to the
others led inside. It prints twice: the first time, without tags, shows on which sheet each page begins. JavaScript
stays off, so what is folded is open, and an explorer is its figure.
"""

import argparse
import base64
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from html import escape
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pikepdf
import yaml
from bs4 import BeautifulSoup
from build_book import CHINESE, ENVIRONMENT, ROOT, pages_of
from find_chromium import open_browser
from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont
from playwright.sync_api import sync_playwright

from page.language import say, speak

PDF, ZIP = "batch-normalization.pdf", "batch-normalization.zip"  # of each edition, in its folder
TABLES = {"en": ROOT / "_toc.yml", CHINESE: ROOT / "_build" / CHINESE / "_toc.yml"}  # of contents, beside _config.yml
FONT = """The Chinese PDF needs a font with Chinese characters, and here is none. As root, `make font` installs one, the
package fonts-wqy-microhei, on Debian or Ubuntu; `make pdf EDITION=en` prints the English edition alone."""
IN_EACH_CHAPTER = {"summary", "exercises", "sources"}  # not worth a line of the contents
WHOLE_FONT = 500_000  # bytes, of a font that has more than what is used
UPRIGHT = re.compile(r'(?:<mi mathvariant="normal">[A-Za-z]</mi>)+')
FORMULA = "\ue000"  # begins the words of a formula until it has become one
DEEPER = "going-deeper"  # begins the address of a section that is no part of the lesson
SWITCH = re.compile(r'(<a class="[^"]*\bbook-edition" hreflang="([\w-]+)"[^>]*? href=")[^"]*')
ALTERNATE = re.compile(r'<link rel="alternate" hreflang="([\w-]+)" href="([^"]*)"')
PRINT_WITH = """
html {
  --pst-font-family-base: "Book Print", "Book Mono", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC",
    sans-serif !important;
}
html:lang(zh) .bd-article em { font-family: inherit }
"""
STYLE = """
@page {
  size: A4;
  margin: 17mm 17mm 19mm;
  @bottom-center { content: counter(page); font: 9pt "Book Print", sans-serif; color: #666 }
}
@page :first { margin: 0; @bottom-center { content: none } }
body { display: block; background: white }
.cover { height: 297mm; padding: 40mm 25mm; break-after: page; background: #14181e; color: white }
.cover h1 { margin: 0 0 6mm; font-size: 46pt; line-height: 1.15 }
.cover p { font-size: 16pt; color: #d6dbe1 }
.cover img { width: 100%; margin-top: 25mm; padding: 8mm; border-radius: 3mm; background: white }
.contents { break-after: page }
.contents h2 { margin: 6mm 0 2mm; font-size: 13pt; break-after: avoid }
.contents { columns: 2; column-gap: 10mm; font-size: 9pt }
.contents h1 { column-span: all }
.contents p { display: flex; gap: 2mm; margin: 0.6mm 0; line-height: 1.25; break-inside: avoid }
.contents p.page { margin-top: 2.5mm; font-weight: 600; break-after: avoid }
.contents a { flex: 1; color: inherit; text-decoration: none }
article { margin-inline: 0.3mm }  /* the sheet cuts off half of a border at its edge */
article + article { break-before: page }
.book-checked { color: #666; font-size: 8pt }
.book-in-code { font-weight: 700; break-after: avoid }
.bd-article li:has(.book-title) { break-inside: avoid }
.contents .deeper a { color: #666 }
section[id*="--going-deeper"] { padding-left: 4mm; border-left: 1mm solid #c5cfdc }
section[id*="--going-deeper"] > h2 { border-top: 0 !important; color: #4b5563 }
/* Code may go on at the next sheet, as nothing does that scrolls; a shadow or a round corner is a hundred numbers */
html body .cell :is(.cell_input, [class*="highlight"], pre) {
  display: block;
  overflow: visible;
  break-inside: auto !important;
  border-radius: 0 !important;
}
.cell pre { white-space: pre-wrap !important; orphans: 5; widows: 5 }
.cell pre, .katex-display { background: var(--ground, none) !important }
.cell_output .highlight { border-left: 0.5mm solid #d3dae3 !important; box-shadow: none !important }
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
        folded.summary.replace_with(soup.new_tag("p", string=say("Solution in code"), attrs={"class": "book-in-code"}))
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
    for source in article.select(".katex-mathml"):
        source.parent["data-mathml"] = UPRIGHT.sub(one_word, str(source.math)).replace(' mathvariant="normal"', "")
        source.decompose()
    article.h1.string = title  # with the number of the chapter
    article["id"] = slug(page)
    found = article.select("section > section > h2")
    sections = {h2.parent["id"]: h2.text for h2 in found if section_of(h2.parent["id"]) not in IN_EACH_CHAPTER}
    return article, {slug(page): title} | sections


def one_word(letters):
    """Return as one word of MathML what KaTeX writes letter by letter."""
    return f"<mtext>{''.join(re.findall(r'>([^<])<', letters[0]))}</mtext>"


def section_of(address):
    """Return the name of a section within its page, from its address within the printed book."""
    return address.partition("--")[2]


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
                section = section_of(address)
                kind = "deeper" if section.startswith(DEEPER) else "section" if section else "page"
                line = f'<a href="#{address}">{escape(title)}</a><i data-sheet="{address}">000</i>'
                lines.append(f'<p class="{kind}">{line}</p>')
    return "\n".join(lines)


def put_together(html, toc_path):
    """Return the book as one page of HTML, whose contents name no sheets yet."""
    toc, pages = yaml.safe_load(toc_path.read_text("utf8")), pages_of(toc_path)
    config = yaml.safe_load(toc_path.with_name("_config.yml").read_text("utf8"))
    root = BeautifulSoup((html / f"{toc['root']}.html").read_text("utf8"), "html.parser")
    language = root.html["lang"]
    speak(language.replace("-", "_"))
    published = root.find("link", rel="canonical")["href"].removesuffix(f"{toc['root']}.html")
    articles, headings = zip(*(read_page(html, page, pages, published) for page in pages), strict=True)
    picture = next((image["src"] for image in articles[0].find_all("img")), f"{html.as_uri()}/_static/logo.svg")
    name_formulas(articles, language)
    headings = dict(zip(pages, headings, strict=True))
    heads = running_heads({slug(page): headings[page][slug(page)] for page in pages})
    return f"""<!DOCTYPE html>
<html lang="{language}" data-theme="light" data-mode="light"><head><meta charset="utf-8">
<title>{config["title"]}</title>
<link rel="stylesheet" href="{html.as_uri()}/_static/book-all.css"><style>{faces_of_print(html)}
{STYLE}{heads}</style></head><body>
<div class="cover"><h1>{config["title"]}</h1><p>{say("By {0}", config["author"])}</p><p>{published}</p>
<img src="{picture}" alt=""></div>
<div class="contents bd-article"><h1>{say("Contents")}</h1>{contents(toc, headings)}</div>
{"".join(str(article) for article in articles)}
</body></html>"""


def name_formulas(articles, language):
    """Give each formula, but for those in headings, the words that a screen reader reads: in Chinese, its TeX.

    It is printed as a picture with a text, of which `pack` makes a formula. In headings its letters are read.
    """
    for letters in (letters for article in articles for letters in article.select(":is(h1, h2, h3, h4) .katex-html")):
        del letters["aria-hidden"]
    outside = ".katex[data-mathml]:not(:is(h1, h2, h3, h4) *)"
    formulas = [formula for article in articles for formula in article.select(outside)]
    sources = [formula.attrs.pop("data-mathml") for formula in formulas]
    if language == "en":
        command, given = ["node", ROOT / "page/speak_math.mjs"], {"input": json.dumps(sources), "encoding": "utf8"}
        told = subprocess.run(command, **given, stdout=subprocess.PIPE, env=os.environ | ENVIRONMENT, check=True)
        words = json.loads(told.stdout)
    else:
        words = [BeautifulSoup(source, "html.parser").annotation.text for source in sources]
    for formula, said in zip(formulas, words, strict=True):
        visible = formula.select_one(".katex-html")
        del visible["aria-hidden"]
        visible["role"], visible["aria-label"] = "img", FORMULA + said


def faces_of_print(html):
    """Return the style with the face of text in one file for each weight: what varies, Chromium prints as drawings."""
    fonts, rules = html / "_static/fonts", []
    for weight in (400, 600):
        font, file = TTFont(fonts / "text.woff2", recalcTimestamp=False), io.BytesIO()
        font = instantiateVariableFont(font, {"wght": weight})
        font["name"].setName(f"BookSans-{weight}", 6, 3, 1, 0x409)
        font.save(file)
        address = f"data:font/woff2;base64,{base64.b64encode(file.getvalue()).decode()}"
        rules.append((f"url({address})", f"font-weight: {weight}"))
    rules.append((f"url({(fonts / 'text-italic.woff2').as_uri()})", "font-style: italic"))
    faces = [
        f'@font-face {{ font-family: "Book Print"; src: {source}; {look}; size-adjust: 106% }}'
        for source, look in rules
    ]
    return "\n".join(faces) + PRINT_WITH


def running_heads(titles):
    """Return the style that puts at the top of each sheet the title of the page, ``{its address: title}``."""
    rules = []
    for address, title in titles.items():
        head = f"content: {json.dumps(title, ensure_ascii=False)}; font: 8.5pt Book Print, sans-serif; color: #666"
        rules.append(f"@page {address} {{ @top-right {{ {head} }} }}\n#{address} {{ page: {address} }}")
    return "\n".join(rules)


def name_sheets(book, sheets):
    """Return the book with the number of a sheet in each line of its contents."""
    return re.sub(r'<i data-sheet="([^"]+)">000</i>', lambda mark: str(sheets[mark[1]]), book)


def print_page(text, path, browser, tagged=True):
    """Print a page of HTML with Chromium."""
    source = path.with_suffix(".html")
    source.write_text(text, "utf8")
    tab = browser.new_page(color_scheme="light", java_script_enabled=False)
    tab.emulate_media(media="print")  # all is laid out, so all fonts are asked for before the page counts as loaded
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
        for thing in pdf.objects:
            if not isinstance(thing, pikepdf.Dictionary):
                continue
            if thing.get("/Subtype") == "/Type0":
                keep_used_glyphs(thing)
            if str(thing.get("/Alt", "")).startswith(FORMULA):
                thing.S, thing.Alt = pikepdf.Name.Formula, str(thing.Alt).removeprefix(FORMULA)
            elif thing.get("/S") == "/Figure" and "/Alt" not in thing:  # what holds a picture and its caption
                thing.S = pikepdf.Name.Div
        pdf.docinfo.CreationDate = pdf.docinfo.ModDate = "D:20000101000000Z"
        pdf.save(out, object_stream_mode=pikepdf.ObjectStreamMode.generate, deterministic_id=True)


def keep_used_glyphs(font):
    """Leave in a font of a PDF only the glyphs it uses: of one with more than 905 characters Chromium leaves all."""
    descriptor = font.DescendantFonts[0].FontDescriptor
    if "/FontFile2" not in descriptor or len(descriptor.FontFile2.read_raw_bytes()) < WHOLE_FONT:
        return
    used = glyphs_of(font.ToUnicode.read_bytes().decode("latin-1"))
    options = subset.Options(retain_gids=True, notdef_outline=True, hinting=False, layout_features=[], font_number=0)
    options.drop_tables += ["FFTM"]  # which fontTools does not know
    whole = subset.load_font(io.BytesIO(descriptor.FontFile2.read_bytes()), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(gids=used)
    subsetter.subset(whole)
    kept = io.BytesIO()
    subset.save_font(whole, kept, options)
    descriptor.FontFile2.write(kept.getvalue())
    descriptor.FontFile2.Length1 = len(kept.getvalue())


def glyphs_of(to_unicode):
    """Return the numbers of the glyphs in the table of a PDF that says which character each of them shows."""
    glyphs = set()
    for kind, lines in re.findall(r"beginbf(char|range)(.*?)endbf", to_unicode, re.S):
        codes = [int(code, 16) for code in re.findall(r"<([0-9a-fA-F]+)>", lines)]
        if kind == "char":
            glyphs.update(codes[::2])
        else:
            glyphs.update(*(range(first, last + 1) for first, last in zip(codes[::3], codes[1::3], strict=True)))
    return glyphs


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
    """Pack the built pages of an edition, in an order and with dates that never change.

    The folder of the Chinese edition is in that of the English one, and left out there: their switches lead to the
    published pages.
    """
    left_out = {PDF, ZIP, ".buildinfo", "404.html"}  # .buildinfo hangs on the folder, 404.html is for a server
    files = (path for path in html.rglob("*") if path.is_file() and path.name not in left_out)
    folder = f"{Path(ZIP).stem}-{CHINESE}" if html.name == CHINESE else Path(ZIP).stem
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted((path.relative_to(html), path) for path in files):
            if name.parts[0] == CHINESE:
                continue
            content = path.read_bytes()
            if path.suffix == ".html":
                content = lead_to_published(content.decode()).encode()
            archive.writestr(zipfile.ZipInfo(f"{folder}/{name.as_posix()}"), content, zipfile.ZIP_DEFLATED, 9)


def lead_to_published(page):
    """Return the HTML of a page whose switch leads to the published page of the other edition."""
    published = dict(ALTERNATE.findall(page))
    return SWITCH.sub(lambda switch: switch[1] + published[switch[2]], page)


def has_chinese_font():
    """Tell whether a font of this machine has Chinese characters, where it has the command that lists them."""
    lists = shutil.which("fc-list")
    return not lists or bool(subprocess.run([lists, ":lang=zh"], capture_output=True, check=True).stdout)


def main():
    """Make what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "_build/html", help="the folder for the files")
    parser.add_argument("--edition", choices=TABLES, help="this edition alone")
    args = parser.parse_args()
    editions = [args.edition] if args.edition else list(TABLES)
    if CHINESE in editions and not has_chinese_font():
        sys.exit(FONT)
    with sync_playwright() as playwright:
        browser = open_browser(playwright)
        for edition in editions:
            folder = CHINESE if edition == CHINESE else ""
            html, out = ROOT / "_build/html" / folder, args.out / folder
            out.mkdir(parents=True, exist_ok=True)
            make_pdf(html, TABLES[edition], out / PDF, browser)
            make_zip(html, out / ZIP)
            for name in [PDF, ZIP]:
                print(f"{out / name}: {os.path.getsize(out / name) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
