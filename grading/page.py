"""The feedback page: one file, for any browser, that asks no network for anything and runs no script."""

import functools
import html
import re
from pathlib import Path
from urllib.parse import unquote

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from grading.answers import is_test
from grading.course import ROOT
from grading.formulas import set_formula
from grading.repair import PICTURES
from grading.words import ENGLISH, in_own_language, sayer

HERE = Path(__file__).resolve().parent
ADDRESS = re.compile(r"\(((?:zh/)?chapters/[^)\s]+)\)$")
TITLE = re.compile(r"\A# (.+)\n")  # stands at the head of the page
STYLES = {"light": "a11y-high-contrast-light", "dark": "a11y-high-contrast-dark"}


def page_of(said, notebook, by_hand, penalty=0.0):
    """Return the page that shows a student what was found.

    Parameters
    ----------
    said : dict
        The verdict, see `verdict.verdict`, with student and assignment.
    notebook : NotebookNode
        The notebook as it was judged.
    by_hand : dict
        For each cell that somebody has graded or commented, ``points`` (None if not given) and ``comment``.
    penalty : float
        What is taken off for being late.
    """
    language = said.get("language", ENGLISH)
    said, say = in_own_language(said), sayer(language)
    parts = parts_of(said, by_hand)
    title = TITLE.search(notebook.cells[0].source)
    cells = [shown_cell(cell, parts, by_hand, language) for cell in notebook.cells]
    waiting = [part for part in parts.values() if part["points"] is None]
    sums = {key: sum(part[key] or 0 for part in parts.values()) for key in ("points", "max")}
    sums["open"] = sum(part["max"] for part in waiting)
    return template("feedback.html").render(
        said=said,
        title=title[1] if title else said["assignment"],
        parts=parts,
        cells=cells,
        sums=sums,
        penalty=penalty,
        styles=styles(),
        number=number,
        say=say,
        language=language.replace("_", "-"),
    )


def parts_of(said, by_hand):
    """Return all that gives points, by the name of its cell: title, points (None while open), max, comment."""
    concepts = {name: concept | {"written": False} for name, concept in said["concepts"].items()}
    written = {
        name: {"title": answer["title"], "max": answer["max"], "points": None if answer["answered"] else 0.0}
        | {"written": True}
        for name, answer in said["written"].items()
    }
    parts = concepts | written
    for name, part in parts.items():
        given = by_hand.get(name, {}).get("points")
        part["points"] = part["points"] if given is None else given
    return parts


def shown_cell(cell, parts, by_hand, language):
    """Return what the template needs of a cell: its kind, its part of the points, its content as HTML."""
    name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
    comment = marked_up(by_hand.get(name, {}).get("comment") or "", None, language)
    shown = {"name": name, "part": parts.get(name), "comment": comment, "outputs": []}
    if cell.cell_type == "markdown":
        return shown | {
            "kind": "text",
            "html": marked_up(TITLE.sub("", cell.source), cell.get("attachments"), language),
        }
    shown |= {"kind": "code", "html": coloured(cell.source)}
    if is_test(cell) and shown["part"]:
        return shown | {"kind": "test", "lesson": lesson_of(shown["part"]["lesson"])}
    outputs = [output_of(output, language) for output in cell.get("outputs", [])]
    return shown | {"outputs": [output for output in outputs if output]}


def output_of(output, language):
    """Return an output, of which `repair` has left text and pixels only, as HTML."""
    data, say = output.get("data", {}), sayer(language)
    for kind in sorted(PICTURES & data.keys()):
        content = re.sub(r"[^A-Za-z0-9+/=]", "", data[kind])
        return f'<img alt="{say("a picture that your cell has drawn")}" src="data:{kind};base64,{content}">'
    text = output.get("text") or data.get("text/plain") or ""
    return f"<pre>{html.escape(text)}</pre>" if text.strip() else ""


def lesson_of(lesson):
    """Return a lesson as HTML: what is indented is code, an address at the end of a line is a link."""
    blocks = []
    for block in re.findall(r"(?:^(?: {4}.*)?\n?)+|^\S.*$", lesson, re.M):
        if block.startswith("    "):
            blocks.append(f"<pre>{html.escape(re.sub('^    ', '', block.rstrip(), flags=re.M))}</pre>")
        elif block.strip():
            blocks.append(f"<p>{linked(block.strip())}</p>")
    return "".join(blocks)


def linked(line):
    """Return a line as HTML, with the address at its end as a link to the book."""
    found = ADDRESS.search(line)
    text = markdown().renderInline(line[: found.start()].strip() if found else line, {"attachments": {}})
    return f'<a href="{html.escape(book() + found[1])}">{text}</a>' if found else text


@functools.lru_cache(maxsize=1000)
def without_pictures(source, language):
    """Return Markdown as HTML."""
    return markdown().render(source, {"attachments": {}, "language": language})


def marked_up(source, attachments, language):
    """Return Markdown as HTML: no HTML in it, no picture but an attached one."""
    if not attachments:
        return without_pictures(source, language)
    return markdown().render(source, {"attachments": attachments, "language": language})


@functools.lru_cache(maxsize=1000)
def coloured(source):
    """Return Python as HTML."""
    return highlight(source, PythonLexer(), HtmlFormatter())


@functools.cache
def markdown():
    """Return what turns Markdown into HTML."""
    renderer = MarkdownIt("commonmark", {"html": False}).enable("table")
    renderer.use(dollarmath_plugin, renderer=lambda tex, how: set_formula(tex, how["display_mode"]))
    renderer.add_render_rule("image", picture)
    renderer.add_render_rule("link_open", link)
    return renderer


def picture(self, tokens, place, options, env):
    """Return an attached picture as HTML, of any other what it shows in words."""
    name = unquote(tokens[place].attrs["src"].removeprefix("attachment:"))
    alt = html.escape(tokens[place].content)
    for kind, content in env["attachments"].get(name, {}).items():
        if kind in PICTURES:
            return f'<img alt="{alt}" src="data:{kind};base64,{re.sub(r"[^A-Za-z0-9+/=]", "", content)}">'
    return f"[{alt}]"


def link(self, tokens, place, options, env):
    """Return the begin of a link; one to a notebook of the book leads to its page."""
    edition = book() if env.get("language", ENGLISH) == ENGLISH else f"{book()}zh/"
    address = re.sub(r"^(?:\.\./)?(chapters/\w+)\.ipynb", rf"{edition}\1.html", tokens[place].attrs["href"])
    return f'<a href="{html.escape(address)}">'


@functools.cache
def book():
    """Return the address of the book, which `_config.yml` knows."""
    url = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]
    owner, name = url.rstrip("/").split("/")[-2:]
    return f"https://{owner.lower()}.github.io/{name}/"


@functools.cache
def template(name):
    """Return a template of this folder, compiled; a name that it is not given is an error."""
    options = {"autoescape": True, "undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    return Environment(loader=FileSystemLoader(HERE), **options).get_template(name)


@functools.cache
def styles():
    """Return the colours of code, for a light and a dark page."""
    return {mode: HtmlFormatter(style=style).get_style_defs(".highlight") for mode, style in STYLES.items()}


def number(points):
    """Return points as people write them."""
    return f"{points:g}"
