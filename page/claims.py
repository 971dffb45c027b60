"""The directive ``claims``: the ledger of the study note's statements, from chapters/claims.yml.

A cell tagged ``claim-s6`` asserts what row ``s6`` says; the tag becomes the cell's address, and the row links to it.
"""

from pathlib import Path

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from language import say
from sphinx.util.docutils import SphinxDirective

LOOK = {"right": "tip", "with care": "warning", "wrong": "error"}  # verdict: kind of box in the theme


def verdicts():
    """Return the verdicts as readers read them."""
    return {"right": say("right"), "with care": say("with care"), "wrong": say("wrong")}


class Claims(SphinxDirective):
    """Show every row of the ledger as a box: the statement, what is right, the cell that shows it, the sources."""

    required_arguments = 1  # the file, beside the page

    def run(self):
        """Return one box for each row."""
        path = Path(self.env.doc2path(self.env.docname)).parent / self.arguments[0]
        self.env.note_dependency(str(path))
        return [self.make_box(row) for row in yaml.safe_load(path.read_text("utf8"))]

    def make_box(self, row):
        """Return the box of one row."""
        box = nodes.admonition(classes=["admonition", "claim", LOOK[row["verdict"]]], ids=[row["id"]])
        address = f"{row['chapter']}.html#claim-{row['id']}"
        box += nodes.title("", "", nodes.inline("", say("{0}: {1}", row["id"].upper(), verdicts()[row["verdict"]])))
        box[0] += nodes.reference("", say("The cell that shows it"), refuri=address, internal=True)
        sources = "{cite:t}`" + ",".join(row["sources"]) + "`"
        cited = say(" Compare {0}.", sources) if row["sources"] else ""
        text = f"> {row['note']}\n\n{row['book']}{cited}"
        self.state.nested_parse(StringList(text.split("\n"), self.arguments[0]), 0, box)
        return box


def give_claims_an_address(app, doctree):
    """Give each cell with a tag like claim-s6 that name as its address in the page."""
    for cell in doctree.findall(nodes.container):
        cell["ids"] += [name.removeprefix("tag_") for name in cell["classes"] if name.startswith("tag_claim-")]


def setup(app):
    """Connect the directive and the addresses to Sphinx."""
    app.add_directive("claims", Claims)
    app.connect("doctree-read", give_claims_an_address)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
