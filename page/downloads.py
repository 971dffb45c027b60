"""What the pages offer for download: their notebooks and texts in plain Markdown, as Colab and Jupyter show it.

The parser of the book says where MyST stands, and only this is replaced: a citation or a number becomes words with a
link into the published book, a solution a ``<details>``, a note a quote, and the caption of a figure a cell below it.
"""

import json
import posixpath
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent, indent
from urllib.parse import urljoin, urlsplit

from claims import as_text, read_rows
from docutils import nodes
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import image, link
from mdit_py_plugins.myst_role.index import myst_role
from myst_parser.parsers.mdit import create_md_parser
from pybtex.backends.markdown import Backend
from sphinx import addnodes
from sphinx.locale import admonitionlabels

INLINE = {"myst_role": myst_role, "link": link, "image": image}  # rules of the parser, whose places are noted
OPENED = {"myst_role", "link_open", "image"}  # what they begin
ROLES = {
    **{"cite": ("cite", "p"), "cite:p": ("cite", "p"), "cite:t": ("cite", "t")},
    **{"eq": ("math", "eq"), "numref": ("std", "numref"), "ref": ("std", "ref")},
}  # role: its domain, and its name there
NEEDLESS = r"\\(?=[.-])"  # escapes of pybtex
OPTIONS = r"\A(?::[\w-]+:.*\n?)+"  # of a box
FOLDED = {"hide-input", "hide-cell", "check"}  # tags of cells whose code the page folds
SET_UP = 'try:\n    import bnutils\nexcept ImportError:\n    %pip install -q "bnutils @ git+{}"'


def write_downloads(app):
    """Write the files that the pages offer, from the sources of those that this build has written."""
    parser = make_parser(app.env.myst_config)
    for docname in sorted(app.env.found_docs & app.written):
        source = Path(app.env.doc2path(docname))
        written = Path(app.outdir, "_sources", source.relative_to(app.srcdir))
        text, page = source.read_text("utf8"), Page(app, docname, parser)
        written.write_text(page.convert_notebook(text) if source.suffix == ".ipynb" else page.convert(text), "utf8")


def make_parser(config):
    """Return the parser of the book, whose tokens know their places."""
    parser = create_md_parser(config, RendererHTML)
    for name, rule in INLINE.items():
        parser.inline.ruler.at(name, note_place(rule))
    return parser


def note_place(rule):
    """Return a rule of the parser that also notes where in the text its token begins and ends."""

    def noting(state, silent):
        start, before = state.pos, len(state.tokens)
        found = rule(state, silent)
        if found and not silent:
            token = next(token for token in state.tokens[before:] if token.type in OPENED)
            token.meta["place"] = start, state.pos
        return found

    return noting


class Page:
    """A page of the book, from which its links lead on."""

    def __init__(self, app, docname, parser):
        self.app, self.env, self.docname, self.parser = app, app.env, docname, parser
        self.address = app.config.html_baseurl + app.builder.get_target_uri(docname)

    def convert_notebook(self, text):
        """Return the text of a notebook in plain Markdown that installs what it needs, its folded cells folded."""
        content = json.loads(text)
        content["cells"] = [new for cell in content["cells"] for new in self.convert_cell(cell)]
        set_up = SET_UP.format(self.app.config.html_theme_options["repository_url"])
        return json.dumps(add_setup_cell(content, set_up), indent=1, ensure_ascii=False) + "\n"

    def convert_cell(self, cell) -> Iterator[dict]:
        """Yield what becomes of a cell: itself, and below a figure its caption."""
        if cell["cell_type"] == "markdown":
            cell["source"] = self.convert("".join(cell["source"]))
        else:
            cell |= {"execution_count": None, "outputs": []}  # which the sources of the Chinese edition have
            if FOLDED & set(cell["metadata"].get("tags", [])):
                cell["metadata"]["jupyter"] = {"source_hidden": True}
        yield cell
        if figure := cell["metadata"].get("mystnb", {}).get("figure"):
            caption = f"{self.show('numref', figure['name'])}: {self.convert(figure['caption'])}"
            yield {"cell_type": "markdown", "id": f"{cell['id']}-caption", "metadata": {}, "source": caption}

    def convert(self, text):
        """Return a text with all MyST in it replaced; from its end, so that lines above stay where they are."""
        lines = text.split("\n")
        for token in reversed(self.parser.parse(text)):
            if token.type == "inline":
                self.replace_inline(lines, token)
            elif token.type == "myst_target":
                del lines[slice(*token.map)]
            elif token.type == "math_block_label":
                number = self.find("eq", token.info).astext().strip("()")
                last = token.map[1] - 1
                lines[last] = re.sub(r"\$\$\s*\(.*\)\s*$", rf"\\tag{{{number}}}\n$$", lines[last])
            elif token.type in {"fence", "colon_fence"} and token.info.startswith("{"):
                name, title = re.fullmatch(r"\{([\w-]+)\}\s*(.*)", token.info).groups()
                margin = re.match(r"\s*", lines[token.map[0]])[0]
                lines[slice(*token.map)] = [indent(self.open_box(name, title, token.content), margin)]
        return "\n".join(lines)

    def replace_inline(self, lines, token):
        """Replace the roles and the addresses in the lines of a paragraph, a heading or a field of a table."""
        new = token.content
        for part in reversed(token.children):
            if "place" not in part.meta:
                continue
            start, end = part.meta["place"]
            if part.type == "myst_role":
                shown = self.show(part.meta["name"], part.content)
                shown += "\n" * token.content.count("\n", start, end)
            else:
                start, end = token.content.rindex("](", start, end) + 2, end - 1
                shown = self.copy_image(part.attrs["src"]) if part.type == "image" else self.lead(part.attrs["href"])
            new = new[:start] + shown + new[end:]
        pairs = zip(token.content.split("\n"), new.split("\n"), strict=True)
        for number, (old, line) in enumerate(pairs, token.map[0]):
            lines[number] = line.join(lines[number].rsplit(old, 1)) if line != old else lines[number]

    def find(self, role, target):
        """Return what Sphinx makes of a role on this page, or its target, if that is not in the book."""
        if role not in ROLES:
            raise ValueError(f"no plain Markdown is known for the role {role!r} on the page {self.docname}")
        domain, kind = ROLES[role]
        words, target = re.fullmatch(r"(?:(.*\S)\s*<(?=.*>$))?(.*?)>?", target).groups()
        node = addnodes.pending_xref(refdoc=self.docname, refexplicit=bool(words), refwarn=True)
        given = self.env, self.docname, self.app.builder, kind, target, node, nodes.inline("", words or "")
        return self.env.get_domain(domain).resolve_xref(*given) or nodes.Text(words or target)

    def show(self, role, target):
        """Return the words of a role, with links into the published book."""
        return self.to_markdown(self.find(role, target))

    def to_markdown(self, node):
        """Return the text of a node with its links."""
        if isinstance(node, nodes.Text):
            return str(node)
        words = "".join(map(self.to_markdown, node))
        if isinstance(node, nodes.reference):
            return f"[{words}]({urljoin(self.address, node.get('refuri') or '#' + node['refid'])})"
        return words

    def lead(self, target):
        """Return the address, in the published book, of what a link leads to."""
        parts, base = urlsplit(target), self.app.config.html_baseurl
        if parts.scheme:
            return base + parts.path if parts.scheme == "published" else target
        docname = posixpath.splitext(self.beside(parts.path))[0] if parts.path else self.docname
        equations, labels = self.env.domains["math"].equations, self.env.domains["std"].anonlabels
        docname, anchor = labels.get(parts.fragment, (docname, parts.fragment))
        if parts.fragment in equations:
            docname, anchor = equations[parts.fragment][0], nodes.make_id(f"equation-{parts.fragment}")
        return base + self.app.builder.get_target_uri(docname) + (f"#{anchor}" if anchor else "")

    def copy_image(self, target):
        """Return the address of a picture, which is copied beside the notebooks: in colors for light and dark."""
        if urlsplit(target).scheme:
            return target
        name = self.beside(target)
        copied = Path(self.app.outdir, "_sources", name)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(self.app.srcdir, name), copied)
        return f"{self.app.config.html_baseurl}_sources/{name}"

    def beside(self, path):
        """Return the name, in the book, of a file that this page names."""
        return posixpath.normpath(posixpath.join(posixpath.dirname(self.docname), path))

    def open_box(self, name, title, content):
        """Return a box of MyST as plain Markdown; of what only the page can draw its text, or the page's address."""
        content = re.sub(OPTIONS, "", content)
        if name == "dropdown":
            return f"<details>\n<summary>{title}</summary>\n\n{self.convert(content).strip()}\n\n</details>"
        if name in admonitionlabels:
            return indent(f"**{title or admonitionlabels[name]}.**\n\n{self.convert(content)}".strip(), "> ", str)
        if name == "glossary":
            return self.convert(dedent(re.sub(r"^(\S.*)$", r"  **\1**\n", content, flags=re.M))).strip()
        if name == "bibliography":
            sources = [cited.formatted_entry.text.render(Backend()) for cited in self.env.domains["cite"].citations]
            return "\n".join(f"- {' '.join(re.sub(NEEDLESS, '', source).split())}" for source in sources)
        if name == "claims":
            rows = read_rows(Path(self.app.srcdir, self.beside(title)))
            return "\n\n".join(self.convert(as_text(row, self.address)) for row in rows)
        return self.convert(content).strip() or f"<{self.address}>"


def add_setup_cell(notebook, source):
    """Return a notebook with a first code cell that installs bnutils where it is missing, as on Colab."""
    cell = {"cell_type": "code", "id": "set-up", "metadata": {}, "execution_count": None, "outputs": []}
    first_code = [c["cell_type"] for c in notebook["cells"]].index("code")
    return notebook | {
        "cells": [*notebook["cells"][:first_code], cell | {"source": source}, *notebook["cells"][first_code:]]
    }
