"""The Chinese edition: blocks are found, catalogs follow the English text, translations keep their shape."""

import json
from pathlib import Path

import polib
import pytest
import yaml

from edition.blocks import find_blocks, translate_text
from edition.catalogs import FOLDER, Memory, is_open, outdated, read
from edition.faults import faults_of, terms, terms_in
from edition.sources import ROOT, rewrite, rewrite_notebook, sources
from edition.write import write_for_readers

TABLE = "| Layer | Axes |\n| --- | --- |\n| Conv | `(0, 2, 3)` |"
SOUND = [
    ("See {eq}`eq-a` and $x_1$.", "见$x_1$与{eq}`eq-a`。"),  # the order is free
    ("Back to {ref}`Words <ch>`.", "回到{ref}`词语 <ch>`。"),
    ("See [the manual](https://a.org).", "见[手册](https://a.org)。"),
    ("The **ruler** and *line*", "**尺子**和*线*"),
    ("![A histogram](a.png)", "![直方图](a.png)"),
    ("**Note.** It is so.", "**注意。** 确实如此。"),
    ("a) about 1,000 · b) `nan` · c) $x$", "a) 约1000 · b) `nan` · c) $x$"),
    ("**Predict.** How many?", "**预测。** 有多少？"),
    ("**Answer: b.** Two.", "**答案：b。** 两个。"),
    ("The running mean of a batch", "一个批的运行均值"),
    (TABLE, "| 层 | 轴 |\n| --- | --- |\n| 卷积 | `(0, 2, 3)` |"),
]
DAMAGED = [
    ("Let $x_1$ be", "令$x_2$为", "lacks the formula $x_1$"),
    ("Let $m-1$ be", "令＄m-1＄为", "lacks the formula $m-1$"),
    ("Use `axis=0`.", "用`轴=0`。", "lacks the code `axis=0`"),
    ("Shown by {cite}`ioffe`.", "已证明。", "lacks {cite}`ioffe`"),
    ("See {eq}`eq-a`.", "见{eq}`eq-b`。", "lacks {eq}`eq-a`"),
    ("See {ref}`a <ch>`.", "见{doc}`甲 <ch>`。", "lacks {ref}`ch`"),
    ("See [the manual](https://a.org).", "见[手册](https://b.org)。", "lacks a link to https://a.org"),
    ("**Note:** read this", "**注意：**请阅读", "lacks bold words (**)"),  # CommonMark prints the asterisks
    ("Read this", "- 请阅读", "has bullet_list, which the English has not"),
    ("Read this", "1. 请阅读", "has ordered_list, which the English has not"),
    (TABLE, "| 层 | 轴 |\n| --- | --- |", "lacks td"),
    ("a) one · b) two", "a) 一，b) 二", "lacks the choice b)"),
    ("It is 0.25 here", "这里是0.2", "lacks the number 0.25"),
    ("**Predict.** How many?", "**猜一猜。** 有多少？", "does not begin with '**预测。** '"),
    ("**Answer: b.** Two.", "**答案：c。** 两个。", "does not begin with '**答案：b。** '"),
    ("The running mean is here", "这里是平均值", "'running mean' is 运行均值 in this book"),
    ("It is here", "这里用批规范化", "has '批规范化'; say 批量归一化"),
    ("Yes, it is", "对,是的", "has a half-width mark after Chinese: '对,是的'"),
    ("It (or not) is", "它(或者不)是", "has a half-width bracket beside Chinese: '它(或者不)是'"),
    ('A "word" here', '一个"词"', "has a straight quotation mark beside Chinese: '一个\"词\"'"),
    ("In torch it is", "在 torch里是", "has a typed space between Chinese and Latin: '在 torch里是'"),
    ("It (or not) is", "它（或者不)是", "has a bracket without its pair"),
    ("Yes, it is", "对， 是的", "has a space beside a full-width mark: '对， 是的'"),
]
SOURCE = """(label)=
# Title

A paragraph of
two lines with $x$.

$$
x = 1
$$ (eq)

- one thing
  more
  - two things

> quoted
> text

:::{note} Its title
:class: tip

Inside.

```python
code = 1

more = 2
```
:::

:::{glossary}

Budget
  How long it runs.

:::

| a | word |
| - | ---- |
| 1 | 2 |

| a | b |
| - | - |
| 1 | $2$ |

### BEGIN SOLUTION

% comment
"""
MESSAGES = [
    "Title",
    "A paragraph of two lines with $x$.",
    "one thing more",
    "two things",
    "quoted text",
    "Its title",
    "Inside.",
    "Budget",
    "How long it runs.",
    "| a | word |\n| - | ---- |\n| 1 | 2 |",
]


def entry(english, chinese, **options):
    return polib.POEntry(msgid=english, msgstr=chinese, comment="paragraph", **options)


def test_blocks_of_prose_are_found():
    assert [block.message for block in find_blocks(SOURCE)] == MESSAGES


def test_text_that_is_not_translated_stays_byte_by_byte():
    assert translate_text(SOURCE, lambda block: block.message) == SOURCE


def test_unknown_directive_is_refused():
    with pytest.raises(ValueError, match="figure"):
        list(find_blocks(":::{figure} a.png\nIts caption.\n:::"))


def test_only_the_words_change():
    chinese = translate_text(SOURCE, lambda block: block.message if "|" in block.message else "译文")
    expected = SOURCE
    for old, new in [
        ("# Title", "# 译文"),
        ("A paragraph of\ntwo lines with $x$.", "译文"),
        ("- one thing\n  more", "- 译文"),
        ("- two things", "- 译文"),
        ("> quoted\n> text", "> 译文"),
        ("Its title", "译文"),
        ("Inside.", "译文"),
        ("Budget\n  How long it runs.", "译文\n  译文"),
    ]:
        assert old in expected
        expected = expected.replace(old, new)
    assert chinese == expected


@pytest.mark.parametrize(("english", "chinese"), SOUND)
def test_sound_translation_has_no_fault(english, chinese):
    assert faults_of(entry(english, chinese)) == []


@pytest.mark.parametrize(("english", "chinese", "fault"), DAMAGED)
def test_damage_is_seen(english, chinese, fault):
    assert fault in faults_of(entry(english, chinese))


def test_the_longest_term_counts():
    assert terms_in("The running means of a batch") == {"running mean": ["运行均值"], "batch": ["批"]}


def test_no_term_is_a_word_that_the_book_never_says():
    said = [word for words in terms()["terms"].values() for word in ([words] if isinstance(words, str) else words)]
    assert [word for word in said for never in terms()["never"] if never in word] == []


@pytest.mark.parametrize("source", sources(), ids=str)
def test_untranslated_source_stays_as_it_is(source):
    text = (ROOT / source).read_text("utf8")
    again = rewrite(source, text, lambda block, place: block.message)
    assert (yaml.safe_load(again) == yaml.safe_load(text)) if source.suffix == ".yml" else (again == text)


def test_chinese_notebook_has_the_same_cells_and_the_same_code():
    for source in sources():
        if source.suffix != ".ipynb":
            continue
        text = (ROOT / source).read_text("utf8")
        english, chinese = map(json.loads, [text, rewrite(source, text, lambda block, place: "译" + block.message)])
        assert english != chinese
        for one, other in zip(english["cells"], chinese["cells"], strict=True):
            assert (one["id"], one["cell_type"]) == (other["id"], other["cell_type"])
            assert one["cell_type"] == "markdown" or one["source"] == other["source"]


def test_the_line_of_a_fold_the_caption_and_the_alt_of_a_cell_are_translated():
    options = {"code_prompt_show": "Show it all", "figure": {"name": "fig-a", "caption": "What is it?"}, "image": {}}
    cell = {"id": "a", "cell_type": "code", "source": ["x = 1"], "metadata": {"mystnb": options}}
    (again,) = json.loads(rewrite_notebook(json.dumps({"cells": [cell]}), lambda block, place: "译"))["cells"]
    made = {"code_prompt_show": "译", "figure": {"name": "fig-a", "caption": "译"}, "image": {}}
    assert again == cell | {"metadata": {"mystnb": made}}


def test_what_a_reader_has_changed_stays_when_the_notebooks_are_written_again(book, tmp_path):
    changed, other = Path("chapters/02_formula.ipynb"), Path("chapters/03_running_statistics.ipynb")
    assert write_for_readers(tmp_path) == []
    written = (tmp_path / other).read_bytes()
    assert "运行均值" in written.decode()
    (tmp_path / changed).write_text("mine")
    (tmp_path / other).unlink()
    for _ in range(2):
        assert write_for_readers(tmp_path) == [changed]
        assert (tmp_path / changed).read_text() == "mine"
        assert (tmp_path / other).read_bytes() == written


def test_moved_block_keeps_its_translation_and_a_changed_one_is_fuzzy():
    memory = Memory([[entry("It moves to another file", "移动"), entry("It changes a word or two", "改变")]])
    assert not is_open(memory.recall("It moves to another file"))
    changed = memory.recall("It changes a word or three")
    assert (changed.fuzzy, changed.msgstr, changed.previous_msgid) == (True, "改变", "It changes a word or two")
    again = Memory([[changed]]).recall("It changes only a word or three")
    assert again.previous_msgid == "It changes a word or two"  # the last text that was translated
    assert memory.recall("Quite another sentence").msgstr == ""


def test_catalogs_hold_the_present_english_text():
    assert list(outdated()) == []  # else: make translate


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.po")), ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_every_block_is_translated_without_fault(path):
    catalog = read(path)
    assert [block.msgid for block in catalog if is_open(block)] == []
    assert [(block.msgid, fault) for block in catalog for fault in faults_of(block)] == []
