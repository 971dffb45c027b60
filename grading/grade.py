"""`make grade SUBMISSIONS=folder`: collect, repair, judge, feedback, grades.csv. `make feedback`: the last two anew.

python -m grading SUBMISSIONS [--assignment forward] [--seed 123] [--jobs 2]
python -m grading --feedback
"""

import argparse
import csv
import multiprocessing
import os
import shutil
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import nbformat
from tqdm import tqdm

from grading import sandbox
from grading.collect import Submission, collect
from grading.course import COURSE, gradebook, nbgrader, release_of, succeed
from grading.judge import new_seed
from grading.repair import repair

COLUMNS = ["student", "assignment", "status", "score", "max_score", "auto", "by_hand", "late_penalty", "remarks"]
NOT_GRADED = "NOT GRADED"


def grade(folder, course=COURSE, only=None, seed=None, jobs=None, **judge):
    """Grade all submissions in a folder; write feedback/ and grades.csv into the course's folder; return the rows.

    Parameters
    ----------
    folder : path
        The submissions, see `collect`.
    course : path
        The course's folder, with releases and gradebook made by `make assignments`.
    only : str, optional
        The one assignment that all submissions are of.
    seed : int, optional
        From it the inputs of the checks are drawn; a new one if None.
    jobs : int, optional
        Submissions that are graded side by side; one for each core if None.
    judge : dict
        Further settings of `judge.Judge`.
    """
    seed = new_seed() if seed is None else seed
    print(sandbox.describe(), f"Seed {seed}: with SEED={seed} the same inputs are drawn again.", sep="\n")
    submissions = collect(folder, course, only)
    work = partial(grade_one, course=course, judge={"seed": seed} | judge)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs or os.cpu_count(), spawn) as pool:
        done = list(tqdm(pool.map(work, submissions), total=len(submissions), unit="submission"))
    with gradebook(nbgrader(course)) as book:
        rows = [row_of(book, submission) for submission in done]
    now = {(row["student"], row["assignment"]) for row in rows}
    earlier = [row for row in read_grades(course) if (row["student"], row["assignment"]) not in now]
    write_grades(earlier + rows, course)
    return rows


def renew_feedback(course=COURSE):
    """Write feedback and grades.csv anew from the gradebook, with the points given by hand; return the rows."""
    api = nbgrader(course)
    rows = []
    for row in tqdm(read_grades(course), unit="submission"):
        submission = Submission(row["student"], row["assignment"], Path(), remarks=[row["remarks"]])
        if not row["status"].startswith(NOT_GRADED):
            succeed(api.generate_feedback(row["assignment"], row["student"]), f"write feedback for {row['student']}")
            with gradebook(api) as book:
                row = row_of(book, submission)
        rows.append(row)
    write_grades(rows, course)
    return rows


def grade_one(submission, course, judge):
    """Repair a submission, let nbgrader record the judgement, and write the feedback; return it with its problem."""
    try:
        if not submission.problem:
            prepare(submission, course)
        if not submission.problem:
            api = nbgrader(course, Judge=judge)
            for step in (api.autograde, api.generate_feedback):
                succeed(step(submission.assignment, submission.student), step.__name__.replace("_", " "))
    except Exception as error:  # one bad notebook costs nobody else a point
        submission.problem = " ".join(f"{type(error).__name__}: {error}".split())[-300:]
    submission.notebook = None
    return submission


def prepare(submission, course):
    """Write the repaired notebook where nbgrader looks for it."""
    release = nbformat.read(release_of(submission.assignment, course), 4)
    try:
        notebook, remarks = repair(submission.notebook, release)
    except ValueError as error:
        submission.problem = str(error)
        return
    submission.remarks += remarks
    stamp = submission.path.parent / "timestamp.txt"
    stamp = stamp.read_text() if stamp.exists() else None
    target = Path(course) / "submitted" / submission.student / submission.assignment
    shutil.rmtree(target, ignore_errors=True)  # SUBMISSIONS may be this very folder, after nbgrader's collect
    target.mkdir(parents=True)
    nbformat.write(notebook, target / f"{submission.assignment}.ipynb")
    if stamp:
        (target / "timestamp.txt").write_text(stamp)


def row_of(book, submission):
    """Return the row of grades.csv: points from the gradebook, or the reason why there are none, never a silent 0."""
    row = dict.fromkeys(COLUMNS, "") | {"student": submission.student, "assignment": submission.assignment or "?"}
    row["remarks"] = "; ".join(submission.remarks)
    if submission.problem:
        return row | {"status": f"{NOT_GRADED}: {submission.problem}"}
    grades = book.find_submission(submission.assignment, submission.student)
    penalty = sum(notebook.late_submission_penalty or 0 for notebook in grades.notebooks)
    waiting = any(notebook.needs_manual_grade for notebook in grades.notebooks)
    written = {cell.name for notebook in grades.notebooks for cell in notebook.notebook.solution_cells}
    by_hand = sum(grade.score for notebook in grades.notebooks for grade in notebook.grades if grade.name in written)
    return row | {
        "status": "grade by hand" if waiting else "graded",
        "score": grades.score - penalty,
        "max_score": grades.max_score,
        "auto": grades.score - by_hand,
        "by_hand": by_hand,
        "late_penalty": penalty,
    }


def write_grades(rows, course):
    """Write grades.csv."""
    with (Path(course) / "grades.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: (row["assignment"], row["student"])))


def read_grades(course):
    """Return the rows of grades.csv, none if there is no such file yet."""
    path = Path(course) / "grades.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def main():
    """Grade what the command line names; return 1 if something could not be graded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("submissions", metavar="SUBMISSIONS", nargs="?", help="the folder")
    parser.add_argument("--feedback", action="store_true", help="judge nothing; write what the gradebook holds by now")
    parser.add_argument("--assignment", help="the one assignment of all submissions")
    parser.add_argument("--course", type=Path, default=COURSE)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--jobs", type=int)
    args = parser.parse_args()
    start = time.perf_counter()
    try:
        if args.feedback:
            rows = renew_feedback(args.course)
        else:
            rows = grade(args.submissions or "", args.course, args.assignment, args.seed, args.jobs)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    for row in rows:
        score = f"{row['score']} of {row['max_score']}" if row["score"] != "" else ""
        print(f"{row['student']:24} {row['assignment']:10} {score:12} {row['status']}  {row['remarks']}")
    print(f"{len(rows)} submissions in {time.perf_counter() - start:.0f} s. {args.course / 'grades.csv'}")
    return int(not args.feedback and any(row["status"].startswith(NOT_GRADED) for row in rows))
