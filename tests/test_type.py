"""The faces of text, code and formulas: what is used is there, weighs little, and comes with the style."""

import io
import re
from base64 import b64decode

import pytest
from build_book import pages_of
from conftest import ROOT
from fontTools.ttLib import TTFont

PAGES = [f"{page}.html" for page in pages_of(ROOT / "_toc.yml")]
OWN = {"Book Text", "Book Code"}
NOT_DRAWN = set("\u200b\u200c\u200d\u2060\u2061\u2062\u2063\ufe0e\ufe0f")
FACE_OF_LETTERS = """() => {
  const NOT_SEEN = "script, style, noscript, .katex-mathml";
  const faces = {}, roots = [document.body];
  for (const root of roots) {
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
    while (texts.nextNode()) {
      const node = texts.currentNode;
      if (node.shadowRoot) roots.push(node.shadowRoot);
      const element = node.parentElement;
      if (node.nodeType !== Node.TEXT_NODE || !element || element.closest(NOT_SEEN)) continue;
      const { fontFamily, fontStyle, fontWeight } = getComputedStyle(element);
      const name = [fontFamily.split(",")[0].replaceAll('"', ""), fontStyle, Math.min(fontWeight, 700)].join("|");
      (faces[name] ??= new Set()).add(node.data);
    }
  }
  return Object.fromEntries(Object.entries(faces).map(([name, texts]) => [name, [...texts].join("")]));
}"""


@pytest.fixture(scope="module")
def faces(book):
    """Return, of each face in the style of the pages, its family, style, lightest and heaviest weight, and content."""
    static, found = book / "_static", []
    for rule in re.findall(r"@font-face\s*\{([^}]*)\}", (static / "book-all.css").read_text()):
        told = {key: value.strip() for key, value in re.findall(r"([\w-]+):\s*([^;]*(?:;base64[^;]*)?)", rule)}
        source = re.search(r"url\(\s*\"?([^)\"]*)", told["src"])[1]
        packed = b64decode(source.split(",")[1]) if source.startswith("data:") else (static / source).read_bytes()
        weights = [int(weight.replace("normal", "400")) for weight in told.get("font-weight", "400").split()]
        style = told.get("font-style", "normal")
        found.append((told["font-family"].strip("\"'"), style, weights[0], weights[-1], packed))
    return found


def letters_of(faces, family, style, weight):
    """Return the letters of the face that a browser takes: of this style where there is one, of the nearest weight."""
    known = [face for face in faces if face[0] == family]
    known = [face for face in known if face[1] == style] or known
    nearest = min(known, key=lambda face: max(face[2] - weight, weight - face[3], 0))
    return set(map(chr, TTFont(io.BytesIO(nearest[4])).getBestCmap()))


@pytest.mark.parametrize("page", PAGES)
def test_faces_of_the_book_have_every_letter_of_a_page(browser, book, faces, page):
    tab = browser.new_page()
    tab.goto(f"{book.as_uri()}/{page}")
    shown = tab.evaluate(FACE_OF_LETTERS)
    tab.close()
    families = {name.split("|")[0] for name in shown}
    assert {family for family in families if not family.startswith(("KaTeX", "Font Awesome"))} == OWN & families
    lacking = {}
    for name, text in shown.items():
        family, style, weight = name.split("|")
        if not family.startswith("Font Awesome"):
            wanted = {letter for letter in text if not letter.isspace()} - NOT_DRAWN
            lacking[name] = wanted - letters_of(faces, family, style, int(weight))
    assert {name: letters for name, letters in lacking.items() if letters} == {}


def test_faces_come_with_the_style_and_weigh_little(faces):
    own = [face for face in faces if face[0] in OWN]
    assert {face[0] for face in own} == OWN
    assert [len(packed) for *_, packed in own if len(packed) > 15_000] == []
    style = (ROOT / "_build/html/_static/book-all.css").read_text()
    assert style.count("url(data:font/woff2;base64,") == len(own)


def test_faces_say_whose_they_are_and_not_the_name_that_is_kept_for_the_whole_font(faces):
    for family, *_, packed in faces:
        if family in OWN:
            told = TTFont(io.BytesIO(packed))["name"]
            assert "Adobe" in told.getDebugName(0)
            assert told.getDebugName(1) is None


def test_letter_that_a_face_lacks_is_seen(faces):
    assert "\u4e00" not in letters_of(faces, "Book Text", "normal", 400)
    assert {"g", "\u03b3"} <= letters_of(faces, "Book Text", "normal", 400)
