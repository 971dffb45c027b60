"""What makes the built pages light: one style sheet and fonts that hold what is used.

Of the styles, icons and fonts that the theme and KaTeX bring to each page, little is used.
"""

import html
import os
import re
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

from fontTools import subset
from PIL import Image
from replacing import list_found, replace

STYLE = "book-all.css"
NOT_SERVED = {".css", ".map", ".ttf", ".html"}  # the theme's styles are in STYLE, its .html is a template
STYLE_LINK = re.compile(r'\s*<link\b[^>]*?href="[^"]*?_static/([^"?]+\.css)[^"]*"[^>]*>')
ICON_RULE = re.compile(r'(?:\.fa-[\w-]+:+before,?\s*)+\{\s*content:\s*"\\([0-9a-f]+)"')
COMMENT = re.compile(r"/\*(?!!).*?\*/|@charset [^;]*;", flags=re.S)
OLD_FONT = r',\s*url\([^)]*\.(?:woff|ttf)\) format\("\w+"\)'  # for browsers that know no woff2: there are none left
CHINESE = 0x2E80  # the first of its characters, of which the fonts of formulas have none
HERE = Path(__file__).parent


def lighten(out, node):
    """Make the pages below the folder ``out`` light; ``node`` runs PurgeCSS, whose input is all pages and scripts."""
    static = out / "_static"
    page = (out / "search.html").read_text("utf8")  # which every build writes
    styles = list_found("style sheets", STYLE_LINK.findall(page))
    (static / STYLE).write_text("\n".join(read_style(static / name, static) for name in styles), "utf8")
    for path in out.rglob("*.html"):
        path.write_text(light_page(path, out), "utf8")
    content = [str(out / "**/*.html"), str(static / "**/*.js")]
    purge = [node, HERE / "node_modules/purgecss/bin/purgecss.js", "--css", static / STYLE, "--content", *content]
    subprocess.run([*purge, "--output", static], check=True, stdout=subprocess.DEVNULL)
    style = (static / STYLE).read_text("utf8")
    known = out.parent / "fonts"
    known.mkdir(exist_ok=True)
    named = list_found("icons that the style names", ICON_RULE.findall(style))
    icons = {int(code, 16) for code in named} | icons_as_characters(style)
    for font in list_found("fonts of icons", static.glob("vendor/fontawesome/webfonts/*.woff2")):
        keep_characters(font, icons, known)
    used = set().union(*(html.unescape(path.read_text("utf8")) for path in out.rglob("*.html")))
    for font in list_found("fonts of formulas", static.glob("katex/fonts/*.woff2")):
        keep_characters(font, {code for code in map(ord, used) if code < CHINESE}, known)
    for path in list_found("pictures of launch buttons", static.glob("images/logo_colab.png")):
        shrink(path)
    for path in list(static.rglob("*")):
        if path.suffix in NOT_SERVED and path.name != STYLE:
            path.unlink()


def shrink(path, pixels=64, colors=64):
    """Make a PNG as large as an icon of 32 CSS pixels needs, and keep few of its colors."""
    picture = Image.open(path).convert("RGBA")
    picture.thumbnail((pixels, pixels))
    picture.quantize(colors, method=Image.Quantize.FASTOCTREE).save(path, optimize=True)


def read_style(path, static):
    """Return a style sheet with what it imports, its addresses as seen from the folder ``static``; no comments."""
    text = replace("comments in styles", COMMENT, "", path.read_text("utf8"))
    text = replace("fonts in old formats", OLD_FONT, "", text)
    text = replace("styles of paragraphs in the line of a fold", r"(summary\s*>\s*)p(?=\.)", r"\1span", text)

    def address(found):
        target = found[1].strip("\"'")
        if target.startswith(("data:", "#")):
            return found[0]
        return f"url({os.path.relpath(path.parent / target, static)})"

    text = replace("addresses in styles", r"url\(((?:\"[^\"]*\"|'[^']*'|[^)\"']*))\)", address, text)
    return replace(
        "imports of styles", r'@import "([^"]*)";', lambda tag: read_style(path.parent / tag[1], static), text
    )


def light_page(path, out):
    """Return the HTML of a page with one style sheet, with scripts that do not hold it up, with sizes of images."""
    page, links = path.read_text("utf8"), []
    root = os.path.relpath(out, path.parent)
    root = "" if root == "." else f"{root}/"

    def one_link(found):
        links.append(found)
        return f'\n    <link rel="stylesheet" href="{root}_static/{STYLE}" />' if len(links) == 1 else ""

    page = replace("links to styles", STYLE_LINK, one_link, page)
    page = replace("scripts that hold up a page", r"<script (?![^>]*\bdefer\b)(?=[^>]*\bsrc=)", "<script defer ", page)
    unsized = r'<img (?![^>]*\bwidth=)[^>]*?src="([^"]+\.svg)"'
    return replace("figures without a size", unsized, lambda tag: size_image(tag, path.parent), page)


def size_image(tag, folder):
    """Return the start of the tag of a figure with its size, so that the text below it does not jump."""
    svg = re.search("<svg[^>]*>", (folder / tag[1]).read_text("utf8"))[0]
    width = re.search(r' width="([\d.]+)(pt)?"', svg)
    if width is None:  # as wide as the style says
        return tag[0]
    pixels = float(width[1]) * (4 / 3 if width[2] else 1)
    across, down = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups()
    return f'{tag[0]} width="{pixels:.0f}" height="{pixels * float(down) / float(across):.0f}"'


def icons_as_characters(style):
    """Return the icons that stand in a style sheet as characters or codes of their own."""
    codes = re.findall(r'content:\s*"\\(f[0-9a-f]{3})"', style)
    return {int(code, 16) for code in codes} | {ord(c) for c in style if "\ue000" <= c <= "\uf8ff"}


def keep_characters(path, characters, known):
    """Leave only these characters, given by their numbers, in a font; the folder ``known`` holds fonts made before."""
    made = known / f"{sha256(path.read_bytes() + repr(sorted(characters)).encode()).hexdigest()}.woff2"
    if not made.exists():
        options = subset.Options(flavor="woff2", layout_features=[], hinting=False, recalc_timestamp=False)
        font = subset.load_font(str(path), options)
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=characters)
        subsetter.subset(font)
        subset.save_font(font, str(made), options)
    shutil.copyfile(made, path)
