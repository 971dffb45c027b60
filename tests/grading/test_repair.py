"""A repaired notebook has each cell of the release once, as handed out, and the student's answers and own cells."""

import json
from copy import deepcopy

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from grading.repair import repair


def meta(name, **kind):
    flags = {"grade": False, "solution": False, "locked": True, "task": False, "schema_version": 3} | kind
    return {"nbgrader": flags | {"grade_id": name}}


RELEASE = new_notebook(
    cells=[
        new_markdown_cell("# Title", id="title"),
        new_code_cell("import numpy as np", id="a", metadata=meta("imports")),
        new_markdown_cell("Write f.", id="b", metadata=meta("task-f")),
        new_code_cell(
            "def f(x):\n    raise NotImplementedError", id="c", metadata=meta("f", solution=True, locked=False)
        ),
        new_code_cell("assert f(1) == 2", id="d", metadata=meta("f-test", grade=True, points=3)),
        new_markdown_cell("Why?", id="e", metadata=meta("task-why")),
        new_markdown_cell("YOUR ANSWER HERE", id="g", metadata=meta("why", solution=True, grade=True, locked=False)),
    ]
)
ANSWER = "def f(x):\n    return 2 * x"


def submitted(**sources):
    """Return a submission, as JSON, with these answers."""
    notebook = deepcopy(RELEASE)
    for cell in notebook.cells:
        cell.source = sources.get(cell.id, cell.source)
    return json.loads(nbformat.writes(notebook))


def repaired(submission):
    notebook, remarks = repair(submission, RELEASE)
    nbformat.validate(notebook)
    of_release = [cell for cell in notebook.cells if cell.id in {c.id for c in RELEASE.cells}]
    assert [cell.id for cell in of_release] == [cell.id for cell in RELEASE.cells]
    for cell, given in zip(of_release, RELEASE.cells, strict=True):
        assert (cell.metadata, cell.cell_type) == (given.metadata, given.cell_type)
        if not given.metadata.get("nbgrader", {}).get("solution"):
            assert cell.source == given.source
    return {cell.id: cell for cell in notebook.cells}, remarks


def test_answers_stay_and_nothing_is_remarked():
    cells, remarks = repaired(submitted(c=ANSWER, g="Because."))
    assert (cells["c"].source, cells["g"].source, remarks) == (ANSWER, "Because.", [])


def test_an_untouched_notebook_is_as_released():
    notebook, remarks = repair(submitted(), RELEASE)
    assert notebook == RELEASE
    assert remarks == []


def test_lost_metadata_and_ids():
    submission = submitted(c=ANSWER, g="Because.")
    for cell in submission["cells"]:
        cell["metadata"] = {}
        cell.pop("id")
    cells, remarks = repaired(submission)
    assert (cells["c"].source, cells["g"].source) == (ANSWER, "Because.")
    assert remarks == ["f: had lost its metadata", "why: had lost its metadata"]


def test_test_cells_overwritten_deleted_retyped_or_made_an_answer_come_back():
    submission = submitted(c=ANSWER, d="pass")
    submission["cells"][4]["metadata"]["nbgrader"] |= {"points": 100, "solution": True}
    repaired(submission)
    submission["cells"][4]["cell_type"] = "markdown"
    repaired(submission)
    del submission["cells"][4]
    assert repaired(submission)[0]["c"].source == ANSWER


def test_code_typed_into_locked_cells_stands_beside_them_and_their_own_code_does_not():
    submission = submitted(a="import numpy as np\nK = 2", d=f"{ANSWER}\nassert f(1) == 3\nassert f(1) == 2")
    notebook, remarks = repair(submission, RELEASE)
    sources = [cell.source for cell in notebook.cells]
    assert sources[sources.index("import numpy as np") + 1] == "K = 2"
    assert sources[sources.index("assert f(1) == 2") - 1] == ANSWER
    assert [remark.split(": ")[0] for remark in remarks] == ["imports", "f-test"]


def test_a_definition_below_its_tests_stays_there():
    submission = submitted(c=ANSWER)
    submission["cells"].append({"cell_type": "code", "source": "def f(x):\n    return x", "metadata": {}})
    cells, remarks = repaired(submission)
    assert cells["c"].source == ANSWER
    assert list(cells.values())[-1].source == "def f(x):\n    return x"
    assert remarks == []


def test_copies_of_an_answer_run_before_the_last():
    submission = submitted(c=ANSWER)
    copy = deepcopy(submission["cells"][3])
    copy["source"] = "def helper():\n    return 1"
    submission["cells"].insert(3, copy)
    notebook, remarks = repair(submission, RELEASE)
    sources = [cell.source for cell in notebook.cells]
    assert sources.index(copy["source"]) == sources.index(ANSWER) - 1
    assert remarks == ["f: 2 cells, the last definition counts"]


def test_own_cells_stay_where_they_were_and_lose_what_could_mislead():
    submission = submitted(c=ANSWER)
    own = {
        "cell_type": "code",
        "source": ["x = ", "1"],
        "metadata": meta("f-test-2", grade=True, points=50),
        "outputs": [],
    }
    submission["cells"].insert(5, own)
    submission["cells"].insert(0, {"cell_type": "markdown", "source": "My name", "metadata": {}})
    notebook, _ = repair(submission, RELEASE)
    assert [cell.source for cell in notebook.cells][0] == "My name"
    assert notebook.cells[6].source == "x = 1"
    assert notebook.cells[6].metadata == {}


def test_answers_of_another_type_and_missing_ones():
    submission = submitted(c=ANSWER, g="Because.")
    submission["cells"][6] |= {"cell_type": "code", "outputs": []}
    cells, remarks = repaired(submission)
    assert cells["g"].source == "Because."
    assert remarks == ["why: the type of its cell had been changed"]
    del submission["cells"][6], submission["cells"][3]
    assert repaired(submission)[1] == ["f: the cell of this answer is gone", "why: the cell of this answer is gone"]


def test_only_text_and_pixels_are_kept_of_outputs():
    submission = submitted(c=ANSWER)
    submission["cells"][3]["outputs"] = [
        {"output_type": "display_data", "data": {"text/html": "<script>steal()</script>", "text/plain": "a table"}},
        {"output_type": "display_data", "data": {"image/png": "aGk=", "text/plain": "Figure"}},
        {"output_type": "stream", "name": "stderr", "text": ["x" * 10_000_000]},
        {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["<b>"]},
        "nonsense",
        {"data": {"application/javascript": "steal()", "text/plain": ["b"]}},
    ]
    submission["cells"][4]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "All checks passed."}]
    cells, _ = repaired(submission)
    text = json.dumps(cells["c"].outputs)
    assert "steal" not in text
    assert "a table" in text
    assert "aGk=" in text
    assert len(text) < 30_000
    assert cells["d"].outputs == []


def test_photos_of_a_paper_are_kept():
    submission = submitted(g="![photo](attachment:photo.png)")
    submission["cells"][6]["attachments"] = {"photo.png": {"image/png": "aGk="}, "x.html": {"text/html": "<b>"}}
    attachments = repaired(submission)[0]["g"].attachments
    assert attachments["photo.png"] == {"image/png": "aGk="}
    assert "<b>" not in json.dumps(attachments)


@pytest.mark.parametrize("submission", [{}, [], None, {"cells": []}, {"cells": ["text"]}, {"cells": 3}])
def test_what_is_no_notebook_is_refused(submission):
    with pytest.raises(ValueError, match="no cells"):
        repair(submission, RELEASE)


@pytest.mark.parametrize(
    "cell",
    [
        {},
        {"cell_type": "raw", "source": "x"},
        {"cell_type": "code", "metadata": None, "source": None},
        {"cell_type": "code", "metadata": {"nbgrader": {"grade_id": ["f"]}}, "source": "def g(:"},
        {"cell_type": 5, "metadata": {"nbgrader": 1}, "source": {"a": 1}},
    ],
)
def test_odd_cells_are_borne(cell):
    submission = submitted(c=ANSWER)
    submission["cells"].append(cell)
    assert repaired(submission)[0]["c"].source == ANSWER
