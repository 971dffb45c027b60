"""What can be measured of the prose in chapters and assignments. Numbers do not make prose; they keep it from falling.

Each rule is a function that returns its violations. Below the rules, each is seen to report a broken sample.
"""

import json
import re

import pytest
from conftest import ROOT
from notebooks import CHAPTERS, code_cell, source, tags, text_cell

from grading.course import NAMES, source_of

LINKS = (
    "because|since|so|therefore|thus|hence|however|but|yet|although|though|whereas|while|unless|for example|"
    "for instance|in other words|that is|(?:this|that|which) means|in fact|instead|note that|recall|then|if|when|once|"
    "rather than|even"
)
SIGNPOSTS = (
    r"in this (?:section|chapter)|\blet's\b|\blet us\b|\bwe (?:will|now|begin|next|first|then|also|have (?:seen|just))|"
    r"\bnow we\b|\bour (?:first|next|goal)|\bto see (?:this|how|why)|(?:^|\. )next,|\bearlier\b|\brecall\b|\bso far\b|"
    r"in the (?:next|previous|last) (?:section|chapter)|\bthe idea is\b|\bone way to\b|\bto do (?:this|so)\b|"
    r"\bfor (?:example|instance)\b|\bin other words\b|\b(?:this|that|which) means\b"
)
HABITS = {  # what a translated sentence sounds like, and what to write
    r"\b(?:is|are) no (?!longer|more|less|larger|better|reason|need|way|such)\w+": "is not a",
    r"\bin (?:the )?place of\b|\bin its place\b": "instead of",
    r"\banew\b": "again",
    r"\bof (?:torch|PyTorch|Keras|TensorFlow|NumPy)\b": "torch's, the Keras ...",
    r"\b[Ww]hich (?:share|unit|factor|power)\b": "what fraction, by how much",
    r"\bin front of\b": "before",
    r", and no\b": "but not, but no",
    r"\bbecomes? of\b": "happens to",
    r"\bgives? back\b": "returns",
    r"\bthe note(?:'s)?\b": "a common claim",
    r"\btrainings\b": "training runs",
    r"\b(?:behaviour|neighbour\w*|colour\w*|centre\w*|grey|practise[sd]?|labelled|favour\w*)\b": "US spelling",
    r"\b(?:who|Who)ever\b": "anyone who",
    r"\bby the factor\b": "by a factor of",
    r"\bnext to (?:nothing|none|no)\b": "almost no",
}
FOLDED = {"hide-input", "hide-cell", "remove-input", "remove-cell", "check"}


def plain(text):
    """Return Markdown as words: no links, roles, marks, formulas or code blocks."""
    text = re.sub(r"^```.*?^```|\$\$.*?\$\$(?: *\([\w-]+\))?", "\n", text, flags=re.S | re.M)
    text = re.sub(r"\$[^$]+\$|`[^`]+`", "M", re.sub(r"\{[\w:]+\}`[^`]*`", "M", text))
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("*", "")


def blocks(notebook):
    """Return pairs of kind (heading, predict, text, code, folded) and words, in the order of the page."""
    found = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            found.append(("folded" if tags(cell) & FOLDED else "code", source(cell)))
            continue
        for part in re.split(r"\n\s*\n", plain(source(cell))):
            lines = [
                line.strip() for line in part.splitlines() if not re.match(r"\s*(\([\w-]+\)=|:::|:\w|\||!\[)", line)
            ]
            found += [("heading", line) for line in lines if line.startswith("#")]
            words = " ".join(line for line in lines if line and not line.startswith("#"))
            kind = "predict" if re.match(r">\s*Predict", words) else "text"
            if re.sub(r"[M>\s]", "", words):
                found.append((kind, re.sub(r"(^|\s)>\s?", " ", words).strip()))
    return found


def sentences(notebook):
    """Return the sentences of a notebook without headings, labels and choices."""
    told = " \n".join(words for kind, words in blocks(notebook) if kind in {"text", "predict"})
    told = re.sub(r"\ba\) .*? · .*?\n|\b(?:Predict|Try it|Answer(?:: \w)?)\. ", "", told)
    parts = re.split(r"(?<=[.?!])[\"”)]?\s+|\s\n|\s(?=- )", told)
    return [part for part in parts if len(part.split()) > 1]


def lesson(notebook):
    """Return the blocks before the summary."""
    all_of_it = blocks(notebook)
    end = next((n for n, (kind, words) in enumerate(all_of_it) if (kind, words) == ("heading", "## Summary")), None)
    return all_of_it[1:end] if all_of_it and all_of_it[0][0] == "code" else all_of_it[:end]


def code_is_led_in(notebook):
    found, before = [], "text"
    for kind, words in lesson(notebook):
        if kind == "code" and before in {"heading", "code", "folded"} and not words.startswith(("import ", "from ")):
            found.append(f"no sentence says what this is for: {words.splitlines()[0]!r}")
        before = kind
    return found


def prints_are_read(notebook):
    found, waiting = [], None
    for kind, words in [*lesson(notebook), ("heading", "")]:
        if kind in {"text"}:
            waiting = None
        elif waiting and kind in {"code", "heading", "predict"}:
            found.append(f"no sentence reads what this prints: {waiting!r}")
            waiting = None
        if kind == "code" and "print(" in words:
            waiting = words.splitlines()[0]
    return found


def habits_are_lost(notebook):
    text = " \n".join(words for kind, words in blocks(notebook) if kind not in {"code", "folded"})
    return [f"{m[0]!r}: {better}" for habit, better in HABITS.items() for m in re.finditer(habit, text)]


def sentences_are_linked(notebook):
    told = sentences(notebook)
    words = sum(len(sentence.split()) for sentence in told)
    shares = {
        "signposts in 1,000 words, fewer than 5": 1000 * len(re.findall(SIGNPOSTS, " ".join(told), re.I)) / words - 5,
        "of 100 sentences have a link like *because*, fewer than 28": 100
        * sum(bool(re.search(rf"\b(?:{LINKS})\b", sentence, re.I)) for sentence in told)
        / len(told)
        - 28,
        "colons in 100 sentences, more than 12": 12 - 100 * sum(": " in f"{s} " for s in told) / len(told),
        "of 100 sentences have six words or fewer, more than 10": 10
        - 100 * sum(len(sentence.split()) <= 6 for sentence in told) / len(told),
    }
    return [f"{words}, by {-share:.1f}" for words, share in shares.items() if share < 0]


RULES = [code_is_led_in, prints_are_read, habits_are_lost, sentences_are_linked]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
@pytest.mark.parametrize("rule", RULES)
def test_chapter_reads_well(rule, chapter):
    assert rule(json.loads(chapter.read_text())) == []


def for_students(notebook):
    """Return an instructor's notebook without its written solutions."""
    return {"cells": [c for c in notebook["cells"] if c["cell_type"] == "code" or not is_answer(c)]}


def is_answer(cell):
    """Return whether a cell is answered by students."""
    return cell["metadata"]["nbgrader"]["solution"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rule", RULES)
def test_assignment_reads_well(rule, name):
    notebook = json.loads(source_of(name).read_text())
    assert rule(for_students(notebook)) == []
    assert rule(notebook) == []  # with the solutions, which students and teachers read in the feedback


# Each rule is seen to report what it is for.

GOOD = {
    "cells": [
        text_cell("# See the mean\n\nLet's see what the mean of a batch does, because the next section needs it."),
        code_cell("import numpy as np"),
        text_cell("We now compute the mean of three numbers, so that we can subtract it."),
        code_cell("print(np.mean([1, 2, 6]))"),
        text_cell(
            "It prints 3, which means that the batch is centered at 3. Recall that we divide by $m$, not by $m-1$."
        ),
        text_cell("> **Predict.** What happens to the mean if 6 becomes 600?\n>\n> a) nothing · b) it grows"),
        code_cell("print(np.mean([1, 2, 600]))"),
        text_cell("**Answer: b.** It grows to 201, because each of the numbers counts the same.\n\n## Summary"),
    ]
}
BROKEN = [
    (code_is_led_in, 2, "## The mean", "no sentence says"),
    (prints_are_read, 4, "## Another heading", "no sentence reads"),
    (prints_are_read, 7, "## Summary", "no sentence reads"),
    (habits_are_lost, 4, "The default of torch is another one.", "torch's"),
    (habits_are_lost, 4, "Its behaviour is the same.", "US spelling"),
    (sentences_are_linked, 4, "It is three. That is all. Nobody asks. The end.", "six words or fewer"),
    (sentences_are_linked, 4, "It prints: three. This is: a mean. We say: good. It is: so.", "colons"),
]


@pytest.mark.parametrize("rule", RULES)
def test_good_sample_keeps(rule):
    assert rule(GOOD) == []


@pytest.mark.parametrize(("rule", "number", "text", "message"), BROKEN)
def test_rule_sees(rule, number, text, message):
    broken = {"cells": [*GOOD["cells"][:number], text_cell(text), *GOOD["cells"][number + 1 :]]}
    assert any(message in line for line in rule(broken))


def test_text_without_links_and_signposts_is_seen():
    dry = {"cells": [text_cell("The layer subtracts the mean of each feature of the batch. " * 9)]}
    found = " ".join(sentences_are_linked(dry))
    assert "signposts" in found
    assert "have a link" in found


def test_code_under_code_is_seen_and_imports_need_no_sentence():
    cells = [
        code_cell("import numpy as np"),
        text_cell("Let's print it."),
        code_cell("print(1)"),
        code_cell("print(2)"),
    ]
    assert code_is_led_in({"cells": cells}) == ["no sentence says what this is for: 'print(2)'"]


def test_the_first_pages_have_lost_the_habits():
    for name in ["intro.md", "teach.md", "hub.md", "summary.md", "glossary.md"]:
        assert habits_are_lost({"cells": [text_cell((ROOT / name).read_text())]}) == [], name
