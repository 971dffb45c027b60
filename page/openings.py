"""The first screens: a picture and a strip of facts at the top of each chapter, and the entrance of the book.

All of it is made of what the authors have written. The first cell of a chapter ends with paragraphs that begin in
bold, **You need** and so on: they become the strip. On the first page, the directive ``entrance`` shows an explorer,
which plays by itself; the first list becomes the paths, and the table of chapters a card for each. CITATION.cff, which
the directive ``cite-this`` shows as BibTeX, names authors and version.
"""

import html
import re
from pathlib import Path

import yaml
from docutils import nodes
from language import say, say_in_explorer
from sketches import SKETCHES, draw_sketches
from sphinx.util.docutils import SphinxDirective
from sphinx.util.osutil import relative_uri

from bnutils.explorers import explore_batch

FOLDER = "_static/openings"
CITATION = "CITATION.cff"
PLAYED = [4, -2, 19, 12, 8, 1, 15, 6]  # with which the explorer begins: not the numbers that chapter 2 asks for
SYMPTOMS = "chapters/clinic"
VERDICT = ("Verdict.", "判定。")
LATE = 900  # after the scripts of all pages

LONG = 80  # characters, of a fact that needs the whole width


def opens_in_bold(node):
    """Tell whether a node is a paragraph that begins with words in bold."""
    first = next((child for child in node if child.astext()), None) if isinstance(node, nodes.paragraph) else None
    return isinstance(first, nodes.strong)


# Chapters.


def split_facts(paragraphs):
    """Return the facts of paragraphs like ``**You need** x · **Runs in** y`` as pairs of bold words and other nodes."""
    facts = []
    for paragraph in paragraphs:
        for child in paragraph.children:
            if isinstance(child, nodes.strong):
                facts.append((child, []))
            elif child.astext():
                facts[-1][1].append(child)
        for _, words in facts[:-1]:
            if words and isinstance(words[-1], nodes.Text):
                words[-1] = nodes.Text(words[-1].rstrip(" ·"))
    return facts


def open_chapter(app, doctree):
    """Make the strip of facts, and set the picture before it."""
    section = doctree.next_node(nodes.section)
    first = nodes.container, nodes.section  # a cell; of an assignment perhaps none stands here
    end = next((n for n, node in enumerate(section or []) if isinstance(node, first)), 0)
    told = [node for node in section[:end] if opens_in_bold(node)] if end else []
    facts = split_facts(told)
    if len(facts) < 3:
        return
    long = sum(len(node.astext()) for node in facts[-1][1]) > LONG
    strip = nodes.definition_list(classes=["book-facts", *["book-facts-long"] * long])
    for label, words in facts:
        text = nodes.paragraph("", "", *words)
        strip += nodes.definition_list_item("", nodes.term("", "", label), nodes.definition("", text))
    place = section.index(told[0])
    for paragraph in told:
        section.remove(paragraph)
    section[place:place] = [*show_sketch(app.env.docname, app.env.docname), strip]
    for paragraph in section[1:place]:
        paragraph["classes"].append("book-lead")
    app.env.metadata[app.env.docname]["book_takes"] = facts[-2][1][-1].astext().strip()


def draw_pictures(app, env, names):
    """Draw the pictures of all chapters that the book has."""
    draw_sketches(Path(app.outdir, FOLDER), {page.rpartition("/")[2] for page in env.found_docs})


def describe_sketches():
    """Return what is seen in the picture of each chapter."""
    return {
        "01_why": say("A signal enters a row of eight layers, and a question mark stands where it comes out."),
        "02_formula": say("Four dots on a number line lead to four question marks on a second line."),
        "03_running_statistics": say(
            "Eight photos of clothes in one frame, and beside it one photo with a question mark."
        ),
        "04_identity": say("A wide bell curve becomes a narrow one, and a dashed arrow back bears a question mark."),
        "05_backward": say("A gradient arrives at one of four outputs, and question marks stand at the four inputs."),
        "06_pytorch": say("Five tiles with the names of the numbers in a layer, and a question mark at each."),
        "07_linear": say("A cloud of points with a square, and arrows to two layers with question marks."),
        "08_hypotheses": say("Sketches of drift, roughness, gradients and steps, each with a question mark below."),
        "09_overfitting": say("Ten photos of clothes, three of which bear a red cross, since their labels are wrong."),
        "10_practice": say("Four batches of dots, each smaller than the one before, down to a single one."),
        "clinic": say("A curve that rises during training and drops at a dashed line, where a question mark stands."),
        "museum": say("Fifteen frames on a wall with bell curves, each of which looks slightly different."),
    }


def show_sketch(chapter, page, loading="eager"):
    """Return the picture of a chapter, for a page, in a list; an empty one if it has none."""
    name = chapter.rpartition("/")[2]
    address = relative_uri(page, f"{FOLDER}/{name}.svg")
    image = f'<img src="{address}" alt="{html.escape(describe_sketches().get(name, ""))}" loading="{loading}">'
    return [nodes.raw("", f'<div class="book-sketch">{image}</div>', format="html")] if name in SKETCHES else []


# The first page.


class Entrance(SphinxDirective):
    """Show an explorer that plays by itself, between a paragraph of links, which become buttons, and its caption."""

    has_content = True

    def run(self):
        """Return the explorer, without its sliders, and the text."""
        shown = say_in_explorer(explore_batch(PLAYED, len(PLAYED))._repr_html_()).replace(
            "<bn-batch", "<bn-batch data-alone", 1
        )
        box = nodes.container(classes=["book-entrance"])
        text = nodes.container(classes=["book-ways"])
        self.state.nested_parse(self.content, self.content_offset, text)
        caption = text.pop()
        cited = read_citation(self.env.srcdir)
        line = " · ".join([name_authors(cited), say("Version {0}", cited["version"]), ""])
        link = nodes.reference("", say("How to cite"), refuri=f"#{CITED}", internal=True)
        text += nodes.paragraph("", "", nodes.Text(line), link, classes=["book-by"])
        box += [text, nodes.container("", nodes.raw("", shown, format="html"), caption, classes=["book-play"])]
        self.env.note_dependency(str(Path(self.env.srcdir, CITATION)))
        return [box]


CITED = "how-to-cite"


class CiteThis(SphinxDirective):
    """Show how to cite the book: CITATION.cff as BibTeX."""

    def run(self):
        """Return the block of BibTeX."""
        self.env.note_dependency(str(Path(self.env.srcdir, CITATION)))
        block = nodes.literal_block("", to_bibtex(read_citation(self.env.srcdir)), language="bibtex")
        return [nodes.container("", block, ids=[CITED])]


def read_citation(folder):
    """Return what CITATION.cff says."""
    return yaml.safe_load(Path(folder, CITATION).read_text("utf8"))


def name_authors(cited):
    """Return the names of the authors, persons or groups, in one line."""
    return " and ".join(a.get("name") or "{given-names} {family-names}".format(**a) for a in cited["authors"])


def to_bibtex(cited):
    """Return an entry for BibTeX; braces keep the name of a group in one piece."""
    groups_and_persons = [
        f"{{{author['name']}}}" if "name" in author else "{family-names}, {given-names}".format(**author)
        for author in cited["authors"]
    ]
    fields = {
        "author": " and ".join(groups_and_persons),
        "title": cited["title"],
        "year": cited["date-released"].year,
        "version": cited["version"],
        "url": cited["url"],
    }
    lines = "\n".join(f"  {name:7} = {{{value}}}," for name, value in fields.items())
    return f"@book{{batch-normalization-book,\n{lines}\n}}"


def shape_first_page(app, doctree, docname):
    """Make cards of the list of paths and of the table of chapters, once all chapters have been read."""
    if not any("book-entrance" in box["classes"] for box in doctree.findall(nodes.container)):
        return
    doctree.next_node(nodes.paragraph)["classes"].append("book-lead")
    doctree.next_node(nodes.bullet_list)["classes"].append("book-paths")
    for table in list(doctree.findall(nodes.table)):
        rows = [list(row) for row in next(iter(table.findall(nodes.tbody)))]
        if all(chapter_of(row[0]) in app.env.all_docs for row in rows):
            table.replace_self(nodes.bullet_list("", *[make_card(app, row) for row in rows], classes=["book-cards"]))


def links_of(node):
    """Return the links of a node."""
    return list(node.findall(nodes.reference))


def chapter_of(cell):
    """Return the name of the page to which the only link of a cell leads, or None."""
    links = links_of(cell)
    return re.sub(r"\.html$", "", links[0].get("refuri", "")) if len(links) == 1 else None


def make_card(app, row):
    """Return the card of a chapter: its picture, its title, what it asks, and how long it takes."""
    chapter = chapter_of(row[0])
    takes = app.env.metadata[chapter].get("book_takes", "")
    card = nodes.list_item("", *show_sketch(chapter, app.config.root_doc, "lazy"))
    card += nodes.paragraph("", "", *links_of(row[0]), classes=["book-title"])
    card += row[1].children
    card += nodes.paragraph("", takes, classes=["book-takes"])
    return card


def note_chapters(app, doctree):
    """Let the first page be made anew where a chapter has changed: its cards tell how long chapters take."""
    if app.env.docname == app.config.root_doc:
        for chapter in app.env.found_docs:
            if chapter.startswith("chapters/"):
                app.env.note_dependency(app.env.doc2path(chapter))


# The clinic.


def mark_symptoms(app, doctree):
    """Mark the table of symptoms, and set a box before it, which page/static/clinic.js fills with a filter."""
    if app.env.docname == SYMPTOMS:
        table = doctree.next_node(nodes.table)
        table["classes"].append("book-symptoms")
        table.parent.insert(table.parent.index(table), nodes.raw("", '<div class="book-filter"></div>', format="html"))


def mark_verdicts(app, doctree):
    """Mark the paragraphs that begin with the word Verdict in bold."""
    for paragraph in filter(opens_in_bold, doctree.findall(nodes.paragraph)):
        if paragraph.astext().strip().startswith(VERDICT):
            paragraph["classes"].append("book-verdict")


def add_scripts(app, pagename, templatename, context, doctree):
    """Load the scripts of one page on this page only."""
    if pagename == app.config.root_doc:
        app.add_js_file("entrance.js", priority=LATE)
    if pagename == SYMPTOMS:
        app.add_js_file("clinic.js", priority=LATE)


def setup(app):
    """Connect all this to Sphinx."""
    app.add_directive("entrance", Entrance)
    app.add_directive("cite-this", CiteThis)
    app.connect("env-before-read-docs", draw_pictures)
    for function in [open_chapter, note_chapters, mark_symptoms, mark_verdicts]:
        app.connect("doctree-read", function)
    app.connect("doctree-resolved", shape_first_page)
    app.connect("html-page-context", add_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
