"""What makes the built pages light: one style sheet and two icon fonts that hold what is used, scripts that wait.

The theme brings 570 kB of styles and 270 kB of icons to each page; a tenth of them is used.
"""

import os
import re
import subprocess
from pathlib import Path

from fontTools import subset

STYLE = "book-all.css"
STYLE_LINK = re.compile(r'\s*<link\b[^>]*?href="[^"]*?_static/([^"?]+\.css)[^"]*"[^>]*>')
ICON_RULE = re.compile(r'(?:\.fa-[\w-]+:+before,?\s*)+\{\s*content:\s*"\\([0-9a-f]+)"')
HERE = Path(__file__).parent


def lighten(out, node):
    """Make the pages below the folder ``out`` light; ``node`` runs PurgeCSS, whose input is all pages and scripts."""
    static = out / "_static"
    styles = STYLE_LINK.findall((out / "search.html").read_text("utf8"))  # every build writes this page
    (static / STYLE).write_text("\n".join(read_style(static / name, static) for name in styles), "utf8")
    for path in out.rglob("*.html"):
        path.write_text(light_page(path, out), "utf8")
    content = [str(out / "**/*.html"), str(static / "**/*.js")]
    purge = [node, HERE / "node_modules/purgecss/bin/purgecss.js", "--css", static / STYLE, "--content", *content]
    subprocess.run([*purge, "--output", static], check=True, stdout=subprocess.DEVNULL)
    style = (static / STYLE).read_text("utf8")
    for font in static.glob("vendor/fontawesome/webfonts/*.woff2"):
        keep_icons(font, {int(code, 16) for code in ICON_RULE.findall(style)} | icons_as_characters(style))
    for path in [*static.rglob("*.css"), *static.rglob("*.map"), *static.rglob("*.ttf")]:
        if path.name != STYLE:
            path.unlink()


def read_style(path, static):
    """Return a style sheet with what it imports, its addresses as seen from the folder ``static``; no comments."""
    text = re.sub(r"/\*(?!!).*?\*/|@charset [^;]*;|,\s*url\([^)]*\.ttf\) format\(\"truetype\"\)", "", path.read_text("utf8"), flags=re.S)

    def address(found):
        target = found[1].strip("\"'")
        return found[0] if target.startswith(("data:", "#")) else f"url({os.path.relpath(path.parent / target, static)})"

    text = re.sub(r"url\(((?:\"[^\"]*\"|'[^']*'|[^)\"']*))\)", address, text)
    return re.sub(r'@import "([^"]*)";', lambda found: read_style(path.parent / found[1], static), text)


def light_page(path, out):
    """Return the HTML of a page with one style sheet, with scripts that do not hold it up, with sizes of images."""
    page, links = path.read_text("utf8"), []
    root = os.path.relpath(out, path.parent)
    root = "" if root == "." else f"{root}/"

    def one_link(found):
        links.append(found)
        return f'\n    <link rel="stylesheet" href="{root}_static/{STYLE}" />' if len(links) == 1 else ""

    page = STYLE_LINK.sub(one_link, page)
    page = re.sub(r"<script (?![^>]*\bdefer\b)(?=[^>]*\bsrc=)", "<script defer ", page)
    return re.sub(r'<img (?![^>]*\bwidth=)[^>]*?src="([^"]+\.svg)"', lambda tag: size_image(tag, path.parent), page)


def size_image(tag, folder):
    """Return the start of the tag of a figure with its size, so that the text below it does not jump."""
    svg = re.search(r'<svg[^>]*? width="([\d.]+)pt" height="([\d.]+)pt"', (folder / tag[1]).read_text("utf8")[:2000])
    if svg is None:
        return tag[0]
    width, height = (round(float(points) * 4 / 3) for points in svg.groups())
    return f'{tag[0]} width="{width}" height="{height}"'


def icons_as_characters(style):
    """Return the icons that stand in a style sheet as characters or codes of their own."""
    codes = re.findall(r'content:\s*"\\(f[0-9a-f]{3})"', style)
    return {int(code, 16) for code in codes} | {ord(c) for c in style if "\ue000" <= c <= "\uf8ff"}


def keep_icons(path, icons):
    """Leave only these icons, given by their numbers, in a font."""
    options = subset.Options(flavor="woff2", layout_features=[], recalc_timestamp=False)
    font = subset.load_font(str(path), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=icons)
    subsetter.subset(font)
    subset.save_font(font, str(path), options)
