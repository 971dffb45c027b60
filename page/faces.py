"""The letters of the book: one face for text, one for code, from npm, with no more characters than the book uses.

A page and its print have the same letters on every machine. Chinese characters alone come from the reader's system.
"""

import re
from collections import defaultdict
from hashlib import sha256
from pathlib import Path
from shutil import copyfile
from string import printable

from fontTools import subset
from fontTools.varLib.instancer import instantiateVariableFont
from lxml import html
from replacing import list_found

MODULES = Path(__file__).parent / "node_modules"
SCRIPTS = Path(__file__).parent / "static"
SANS = "source-sans/WOFF2/VF/SourceSans3VF-{}.ttf.woff2"
MONO = "@fontsource/iosevka/files/iosevka-latin-{}-normal.woff2"
FACES = {  # file of book.css: (source, weights that stay, name); only the whole font may have the name Source
    "text": (SANS.format("Upright"), (400, 600), "Book Sans"),
    "text-italic": (SANS.format("Italic"), 400, "Book Sans Italic"),
    "code": (MONO.format(400), None, "Book Mono"),
    "code-bold": (MONO.format(600), None, "Book Mono SemiBold"),
}
NAMED, KEPT = (1, 4, 6), (0, 1, 4, 6, 13, 14)  # a font's names by their numbers; some tell whose it is, and its licence
TYPED = {c for c in printable if not c.isspace()} | {" ", "\xa0"}  # what a script may write, or a reader
CHINESE = 0x2E80  # the first of its characters, of which these fonts have none
CHINESE_MARKS = set("“”‘’—…·")  # a Chinese font has them as wide as a character
CODE, SLANTED = {"code", "pre"}, {"blockquote", "cite", "em", "i"}
BOLD = {"a", "b", "dt", "h1", "h2", "h3", "h4", "strong", "th"}
OF_FORMULAS = {  # beginning of a font's name: the classes of what is set in it; any other may have all of a formula
    "KaTeX_Math": {"mathnormal"},
    "KaTeX_Main-Regular": {"upright"},
    "KaTeX_Main-Bold": {"mathbf", "textbf"},
    "KaTeX_Size": {"delimsizing", "delim-size1", "delim-size4", "op-symbol"},
}
IN_STYLE = re.compile(r'content:\s*"([^"]*)"')


def read_texts(element, above=frozenset()):
    """Give each text of an element with the names and classes of all elements around it."""
    if not isinstance(element.tag, str):  # a comment
        return
    around = above | {element.tag} | set(element.get("class", "").split())
    if element.tag == "style" or "katex-mathml" in around:
        return
    yield element.text or "", around
    for child in element:
        yield from read_texts(child, around)
        yield child.tail or "", around


def sort_characters(out, style):
    """Return the characters of the pages below ``out`` and of their style, ``{face: {character}}``.

    Those of formulas are below each class around them, as ".mathnormal".
    """
    used = defaultdict(set, {"text": set(TYPED), "text-italic": set(TYPED), "code": set(TYPED)})
    for path in list_found("pages with text", out.rglob("*.html")):
        for text, around in read_texts(html.fromstring(path.read_bytes())):
            if "katex-html" in around:
                for kind in around if "mathnormal" in around else {*around, "upright"}:
                    used[f".{kind}"].update(text)
            elif around & CODE:
                used["code"].update(text)
                used["code-bold"].update(text if around & BOLD else "")
            else:
                used["text"].update(text)
                used["text-italic"].update(text if around & SLANTED else "")
    for script in list_found("scripts of the book", SCRIPTS.glob("*.js")):
        used["text"].update((out / "_static" / script.name).read_text("utf8"))
    used["text"].update(*IN_STYLE.findall(style))
    if html.fromstring((out / "search.html").read_bytes()).get("lang").startswith("zh"):
        for face in FACES:
            used[face] -= CHINESE_MARKS
    return used


def characters_of_formulas(font, used):
    """Return the characters that a font of formulas needs, by its file's name."""
    kinds = next((kinds for name, kinds in OF_FORMULAS.items() if font.startswith(name)), {"katex-html"})
    return set().union(*(used[f".{kind}"] for kind in kinds))


def write_faces(folder, used, known):
    """Write the book's faces into a folder."""
    folder.mkdir(exist_ok=True)
    for face, (source, weights, name) in FACES.items():
        keep_characters(MODULES / source, used[face], known, folder / f"{face}.woff2", weights, name)


def keep_characters(source, characters, known, target=None, weights=None, name=None):
    """Leave only these characters, and these weights, in a font; the folder ``known`` holds fonts made before."""
    codes = sorted(ord(c) for c in characters if ord(c) < CHINESE or c >= "\ue000")
    asked = source.read_bytes() + repr((codes, weights, name)).encode()
    made = known / f"{sha256(asked).hexdigest()}.woff2"
    if not made.exists():
        features, names = (["kern"], KEPT) if name else ([], subset.Options().name_IDs)
        options = subset.Options(
            flavor="woff2", layout_features=features, name_IDs=names, hinting=False, recalc_timestamp=False
        )
        font = subset.load_font(str(source), options)
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=codes)
        subsetter.subset(font)
        if weights:
            font = instantiateVariableFont(font, {"wght": weights})
        for entry in font["name"].names if name else []:
            if entry.nameID in NAMED:
                entry.string = name.replace(" ", "") if entry.nameID == 6 else name
        subset.save_font(font, str(made), options)
    copyfile(made, target or source)
