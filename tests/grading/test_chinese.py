"""A Chinese notebook is graded as the English one is, and its student reads Chinese; both in the same run."""

import functools
import json
import pickle
import re
import shutil
from copy import deepcopy
from pathlib import Path

import nbformat
import pytest
from lxml import html
from test_judge import IMAGES, TRAIN, filled, handed_out

from edition.catalogs import GRADING, translations
from edition.sources import STUB, rewrite_notebook
from edition.write import translator
from grading.check import check
from grading.check import told as told_in_the_terminal
from grading.collect import HandIn, language_of, sort_out
from grading.course import NAMES, source_of
from grading.record import rows_for_nbgrader
from grading.verdict import verdict
from grading.words import CHINESE, ENGLISH, Line, catalog_of, in_lines, say, told
from grading.work import Task, work

pytestmark = pytest.mark.usefixtures("fork_workers")
HAN = re.compile(r"[\u3400-\u9fff]")
WRONG = TRAIN.replace("axis=0) + eps", "axis=0, ddof=1) + eps")
UNREAD = IMAGES.replace("eps):", "eps)")
IN_ANOTHER_LANGUAGE = {"sha256", "seconds", "language", "words"}


def in_chinese(notebook, name="forward"):
    """Return a notebook as the Chinese edition has it."""
    text = nbformat.writes(notebook)
    return nbformat.reads(rewrite_notebook(text, translator(Path(f"assignments/{name}.ipynb"))), 4)


def without_metadata(notebook):
    """Return a notebook of which an editor has kept the cells only."""
    notebook = deepcopy(notebook)
    for part in (notebook, *notebook.cells):
        part.metadata = {}
    return notebook


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Return a course with one release, which is English."""
    folder = tmp_path_factory.mktemp("course")
    (folder / "release/forward").mkdir(parents=True)
    shutil.copytree(source_of("forward").parent, source_of("forward", folder).parent)
    nbformat.write(handed_out("forward"), folder / "release/forward/forward.ipynb")
    return folder


@pytest.fixture
def judge(course, tmp_path):
    """Return a function that grades a notebook; it returns the verdict and the feedback page."""

    def judge(notebook):
        path = tmp_path / "ada/mine.ipynb"
        path.parent.mkdir(exist_ok=True)
        nbformat.write(notebook, path)
        (found,) = sort_out(HandIn("ada", tmp_path, [path]), ["forward"], course)
        result = work(Task(found, tmp_path, course, 7, "none", 3.0))
        return json.loads(json.dumps(result.verdict)), result.page

    return judge


def read_on(page):
    """Return what a page says, but for the notebook's code."""
    tree = html.fromstring(page)
    for code in tree.xpath("//style | //div[@class='highlight']"):
        code.drop_tree()
    return tree.text_content()


@functools.cache
def pieces():
    """Return the pieces of the grader's English sentences between the places of their values."""
    found = {piece.strip(" ,.:;") for words in translations(GRADING) for piece in re.split(r"\{\d\}", words)}
    return {piece for piece in found if " " in piece}


def english_in(text):
    """Return the pieces of the grader's English sentences that stand in a text."""
    return [piece for piece in pieces() if re.search(rf"(?<!\w){re.escape(piece)}(?!\w)", text)]


@pytest.mark.parametrize("lose", [lambda notebook: notebook, without_metadata], ids=["as saved", "without metadata"])
@pytest.mark.parametrize("answers", [(TRAIN, IMAGES), (WRONG, UNREAD), (None, None)], ids=["right", "wrong", "none"])
def test_a_chinese_notebook_gets_the_very_verdict_of_the_english_one(judge, lose, answers):
    notebook = filled(*answers)
    english, chinese = judge(lose(notebook))[0], judge(lose(in_chinese(notebook)))[0]
    assert (english["language"], english["words"], chinese["language"]) == (ENGLISH, {}, CHINESE)
    assert {name for name in english if english[name] != chinese[name]} <= IN_ANOTHER_LANGUAGE
    assert english["written"]["forward-why-eps"]["title"] in chinese["words"]
    points = {concept["points"] for concept in chinese["concepts"].values()}
    assert points != {0.0} if answers[0] else points == {0.0}


def test_an_untouched_chinese_notebook_is_as_empty_as_the_english_one(course, tmp_path):
    rows = []
    for notebook, stub in [(handed_out("forward"), STUB), (in_chinese(handed_out("forward")), "在这里写下你的回答")]:
        assert stub in [cell.source for cell in notebook.cells]
        path = tmp_path / f"{stub}.ipynb"
        nbformat.write(notebook, path)
        (found,) = sort_out(HandIn("ada", tmp_path, [path]), ["forward"], course)
        assert found.untouched
        rows.append(rows_for_nbgrader(work(Task(found, tmp_path, course, 7, "none", 3.0)).verdict))
    assert rows[0] == rows[1]
    _, _, scores, empty = rows[1]
    assert set(scores.values()) == {0.0}
    assert sorted(empty) == ["forward-2d", "forward-train", "forward-why-eps"]


def test_each_student_reads_the_language_of_his_notebook_in_the_same_run(judge):
    notebook = without_metadata(filled(WRONG, UNREAD))
    notebook.cells.append(nbformat.v4.new_code_cell("def batch_norm_2d(:"))
    (_, before), (said, chinese), (_, after) = map(judge, [notebook, in_chinese(notebook), notebook])
    assert before == after
    assert 'lang="en"' in after
    assert not HAN.search(after)
    assert 'lang="zh-CN"' in chinese
    assert english_in(read_on(after))
    assert english_in(read_on(chinese)) == []
    for words in (
        "如果算方差时除以了N - 1，得到的正是你的这些数。",
        "要求：",
        "阅读：",
        "得8分，满分20分",
        "丢失了元数据",
        "不是合法的Python",
    ):
        assert words in chinese
    links = html.fromstring(chinese).xpath("//a[contains(@href, '/chapters/')]/@href")
    assert len(links) > 3
    assert all(re.search(r"\.github\.io/[\w-]+/zh/chapters/\w+\.html", link) for link in links)
    assert english_in("\n".join(told_in_the_terminal(said))) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_language_is_that_of_the_prose_whatever_a_student_writes(name):
    english = handed_out(name)
    chinese = in_chinese(english, name)
    for notebook, language, answer in [
        (english, ENGLISH, "因为除以零没有意义。" * 9),
        (chinese, CHINESE, "As I said. " * 9),
    ]:
        for cell in notebook.cells:
            if cell.cell_type == "markdown" and cell.metadata.get("nbgrader", {}).get("solution"):
                cell.source = answer
        assert language_of(json.loads(nbformat.writes(notebook))) == language
    assert [cell.source for cell in english.cells if cell.cell_type == "code"] == [
        cell.source for cell in chinese.cells if cell.cell_type == "code"
    ]


@pytest.mark.parametrize("odd", [None, [], {}, {"cells": 3}, {"cells": [None, {"cell_type": "markdown"}]}])
def test_what_is_no_notebook_is_english(odd):
    assert language_of(odd) == ENGLISH


def test_what_is_said_is_english_until_it_is_told_also_after_a_pipe():
    line = Line("{0}", say("{0}: expected {1}, got {2}", "f", "ValueError", in_lines(["a", say("Part")])))
    for text in (line, pickle.loads(pickle.dumps(line))):
        assert text == "f: expected ValueError, got a Part"
        assert told(text, catalog_of(CHINESE)) == "f：应为ValueError，得到a 部分"
        assert told(text, catalog_of(ENGLISH)) == text


def test_what_the_worker_says_is_known_again():
    catalog = catalog_of(CHINESE)
    inner = "bnutils is not there when you are graded: it would do the work"
    assert told(f"f could not be defined: {inner}", catalog) == "f未能定义：评分时不能使用bnutils：它会替你做完"
    assert told("a student's own words", catalog) == "a student's own words"


def test_why_a_chinese_file_is_not_graded_is_told_in_chinese(course, tmp_path, monkeypatch):
    monkeypatch.setattr("grading.check.NAMES", ["forward"])
    path = tmp_path / "mine.ipynb"
    text = nbformat.writes(in_chinese(filled(WRONG)))
    path.write_text(text[: len(text) // 2], encoding="utf-8")
    (said,) = check(path, 7, "none", course=course)
    (line,) = told_in_the_terminal(said)
    assert line.startswith("未评分：无法作为笔记本读取：mine.ipynb（它在第")
    assert english_in(line) == []


def test_why_a_submission_is_not_graded_is_in_the_verdict_in_both_languages(course, tmp_path):
    path = tmp_path / "ada/mine.ipynb"
    path.parent.mkdir()
    text = nbformat.writes(in_chinese(filled(WRONG)))
    for broken, reason in [
        (text[:-100], "无法作为笔记本读取：mine.ipynb"),
        (
            json.dumps({"cells": [{"cell_type": "markdown", "source": "什么作业也不是。" * 9}]}),
            "没有任何已知作业的单元格",
        ),
    ]:
        path.write_text(broken, encoding="utf-8")
        (found,) = sort_out(HandIn("ada", tmp_path, [path]), ["forward"], course)
        said = json.loads(json.dumps(work(Task(found, tmp_path, course, 7, "none", 3.0)).verdict))
        assert said["state"] == "not graded"
        assert said["language"] == CHINESE
        assert reason in said["words"][said["reason"]]
        assert not HAN.search(said["reason"])


def test_the_command_for_one_file_gives_the_same_verdict(course, tmp_path):
    nbformat.write(in_chinese(filled(WRONG)), tmp_path / "mine.ipynb")
    said = verdict(tmp_path / "mine.ipynb", "forward", 7, "none", course=course)
    assert said["language"] == CHINESE
    assert said["words"][said["concepts"]["forward-formula"]["title"]] == "公式"
