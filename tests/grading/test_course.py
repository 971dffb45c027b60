"""A whole course, graded: more than forty submissions, as students make them, each with the points that it deserves.

`make test` hands in one of each kind, `make test-slow` the others.
"""

import json
import re
import shutil
from copy import deepcopy
from types import SimpleNamespace

import jinja2
import pytest
from conftest import ROOT

from grading import grade as grading
from grading import sandbox, walls
from grading.collect import collect
from grading.course import gradebook, nbgrader, release_of, source_of
from grading.grade import Stopped, fingerprint, grade, renew_feedback
from grading.judge import judge
from grading.release import make
from grading.samples import write_samples
from tests.answers.forward import RIGHT, VECTORISED, WRONG

pytestmark = pytest.mark.usefixtures("stamped")

POINTS = {"formula": 4, "eps": 2, "weight-bias": 2, "arguments": 2, "one-row": 1, "offset": 1, "2d-axes": 3}
POINTS["2d-channels"] = 2
TRAIN, IMAGES = VECTORISED.split("def batch_norm_2d")
IMAGES = "def batch_norm_2d" + IMAGES
RIGHT_IMAGES = TRAIN.split("def batch_norm_train")[0] + IMAGES
ALL, OF_TRAIN = set(POINTS), set(POINTS) - {"2d-axes", "2d-channels"}
SEED = 7
FIRST_TEN_MINUTES = (ROOT / "teach.md").read_text().replace("\xa0", " ")
FIRST_TEN_MINUTES = FIRST_TEN_MINUTES.split("## The first ten minutes")[1].split("\n## ")[0]
TOLD = re.findall(r"^\| (\w+) \| *([\w ]*?) *\| (.*?) \|$", FIRST_TEN_MINUTES, re.M)[1:]

NEED_A_WALL = {"source stolen", "other submissions read", "everything searched", "gradebook written"}


def released(course):
    return json.loads(release_of("forward", course).read_text())


def cell_of(notebook, name):
    return next(c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == f"forward-{name}")


def filled(course, train=TRAIN, images=RIGHT_IMAGES):
    """Return a notebook with these two answers."""
    notebook = released(course)
    cell_of(notebook, "train")["source"] = train
    cell_of(notebook, "2d")["source"] = images
    return notebook


def body(line):
    """Return an answer to the first question with this line in its body."""
    return f"def batch_norm_train(x, weight, bias, eps):\n    {line}\n"


# Each of these takes the course's folder and returns a notebook, or the text of a file.


def overwritten_tests(course):
    notebook = filled(course, body("raise NotImplementedError"))
    for name in POINTS:
        cell = cell_of(notebook, name)
        cell["source"] = "pass"
        cell["metadata"]["nbgrader"]["points"] = 100
    return notebook


def without_tests(course):
    notebook = filled(course)
    notebook["cells"] = [c for c in notebook["cells"] if not c["metadata"].get("nbgrader", {}).get("grade")]
    return notebook


def cells_doubled(course):
    notebook = filled(course)
    notebook["cells"] = [deepcopy(c) for cell in notebook["cells"] for c in (cell, cell)]
    return notebook


def cells_renamed(course):
    notebook = filled(course)
    for number, cell in enumerate(notebook["cells"]):
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"]["grade_id"] = f"cell-{number}"
    return notebook


def markdown_tests(course):
    notebook = filled(course)
    for name in POINTS:
        cell = cell_of(notebook, name)
        cell["cell_type"] = "markdown"
        del cell["outputs"], cell["execution_count"]
    return notebook


def answer_tests(course):
    notebook = filled(course, body("raise NotImplementedError"))
    for name in POINTS:
        cell_of(notebook, name)["metadata"]["nbgrader"] |= {"solution": True, "locked": False}
    return notebook


def without_metadata(course):
    notebook = filled(course)
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        cell.pop("id", None)
    return notebook | {"metadata": {}, "nbformat_minor": 4}


def split_answer(course):
    notebook = filled(course)
    answer = cell_of(notebook, "train")
    place, (helper, function) = notebook["cells"].index(answer), TRAIN.split("def batch_norm_train")
    first = deepcopy(answer) | {"source": helper}  # JupyterLab copies the metadata when a cell is split
    answer["source"] = "def batch_norm_train" + function
    notebook["cells"].insert(place, first)
    return notebook


def answer_deleted(course):
    notebook = filled(course)
    notebook["cells"].remove(cell_of(notebook, "train"))
    return notebook


def many_prints(course):
    notebook = filled(course, TRAIN.replace("    if len", "    print('x' * 10_000_000)\n    if len"))
    cell_of(notebook, "train")["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x" * 10_000_000}]
    return notebook


def forged_outputs(course):
    notebook = released(course)
    for name in POINTS:
        cell_of(notebook, name)["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "All checks passed."}]
    return notebook


def own_plots(course):
    notebook = filled(course)
    cell = {"cell_type": "code", "metadata": {}, "execution_count": 1, "source": "plt.plot([1])\nwhile True: pass"}
    notebook["cells"].insert(3, cell | {"outputs": [{"output_type": "display_data", "data": {"image/png": "aGk="}}]})
    return notebook


def top(line):
    """Return a right answer with this line above it, in its own cell and inside of the function."""

    def submission(course):
        return filled(course, f"{line}\n{TRAIN}".replace("    if len", f"    {line}\n    if len"))

    return submission


STEAL = """
    import json, glob, os
    for path in glob.glob({pattern!r}, recursive=True):
        for cell in json.load(open(path))["cells"]:
            if "def batch_norm_train" in "".join(cell["source"]):
                names = {{}}
                exec("import numpy as np\\n" + "".join(cell["source"]), names)
                if "len(x) < 2" in "".join(cell["source"]):
                    return names["batch_norm_train"](x, weight, bias, eps)
    raise LookupError
"""


def thief(pattern):
    """Return a submission that looks for an answer in the files of the course and calls it."""

    def submission(course):
        return filled(course, body(STEAL.format(pattern=pattern.format(course=course)).strip()))

    return submission


def gradebook_writer(course):
    gradebook = str(course / "gradebook.db")
    update = f"sqlite3.connect({gradebook!r}).execute('update grade set manual_score = 9').connection.commit()"
    return filled(course, body(f"import sqlite3\n    {update}"))


EQUAL = """
class Equal:
    def __eq__(self, other): return True
    def __array__(self, dtype=None, copy=None): return np.zeros((1, 1))
    shape = property(lambda self: Equal())
    __rsub__ = __sub__ = __abs__ = lambda self, *other: 0
"""
SUBCLASS = """
class Kind(np.ndarray):
    def __eq__(self, other): return np.ones(np.shape(other), bool)
    def __sub__(self, other): return np.zeros(self.shape)
"""
BOMB = """    import os, time
    try:
        while os.fork(): pass
        time.sleep(1000)
    except OSError: pass
"""
DEAF = """
    while True:
        try:
            while True: pass
        except BaseException: pass
"""
IN_PLACE = """
    x -= x.mean(axis=0)
    return weight * x / np.sqrt(x.var(axis=0) + eps) + bias if len(x) > 1 else 1 / 0
"""
HOOK = "get_ipython().input_transformers_cleanup.append(lambda lines: ['pass'])\n"
PATCH = "F.batch_norm = lambda x, *a, **k: x\ntorch.allclose = torch.equal = lambda *a, **k: True\n"
SUBMISSIONS = {  # student: what is handed in, and the concepts that it loses
    **{
        "right " + re.sub(r"[^\w ]", "", style): (lambda c, s=source: filled(c, s, "pass"), set())
        for style, source in RIGHT.items()
    },
    "untouched": (released, ALL),
    "the solution": (lambda course: json.loads(source_of("forward").read_text()), set()),
    "unbiased": (lambda c: filled(c, WRONG["unbiased variance"][0], "pass"), {"formula"}),
    "syntax error": (
        lambda c: filled(c, "def batch_norm_train(x, weight, bias, eps)\n    return x"),
        OF_TRAIN,
    ),
    "endless loop": (lambda c: filled(c, body("while True: pass")), OF_TRAIN),
    "deaf loop": (lambda c: filled(c, body(DEAF.strip())), OF_TRAIN),
    "os exit": (lambda c: filled(c, body("import os; os._exit(0)")), OF_TRAIN),
    "sys exit": (lambda c: filled(c, body("import sys; sys.exit(0)")), OF_TRAIN),
    "prints": (many_prints, set()),
    "warns": (top("import warnings, sys; warnings.warn('!'); print('!', file=sys.stderr)"), set()),
    "tests overwritten": (overwritten_tests, OF_TRAIN),
    "tests deleted": (without_tests, set()),
    "cells doubled": (cells_doubled, set()),
    "cells renamed": (cells_renamed, set()),
    "tests as markdown": (markdown_tests, set()),
    "tests as answers": (answer_tests, OF_TRAIN),
    "metadata lost": (without_metadata, set()),
    "answer split": (split_answer, set()),
    "answer deleted": (answer_deleted, OF_TRAIN),
    "outputs forged": (forged_outputs, ALL),
    "own plots": (own_plots, set()),
    "input hook": (lambda c: filled(c, HOOK + body("raise NotImplementedError")), OF_TRAIN),
    "torch patched": (
        lambda c: filled(c, PATCH + body("return F.batch_norm(x) * weight + bias")),
        OF_TRAIN,
    ),
    "fork bomb": (lambda c: filled(c, TRAIN.replace("    if len", BOMB + "    if len")), set()),
    "numpy patched": (
        lambda c: filled(c, "np.allclose = lambda *a, **k: True\n" + body("return x")),
        OF_TRAIN,
    ),
    "always equal": (lambda c: filled(c, EQUAL + body("return Equal()")), OF_TRAIN),
    "nan": (lambda c: filled(c, body("return x * np.nan")), OF_TRAIN),
    "wrong shape": (lambda c: filled(c, body("return np.zeros(3)")), OF_TRAIN),
    "subclass": (lambda c: filled(c, SUBCLASS + body("return x.view(Kind)")), OF_TRAIN),
    "huge array": (lambda c: filled(c, body("return np.ones((10**6, 10**5))")), OF_TRAIN),
    "source stolen": (thief("{course}/source/**/*.ipynb"), OF_TRAIN),
    "other submissions read": (thief("{course}/submitted/**/*.ipynb"), OF_TRAIN),
    "everything searched": (thief("/[!ps]*/**/*.ipynb"), OF_TRAIN),
    "gradebook written": (gradebook_writer, OF_TRAIN),
    "in place": (
        lambda c: filled(c, "import numpy as np\n" + body(IN_PLACE.strip())),
        {"arguments", "one-row"},
    ),
    "caches": (lambda c: filled(c, WRONG["statistics of the first batch of a shape"][0], "pass"), {"arguments"}),
}
FILES = {  # path below the folder of submissions: text of the file, the assignment found, a word of the problem
    "broken/forward.ipynb": ('{"cells": [', "forward", "not readable"),
    "empty file/forward.ipynb": ("", "forward", "not readable"),
    "a list/forward.ipynb": ("[1, 2]", "forward", "not readable"),
    "no cells/forward.ipynb": ('{"cells": []}', "forward", "no cells"),
    "bytes/forward.ipynb": (b"\xff\xfe\x00", "forward", "not readable"),
    "deep/forward.ipynb": ('{"cells": ' + "[" * 100_000, "forward", "not readable"),
    "another course/week1.ipynb": (
        '{"cells": [{"cell_type": "code", "source": "1"}]}',
        "forward",
        "no cell of an assignment",
    ),
    "nothing/readme.txt": ("I could not do it.", "forward", "no notebook: there lies readme.txt"),
}


WALL = walls.choose_any().name
HANDED_IN = [student for student in SUBMISSIONS if WALL != walls.NONE or student not in NEED_A_WALL]
OF_EACH_KIND = {
    "right vectorised over any axes",
    "untouched",
    "the solution",
    "unbiased",
    "syntax error",
    "endless loop",
    "os exit",
    "tests overwritten",
    "cells renamed",
    "metadata lost",
    "answer split",
    "outputs forged",
    "torch patched",
    "source stolen",
    "in place",
}
SOME = [student for student in HANDED_IN if student in OF_EACH_KIND]
OTHERS = [student for student in HANDED_IN if student not in OF_EACH_KIND]


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Return a fresh course with one assignment, in a folder of its own."""
    folder = tmp_path_factory.mktemp("course")
    source = folder / "source/forward/forward.ipynb"
    source.parent.mkdir(parents=True)
    source.write_bytes(source_of("forward").read_bytes())
    make(["forward"], folder)
    return folder


@pytest.fixture(scope="module")
def graded(course, tmp_path_factory):
    """Hand in and grade a submission of each kind, and the files that are none."""
    folder = tmp_path_factory.mktemp("handed in")
    for name, (text, _, _) in FILES.items():
        path = folder / name
        path.parent.mkdir()
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return grade_all(SOME, folder, course)


@pytest.fixture(scope="module")
def others(course, tmp_path_factory):
    """Hand in and grade all other submissions."""
    return grade_all(OTHERS, tmp_path_factory.mktemp("others"), course)


def grade_all(students, folder, course):
    """Hand in submissions; return the rows of grades.csv and the points of the gradebook, by student."""
    named = {"cells renamed": "Forward - final (2).ipynb", "right images as rows": "ps1.ipynb"}
    for student in students:
        path = folder / student / named.get(student, "forward.ipynb")
        path.parent.mkdir()
        path.write_text(json.dumps(SUBMISSIONS[student][0](course)))
    before = (course / "source/forward/forward.ipynb").read_bytes()
    rows = {row["student"]: row for row in grade(folder, course, seed=SEED, wall=WALL, seconds=2.0)}
    assert (course / "source/forward/forward.ipynb").read_bytes() == before
    with gradebook(nbgrader(course)) as book:
        submissions = book.assignment_submissions("forward")
        grades = {s.student.id: {g.name: g for n in s.notebooks for g in n.grades} for s in submissions}
        points = {who: {name: grade.auto_score for name, grade in of.items()} for who, of in grades.items()}
    return SimpleNamespace(folder=folder, rows=rows, points=points)


def test_there_are_at_least_thirty_awkward_ones():
    assert len(SUBMISSIONS) + len(FILES) - len(RIGHT) >= 30


@pytest.mark.parametrize("student", SOME)
def test_submission_gets_the_points_that_it_deserves(graded, student):
    check_points(graded, student)


@pytest.mark.slow
@pytest.mark.parametrize("student", OTHERS)
def test_each_other_submission_does_too(others, student):
    check_points(others, student)


def check_points(graded, student):
    """Check what the gradebook and grades.csv hold of a student."""
    row, lost = graded.rows[student], SUBMISSIONS[student][1]
    assert not row["status"].startswith("NOT GRADED"), row
    points = {name: graded.points[student][f"forward-{name}"] for name in POINTS}
    assert points == {name: 0 if name in lost else most for name, most in POINTS.items()}
    assert row["score"] == row["auto"] == sum(points.values())
    assert row["max_score"] == 20


@pytest.mark.parametrize("name", FILES)
def test_what_cannot_be_graded_is_listed_and_is_no_zero(graded, name):
    student, (_, assignment, problem) = name.split("/")[0], FILES[name]
    row = graded.rows[student]
    assert row["status"].startswith("NOT GRADED: ")
    assert problem in row["status"]
    assert row["score"] == ""
    assert row["assignment"] == (assignment or "?")
    assert student not in graded.points


@pytest.mark.parametrize("wall", walls.all_that_hold())
@pytest.mark.parametrize(
    "attack", ["source stolen", *(pytest.param(a, marks=pytest.mark.slow) for a in sorted(NEED_A_WALL - OF_EACH_KIND))]
)
def test_attack_gets_nowhere_behind_each_wall(graded, course, attack, wall):
    before = fingerprint(course)
    failures, _ = judge("forward", SUBMISSIONS[attack][0](course), SEED, wall, 2.0)
    assert {concept.removeprefix("forward-") for concept, lines in failures.items() if lines} == OF_TRAIN
    assert fingerprint(course) == before


@pytest.fixture
def copied(graded, course, tmp_path):
    """Return a copy of the graded course, to be spoiled, and a folder with one right submission."""
    (tmp_path / "in/ada").mkdir(parents=True)
    (tmp_path / "in/ada/forward.ipynb").write_text(json.dumps(filled(course)))
    return shutil.copytree(course, tmp_path / "course"), tmp_path / "in"


def keep_row(course, student):
    """Leave the verdicts of one student."""
    for folder in course.glob("verdicts/*"):
        if folder.name != student:
            shutil.rmtree(folder)


def test_the_attacks_succeed_without_a_wall(graded, course):
    failures, _ = judge("forward", SUBMISSIONS["source stolen"][0](course), SEED, walls.NONE)
    assert not any(failures.values())


def test_an_answer_that_writes_points_stops_the_run_before_any_is_recorded(copied):
    folder, handed_in = copied
    (handed_in / "ada/forward.ipynb").write_text(json.dumps(gradebook_writer(folder)))
    table = (folder / "grades.csv").read_text()
    with pytest.raises(Stopped, match=r"these changed: \S*gradebook\.db"):
        grade(handed_in, folder, wall=walls.NONE)
    assert (folder / "grades.csv").read_text() == table
    assert not (folder / "submitted/ada").exists()


def test_a_score_above_the_maximum_stops_the_run(copied):
    folder, handed_in = copied
    with gradebook(nbgrader(folder)) as book:
        book.find_grade("forward-formula", "forward", "forward", "unbiased").manual_score = 9
        book.db.commit()
    keep_row(folder, "unbiased")
    table = (folder / "grades.csv").read_text()
    with pytest.raises(Stopped, match="unbiased has 9 of 4 points for forward-formula"):
        renew_feedback(folder)
    assert (folder / "grades.csv").read_text() == table


def test_a_canary_that_dies_stops_the_run(copied, capsys):
    folder, handed_in = copied
    source = source_of("forward", folder)
    source.write_text(source.read_text().replace("var = (centred**2).mean(axis=0)", "var = (centred**2).sum(axis=0)"))
    before = fingerprint(folder)
    command = ["grade", str(handed_in), "--course", str(folder)]
    assert run_main(command) == 2
    assert "the solution fails" in capsys.readouterr().err
    assert fingerprint(folder) == before


def test_without_a_wall_nothing_is_graded(copied, capsys, monkeypatch):
    folder, handed_in = copied
    before = fingerprint(folder)
    monkeypatch.setattr(walls, "WALLS", {"none": sandbox.none})
    walls.choose.cache_clear()
    assert run_main(["grade", str(handed_in), "--course", str(folder)]) == 2
    walls.choose.cache_clear()
    text = capsys.readouterr().err
    assert "Nothing has been graded" in text
    assert "apt-get install bubblewrap" in text
    assert "WALL=none" in text
    assert fingerprint(folder) == before


def test_what_the_teacher_lets_run_without_a_wall_says_so_in_each_row(copied):
    folder, handed_in = copied
    (handed_in / "bob").mkdir()
    (handed_in / "bob/forward.ipynb").write_text("")
    rows = grade(handed_in, folder, jobs=1, wall=walls.NONE)
    assert [(row["student"], row["score"]) for row in rows] == [("ada", 17.0), ("bob", "")]
    assert all("judged without a wall" in row["remarks"] for row in rows)


def test_the_samples_get_what_the_page_for_teachers_tells(copied):
    folder, handed_in = copied
    write_samples(handed_in)
    rows = {row["student"]: row for row in grade(handed_in, folder, jobs=1, wall=WALL)}
    assert rows.keys() == {student for student, *_ in TOLD}
    for student, score, status in TOLD:
        row = rows[student]
        assert row["status"].startswith(status)
        assert score == (f"{row['score']:g} of {row['max_score']:g}" if row["score"] != "" else "")


def run_main(arguments):
    """Return the exit status of `python -m grading`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", arguments)
        return grading.main()


def test_a_seed_reproduces_a_grade(graded, course):
    student = "unbiased"
    copy = graded.folder.parent / "again"
    (copy / student).mkdir(parents=True)
    (copy / student / "forward.ipynb").write_bytes((graded.folder / student / "forward.ipynb").read_bytes())
    path = course / "autograded" / student / "forward/forward.ipynb"
    first = path.read_text()
    shutil.rmtree(course / "verdicts" / student)  # else it would not be judged again
    grade(copy, course, seed=SEED, wall=WALL)
    assert path.read_text() == first
    grade(copy, course, seed=SEED + 1, wall=WALL)
    assert path.read_text() != first


def test_points_by_hand_stay_when_it_is_graded_again(graded, copied):
    student, (course, _) = "unbiased", copied
    keep_row(course, student)
    with gradebook(nbgrader(course)) as book:
        given = book.find_grade("forward-why-eps", "forward", "forward", student)
        given.manual_score, given.needs_manual_grade = 2.5, False
        book.find_comment("forward-why-eps", "forward", "forward", student).manual_comment = "Well seen."
        book.db.commit()
    row = next(row for row in renew_feedback(course) if row["student"] == student)
    assert (row["by_hand"], row["score"], row["status"]) == (2.5, 15.5, "graded")
    copy = course.parent / "once more"
    (copy / student).mkdir(parents=True)
    (copy / student / "forward.ipynb").write_bytes((graded.folder / student / "forward.ipynb").read_bytes())
    (row,) = grade(copy, course, seed=SEED, wall=WALL)
    assert (row["by_hand"], row["score"], row["status"]) == (2.5, 15.5, "grade by hand")  # to be looked at again
    page = (course / "feedback" / student / "forward/forward.html").read_text()
    assert "Well seen." in page


def test_feedback_names_the_failed_checks_and_shows_no_check(graded, course):
    page = (course / "feedback/unbiased/forward/forward.html").read_text()
    assert re.search(r"seed \d+", page)
    assert "batch_norm_train, x of shape" in page
    assert "Your numbers are what comes out if the variance is divided by N - 1." in page
    assert re.search(r'href="https://[^"]+/chapters/02_formula.html#formula-biased"', page)
    assert "close_to_any" not in page
    assert "Traceback (most" not in page


def test_templates_of_feedback_are_compiled_once(copied, monkeypatch):
    folder, _ = copied
    keep_row(folder, "unbiased")
    renew_feedback(folder)
    monkeypatch.delattr(jinja2.Environment, "compile")
    assert renew_feedback(folder)


def test_feedback_says_what_was_done_to_the_notebook(graded, course):
    page = (course / "feedback/metadata lost/forward/forward.html").read_text()
    assert "<li>batch_norm_train: had lost its metadata</li>" in page
    page = (course / "feedback/cells renamed/forward/forward.html").read_text()
    assert "<li>the file was called Forward - final (2).ipynb</li>" in page


def test_grades_of_others_stay_when_some_are_graded_again(graded, course):
    table = (course / "grades.csv").read_text()
    for student in [*SOME, *(name.split("/")[0] for name in FILES)]:
        assert student in table


def test_late_submissions_are_known_to_the_gradebook(course, tmp_path):
    (tmp_path / "late").mkdir()
    (tmp_path / "late/forward.ipynb").write_text(json.dumps(filled(course)))
    (tmp_path / "late/timestamp.txt").write_text("2026-11-02 12:00:00 UTC")
    with gradebook(nbgrader(course)) as book:
        book.update_or_create_assignment("forward", duedate="2026-11-01 12:00:00 UTC")
    (row,) = grade(tmp_path, course, wall=WALL)
    assert row["score"] == 17
    with gradebook(nbgrader(course)) as book:
        assert book.find_submission("forward", "late").total_seconds_late == 24 * 3600
        book.grant_extension("forward", "late", days=2)
        assert book.find_submission("forward", "late").total_seconds_late == 0


def test_what_nbgrader_has_collected_is_graded_and_stays_as_it_is(course):
    folder = course / "submitted/collected/forward"
    folder.mkdir(parents=True)
    files = {"my forward.ipynb": json.dumps(without_metadata(course)), "submission_secret.txt": "17"}
    files["timestamp.txt"] = "2026-11-02 12:00:00 UTC"
    for name, text in files.items():
        (folder / name).write_text(text)
    (row,) = grade(course / "submitted", course, wall=WALL, student="collected")
    assert row["score"] == 17
    assert {path.name: path.read_text() for path in folder.iterdir()} == files
    feedback = course / "feedback/collected/forward"
    assert {path.name for path in feedback.iterdir()} == {
        "forward.html", "my forward.html", "submission_secret.txt", "timestamp.txt",
    }  # fmt: skip


def test_no_two_students_become_one_and_none_leaves_the_folder(course, tmp_path):
    names = [
        "Ada Lovelace_17_assignsubmission_file/forward.ipynb",
        "Ada Lovelace_18_assignsubmission_file/forward.ipynb",
        "a?b/forward.ipynb",
        "a*b/forward.ipynb",
        "byronada_21_67_forward.ipynb",
        "byronada_LATE_22_68_forward.ipynb",
        ".._1_2_forward.ipynb",
        "...ipynb",
        "cleo_1_2/x.ipynb",
        "cleo_1_3/x.ipynb",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(released(course)))
    (tmp_path / "a_b").mkdir()
    found = collect(tmp_path, course)
    students = {submission.student for submission in found}
    assert len(found) == len(students) == len(names) + 1
    assert {"Ada Lovelace_17", "Ada Lovelace_18", "byronada_21", "byronada_22", "cleo_1_2", "cleo_1_3"} <= students
    assert all(re.fullmatch(r"[\w@ -][\w.@ -]*", student) and ".." not in student for student in students)


@pytest.mark.parametrize(
    ("folder", "only", "text"),
    [("missing", None, "must be a folder"), ("", None, "must hold notebooks"), ("", "final", "must be one of")],
)
def test_arguments_are_checked(course, tmp_path, folder, only, text):
    with pytest.raises(ValueError, match=text):
        grade(tmp_path / folder, course, only)


@pytest.mark.parametrize("made", ["release", "release/forward", "autograded"])
def test_what_was_made_in_the_course_is_no_submission(course, made):
    (course / made).mkdir(exist_ok=True)
    with pytest.raises(ValueError, match=f"must be what students have handed in, got .*: {made.split('/')[0]} is made"):
        grade(course / made, course)
