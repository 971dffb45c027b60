"""Words that lead on: a glossary word where a chapter first uses it, and names in code, which stand in the index."""

import re

from docutils import nodes
from predict import Predict
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

WRITTEN = "chapters/"  # where words are linked and names indexed
NO_PROSE = (
    *(nodes.title, nodes.caption, nodes.strong, nodes.thead, nodes.reference, nodes.raw),
    *(nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, Predict),
)
OF_TORCH = """
nn.BatchNorm1d nn.BatchNorm2d nn.SyncBatchNorm nn.Linear nn.Parameter F.batch_norm F.layer_norm DistributedDataParallel
DataParallel convert_sync_batchnorm broadcast_buffers eps momentum weight bias running_mean running_var
num_batches_tracked track_running_stats reset_running_stats() training requires_grad train() eval() parameters()
named_parameters() buffers() state_dict() load_state_dict() detach() no_grad() inference_mode() backward() bfloat16()
autocast() channels_last vmap() checkpoint_sequential() update_bn() std() var()
"""
OF_BNUTILS = """
BatchNorm batch_norm batch_norm_backward batch_norm_layers fold_batch_norm identity_parameters load_fashion_mnist
fashion_tensors load_results make_network make_conv_network train predict accuracy recalibrate mean_interval name_rate
Table explore_batch explore_running explore_undo explore_linear
"""
NAMES = {name: f"{name} (bnutils)" for name in OF_BNUTILS.split()}  # code: its entry in the index
NAMES = {name.split(".")[-1]: name for name in OF_TORCH.split()} | NAMES | {name: name for name in OF_TORCH.split()}
CALLED = [name for name in NAMES if "." in name or "(bnutils)" in NAMES[name]]  # in a cell, too
FOLDED = {"tag_hide-input", "tag_hide-cell", "tag_check"}


# The index.


def entry_of(code):
    """Return the entry in the index for a name in code, or None."""
    last = code.rsplit(".")[-1]
    return NAMES.get(code) or NAMES.get(last) or NAMES.get(f"{last}()") or NAMES.get(last.removesuffix("()"))


class IndexNames(SphinxTransform):
    """Let the index lead to the first place of each chapter that has a name in code: in the text, else in a cell."""

    default_priority = 800  # before Sphinx collects the entries

    def apply(self, **options):
        """Give each such place an address; the ledger only repeats what stands elsewhere."""
        if not self.env.docname.startswith(WRITTEN) or self.env.docname == "chapters/ledger":
            return
        places = {}
        for code in self.document.findall(nodes.literal):
            if (entry := entry_of(code.astext())) and not isinstance(code.parent, nodes.title):
                places.setdefault(entry, code)
        for cell in sorted(self.document.findall(is_input), key=is_folded):
            for called in re.findall(r"([\w.]+)\(", cell.astext()):
                if called in CALLED:
                    places.setdefault(NAMES[called], cell)
        for entry, place in places.items():
            place["ids"].append(f"code-{nodes.make_id(entry)}")
        entries = [("single", entry, place["ids"][-1], "", None) for entry, place in places.items()]
        self.document += addnodes.index(entries=entries)


def is_input(node):
    """Tell whether a node is the code of a cell."""
    return isinstance(node, nodes.literal_block) and "cell_input" in node.parent.get("classes", [])


def is_folded(code):
    """Tell whether the page folds the code of a cell."""
    return bool(FOLDED & set(code.parent.parent["classes"]))


def list_index(app, doctree):
    """Let the contents of the book lead to the index, after the glossary and the sources."""
    for contents in doctree.findall(addnodes.toctree):
        if "glossary" in contents["includefiles"]:
            contents["entries"].append((None, "genindex"))


def name_places(app, pagename, templatename, context, doctree):
    """Let the index name the page that an entry leads to, by the number of its chapter or the name of its file."""
    if pagename == "genindex":
        context["name_place"] = lambda address: name_place(app.env, address)


def name_place(env, address):
    """Return what the index shows for an address, and the title of its page."""
    docname = address.split("#")[0].removesuffix(".html")
    title = env.titles[docname].astext()
    number = env.toc_secnumbers.get(docname, {}).get("")
    return (str(number[0]), f"{number[0]}. {title}") if number else (docname.split("/")[-1], title)


# The glossary.


def read_terms(env):
    """Return the words of the glossary in lower case, each with the place that explains it."""
    terms = {}
    for (kind, entry), place in env.domains["std"].objects.items():
        if kind == "term":
            words = re.split(r"[,，、]\s*", entry.lower())
            words = words if words[-1][0].isalpha() else [" ".join(reversed(words))]  # Interval, 95%
            terms |= dict.fromkeys(words, place)
    return terms


def note_terms(app, env):
    """Let all chapters be written anew when the glossary explains other words."""
    terms, known = read_terms(env), getattr(env, "book_terms", None)
    env.book_terms = terms
    return [] if terms == known else [name for name in env.found_docs if name.startswith(WRITTEN)]


def link_terms(app, doctree, docname):
    """Link each word of the glossary where a chapter first uses it in its prose."""
    terms, linked = app.env.book_terms, set()
    if not (terms and docname.startswith(WRITTEN)):
        return
    longest_first = "|".join(map(re.escape, sorted(terms, key=len, reverse=True)))
    pattern = re.compile(rf"(?<![a-z-])({longest_first})(?:s?)(?![a-z-])", flags=re.I)
    for text in [text for text in doctree.findall(nodes.Text) if is_prose(text)]:
        parts, done = [], 0
        for word in pattern.finditer(text):
            place = terms[word[1].lower()]
            if place not in linked:
                linked.add(place)
                address = app.builder.get_relative_uri(docname, place[0]) + f"#{place[1]}"
                link = nodes.reference("", word[0], refuri=address, internal=True, classes=["book-word"])
                parts += [nodes.Text(text[done : word.start()]), link]
                done = word.end()
        if parts:
            text.parent.replace(text, [*parts, nodes.Text(text[done:])])


def is_prose(text):
    """Tell whether a text stands in a paragraph, and in nothing that is no prose."""
    above, node = [], text.parent
    while node is not None:
        above.append(node)
        node = node.parent
    return any(isinstance(n, nodes.paragraph) for n in above) and not any(isinstance(n, NO_PROSE) for n in above)


def setup(app):
    """Connect both to Sphinx."""
    app.add_transform(IndexNames)
    app.connect("doctree-read", list_index, priority=100)  # before Sphinx collects the contents
    app.connect("env-updated", note_terms)
    app.connect("doctree-resolved", link_terms)
    app.connect("html-page-context", name_places)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
