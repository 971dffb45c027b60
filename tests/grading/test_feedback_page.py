"""The feedback page: what a student has earned and lost, in one file that asks nobody for anything."""

import functools
import json
import re
import signal
import subprocess

import pytest
from lxml import html
from test_judge import TRAIN, filled

from grading import formulas
from grading.judge import Outcome
from grading.page import page_of
from grading.verdict import concepts_of, shown

LESSON = """Asked: the formula.
Paste this:
    x = np.ones(3)

    f(x)
Read: "A & $B$" (chapters/02_formula.html#formula)"""
CONCEPTS = ["formula", "eps", "weight-bias", "arguments", "one-row", "offset", "2d-axes", "2d-channels"]


def said(notebook, **more):
    """Return a verdict in which the formula is lost."""
    found = {f"forward-{name}": Outcome() for name in CONCEPTS}
    found["forward-formula"] = Outcome(["x: expected <1>"], set(), "You divide by N - 1.", LESSON)
    written = {"forward-why-eps": {"title": "Why eps", "max": 3.0, "answered": True}}
    basics = {"student": "ada", "assignment": "forward", "file": "ada/x.ipynb", "handed_in": None, "seed": 7}
    basics |= {"remarks": ["the file was called <x>.ipynb"], "state": "graded"}
    return basics | {"concepts": concepts_of(notebook, found), "written": written} | more


def paged(by_hand=(), penalty=0.0, written=None, **cells):
    """Return a page as a tree, and as text."""
    notebook = filled(TRAIN, **cells)
    if written:
        next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == "forward-why-eps").update(
            written
        )
    text = page_of(said(notebook), notebook, dict(by_hand), penalty)
    return html.fromstring(text), text


def table_of(page):
    """Return the rows of the table of points."""
    return {row[0].text_content(): [cell.text_content() for cell in row[1:]] for row in page.xpath("//tbody/tr")}


def test_points_are_told_by_name_and_what_is_open_is_no_zero():
    page, text = paged()
    table = table_of(page)
    assert table["The formula"] == ["0 of 4", "lost"]
    assert table["eps under the root"] == ["2 of 2", "✓"]
    assert table["Why eps"] == ["– of 3", "not yet graded"]
    assert "13 of 17 points" in text
    assert "3 more points are for written answers" in text


def test_what_was_given_by_hand_counts_and_comments_are_shown():
    given = {
        "forward-why-eps": {"points": 2.5, "comment": "Well <seen>, *really*."},
        "forward-formula": {"points": 1.0},
    }
    given["forward-train"] = {"comment": "Short!"}
    page, text = paged(given)
    table = table_of(page)
    assert table["Why eps"] == ["2.5 of 3", "partly"]
    assert table["The formula"][0] == "1 of 4"
    assert "16.5 of 20 points" in text
    comments = [element.text_content().strip() for element in page.xpath("//div[@class='comment']")]
    assert comments == ["Short!", "Well <seen>, really."]
    assert page.xpath("//div[@class='comment']//em/text()") == ["really"]


def test_a_penalty_is_taken_off_and_said():
    _, text = paged(penalty=3.0)
    assert "10 of 17 points" in text
    assert "3 points were taken off because it came late" in text


def test_a_lost_concept_has_mistake_lines_lesson_and_a_link_into_the_book():
    page, _ = paged()
    (part,) = page.xpath("//section[@id='forward-formula']")
    text = part.text_content()
    for words in ("You divide by N - 1.", "x: expected <1>", "Asked: the formula."):
        assert words in text
    assert part.xpath(".//pre")[0].text_content() == "x = np.ones(3)\n\nf(x)"
    (link,) = part.xpath(".//a[contains(., 'A & ')]")
    assert link.xpath(".//math")
    assert re.fullmatch(r"https://\S+/chapters/02_formula\.html#formula", link.get("href"))


def test_nothing_is_loaded_and_nothing_of_the_student_is_html():
    evil = "<script>alert(1)</script> ![p](https://example.org/p.png) [j](javascript:alert(1)) <img src=x onerror=y>"
    page, text = paged(written={"source": evil}, imports="# <script>")
    assert not page.xpath("//script | //link | //iframe | //*[@onerror]")
    assert not [a for a in page.xpath("//*/@src") if not a.startswith("data:")]
    assert not [a for a in page.xpath("//a/@href") if a.startswith("javascript")]
    (policy,) = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy.startswith("default-src 'none'")
    assert "the file was called &lt;x&gt;.ipynb" in text


def test_attached_pictures_are_shown():
    picture = {"source": "![drawn](attachment:a%20b.png)", "attachments": {"a b.png": {"image/png": "aGk="}}}
    page, _ = paged(written=picture)
    assert page.xpath("//img/@src") == ["data:image/png;base64,aGk="]


def test_formulas_are_mathml_the_students_too_and_tex_where_katex_is_not(monkeypatch):
    page, _ = paged(written={"source": r"So $\sqrt{\sigma}$, but \(x\) and $\nonsense{$."})
    answer = page.xpath("//section[@id='forward-why-eps']")[0]
    assert len(answer.xpath(".//math//msqrt")) == 1
    assert [code.text_content() for code in answer.xpath(".//code")] == [r"\nonsense{"]
    assert len(page.xpath("//section[@id='forward-task-why-eps']//math")) > 3
    monkeypatch.setattr(formulas, "setter", lambda: None)
    assert formulas.set_formula("x<y", False) == "<code>x&lt;y</code>"


def test_a_formula_that_takes_too_long_is_shown_as_tex_and_its_process_killed(monkeypatch):
    asleep = subprocess.Popen(["sleep", "100"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    monkeypatch.setattr(formulas, "setter", functools.cache(lambda: asleep))
    monkeypatch.setattr(formulas, "SECONDS", 0.1)
    assert formulas.set_formula(r"\hbox{too late}", True) == r"<code>\hbox{too late}</code>"
    assert asleep.wait() == -signal.SIGKILL
    monkeypatch.undo()
    assert "<math" in formulas.set_formula("a+1", False)


@pytest.mark.parametrize("lost", [True, False])
def test_formgrader_is_shown_the_same_under_each_test_cell(lost):
    notebook = filled(TRAIN)
    verdict = said(notebook)
    name = "forward-formula" if lost else "forward-eps"
    cell = next(c for c in shown(notebook, verdict).cells if c.metadata.get("nbgrader", {}).get("grade_id") == name)
    (output,) = json.loads(json.dumps(cell.outputs))
    assert output["output_type"] == ("error" if lost else "stream")
    text = "\n".join(output.get("traceback", [output.get("text")]))
    assert "seed 7" in text
    assert ("You divide by N - 1." in text) == lost
