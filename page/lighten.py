"""What makes the built pages light: one style sheet and fonts that hold what is used.

Of the styles, icons and fonts that the theme and KaTeX bring to each page, little is used.
"""

import os
import re
import subprocess
from pathlib import Path

from faces import characters_of_formulas, keep_characters, sort_characters, write_faces
from PIL import Image
from replacing import list_found, replace

STYLE = "book-all.css"
NOT_SERVED = {".css", ".map", ".ttf", ".html"}  # the theme's styles are in STYLE, its .html is a template
STYLE_LINK = re.compile(r'\s*<link\b[^>]*?href="[^"]*?_static/([^"?]+\.css)[^"]*"[^>]*>')
ICON_RULE = re.compile(r'(?:\.fa-[\w-]+:+before,?\s*)+\{\s*content:\s*"\\([0-9a-f]+)"')
COMMENT = re.compile(r"/\*(?!!).*?\*/|@charset [^;]*;", flags=re.S)
OLD_FONT = r',\s*url\([^)]*\.(?:woff|ttf)\) format\("\w+"\)'  # for browsers that know no woff2: there are none left
VARIABLE = re.compile(r"""(?<=[{;\s])(--[\w-]+)\s*:(?:"[^"]*"|'[^']*'|[^;}"'])*(?:;|(?=}))""")
SPACE = re.compile(r"""("[^"]*"|'[^']*'|url\([^)]*\))|\s*([{};,])\s*|\s+""")  # what is quoted keeps its own
FONTS_AT_ONCE = """
    <script>
      if (location.protocol !== "file:") for (const face of %s) { // from a file it would be an error
        const link = { rel: "preload", as: "font", type: "font/woff2", crossOrigin: "" };
        const href = `%s_static/${face}.woff2`;
        document.head.append(Object.assign(document.createElement("link"), link, { href }));
      }
    </script>"""
HERE = Path(__file__).parent


def lighten(out, written, node):
    """Make the pages below the folder ``out`` light; ``node`` runs PurgeCSS, whose input is all pages and scripts."""
    static = out / "_static"
    page = (out / "search.html").read_text("utf8")  # which every build writes
    styles = list_found("style sheets", STYLE_LINK.findall(page))
    (static / STYLE).write_text("\n".join(read_style(static / name, static) for name in styles), "utf8")
    for path in written:
        path.write_text(light_page(path, out), "utf8")
    content = [str(out / "**/*.html"), str(static / "**/*.js")]
    purge = [node, HERE / "node_modules/purgecss/bin/purgecss.js", "--css", static / STYLE, "--content", *content]
    subprocess.run([*purge, "--output", static], check=True, stdout=subprocess.DEVNULL)
    style = leave_out_unused(static / STYLE, [*out.rglob("*.html"), *static.rglob("*.js")])
    known = out.parent / "fonts"
    known.mkdir(exist_ok=True)
    named = list_found("icons that the style names", ICON_RULE.findall(style))
    icons = {chr(int(code, 16)) for code in named} | icons_as_characters(style)
    for font in list_found("fonts of icons", static.glob("vendor/fontawesome/webfonts/*.woff2")):
        keep_characters(font, icons, known)
    used = sort_characters(out, style)
    for font in list_found("fonts of formulas", static.glob("katex/fonts/*.woff2")):
        keep_characters(font, characters_of_formulas(font.stem, used), known)
    write_faces(static / "fonts", used, known)
    for path in list_found("pictures of launch buttons", static.glob("images/logo_colab.png")):
        shrink(path)
    for path in list(static.rglob("*")):
        if path.suffix in NOT_SERVED and path.name != STYLE:
            path.unlink()


def leave_out_unused(path, readers):
    """Leave out the variables of a style sheet that neither it nor the pages read, and spaces; return the rest."""
    style, elsewhere = path.read_text("utf8"), "".join(reader.read_text("utf8") for reader in readers)
    names = re.findall(r"--[\w-]+", elsewhere)
    before = None
    while before != style:  # a variable may be read by one that nobody reads
        before = style
        read = {*names, *re.findall(r"var\(\s*(--[\w-]+)", style)}
        style = VARIABLE.sub(lambda tag: tag[0] if tag[1] in read else "", style)  # noqa: B023 the lambda ends here
    style = SPACE.sub(lambda found: found[1] or found[2] or " ", style)
    path.write_text(style, "utf8")
    return style


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
    faces = ["fonts/text", *["fonts/code"] * bool(re.search("<(?:pre|code)", page))]
    opening = page.partition("<article")[2].partition("<h2")[0]
    faces += ["katex/fonts/KaTeX_Math-Italic"] * ("mathnormal" in opening)  # else lines break anew when it comes
    root = os.path.relpath(out, path.parent)
    root = "" if root == "." else f"{root}/"

    def one_link(found):
        links.append(found)
        if len(links) > 1:
            return ""
        fonts = FONTS_AT_ONCE % (faces, root) if path.name != "404.html" else ""  # which is at any address
        return f'{fonts}\n    <link rel="stylesheet" href="{root}_static/{STYLE}" />'

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
    return {chr(int(code, 16)) for code in codes} | {c for c in style if "\ue000" <= c <= "\uf8ff"}
