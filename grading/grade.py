"""`make grade SUBMISSIONS=folder`: collect, judge, record, feedback, grades.csv. `make feedback`: the last two anew.

python -m grading SUBMISSIONS [--assignment forward] [--seed 123] [--jobs 2] [--wall landlock]
python -m grading --feedback

Answers run first, all of them, behind a wall that has been tried, and with a canary before them. Then, when none of
their processes is left and nothing of the course has changed, nbgrader writes what was found.
"""

import argparse
import csv
import multiprocessing
import os
import shutil
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path

import nbformat
from tqdm import tqdm

from grading.collect import Submission, collect
from grading.course import COURSE, gradebook, nbgrader, release_of, succeed
from grading.judge import judge, new_seed
from grading.release import wrong_points
from grading.repair import repair
from grading.sandbox import WALLS
from grading.student import CALL
from grading.walls import NONE, NoWall, choose, describe

COLUMNS = ["student", "assignment", "status", "score", "max_score", "auto", "by_hand", "late_penalty", "remarks"]
NOT_GRADED = "NOT GRADED"
WITHOUT = "judged without a wall"
HERE = Path(__file__).resolve().parent


class Stopped(RuntimeError):
    """Something is wrong with the grading itself; nobody gets points of it."""


def grade(folder, course=COURSE, only=None, seed=None, jobs=None, wall=None, seconds=CALL):
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
    wall : str, optional
        What answers run behind, see `walls.choose`; the first that holds here if None.
    seconds : float
        How long one call of an answer may take.

    Raises
    ------
    ValueError
        For an argument that names nothing.
    NoWall
        If no wall holds on this machine. Nothing has been graded then.
    Stopped
        If the canary dies, the course changes while answers run, or somebody has more points than there are.
    """
    seed = new_seed() if seed is None else seed
    submissions, wall = collect(folder, course, only), choose(wall)
    print(describe(wall), f"Seed {seed}: with SEED={seed} the same inputs are drawn again.", sep="\n")
    if wall.name == NONE:
        for submission in submissions:
            submission.remarks.append(WITHOUT)
    judged = partial(judge_one, course=course, seed=seed, wall=wall.name, seconds=seconds)
    with processes(min(jobs or os.cpu_count(), len(submissions))) as each:
        names = sorted({submission.assignment for submission in submissions if not submission.problem})
        canary = partial(wrong_points, course=course, wall=wall.name)
        if faults := [fault for found in each(canary, names) for fault in found]:
            raise Stopped("Nothing has been graded: the canary has died.\n" + "\n".join(faults))
        before = fingerprint(course)
        done = list(tqdm(each(judged, submissions), total=len(submissions), unit="answer"))
        if changed := sorted(name for name, _ in before.items() ^ fingerprint(course).items()):
            raise Stopped(f"Nothing has been graded: while answers ran, these changed: {', '.join(changed)}.")
        record = partial(record_one, course=course)
        done = list(tqdm(each(record, done), total=len(submissions), unit="submission"))
    with gradebook(nbgrader(course)) as book:
        rows = [row_of(book, submission) for submission in done]
    now = {(row["student"], row["assignment"]) for row in rows}
    earlier = [row for row in read_grades(course) if (row["student"], row["assignment"]) not in now]
    write_grades(earlier + rows, course)
    return rows


@contextmanager
def processes(number):
    """Give a ``map`` that works in so many processes side by side, or in this one, which needs no start."""
    if number < 2:
        yield map
        return
    with ProcessPoolExecutor(number, multiprocessing.get_context("spawn")) as pool:
        yield pool.map


def fingerprint(course):
    """Return a hash of each file that no answer may change: gradebook, grades, sources, releases, checks."""
    course = Path(course)
    paths = [course / "gradebook.db", course / "grades.csv", *course.glob("source/**/*"), *course.glob("release/**/*")]
    paths += [*HERE.glob("**/*.py"), *HERE.glob("*.sh")]
    return {str(path): sha256(path.read_bytes()).hexdigest() for path in paths if path.is_file()}


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


def judge_one(submission, course, seed, wall, seconds):
    """Repair a submission and run its answers; return it with what was found, or with its problem."""
    try:
        if not submission.problem:
            release = nbformat.read(release_of(submission.assignment, course), 4)
            submission.notebook, remarks = repair(submission.notebook, release)
            submission.remarks += remarks
            failures, met = judge(submission.assignment, submission.notebook, seed, wall, seconds)
            done = [remark for remark in submission.remarks if remark != WITHOUT]
            submission.judgement = {"failures": failures, "remarks": [*done, *met, f"seed {seed}"]}
            submission.remarks += met
    except Exception as error:  # one bad notebook costs nobody else a point
        submission.problem = told(error)
    return submission


def record_one(submission, course):
    """Let nbgrader record a judgement and write the feedback; return the submission, perhaps with a problem."""
    try:
        if not submission.problem:
            hand_in(submission, course)
            api = nbgrader(course, Record=submission.judgement)
            for step in (api.autograde, api.generate_feedback):
                succeed(step(submission.assignment, submission.student), step.__name__.replace("_", " "))
    except Exception as error:
        submission.problem = told(error)
    submission.notebook = None
    return submission


def told(error):
    """Return an exception as a problem of one line."""
    if type(error) is ValueError:
        return str(error)
    return " ".join(f"{type(error).__name__}: {error}".split())[-300:]


def hand_in(submission, course):
    """Write the repaired notebook where nbgrader looks for it."""
    stamp = submission.path.parent / "timestamp.txt"
    stamp = stamp.read_text() if stamp.exists() else None
    target = Path(course) / "submitted" / submission.student / submission.assignment
    shutil.rmtree(target, ignore_errors=True)  # SUBMISSIONS may be this very folder, after nbgrader's collect
    target.mkdir(parents=True)
    nbformat.write(submission.notebook, target / f"{submission.assignment}.ipynb")
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
    given = [grade for notebook in grades.notebooks for grade in notebook.grades]
    for grade in given:
        if grade.score - (grade.extra_credit or 0) > grade.max_score:
            raise Stopped(f"{submission.student} has {grade.score:g} of {grade.max_score:g} points for {grade.name}.")
    written = {cell.name for notebook in grades.notebooks for cell in notebook.notebook.solution_cells}
    by_hand = sum(grade.score for grade in given if grade.name in written)
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
    """Grade what the command line names; return 1 if something could not be graded, 2 if nothing was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("submissions", metavar="SUBMISSIONS", nargs="?", help="the folder")
    parser.add_argument("--feedback", action="store_true", help="judge nothing; write what the gradebook holds by now")
    parser.add_argument("--assignment", help="the one assignment of all submissions")
    parser.add_argument("--course", type=Path, default=COURSE)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--wall", help="one of " + ", ".join(WALLS))
    args = parser.parse_args()
    start = time.perf_counter()
    try:
        if args.feedback:
            rows = renew_feedback(args.course)
        else:
            rows = grade(args.submissions or "", args.course, args.assignment, args.seed, args.jobs, args.wall)
    except (ValueError, NoWall, Stopped) as error:
        print(error, file=sys.stderr)
        return 2
    for row in rows:
        score = f"{row['score']} of {row['max_score']}" if row["score"] != "" else ""
        print(f"{row['student']:24} {row['assignment']:10} {score:12} {row['status']}  {row['remarks']}")
    print(f"{len(rows)} submissions in {time.perf_counter() - start:.0f} s. {args.course / 'grades.csv'}")
    return int(not args.feedback and any(row["status"].startswith(NOT_GRADED) for row in rows))
