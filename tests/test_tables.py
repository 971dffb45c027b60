from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from bnutils.tables import Table


@pytest.fixture
def table():
    table = Table("rate", ("memorized", "40", "120"), "gain (points)", best={"120": max})
    table.group("clean")
    table.add(0.1, 0.5, 0.25, "-1.5 ± 0.2")
    table.add(1, 0.125, 0.75, "+3.0 ± 0.1")
    table.group("noisy & <wrong>")
    table.add("3*", np.float32(1), torch.tensor(0.5), "none")
    table.add("10", 1.0, 0.504, 7)
    return table


TEXT = """\
           memorized
rate              40   120  gain (points)
clean
0.1             0.50  0.25     -1.5 ± 0.2
1 (best)        0.12  0.75     +3.0 ± 0.1
noisy & <wrong>
3* (best)       1.00  0.50           none
10 (best)       1.00  0.50              7"""


def read(table):
    """Return the parsed HTML; it is XML, too, as each element is closed."""
    return ElementTree.fromstring(table._repr_html_())


def test_text_has_aligned_columns_and_marks_the_best_of_each_group(table):
    assert repr(table) == TEXT
    assert str(table) == repr(table)


def test_each_cell_of_the_html_has_the_headers_that_a_screen_reader_says(table):
    tree = read(table)
    assert [th.get("scope") for th in tree.iter("th")] == [
        "colgroup", "col", "col", "col", "col", "rowgroup", "row", "row", "rowgroup", "row", "row",
    ]  # fmt: skip
    assert tree.find(".//th[@scope='colgroup']").get("colspan") == "2"
    assert [th.get("colspan") for th in tree.iterfind(".//th[@scope='rowgroup']")] == ["4", "4"]
    assert all("".join(th.itertext()) for th in tree.iter("th"))
    assert [e.tag for e in read(Table("", "b")).iterfind(".//thead/tr/*")] == [
        "td",
        "th",
    ]  # an empty corner is no header


def test_html_says_what_the_text_says(table):
    cells = ["".join(c.itertext()) for c in read(table).iter() if c.tag in ("th", "td")]
    seen = " ".join(" ".join(cells).replace("−", "-").split())
    assert seen == " ".join(repr(table).split())


def test_best_is_bold_and_said_and_the_others_are_not(table):
    rows = [row for row in read(table).iter("tr") if row.find("th[@scope='row']") is not None]
    assert [row.find(".//strong") is not None for row in rows] == [False, True, True, True]
    assert ["".join(row[0].itertext()) for row in rows] == ["0.1", "1 (best)", "3* (best)", "10 (best)"]


def test_minus_is_a_minus_sign_in_html_and_exponents_and_words_stay():
    table = Table("a", "b")
    table.add("pre-trained", "-1.5 ± 2e-05")
    assert [cell.text for cell in read(table).findall(".//tbody/tr/*")] == ["pre-trained", "−1.5\xa0±\xa02e-05"]


def test_digits_are_those_of_the_table():
    table = Table("a", "b", digits=4)
    table.add(1, 0.5)
    table.add(2, torch.tensor([[0.25]]))
    assert [line.split() for line in repr(table).splitlines()[1:]] == [["1", "0.5000"], ["2", "0.2500"]]


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
def test_several_runs_are_shown_as_mean_and_unbiased_std(kind):
    table = Table("a", "b", "c", digits=1, best={"b": max})
    table.add("x", kind([1.0, 2.0, 3.0]), kind([1.0]) if kind is not list else 1.0)
    table.add("y", kind([9, 9]), kind([-1.0, -4.0]))
    assert repr(table).splitlines()[1:] == ["x         2.0 ± 1.0         1.0", "y (best)  9.0 ± 0.0  -2.5 ± 2.1"]


def test_row_without_a_number_is_not_the_best():
    table = Table("rate", "steps", best={"steps": min})
    for rate, steps in [(0.1, 700), (0.2, 650), (0.3, "never"), (0.4, float("nan")), (0.5, "")]:
        table.add(rate, steps)
    assert [line for line in repr(table).splitlines() if "best" in line] == ["0.2 (best)    650"]
    empty = Table("rate", "steps", best={"steps": min})
    empty.add(0.3, "never")
    assert "best" not in repr(empty)


def test_wrong_number_of_values_wrong_shape_and_unknown_best_are_refused():
    table = Table("a", "b", ("c", "d", "e"))
    with pytest.raises(ValueError, match="values must be 3, one for each column, got 2"):
        table.add("x", 1, 2)
    with pytest.raises(ValueError, match=r"shape \(seeds,\), got \[\(\), \(2, 1\)"):
        table.add("x", "y", [[1], [2]], 1)
    with pytest.raises(ValueError, match=r"best must name one of \['b'\], got 'a'"):
        Table("a", "b", best={"a": max})
