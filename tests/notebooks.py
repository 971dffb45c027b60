"""A notebook, taken apart: what the rules of the chapters look at."""

import ast
import re

from build_book import chapters_of
from conftest import ROOT

CHAPTERS = chapters_of(ROOT / "_toc.yml")


def source(cell):
    """Return the text of a cell."""
    return "".join(cell["source"])


def markdown(notebook):
    """Return the texts of the Markdown cells."""
    return [source(cell) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]


def code_cells(notebook):
    """Return the code cells."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def statements(cell):
    """Return the statements of a code cell; none if it is no plain Python."""
    try:
        return ast.parse(source(cell)).body
    except SyntaxError:
        return []


def tags(cell):
    """Return the tags of a cell."""
    return set(cell["metadata"].get("tags", []))


def option(cell, group, name):
    """Return an entry of a cell's metadata for the book, like the caption of its figure, or an empty string."""
    return cell["metadata"].get("mystnb", {}).get(group, {}).get(name, "")


def headings(notebook):
    """Return the headings of the first three levels as pairs of level and words."""
    lines = "\n\n".join(markdown(notebook))
    return [(len(marks), words) for marks, words in re.findall(r"^(#{1,3}) (.+)$", lines, flags=re.M)]


def exercises(notebook):
    """Return the exercises as triples: heading, text, and the code cells up to the next heading."""
    found, inside = [], False
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            if inside:
                found[-1][2].append(cell)
            continue
        before, *rest = re.split(r"^(#{2,3} .+)$", source(cell), flags=re.M)
        if inside:
            found[-1][1] += before
        for heading, body in zip(rest[::2], rest[1::2], strict=True):
            inside = heading.startswith("### Exercise ")
            if inside:
                found.append([heading.removeprefix("### "), body, []])
    return found


def prose(notebook):
    """Return the sentences of a notebook, its captions and its alternative texts, without formulas and code blocks."""
    texts = [re.sub(r"^```.*?^```|\$\$.*?\$\$", "\n\n", text, flags=re.S | re.M) for text in markdown(notebook)]
    for cell in code_cells(notebook):
        texts += [option(cell, "figure", "caption"), option(cell, "image", "alt")]
    return [re.sub(r"\$[^$]*\$", " ", s) for text in texts for s in re.split(r"(?<=[.!?])\s|\n\s*\n|\n[-*|#] ?", text)]


def lesson_and_deeper(notebook):
    """Return what stands before the first closing section, and a list of the sections "Going deeper", as notebooks."""
    lesson, deeper = {"cells": []}, []
    now = lesson
    for cell in notebook["cells"]:
        parts = re.split(r"^(?=## )", source(cell), flags=re.M) if cell["cell_type"] == "markdown" else [source(cell)]
        for part in parts:
            if cell["cell_type"] == "markdown" and part.startswith("## "):
                closing = part.startswith(("## Going deeper", "## Summary", "## Exercises", "## Sources"))
                now = {"cells": []} if closing else lesson
                deeper += [now] if part.startswith("## Going deeper") else []
            now["cells"].append(cell | {"source": part})
    return lesson, deeper


def size(notebook):
    """Return the words of a notebook, and its code cells without figures, solutions and checks."""
    words = sum(len(sentence.split()) for sentence in prose(notebook))
    return words, sum(not tags(cell) & {"hide-input", "hide-cell", "check"} for cell in code_cells(notebook))


def minutes(notebook):
    """Return how long the lesson takes, in minutes to the nearest five.

    150 words a minute with pen in hand, a minute and a quarter for a code cell, a minute for a displayed formula or a
    figure, a minute and a half for a guess. These weights fit what fresh readers said of ten lessons.
    """
    lesson = lesson_and_deeper(notebook)[0]
    words, cells = size(lesson)
    text = "\n\n".join(markdown(lesson))
    guesses, formulas = text.count("> **Predict.**"), text.count("$$") // 2
    figures = sum(bool(option(cell, "figure", "caption")) for cell in code_cells(lesson))
    return 5 * round((words / 150 + 1.25 * cells + formulas + figures + 1.5 * guesses) / 5)


# Cells for the samples with which rules are tried.

PICTURE = {"output_type": "display_data", "data": {"image/svg+xml": "<svg/>", "text/plain": "<Figure>"}}


def text_cell(text):
    """Return a Markdown cell."""
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def code_cell(text, outputs=(), **metadata):
    """Return a code cell."""
    return {
        "cell_type": "code",
        "metadata": metadata,
        "source": text,
        "outputs": list(outputs),
        "execution_count": None,
    }
