"""What one process, and no other, writes into a course: gradebook, pages, tables, verdicts.

Each file is written under a temporary name and renamed, and the gradebook in one transaction. So whenever this process
is killed or the disk is full, what was there is still there, whole; and the same command again does the rest.
"""

import csv
import io
import json
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import nbformat
from tqdm import tqdm

from grading.course import gradebook, nbgrader
from grading.files import write
from grading.marking import without_scheme
from grading.page import page_of
from grading.roster import marked_late
from grading.verdict import GRADED

COLUMNS = ["student", "assignment", "status", "score", "max_score", "auto", "by_hand", "late_penalty", "remarks"]
COLUMNS += ["late", "file"]
NOT_GRADED = "NOT GRADED"
UNRECORDED = "there is a verdict and nothing in the gradebook, so grade it again"
KEPT_BY_NBGRADER = ("timestamp.txt", "submission_secret.txt")
INDEXED = ["grade(notebook_id)", "comment(notebook_id)", "submitted_notebook(assignment_id)"]
INDEXED += ["submitted_assignment(student_id)", "base_cell(notebook_id)", "notebook(assignment_id)"]


class Stopped(RuntimeError):
    """Something is wrong with the grading itself; nobody gets points of it."""


# Verdicts: one file each.


def verdict_path(student, assignment, folder):
    """Return where a verdict lies below ``verdicts`` or the folder of a run."""
    return Path(folder) / student / f"{assignment or 'unknown'}.json"


def verdicts(course):
    """Yield all verdicts of a course, in order of assignments and students."""
    paths = Path(course).glob("verdicts/*/*.json")
    for path in sorted(paths, key=lambda path: (path.stem, path.parent.name)):
        yield json.loads(path.read_text(encoding="utf-8"))


# The gradebook.


def by_hand(course):
    """Return what has been graded or commented by hand: by student, assignment and cell, points and comment."""
    found = defaultdict(lambda: defaultdict(dict))
    with gradebook(nbgrader(course)) as book:
        for student, assignment, cell, points in book.db.execute(sql(GIVEN)):
            found[student, assignment][cell]["points"] = points
        for student, assignment, cell, comment in book.db.execute(sql(COMMENTS)):
            found[student, assignment][cell]["comment"] = comment
    return {who: dict(cells) for who, cells in found.items()}


def record(graded, course):
    """Write verdicts into the gradebook, all or none; Stopped if somebody has more points than there are."""
    from sqlalchemy.exc import OperationalError

    try:
        with gradebook(nbgrader(course)) as book:
            write_into(book, graded)
    except OperationalError as error:
        raise OSError(f"the gradebook cannot be written: {error.orig}") from error


def write_into(book, graded):
    """Write verdicts into an open gradebook, with its indexes and penalties."""
    for columns in INDEXED:
        name = columns.replace("(", "_").rstrip(")")
        book.db.execute(sql(f"CREATE INDEX IF NOT EXISTS of_{name} ON {columns}"))
    parts = defaultdict(list)
    for said in graded:
        parts[said["assignment"]].append(rows_for_nbgrader(said))
    for assignment, rows in parts.items():
        save(book, assignment, rows)
    set_penalties(book)
    refuse_too_many(book)
    book.db.commit()


def rows_for_nbgrader(said):
    """Return of a verdict what the gradebook holds."""
    scores = {name: concept["points"] for name, concept in said["concepts"].items()}
    scores |= {name: None if answer["answered"] else 0.0 for name, answer in said["written"].items()}
    return said["student"], said["handed_in"], scores, said["empty"]


def save(book, assignment, rows):
    """Write the submissions of an assignment: those that are there are changed, points and comments by hand stay."""
    from nbgrader.api import Comment, Grade, GradeCell, SolutionCell, new_uuid

    notebooks = submit(book, book.find_assignment(assignment), {student: stamp for student, stamp, _, _ in rows})
    cells = book.find_notebook(assignment, assignment)._base_cells
    graded = {cell.name: cell.id for cell in cells if isinstance(cell, GradeCell)}
    answers = {cell.name: cell.id for cell in cells if isinstance(cell, SolutionCell)}
    grades = [
        {"id": new_uuid(), "cell_id": graded[name], "notebook_id": notebooks[student]}
        | {"auto_score": score, "needs_manual_grade": score is None}
        for student, _, scores, _ in rows
        for name, score in scores.items()
    ]
    comments = [
        {"id": new_uuid(), "cell_id": cell, "notebook_id": notebooks[student]}
        | {"auto_comment": "No response." if name in empty else None}
        for student, _, _, empty in rows
        for name, cell in answers.items()
    ]
    by_cell = ["cell_id", "notebook_id"]
    upsert(book, Comment, by_cell, comments, lambda new: {"auto_comment": new.auto_comment})
    upsert(
        book,
        Grade,
        by_cell,
        grades,
        lambda new: {
            "auto_score": new.auto_score,
            "needs_manual_grade": Grade.manual_score.is_not(None) | new.auto_score.is_(None),
        },
    )


def submit(book, task, stamps):
    """Write who has handed in an assignment, and when; return the identifier of each student's notebook."""
    from nbgrader.api import Student, SubmittedAssignment, SubmittedNotebook, new_uuid
    from nbgrader.utils import parse_utc
    from sqlalchemy import select

    upsert(book, Student, ["id"], [{"id": student} for student in stamps])
    handed_in = [
        {"id": new_uuid(), "assignment_id": task.id, "student_id": student, "timestamp": stamp and parse_utc(stamp)}
        for student, stamp in stamps.items()
    ]
    by_student = ["assignment_id", "student_id"]
    upsert(book, SubmittedAssignment, by_student, handed_in, lambda new: {"timestamp": new.timestamp})
    submitted = select(SubmittedAssignment.student_id, SubmittedAssignment.id).filter_by(assignment_id=task.id)
    submitted = {student: of for student, of in book.db.execute(submitted) if student in stamps}
    (notebook,) = task.notebooks
    notebooks = [{"id": new_uuid(), "notebook_id": notebook.id, "assignment_id": of} for of in submitted.values()]
    upsert(book, SubmittedNotebook, ["notebook_id", "assignment_id"], notebooks)
    written = select(SubmittedNotebook.assignment_id, SubmittedNotebook.id).filter_by(notebook_id=notebook.id)
    written = dict(book.db.execute(written).all())
    return {student: written[of] for student, of in submitted.items()}


def upsert(book, table, keys, rows, change=None):
    """Write rows into a table; where a row with these keys is there already, change what is to be changed in it."""
    from sqlalchemy.dialects.sqlite import insert

    new = insert(table.__table__)
    if change:
        new = new.on_conflict_do_update(index_elements=keys, set_=change(new.excluded))
    else:
        new = new.on_conflict_do_nothing()
    if rows:
        book.db.execute(new, rows)


def set_penalties(book):
    """Take points off what came late, from its present score, as nbgrader's plugin of the course's settings says."""
    from nbgrader.preprocessors import AssignLatePenalties

    assign = AssignLatePenalties(config=nbgrader().config)
    assign.init_plugin()
    book.db.execute(sql("UPDATE submitted_notebook SET late_submission_penalty = NULL"))
    total = sql(f"SELECT SUM({SCORE}) FROM grade WHERE notebook_id = :id")
    for student, _, notebook, seconds in list(late_ones(book)):
        score = book.db.execute(total, {"id": notebook}).scalar()
        penalty = assign.plugin_inst.late_submission_penalty(student, score, seconds)
        change = "UPDATE submitted_notebook SET late_submission_penalty = :penalty WHERE id = :id"
        penalty = None if penalty is None else min(max(penalty, 0), score)
        book.db.execute(sql(change), {"penalty": penalty, "id": notebook})


def late_ones(book):
    """Yield student, assignment, notebook and seconds of what came after its due date and extension."""
    from nbgrader.api import Assignment, SubmittedAssignment, SubmittedNotebook
    from sqlalchemy import select

    wanted = select(
        SubmittedAssignment.student_id,
        Assignment.name,
        SubmittedNotebook.id,
        SubmittedAssignment.timestamp,
        Assignment.duedate,
        SubmittedAssignment.extension,
    ).select_from(SubmittedAssignment)
    wanted = wanted.join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
    wanted = wanted.join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
    for *who, stamp, due, extension in book.db.execute(wanted):
        seconds = (stamp - due - (extension or timedelta())).total_seconds() if stamp and due else 0
        if seconds > 0:
            yield *who, seconds


SCORE = "COALESCE(grade.manual_score, grade.auto_score, 0) + COALESCE(grade.extra_credit, 0)"
JOINED = """
    FROM grade JOIN grade_cells ON grade_cells.id = grade.cell_id JOIN base_cell AS cell ON cell.id = grade.cell_id
    JOIN submitted_notebook ON submitted_notebook.id = grade.notebook_id
    JOIN submitted_assignment AS submission ON submission.id = submitted_notebook.assignment_id
    JOIN assignment ON assignment.id = submission.assignment_id
"""
POINTS = f"""
    SELECT submission.student_id, assignment.name, cell.name, {SCORE}, grade_cells.max_score,
    grade.needs_manual_grade, grade.auto_score IS NULL AND grade.manual_score IS NULL,
    submitted_notebook.late_submission_penalty {JOINED}
"""
GIVEN = f"""
    SELECT submission.student_id, assignment.name, cell.name, {SCORE} {JOINED}
    WHERE grade.manual_score IS NOT NULL OR COALESCE(grade.extra_credit, 0) != 0
"""
TOO_MANY = f"""
    SELECT submission.student_id, COALESCE(grade.manual_score, grade.auto_score, 0), grade_cells.max_score, cell.name
    {JOINED} WHERE COALESCE(grade.manual_score, grade.auto_score, 0) > grade_cells.max_score
"""
COMMENTS = """
    SELECT submission.student_id, assignment.name, cell.name, comment.manual_comment
    FROM comment JOIN base_cell AS cell ON cell.id = comment.cell_id
    JOIN submitted_notebook ON submitted_notebook.id = comment.notebook_id
    JOIN submitted_assignment AS submission ON submission.id = submitted_notebook.assignment_id
    JOIN assignment ON assignment.id = submission.assignment_id
    WHERE comment.manual_comment IS NOT NULL
"""


def sql(text):
    """Return a statement that the gradebook's database takes."""
    from sqlalchemy import text as statement

    return statement(text)


def refuse_too_many(book):
    """Raise Stopped if somebody has more points than there are."""
    for student, score, most, cell in book.db.execute(sql(TOO_MANY)):
        raise Stopped(f"{student} has {score:g} of {most:g} points for {cell}.")


# The tables.


def rows(course):
    """Return the rows of grades.csv: a verdict each, with the points that the gradebook has by now, never a silent 0.

    After the columns of ``COLUMNS``, a row has the points of each concept and written answer, "" where they are open.
    """
    points = defaultdict(list)
    with gradebook(nbgrader(course)) as book:
        refuse_too_many(book)
        for student, assignment, *grade in book.db.execute(sql(POINTS)):
            points[student, assignment].append(grade)
        late = {(student, task): round(seconds / 3600, 1) for student, task, _, seconds in late_ones(book)}
    return [row_of(said, points[said["student"], said["assignment"]], late) for said in verdicts(course)]


def row_of(said, grades, late):
    """Return the row of a verdict and the grades that the gradebook holds of it."""
    who = said["student"], said["assignment"]
    row = dict.fromkeys(COLUMNS, "") | {"student": said["student"], "assignment": said["assignment"] or "?"}
    row |= {
        "remarks": "; ".join(remark.replace("; ", ", ") for remark in said["remarks"]),
        "file": said["file"],
        "late": late.get(who, "") or late_by_name(said),
    }
    if said["state"] != GRADED or not grades:
        return row | {"status": f"{NOT_GRADED}: {said['reason'] or UNRECORDED}"}
    score, most = sum(grade[1] for grade in grades), sum(grade[2] for grade in grades)
    hand = sum(grade[1] for grade in grades if grade[0] in said["written"])
    penalty = grades[0][5] or 0
    row |= {
        "status": "grade by hand" if any(grade[3] for grade in grades) else "graded",
        "score": score - penalty,
        "max_score": most,
        "auto": score - hand,
        "by_hand": hand,
        "late_penalty": penalty,
    }
    scores = {name: "" if is_open else score for name, score, _, _, is_open, _ in grades}
    return row | {name: scores[name] for name in [*said["concepts"], *said["written"]] if name in scores}


def late_by_name(said):
    """Return "yes" where no time is known, and the platform calls a file late."""
    return "yes" if said["handed_in"] is None and marked_late(said["file"]) else ""


def write_tables(course):
    """Write grades.csv; return its rows."""
    found = rows(course)
    columns = list(dict.fromkeys([*COLUMNS, *(name for row in found for name in row)]))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(found)
    write(Path(course) / "grades.csv", text.getvalue())
    return found


# What the run has put aside, and what formgrader and students look at.


def put_in_place(said, staged, folder, course):
    """Move notebook, page and verdict of a submission from the folder of a run to where they belong."""
    student, assignment = said["student"], said["assignment"]
    target = verdict_path(student, assignment, Path(course) / "verdicts")
    target.parent.mkdir(parents=True, exist_ok=True)
    if assignment:
        forget_mended(target.with_name("unknown.json"), said, folder)
    if said["state"] == GRADED:
        autograded, feedback = (
            Path(course) / kind / student / assignment / f"{assignment}.{ending}"
            for kind, ending in (("autograded", "ipynb"), ("feedback", "html"))
        )
        for made in (autograded, feedback):
            made.parent.mkdir(parents=True, exist_ok=True)
        keep_for_nbgrader(Path(folder) / said["file"], student, assignment, course)
        staged.with_suffix(".ipynb").replace(autograded)
        staged.with_suffix(".html").replace(feedback)
        copy_under_own_name(feedback, said)
    staged.replace(target)


def forget_mended(unknown, said, folder):
    """Remove the row of a file that nobody could read, where its student has handed in another in its place."""
    if unknown.exists():
        old = Path(json.loads(unknown.read_text(encoding="utf-8"))["file"])
        gone = old.parts[:1] == Path(said["file"]).parts[:1] and not (Path(folder) / old).exists()
        if gone or old == Path(said["file"]):
            unknown.unlink()


def keep_for_nbgrader(original, student, assignment, course):
    """Let formgrader and release_feedback find what was handed in; what nbgrader has collected stays untouched."""
    course = Path(course)
    submitted = course / "submitted" / student / assignment
    collected = (submitted / "submission_secret.txt").exists() or original.resolve().is_relative_to(submitted.resolve())
    if not collected:
        write(submitted / f"{assignment}.ipynb", original.read_bytes())
    for name in KEPT_BY_NBGRADER:
        source = original.with_name(name)
        targets = [course / kind / student / assignment / name for kind in ("autograded", "feedback")]
        for target in targets if collected else [*targets, submitted / name]:
            if source.is_file():
                write(target, source.read_bytes())
            else:
                target.unlink(missing_ok=True)


def copy_under_own_name(page, said):
    """Copy a feedback page to the name of the student's own file, under which nbgrader gives it back."""
    own = page.with_name(f"{Path(said['file']).stem}.html")
    if own != page and page.with_name("submission_secret.txt").exists():
        write(own, page.read_bytes())


def renew_pages(course, only=None):
    """Write the feedback pages anew, with the points and comments given by hand; all, or those of some rows."""
    given, penalties = (
        by_hand(course),
        {(row["student"], row["assignment"]): row["late_penalty"] for row in rows(course)},
    )
    for said in tqdm([said for said in verdicts(course) if said["state"] == GRADED], unit="page", disable=bool(only)):
        who = said["student"], said["assignment"]
        path = Path(course, "autograded", *who, f"{said['assignment']}.ipynb")
        if (only is None or who in only) and path.is_file():
            page = Path(course, "feedback", *who, f"{said['assignment']}.html")
            notebook = nbformat.reads(path.read_text(encoding="utf-8"), 4)
            write(page, page_of(said, without_scheme(notebook), given.get(who, {}), penalties[who]))
            copy_under_own_name(page, said)
