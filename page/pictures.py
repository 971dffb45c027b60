"""Figures are numbered alike: drawings too, and those of chapters without a number.

A drawing is plain Markdown, which reads well everywhere: a label, a picture that stands alone, and a paragraph that
begins in bold, which is its caption.

    (fig-network)=
    ![Two inputs and a unit.](figures/network.svg)

    **A unit has two parts.** The enlarged one ...
"""

from docutils import nodes
from predict import opening


def make_figures(app, doctree):
    """Make a figure of each drawing that has a label and a caption."""
    for paragraph in list(doctree.findall(is_drawing)):
        at = paragraph.parent.index(paragraph)
        caption = paragraph.parent[at + 1]
        figure = nodes.figure("", paragraph[0].deepcopy(), ids=paragraph["ids"], names=paragraph["names"])
        figure += nodes.caption("", "", *(child.deepcopy() for child in caption))
        paragraph.parent.remove(caption)
        paragraph.replace_self(figure)
        name = figure["names"][0]
        doctree.ids |= dict.fromkeys(figure["ids"], figure)
        labels = app.env.get_domain("std").labels
        labels[name] = app.env.docname, figure["ids"][0], figure[1].astext()


def is_drawing(node):
    """Tell whether a node is a paragraph of one picture, with a label before it and a caption after it."""
    if not (isinstance(node, nodes.paragraph) and node["names"] and len(node) == 1):
        return False
    after = node.next_node(descend=False, siblings=True)
    return isinstance(node[0], nodes.image) and isinstance(opening(after), nodes.strong)


def number_alike(app, env):
    """Give the figures of a page without a number, like the museum, the first letter of its name: Figure M.1."""
    for docname, kinds in env.toc_fignumbers.items():
        letter = docname.rpartition("/")[2][0].upper()
        for numbers in kinds.values():
            numbers.update({name: (letter, *number) for name, number in numbers.items() if len(number) == 1})
    return []  # pages to write again: none


def setup(app):
    """Connect both to Sphinx."""
    app.connect("doctree-read", make_figures, priority=100)  # before Sphinx counts the figures
    app.connect("env-get-updated", number_alike, priority=900)  # after
    return {"parallel_read_safe": True, "parallel_write_safe": True}
