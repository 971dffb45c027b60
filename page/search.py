"""What the search page looks through: the sections of the finished pages, each with its address and its words.

page/static/search.js, which only that page loads, gives them to MiniSearch. They are a script, and no JSON, so that a
page in a folder can read them, too.
"""

import json
import re

from lxml import html
from replacing import replace

SECTIONS, ENGINE = "_static/search-sections.js", "_static/minisearch.js"
LICENSE = "// MiniSearch, https://lucaong.github.io/minisearch, MIT License, Copyright (c) Luca Ongaro\n"
COMMENT = re.compile(r"/\*\*[\s\S]*?\*/|^\s*//.*\n", flags=re.M)
NOT_SEARCHED = {"search.html", "genindex.html", "index.html", "404.html"}
NO_TEXT = " | ".join(
    [
        *[
            "//script",
            "//style",
            "//svg",
            "//button",
            "//a[contains(@class,'headerlink')]",
            "//*[@class='katex-mathml']",
        ],
        *["//div[contains(@class,'cell_output')]//pre", "//div[@class='book-table']"],
        "//div[contains(@class,'cell')]//summary",
        *["//*[@class='book-foot']", "//*[@class='book-lost']"],
    ]
)
CODE = "./descendant-or-self::pre"
NAMES = ".//code | .//*[@class='eqno'] | .//*[@class='caption-number']"
CODE_NAME = r"[A-Za-z_]\w{2,}"
WORDS = (
    "//dt[@id] | //div[@class='citation'][@id] | //div[contains(@class,' claim')][@id]"  # of the glossary, and so on
)


def write_search(out, engine):
    """Write what can be searched of the pages below the folder ``out``, and the engine without its comments."""
    (out / ENGINE).write_text(
        LICENSE + replace("comments of MiniSearch", COMMENT, "", engine.read_text("utf8")), "utf8"
    )
    pages = sorted(path for path in out.rglob("*.html") if "_static" not in path.parts)
    pages = [path for path in pages if path.name not in NOT_SEARCHED]
    found = [
        section for path in pages for section in read_page(path.read_text("utf8"), path.relative_to(out).as_posix())
    ]
    lines = ",\n".join(json.dumps(section, ensure_ascii=False) for section in found)
    (out / SECTIONS).write_text(f"const sections = [\n{lines}\n];\n", "utf8")


def read_page(text, name):
    """Return the sections of a page, then its words, sources and claims: what is read is taken out of the page."""
    article = html.fromstring(text).find(".//article")
    for element in article.xpath(NO_TEXT):
        element.drop_tree()
    (title, *_) = [plain(heading) for heading in article.iter("h1")]
    hits = [read_word(element, name, title) for element in article.xpath(WORDS)]
    sections = [read_section(section, name, title) for section in reversed(list(article.iter("section")))]
    return [*reversed(sections), *hits]


def read_section(section, name, page):
    """Return a section without those inside it, which have been taken out; the first stands for its page."""
    heading = next(section.iterchildren("h1", "h2", "h3", "h4"))
    first = heading.tag == "h1"
    hit = describe(section, name if first else f"{name}#{section.get('id')}", plain(heading), "" if first else page)
    section.drop_tree()
    return hit


def read_word(element, name, page):
    """Return a word of the glossary with what it means, a source, or a claim."""
    address, meaning = f"{name}#{element.get('id')}", element
    if element.tag == "dt":
        title, meaning = plain(element), element.getnext()
    elif "claim" in element.get("class"):
        title = element.find("p/span").text_content()
        element.find("p").drop_tree()
    else:
        element.find("span").drop_tree()
        title = ". ".join(plain(element).split(". ")[:2])
    hit = describe(meaning, address, title, page)
    for part in {element, meaning}:
        part.drop_tree()
    return hit


def describe(element, address, title, page):
    """Return what is searched of an element: titles, its text, and the names in it and in its code."""
    names = " ".join(plain(name) for name in element.xpath(NAMES))
    code = " ".join(pre.text_content() for pre in element.xpath(CODE))
    for pre in element.xpath(CODE):
        pre.drop_tree()
    text = plain(element).removeprefix(title).strip()
    code = " ".join(dict.fromkeys(re.findall(CODE_NAME, code)))
    return {"id": address, "title": title, "page": page, "names": names, "text": text, "code": code}


def plain(element):
    """Return the text of an element in one line."""
    return " ".join(re.sub("\u200b", "", element.text_content()).split())
