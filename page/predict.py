"""Predict, commit, compare: a quote that begins with **Predict.** becomes a group with choices, tied to its **Answer.**

    > **Predict.** What becomes of it?
    >
    > a) a thousand · b) two · c) it depends on $x$

    **Answer: b.** Because ...

The choices are written as a list, of which page/static/predict.js makes buttons. All from the question to the end of
the answer is held back until the reader has guessed or wants to see it; without scripts and on paper it is just there.
Cells tagged ``check`` are folded into one line, and so is the second cell of a chapter, which imports.
"""

import json
import re
from itertools import groupby
from pathlib import Path

from addresses import read_english
from docutils import nodes
from language import CHOICE, say
from sphinx.util import logging

PREDICT = re.compile(r"Predict\.|预测。")
ANSWER = re.compile(r"Answer(?:: (?P<letter>[^.]+))?\.|答案(?:：(?P<chinese>[^。]+))?。")
MOST = 5  # choices
logger = logging.getLogger(__name__)


class Predict(nodes.General, nodes.Element):
    """A question to be answered before one reads on, and its choices."""


class Compare(nodes.General, nodes.Element):
    """What is held back: all from a question to the end of its answer."""


class Foot(nodes.General, nodes.Element):
    """The place for what the script adds to a question, whose height is known before."""


def opening(node):
    """Return the bold words with which a paragraph opens; None if it opens with others."""
    if not isinstance(node, nodes.paragraph):
        return None
    first = next((child for child in node if child.astext()), None)  # myst puts an empty text before what is bold
    return first if isinstance(first, nodes.strong) else None


def is_predict(node):
    """Tell whether a node is a quote that asks for a prediction."""
    bold = opening(node[0]) if isinstance(node, nodes.block_quote) and len(node) else None
    return bold is not None and PREDICT.fullmatch(bold.astext()) is not None


def is_answer(node):
    """Tell whether a node is a paragraph that answers."""
    bold = opening(node)
    return bold is not None and ANSWER.fullmatch(bold.astext()) is not None


def right_letter(answer):
    """Return what an answer names as right, or None."""
    found = ANSWER.fullmatch(opening(answer).astext())
    return found["letter"] or found["chinese"]


def split_choices(paragraph):
    """Return the choices of a paragraph like ``a) one · b) two`` as pairs of letter and nodes; none in another one."""
    choices = []
    for is_text, children in groupby(paragraph, lambda child: isinstance(child, nodes.Text)):
        if not is_text:
            if not choices:
                return []
            choices[-1][1].extend(children)
            continue
        before, *parts = CHOICE.split("".join(child.astext() for child in children))
        if not choices and (before or not parts):
            return []
        if before:
            choices[-1][1].append(nodes.Text(before))
        for letter, words in zip(parts[::2], parts[1::2], strict=True):
            choices.append((letter, [nodes.Text(words)] if words else []))
    return choices


def address(question, taken):
    """Return an address that stays while the first words of a question stay, and that is not taken yet."""
    words = nodes.make_id(" ".join(PREDICT.sub("", question.astext(), count=1).split()[:8]))
    names = [words, *(f"{words}-{number}" for number in range(2, 100))]
    return next(name for name in names if f"predict-{name}" not in taken)


def fault(choices, answer):
    """Return what is wrong with the choices of a question and its answer, or an empty string."""
    letters = "".join(letter for letter, _ in choices)
    if not choices:
        return ""
    if not (2 <= len(letters) <= MOST and "abcdefghij".startswith(letters)):
        return f"has the choices {letters!r}: there are 2 to {MOST}, a) to e), with ' · ' between them"
    if answer is None:
        return "has choices, but no paragraph **Answer: x.** follows before the next one"
    right = right_letter(answer)
    return "" if right in list(letters) else f"has the answer {right!r}, which is none of its choices {letters!r}"


def shape_predicts(app, doctree):
    """Make a Predict of each quote that is one, and give its answer the same address."""
    found = list(doctree.findall(lambda node: is_predict(node) or is_answer(node)))
    originals = read_english(app)
    english = [predict["ids"][0] for predict in originals.findall(Predict)] if originals else []
    for number, quote in enumerate(found):
        if not is_predict(quote):
            continue
        after = found[number + 1] if number + 1 < len(found) else None
        answer = after if after is not None and is_answer(after) else None
        choices = split_choices(quote[-1]) if len(quote) > 1 else []
        if wrong := fault(choices, answer):
            logger.warning("the Predict %r %s", quote[0].astext()[:80], wrong, location=quote)
            choices = []
        if answer is not None and answer.parent is not quote.parent:
            logger.warning("the Predict %r has its answer in another section", quote[0].astext()[:80], location=quote)
            continue
        name = english.pop(0).removeprefix("predict-") if english else address(quote[0], doctree.ids)
        predict = make_predict(quote, choices, answer, name, doctree.ids)
        if answer is not None:
            hold_back(quote, answer, f"compare-{name}")
        quote.replace_self(predict)


def hold_back(quote, answer, name):
    """Put all after a quote, to the end of its answer, into one box."""
    section = quote.parent
    first, last = section.index(quote) + 1, section.index(answer) + 1
    section[first:last] = [Compare("", *section[first:last], ids=[name])]


def make_predict(quote, choices, answer, name, taken):
    """Return the Predict that takes the place of a quote, under a name; its answer may be None."""
    question = quote[0]
    question.replace(opening(question), nodes.strong("", say("Predict"), classes=["book-label"]))
    question["ids"].append(f"question-{name}")
    predict = Predict("", *quote.children[: -1 if choices else None], ids=[f"predict-{name}"], question=question["ids"])
    taken[f"predict-{name}"] = predict
    if choices:
        items = nodes.bullet_list(classes=["book-choices"])
        for letter, words in choices:
            mark = nodes.inline("", f"{letter})", classes=["book-letter"])
            items += nodes.list_item("", nodes.paragraph("", "", mark, nodes.Text(" "), nodes.inline("", "", *words)))
        predict += items
    if answer is not None:
        answer["ids"].insert(0, f"answer-{name}")  # the script looks for the first
        answer["classes"].append("book-answer")
        opening(answer)["classes"].append("book-label")
        predict["answer"] = right_letter(answer) if choices else ""
        predict += Foot("", choices=bool(choices))
    return predict


def visit_predict(translator, node):
    """Open the group, whose name is the question."""
    options = {"role": "group", "aria-labelledby": node["question"][0]}
    if node.get("answer"):
        options["data-answer"] = node["answer"]
    translator.body.append(translator.starttag(node, "div", CLASS="book-predict", **options))


def depart_predict(translator, node):
    """Close the group, or the box."""
    translator.body.append("</div>\n")


def visit_compare(translator, node):
    """Open the box; ``until-found`` lets links and the browser's own search open it."""
    translator.body.append(translator.starttag(node, "div", CLASS="book-compare", hidden="until-found"))


def visit_foot(translator, node):
    """Write the empty boxes that the script fills: for a button, where there are no choices, and for the switch."""
    if not node["choices"]:
        translator.body.append('<div class="book-written"></div>\n')
    translator.body.append('<div class="book-foot"></div>\n')
    raise nodes.SkipNode


def fold_imports(app, doctree):
    """Let myst-nb fold the second cell of a chapter, which imports and sets up."""
    cells = doctree.findall(lambda node: isinstance(node, nodes.container) and node.get("cell_index") == 1)
    folded = say("What this page imports")
    for cell in [cell for cell in cells if re.match("(import|from) ", cell.astext())]:
        cell["classes"] += ["tag_hide-input", "book-imports"]
        cell.attributes |= {"hide_mode": "input", "prompt_show": folded, "prompt_hide": folded}


def fold_checks(app, doctree):
    """Let myst-nb fold each cell tagged ``check`` as it folds those tagged hide-cell; give it an address."""
    cells = [c for c in doctree.findall(nodes.container) if "tag_check" in c["classes"] and "cell_index" in c]
    if not cells:
        return
    notebook = json.loads(Path(app.env.doc2path(app.env.docname)).read_text("utf8"))
    checked = say("Checked when the book is built")
    for cell in cells:
        cell["ids"].append(f"cell-{notebook['cells'][cell['cell_index']]['id']}")
        cell.attributes |= {"hide_mode": "all", "prompt_show": checked, "prompt_hide": checked}


def setup(app):
    """Connect all this to Sphinx."""
    app.add_node(Predict, html=(visit_predict, depart_predict))
    app.add_node(Compare, html=(visit_compare, depart_predict))
    app.add_node(Foot, html=(visit_foot, None))
    app.connect("doctree-read", shape_predicts)
    app.connect("doctree-read", fold_checks)
    app.connect("doctree-read", fold_imports)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
