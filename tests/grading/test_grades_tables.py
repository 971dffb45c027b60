"""What a teacher reads after a grading: the table on the screen, the class page, the table of the class."""

import csv
import re

import pytest

from grading.class_page import class_page, summaries
from grading.tables import class_table, table

N_MINUS_1 = "Your numbers are what comes out if the variance is divided by N - 1."


def row(student, score="", status="graded", late="", remarks="", assignment="forward"):
    """Return what of a row of grades.csv counts here."""
    most = "" if score == "" else 20.0
    return {
        "student": student,
        "assignment": assignment,
        "score": score,
        "max_score": most,
        "status": status,
        "late": late,
        "remarks": remarks,
        "file": f"{student}/{assignment}.ipynb",
    }


ROWS = [
    row("ada", 20.0, late=25.04),
    row("ben", 13.0, "grade by hand", remarks="batch_norm_train: had lost its metadata; the file was called a.ipynb"),
    row("cleo", status="NOT GRADED: not readable as a notebook: a.ipynb (cut: at char 4389)"),
]
ROSTER = [{"student": who, "name": name} for who, name in [("ada", "Ada L"), ("dan", "Dan <b>"), ("eve", "")]]


def verdict(student, *lost, mistake=N_MINUS_1, assignment="forward"):
    """Return what of a verdict counts here."""
    titles = {"forward-formula": ("The formula", 4.0), "forward-eps": ("eps under the root", 2.0)}
    concepts = {
        name: {"title": title, "points": 0.0 if name in lost else most, "max": most,
               "mistake": mistake if name in lost else ""}
        for name, (title, most) in titles.items()
    }  # fmt: skip
    return {"student": student, "assignment": assignment, "concepts": concepts}


VERDICTS = [
    verdict("ada"),
    verdict("ben", "forward-formula"),
    verdict("zed", "forward-formula"),
    verdict("yun", "forward-formula", "forward-eps", mistake=""),
    {"student": "cleo", "assignment": None, "concepts": {}},
]


def test_the_table_is_aligned_and_its_remarks_stand_below():
    lines = table(ROWS, ROSTER).splitlines()
    assert lines[:4] == [
        "student  assignment  score     status",
        "ada      forward     20 of 20  graded, 25.0 h late",
        "ben      forward     13 of 20  grade by hand",
        "cleo     forward               NOT GRADED",
    ]
    assert lines[5:8] == ["ben, forward:", "  batch_norm_train: had lost its metadata", "  the file was called a.ipynb"]
    assert lines[9:11] == ["cleo, forward:", "  not readable as a notebook: a.ipynb (cut: at char 4389)"]


def test_the_table_ends_with_what_is_to_be_done():
    assert table(ROWS, ROSTER).splitlines()[-3:] == [
        "1 of 3 not graded (cleo): ask for the file again.",
        "1 of 3 with written answers to grade: make formgrader, then make feedback.",
        "forward: 2 of the roster handed in nothing (dan, eve).",
    ]
    assert table(ROWS[:1]).splitlines()[2:] == [""]


def test_a_submission_that_canvas_calls_late_is_called_so():
    assert "graded, late\n" in table([row("ada", 20.0, late="yes")])


def test_concepts_are_counted_with_their_mistakes():
    (forward,) = summaries(ROWS, VERDICTS, ROSTER)
    formula, eps = forward.concepts
    assert (formula.title, formula.judged, formula.lost, formula.share) == ("The formula", 4, 3, 75)
    assert formula.mistakes == [
        ("the variance is divided by N - 1", 2),
        ("a mistake that we do not know, or it hangs", 1),
    ]
    assert (eps.lost, eps.mistakes) == (1, [("a mistake that we do not know, or it hangs", 1)])
    assert [person["student"] for person in forward.missing] == ["dan", "eve"]
    assert (forward.waiting, forward.late, len(forward.graded)) == (1, 1, 2)


@pytest.mark.parametrize(
    ("scores", "median", "bars"),
    [
        ([0.0, 20.0], 20.0, {0: 1, 9: 1}),
        ([1.9, 2.0, 17.0], 2.0, {0: 1, 1: 1, 8: 1}),
        ([20.0] * 3, 20.0, {9: 3}),
    ],
)
def test_the_histogram_holds_everybody_once(scores, median, bars):
    rows = [row(f"s{number}", score) for number, score in enumerate(scores)]
    (forward,) = summaries(rows, VERDICTS, [])
    counts = [count for _, _, count in forward.histogram]
    assert {place: count for place, count in enumerate(counts) if count} == bars
    assert forward.median == median


def test_the_page_says_it_all_and_is_one_file(browser):
    html = class_page(ROWS, VERDICTS, ROSTER)
    assert not re.search(r"https?://|<script|<link", html)
    assert "<b>" not in html
    tab = browser.new_page(viewport={"width": 390, "height": 800})
    tab.set_content(html)
    text = tab.inner_text("body")
    for said in [
        "3 handed in, 2 judged",
        "3 of 4, 75 %",
        "2 × the variance is divided by N - 1",
        "Dan <b>, eve",
        "at char 4389",
    ]:
        assert said in text, said
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    tab.close()


def test_a_class_that_nobody_could_be_graded_in_has_a_page():
    html = class_page([ROWS[2]], [VERDICTS[-1]])
    assert "at char 4389" in html


def test_the_class_has_a_line_for_each_person_and_a_column_for_each_assignment():
    rows = [*ROWS, row("ada", 11.5, assignment="state"), row("zed", status="NOT GRADED: what?", assignment="?")]
    head, *lines = class_table(rows, ROSTER)
    assert head == ["student", "name", "forward", "state", "total"]
    assert [line[2:] for line in lines] == [
        [20.0, 11.5, 31.5],
        ["grade by hand", "nothing handed in", ""],
        ["NOT GRADED: not readable as a notebook: a.ipynb (cut: at char 4389)", "nothing handed in", ""],
        ["nothing handed in", "nothing handed in", 0],
        ["nothing handed in", "nothing handed in", 0],
        ["nothing handed in", "nothing handed in", 0],
    ]
    assert [line[0] for line in lines] == ["ada", "ben", "cleo", "dan", "eve", "zed"]


def test_rows_that_were_read_from_a_file_count_alike(tmp_path):
    path = tmp_path / "grades.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ROWS[0])
        writer.writeheader()
        writer.writerows(ROWS)
    read = list(csv.DictReader(path.open()))
    assert table(read) == table(ROWS)
    assert class_table(read)[1][-1] == 20.0
    assert class_page(read, VERDICTS) == class_page(ROWS, VERDICTS)
