"""The rules that the chapters keep.

Each rule is a function that returns its violations. Below the rules, each is seen to report a broken sample.
"""

import ast
import copy
import json
import re
from itertools import pairwise

import pytest
from build_book import read_executed
from notebooks import (
    CHAPTERS,
    PICTURE,
    code_cell,
    code_cells,
    exercises,
    headings,
    lesson_and_deeper,
    markdown,
    minutes,
    option,
    prose,
    size,
    source,
    statements,
    tags,
    text_cell,
)
from predict import CHOICE, MOST

TORCHS = "running_mean running_var num_batches_tracked state_dict requires_grad_ channels_last contiguous_format"
ACTIONS = "Build Compare Compute Derive Find Fold Freeze Make Measure Read See Show Train Undo Watch Write".split()


# Rules for a notebook as it is stored.


def outputs_are_stripped(notebook):
    return [
        f"cell {cell.get('id')} holds outputs or a count"
        for cell in code_cells(notebook)
        if cell["outputs"] or cell["execution_count"]
    ]


def cells_have_ids(notebook):
    ids = [cell.get("id") for cell in notebook["cells"]]
    return [f"cell {n}: no id of its own" for n, name in enumerate(ids) if not name or ids.count(name) > 1]


def cells_are_short(notebook):
    return [
        f"cell {cell['id']} has {len(source(cell).splitlines())} lines, more than 25"
        for cell in code_cells(notebook)
        if len(source(cell).splitlines()) > 25
    ]


def visible_code_fits_a_phone(notebook):
    """What is folded may be wider: imports, figures, checks."""
    cells = [cell for cell in notebook["cells"][2:] if cell["cell_type"] == "code"]
    return [
        f"cell {cell['id']} has a line of {len(line)} columns, more than 60: {line!r}"
        for cell in cells
        if not tags(cell) & {"hide-input", "check"}
        for line in source(cell).splitlines()
        if len(line) > 60
    ]


def results_of_several_arms_are_tables(notebook):
    loops = [
        (cell, loop)
        for cell in code_cells(notebook)
        for part in statements(cell)
        for loop in ast.walk(part)
        if isinstance(loop, ast.For | ast.While)
    ]
    return [
        f"cell {cell['id']} prints in a loop, which is for a Table"
        for cell, loop in loops
        if any(isinstance(node, ast.Call) and ast.unparse(node.func) == "print" for node in ast.walk(loop))
    ]


def figures_are_discussed_by_number(notebook):
    text = "\n".join(markdown(notebook))
    names = [option(cell, "figure", "name") for cell in code_cells(notebook)]
    names += re.findall(r"^\((fig-[\w-]+)\)=", text, flags=re.M)
    return [f"no text names the figure {name}" for name in names if name and f"{{numref}}`{name}`" not in text]


def title_asks_or_acts(notebook):
    titles = [words for level, words in headings(notebook) if level == 1]
    if len(titles) != 1:
        return [f"{len(titles)} titles: {titles}"]
    asks_or_acts = titles[0].endswith("?") or titles[0].split()[0] in ACTIONS
    return [] if asks_or_acts else [f"the title {titles[0]!r} is no question, and its first word none of {ACTIONS}"]


def first_cell_tells_what_to_expect(notebook):
    first = source(notebook["cells"][0])
    return [
        f"the first cell lacks {words}"
        for words in ["# ", "**You will**", "**You need**", "**Runs in**"]
        if words not in first
    ]


def lesson_takes_what_it_says(notebook):
    said = re.findall(r"The lesson takes\*\* about (\d+) minutes", source(notebook["cells"][0]))
    takes = minutes(notebook)
    return [] if said == [str(takes)] else [f"the lesson takes {takes} minutes by its words and cells, it says {said}"]


def second_cell_imports_only(notebook):
    cell = notebook["cells"][1]
    if cell["cell_type"] != "code":
        return ["the second cell is no code"]
    others = [s for s in statements(cell) if not isinstance(s, ast.Import | ast.ImportFrom)]
    return [
        f"the second cell does more than import: {text}" for s in others if (text := ast.unparse(s)) != "use_style()"
    ]


def code_has_no_hacks(notebook):
    hacks = r"^\s*[!%].*|.*import \*.*|.*sys\.path.*|^import bnutils.*"
    return [
        f"{line!r}: no shell, no star, no paths, names of bnutils by name"
        for cell in code_cells(notebook)
        for line in re.findall(hacks, source(cell), flags=re.M)
    ]


def chapter_ends_with_summary_exercises_sources(notebook):
    last = [words for level, words in headings(notebook) if level == 2][-3:]
    return [] if last == ["Summary", "Exercises", "Sources"] else [f"the last sections are {last}"]


def summary_has_three_to_five_points(notebook):
    text = "\n".join(markdown(notebook)).partition("\n## Summary\n")[2].partition("\n## ")[0]
    points = re.findall(r"^[-*] ", text, flags=re.M)
    return [] if 3 <= len(points) <= 5 else [f"the summary has {len(points)} points"]


def exercises_are_three_to_five(notebook):
    names = [heading for heading, _, _ in exercises(notebook)]
    numbered = all(name.startswith(f"Exercise {n}") for n, name in enumerate(names, start=1))
    return [] if 3 <= len(names) <= 5 and numbered else [f"exercises: {names}"]


PROMPTS = {"code_prompt_show": "Show the solution in code", "code_prompt_hide": "Hide the solution in code"}


def solutions_are_folded_and_checked(notebook):
    found = []
    for heading, _, cells in exercises(notebook):
        if not cells:
            found.append(f"{heading} has no executed solution")
        elif not any(isinstance(part, ast.Assert) for last in statements(cells[-1])[-1:] for part in ast.walk(last)):
            found.append(f"the solution of {heading} does not end in an assert")
        for cell in cells:
            prompts = cell["metadata"].get("mystnb", {})
            named = [prompts.get("code_prompt_show"), prompts.get("code_prompt_hide")]
            if "hide-cell" not in tags(cell) or named != list(PROMPTS.values()):
                found.append(f"{heading}: cell {cell['id']} is not folded as a solution")
    return found


def one_exercise_wants_paper(notebook):
    paper = any(
        re.search(r"paper|by hand|prove|\{dropdown\} Solution", text, re.I) for _, text, _ in exercises(notebook)
    )
    return [] if paper else ["no exercise is done on paper"]


def chapter_asserts(notebook):
    cells = [cell for cell in code_cells(notebook) if "hide-cell" not in tags(cell)]
    found = any(isinstance(s, ast.Assert) for cell in cells for s in statements(cell))
    return [] if found else ["nothing is asserted outside the exercises"]


def explorers_follow_a_question(notebook):
    found = []
    for before, cell in pairwise(notebook["cells"]):
        if cell["cell_type"] != "code" or not re.search(r"\bexplore_\w+\(", source(cell)):
            continue
        if not re.fullmatch(r"explore_\w+\(\)", source(cell)) or "hide-input" not in tags(cell):
            found.append(f"cell {cell['id']} is not one call of an explorer, tagged hide-input")
        last_paragraph = source(before).rpartition("\n\n")[2]
        if not (last_paragraph.startswith("**Try it.**") and "?" in last_paragraph):
            found.append(f"cell {cell['id']} follows no paragraph **Try it.** that asks")
    return found


def formulas_and_directives_stand_apart(notebook):
    found = []
    for text in markdown(notebook):
        lines = ["", *text.splitlines(), ""]
        marks = [n for n, line in enumerate(lines) for _ in range(line.count("$$"))]
        opened = [n for n, line in enumerate(lines) if line.startswith(":::{")]
        first = [next(k for k in range(n + 1, len(lines)) if not re.match(r":\w+:", lines[k])) for n in opened]
        last = [n - 1 for n, line in enumerate(lines) if re.fullmatch(":::+", line)]
        should_be_blank = [*(n - 1 for n in marks[::2]), *(n + 1 for n in marks[1::2]), *first, *last]
        found += [f"no blank line at {lines[n]!r}" for n in should_be_blank if lines[n].strip()]
    return found


def chapter_fills_one_lesson(notebook):
    words, cells = size(lesson_and_deeper(notebook)[0])
    found = [] if 1200 <= words <= 1800 else [f"{words} words before Going deeper, not 1200 to 1800"]
    return found if 10 <= cells <= 15 else [*found, f"{cells} code cells before Going deeper, not 10 to 15"]


def going_deeper_is_short_and_says_for_whom(notebook):
    text, found = "\n\n".join(markdown(notebook)), []
    for title in re.findall(r"^## (Going deeper.*)", text, flags=re.M):
        if not re.search(rf"\n\([\w-]+\)=\n## {re.escape(title)}\n\n\*For those ", text):
            found.append(f"{title!r} has no label, or does not open with *For those ...:* and what it adds")
    for section in lesson_and_deeper(notebook)[1]:
        words, cells = size(section)
        if words > 500 or cells > 6:
            found.append(f"{headings(section)[0][1]!r}: {words} words and {cells} code cells, more than 500 and 6")
    return found


QUOTE_OR_ANSWER = r"^> \*\*Predict\.\*\*.*(?:\n>.*)*|^\*\*Answer(?:: [^.*]+)?\.\*\*"


def predict_has_an_answer(notebook):
    blocks = re.findall(QUOTE_OR_ANSWER, "\n\n".join(markdown(notebook)), flags=re.M)
    found = []
    for block, after in pairwise([*blocks, ""]):
        if not block.startswith(">"):
            continue
        question, *_, last = [" ".join(part.split("\n> ")) for part in block.split("\n>\n")] * 2
        name = question.removeprefix("> **Predict.** ")[:60]
        letters = "".join(CHOICE.findall(last.removeprefix("> "))) if last.startswith("> a) ") else None
        if not after.startswith("**Answer"):
            found.append(f"{name!r} is followed by no paragraph **Answer before the next Predict")
        elif letters is not None and after.strip("*")[8:-1] not in list(letters):
            found.append(f"{name!r} has the answer {after.strip('*')!r}, none of its choices {letters!r}")
        if letters is not None and not ("abcde".startswith(letters) and 2 <= len(letters) <= MOST):
            found.append(f"{name!r} has the choices {letters!r}, not 2 to {MOST} of a) to e) with ' · ' between them")
    return found


# Rules for a notebook that has been executed.


def printed(notebook):
    """Return the texts that the cells of an executed notebook print or show."""
    outputs = [output for cell in code_cells(notebook) for output in cell["outputs"]]
    return ["".join(o.get("text", o.get("data", {}).get("text/plain", ""))) for o in outputs]


def draws(cell):
    """Tell whether an executed cell shows a picture."""
    return any(kind.startswith("image/") for output in cell["outputs"] for kind in output.get("data", {}))


def figures_are_captioned_and_folded(notebook):
    found = []
    for cell in filter(draws, code_cells(notebook)):
        caption, name, alt = (
            option(cell, "figure", "caption"),
            option(cell, "figure", "name"),
            option(cell, "image", "alt"),
        )
        if len(alt.split()) < 5:
            found.append(f"cell {cell['id']} draws without an alternative text that says what is seen")
        if "hide-cell" in tags(cell):  # in a solution, the exercise says what to see
            continue
        if not (caption and name) or caption == alt:
            found.append(f"cell {cell['id']} draws without a name and a caption that says what to see")
        if "hide-input" not in tags(cell):
            found.append(f"cell {cell['id']} draws and is not tagged hide-input")
    return found


def numbers_in_prose_are_printed(notebook):
    """Decimals and percentages are results that a cell prints, or settings that stand in the code."""
    parts = [part for cell in code_cells(notebook) for part in statements(cell) if not isinstance(part, ast.Assert)]
    nodes = [node for part in parts for node in ast.walk(part)]
    settings = [repr(n.value) for n in nodes if isinstance(n, ast.Constant) and type(n.value) in (int, float)]
    known = {*settings, *re.findall(r"\d+(?:\.\d+)?", "\n".join(printed(notebook)))}
    percent = {f"{100 * float(number):g}" for number in known}
    found = []
    for sentence in prose(notebook):
        if "{cite" in sentence and re.search(r"section|table|figure|algorithm|appendix|page|theorem", sentence, re.I):
            continue  # a number of a paper, with its place there
        text = re.sub(r"`[^`]*`|\]\([^)]*\)|https?://\S+|arXiv:\S+|\d+\.\d+\.\d+", " ", sentence)
        text = re.sub(
            r"(section|table|figure|chapter|version|torch|python|numpy|keras|tensorflow) \d[\d.]*",
            " ",
            text,
            flags=re.I,
        )
        for number, sign in re.findall(r"(?<![\w.])(\d+(?:\.\d+)?)(\s?%)?", text):
            if ("." in number or sign) and number not in known | (percent if sign else set()):
                found.append(f"{number}{sign} is printed by no cell: {sentence.strip()!r}")
    return found


def tables_are_named_in_words(notebook):
    """What heads a row, a column or a group is words or a name of torch, not an identifier of ours."""
    shown = [(cell["id"], output.get("data", {})) for cell in code_cells(notebook) for output in cell["outputs"]]
    return [
        f"cell {name} has a table with the name {word}, which is no word"
        for name, data in shown
        for head in re.findall(r"<th [^>]*>(.*?)</th>", "".join(data.get("text/html", "")))
        for word in re.findall(r"\b[A-Za-z]\w*_\w*", head)
        if word not in TORCHS.split()
    ]


STORED = [
    outputs_are_stripped,
    cells_have_ids,
    cells_are_short,
    visible_code_fits_a_phone,
    results_of_several_arms_are_tables,
    figures_are_discussed_by_number,
    title_asks_or_acts,
    first_cell_tells_what_to_expect,
    second_cell_imports_only,
    code_has_no_hacks,
    chapter_ends_with_summary_exercises_sources,
    summary_has_three_to_five_points,
    exercises_are_three_to_five,
    solutions_are_folded_and_checked,
    one_exercise_wants_paper,
    chapter_asserts,
    explorers_follow_a_question,
    formulas_and_directives_stand_apart,
    going_deeper_is_short_and_says_for_whom,
    predict_has_an_answer,
]
NUMBERED = [chapter_fills_one_lesson, lesson_takes_what_it_says]
EXECUTED = [figures_are_captioned_and_folded, numbers_in_prose_are_printed, tables_are_named_in_words]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
@pytest.mark.parametrize("rule", STORED)
def test_chapter_keeps(rule, chapter):
    assert rule(json.loads(chapter.read_text())) == []


@pytest.mark.parametrize("chapter", [path for path in CHAPTERS if path.stem[0].isdigit()], ids=lambda path: path.stem)
@pytest.mark.parametrize("rule", NUMBERED)
def test_numbered_chapter_keeps(rule, chapter):
    assert rule(json.loads(chapter.read_text())) == []


FLOORS = {  # the asserts that stood there on 30 November 2026; fewer need a reason
    "01_why": 76,
    "02_formula": 75,
    "03_running_statistics": 95,
    "04_identity": 81,
    "05_backward": 88,
    "06_pytorch": 90,
    "07_linear": 75,
    "08_hypotheses": 75,
    "09_overfitting": 90,
    "10_practice": 92,
    "clinic": 100,
    "museum": 53,
}


def keeps_its_asserts(notebook, floor):
    """Chapters are rewritten, and their asserts stay, in cells tagged ``check`` too.

    A referee's correction may lower a floor, because a claim that was wrong has no assert; the reason stands beside it.
    """
    nodes = [node for cell in code_cells(notebook) for part in statements(cell) for node in ast.walk(part)]
    count = sum(isinstance(node, ast.Assert) for node in nodes)
    return [] if count >= floor else [f"{count} asserts, where there were {floor}"]


def test_each_chapter_has_a_floor():
    assert list(FLOORS) == [path.stem for path in CHAPTERS]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_keeps_its_asserts(chapter):
    assert keeps_its_asserts(json.loads(chapter.read_text()), FLOORS[chapter.stem]) == []


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
@pytest.mark.parametrize("rule", EXECUTED)
def test_executed_chapter_keeps(rule, chapter, book):
    executed = read_executed(chapter, book.parent)
    assert any(cell["outputs"] for cell in code_cells(executed))
    assert rule(executed) == []


# Each rule, broken once.


def solution(text, **options):
    return code_cell(text, tags=["hide-cell"], mystnb=PROMPTS | options)


FIGURE = {
    "figure": {"caption": "It stays at 0.25.", "name": "fig-line"},
    "image": {"alt": "A level line at one quarter."},
}


def table_of(name):
    """Return the output of a cell that shows a table with one row."""
    return {"output_type": "execute_result", "data": {"text/html": [f'<tr><th scope="row">{name}</th>', "</tr>"]}}


EXECUTED_SAMPLE = {
    "cells": [
        text_cell(
            "# Does it add up?\n\n**You will** see.\n\n**You need** nothing.\n\n"
            "**The lesson takes** about 25 minutes. **Runs in** 1 second."
        ),
        code_cell("import numpy as np\n\nfrom bnutils.plotting import use_style\n\nuse_style()"),
        text_cell(
            "## Look\n\nTake `eps=0.5` and $0.7$ of torch 2.13:\n\n$$\na = 0.9\n$$ (eq-a)\n\nThe mean is 0.25, or 25 %."
            + " A word." * 700
        ),
        code_cell(
            "assert True\nassert True\nprint('0.25, 25 %')",
            [{"output_type": "stream", "text": ["0.25, ", "25 %\n"]}, table_of("2.running_mean, the first")],
        ),
        code_cell("ax.plot(x)", [PICTURE], tags=["hide-input"], mystnb=FIGURE),
        text_cell(
            ":::{note}\n:class: tip\n\nThe paper has 4.8 % (Table 2 of {cite:t}`ioffe2015`), as "
            "{numref}`fig-line` shows.\n\n:::"
        ),
        *[code_cell("x") for _ in range(8)],
        text_cell(
            "(deep)=\n## Going deeper: a word\n\n*For those who ask:* it is one.\n\n"
            "## Summary\n\n- a\n- b\n- c\n\n## Exercises\n\n### Exercise 1\n\nOn paper."
        ),
        solution("assert True"),
        text_cell("### Exercise 2\n\nGo."),
        solution("x = 1", image={"alt": "A line from left to right."}),
        solution("assert x"),
        text_cell("### Exercise 3\n\nGo."),
        solution("assert True"),
        text_cell("## Sources\n\nNone."),
        text_cell("A word.\n\n**Try it.** What moves?"),
        code_cell("explore_batch()", tags=["hide-input"]),
        text_cell("> **Predict.** How much is it?\n>\n> a) a third · b) a quarter,\n> or so · c) $x$\n\nWe look."),
        code_cell("x", tags=["check"]),
        text_cell("**Answer: b.** It is a quarter.\n\n> **Predict.** Draw it: a) here, b) there."),
        text_cell("**Answer.** So."),
    ]
}
for number, cell_of_sample in enumerate(EXECUTED_SAMPLE["cells"]):
    cell_of_sample["id"] = f"cell-{number}"


def stripped(notebook):
    """Return the notebook as it is stored."""
    notebook = copy.deepcopy(notebook)
    for cell in code_cells(notebook):
        cell["outputs"] = []
    return notebook


BROKEN = [  # rule, number of a cell, what its text becomes (or a change of the cell), part of the message
    (outputs_are_stripped, 3, {"outputs": [PICTURE]}, "cell-3"),
    (outputs_are_stripped, 3, {"execution_count": 7}, "cell-3"),
    (cells_have_ids, 3, {"id": None}, "cell 3"),
    (cells_have_ids, 3, {"id": "cell-4"}, "cell 4"),
    (cells_are_short, 3, "x = 1\n" * 26, "26 lines"),
    (visible_code_fits_a_phone, 3, "x = 1  #" + 53 * "-", "61 columns"),
    (visible_code_fits_a_phone, 18, "x = 1  #" + 53 * "-", "cell-18"),
    (results_of_several_arms_are_tables, 3, "for x in y:\n    if x:\n        print(x)", "cell-3"),
    (figures_are_discussed_by_number, 5, "Nothing.", "fig-line"),
    (figures_are_discussed_by_number, 5, "{numref}`fig-line`\n\n(fig-drawn)=\n\n![A line.](a.svg)", "fig-drawn"),
    (title_asks_or_acts, 0, "# Identity recovery", "Identity recovery"),
    (title_asks_or_acts, 2, "# Does it have two titles?", "2 titles"),
    (first_cell_tells_what_to_expect, 0, "# Why?\n\n**You will** see.\n\n**Runs in** 1 second.", "**You need**"),
    (second_cell_imports_only, 1, "import numpy as np\nx = 1", "x = 1"),
    (second_cell_imports_only, 1, {"cell_type": "markdown"}, "no code"),
    (code_has_no_hacks, 3, "!pip install torch", "!pip"),
    (code_has_no_hacks, 3, "%pip install torch", "%pip"),
    (code_has_no_hacks, 3, "from bnutils.plotting import *", "import *"),
    (code_has_no_hacks, 3, "import sys\nsys.path.append('..')", "sys.path"),
    (code_has_no_hacks, 3, "import bnutils", "import bnutils"),
    (chapter_ends_with_summary_exercises_sources, 21, "## The end", "The end"),
    (summary_has_three_to_five_points, 14, "## Summary\n\n- a\n- b\n\n## Exercises\n\n### Exercise 1", "2 points"),
    (exercises_are_three_to_five, 19, "Not an exercise.", "Exercise 2"),
    (exercises_are_three_to_five, 19, "### Exercise 4", "Exercise 4"),
    (solutions_are_folded_and_checked, 18, "x = 2", "Exercise 2 does not end"),
    (solutions_are_folded_and_checked, 20, {"cell_type": "markdown"}, "Exercise 3 has no"),
    (solutions_are_folded_and_checked, 17, {"metadata": {"tags": ["hide-cell"]}}, "cell-17 is not folded"),
    (solutions_are_folded_and_checked, 17, {"metadata": {}}, "cell-17 is not folded"),
    (one_exercise_wants_paper, 14, "## Exercises\n\n### Exercise 1\n\nRun it.", "paper"),
    (chapter_asserts, 3, "x = 1", "nothing"),
    (explorers_follow_a_question, 22, "**Try it.** It moves.", "asks"),
    (explorers_follow_a_question, 22, "What moves?", "asks"),
    (explorers_follow_a_question, 23, "x = explore_batch()", "one call"),
    (explorers_follow_a_question, 23, {"metadata": {}}, "hide-input"),
    (formulas_and_directives_stand_apart, 2, "Text\n\n$$\na\n$$\n\nBefore\n$$\na\n$$", "Before"),
    (formulas_and_directives_stand_apart, 2, "Text\n\n$$\na\n$$ (eq-a)\nAfter", "After"),
    (formulas_and_directives_stand_apart, 5, ":::{note}\nText\n\n:::", "Text"),
    (formulas_and_directives_stand_apart, 5, ":::{note}\n\nText\n:::", "Text"),
    (going_deeper_is_short_and_says_for_whom, 22, "## Going deeper: why?\n\n*For those who ask:* so.", "no label"),
    (going_deeper_is_short_and_says_for_whom, 22, "(a)=\n## Going deeper: why?\n\nSo.", "does not open"),
    (going_deeper_is_short_and_says_for_whom, 14, "(a)=\n## Going deeper: w" + " w" * 500, "words and 0 code cells"),
    (going_deeper_is_short_and_says_for_whom, 5, "(a)=\n## Going deeper: why?\n\n*For those", "8 code cells"),
    (predict_has_an_answer, 26, "> **Predict.** Two?", "'How much is it?' is followed by no paragraph **Answer"),
    (predict_has_an_answer, 26, "> **Predict.** Two?\n\n**Answer: b.** So.", "'How much is it?' is followed by no"),
    (predict_has_an_answer, 27, "So.", "'Draw it: a) here, b) there.' is followed by no"),
    (predict_has_an_answer, 26, "**Answer: d.** It is.", "has the answer 'Answer: d.', none of its choices 'abc'"),
    (predict_has_an_answer, 26, "**Answer.** It is.", "has the answer 'Answer.', none of its choices 'abc'"),
    (predict_has_an_answer, 24, "> **Predict.** Two?\n>\n> a) one, b) two", "has the choices 'a', not 2 to 5"),
    (predict_has_an_answer, 24, "> **Predict.** Two?\n>\n> a) one · c) two · b) three", "has the choices 'acb', not"),
    (predict_has_an_answer, 24, "> **Predict.** Two?\n>\n> a) 1 · b) 2 · c) 3 · d) 4 · e) 5 · f) 6", "'abcdef'"),
    (chapter_fills_one_lesson, 2, "A word.", "words"),
    (chapter_fills_one_lesson, 2, "word " * 2000, "words"),
    (chapter_fills_one_lesson, 3, {"cell_type": "markdown"}, "9 code cells"),
    (lesson_takes_what_it_says, 2, "word " * 2400, "it says ['25']"),
    (lesson_takes_what_it_says, 0, "# Why?", "it says []"),
    (figures_are_captioned_and_folded, 4, {"metadata": {"tags": ["hide-input"]}}, "alternative text"),
    (figures_are_captioned_and_folded, 4, {"metadata": {"mystnb": FIGURE}}, "hide-input"),
    (figures_are_captioned_and_folded, 4, {"metadata": {"mystnb": FIGURE | {"figure": {}}}}, "caption"),
    (figures_are_captioned_and_folded, 15, {"outputs": [PICTURE]}, "cell-15"),
    (numbers_in_prose_are_printed, 2, "The mean is 0.26.", "0.26"),
    (numbers_in_prose_are_printed, 2, "It is right in 26 % of all cases.", "26"),
    (numbers_in_prose_are_printed, 2, "- A point with 0.26.", "0.26"),
    (numbers_in_prose_are_printed, 5, "{cite:t}`ioffe2015` have 4.8 %.", "4.8"),
    (numbers_in_prose_are_printed, 2, "It is right in 0.5 % of all cases.", "0.5 %"),
    (tables_are_named_in_words, 4, {"outputs": [table_of("<strong>var_averaged</strong>")]}, "the name var_averaged"),
    (numbers_in_prose_are_printed, 3, {"outputs": []}, "0.25 is printed by no cell: 'It stays"),
]


def test_each_rule_is_broken_once():
    assert {rule for rule, *_ in BROKEN} == {*STORED, *EXECUTED, *NUMBERED}


@pytest.mark.parametrize("rule", [*STORED, *EXECUTED, *NUMBERED])
def test_good_sample_breaks_no(rule):
    assert rule(EXECUTED_SAMPLE if rule in EXECUTED else stripped(EXECUTED_SAMPLE)) == []


@pytest.mark.parametrize(("rule", "number", "change", "message"), BROKEN)
def test_rule_sees(rule, number, change, message):
    notebook = stripped(EXECUTED_SAMPLE) if rule in STORED else copy.deepcopy(EXECUTED_SAMPLE)
    notebook["cells"][number] |= {"source": change} if isinstance(change, str) else change
    assert message in "\n".join(rule(notebook))


def test_lost_assert_is_seen():
    notebook = stripped(EXECUTED_SAMPLE)
    assert keeps_its_asserts(notebook, 5) == []
    notebook["cells"][3]["source"] = "assert_true = 1"
    assert keeps_its_asserts(notebook, 5) == ["3 asserts, where there were 5"]


def test_check_is_no_visible_cell_and_its_assert_counts():
    check = {"cells": [code_cell("assert True", tags=["check"])]}
    assert size(check)[1] == 0
    assert chapter_asserts(check) == []
