"""The directive ``claims``: the ledger of the study note's statements, from chapters/claims.yml.

A cell tagged ``claim-s6`` asserts what row ``s6`` says; the tag becomes the cell's address, and the row links to it.
"""

from pathlib import Path
from urllib.parse import urljoin

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from language import say, spoken
from sphinx.util.docutils import SphinxDirective

LOOK = {"right": "tip", "with care": "warning", "wrong": "error"}  # verdict: kind of box in the theme


def read_rows(path):
    """Return the rows of the ledger."""
    return yaml.safe_load(path.read_text("utf8"))


def lead_to_cell(row):
    """Return the address of the cell that shows what a row says, as seen from the page of the ledger."""
    return f"{row['chapter']}.html#claim-{row['id']}"


def verdicts():
    """Return the verdicts as readers read them."""
    return {"right": say("right"), "with care": say("with care"), "wrong": say("wrong")}


def name_row(row):
    """Return the number of a row with its verdict."""
    return say("{0}: {1}", row["id"].upper(), verdicts()[row["verdict"]])


def tell(row):
    """Return what a row says, in MyST."""
    cited = say(" Compare {0}.", "{cite:t}`" + ",".join(row["sources"]) + "`") if row["sources"] else ""
    quoted = [row["note"], say("In the note: {0}", row["original"])] if spoken else [row["note"]]  # it is Chinese
    return "> " + "\n>\n> ".join(quoted) + f"\n\n{row['book']}{cited}"


def as_text(row, address):
    """Return all of a row in MyST without a box; ``address`` is that of the page of the ledger."""
    shown = say("The cell that shows it")
    return f"**{name_row(row)}.** [{shown}]({urljoin(address, lead_to_cell(row))})\n\n{tell(row)}"


class Claims(SphinxDirective):
    """Show every row of the ledger as a box: the statement, what is right, the cell that shows it, the sources."""

    required_arguments = 1  # the file, beside the page

    def run(self):
        """Return one box for each row."""
        path = Path(self.env.doc2path(self.env.docname)).parent / self.arguments[0]
        self.env.note_dependency(str(path))
        return [self.make_box(row) for row in read_rows(path)]

    def make_box(self, row):
        """Return the box of one row."""
        box = nodes.admonition(classes=["admonition", "claim", LOOK[row["verdict"]]], ids=[row["id"]])
        box += nodes.title("", "", nodes.inline("", name_row(row)))
        box[0] += nodes.reference("", say("The cell that shows it"), refuri=lead_to_cell(row), internal=True)
        self.state.nested_parse(StringList(tell(row).split("\n"), self.arguments[0]), 0, box)
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
