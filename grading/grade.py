"""`make grade SUBMISSIONS=folder`: judge what was handed in; then gradebook, feedback, grades.csv. And `make feedback`.

python -m grading SUBMISSIONS [--assignment forward] [--student ada] [--seed 123] [--jobs 2] [--wall landlock]
                  [--scheduler tcp://192.168.0.1:8786]
python -m grading --feedback

Answers run first, all of them, behind a wall that has been tried, and with a canary before them. What is found is put
aside, a file for each submission. Then, when all answers have run and nothing of the course has changed, it is
recorded. A run that was interrupted leaves what it has put aside, and the next one goes on there.
"""

import argparse
import functools
import json
import os
import shutil
import sys
import time
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from tqdm import tqdm

from grading import record, sandbox
from grading.collect import Submission, assignments_of, hand_ins, in_order
from grading.course import COURSE
from grading.delivery import unpacked
from grading.engine import Cluster, Lost, Processes
from grading.files import Busy, lock, write
from grading.judge import new_seed
from grading.record import NOT_GRADED, Stopped
from grading.roster import identify, read_roster
from grading.student import CALL
from grading.tables import table, write_class
from grading.verdict import GRADED, files_of_the_grader, hash_of, version
from grading.walls import NONE, NoWall, choose, describe, trust
from grading.words import say
from grading.work import Result, Task, about, read, watch, work

WITHOUT = say("judged without a wall")
RECORDED = "recorded, or about to be"
GO_ON = "What was judged is kept: the same command goes on from there."


def grade(
    folder, course=COURSE, only=None, seed=None, jobs=None, wall=None, seconds=CALL, student=None, scheduler=None
):
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
        From it the inputs of the checks are drawn; if None, that of a run that was interrupted, or a new one.
    jobs : int, optional
        Submissions that are graded side by side; one for each core if None.
    wall : str, optional
        What answers run behind, see `walls.choose`; the first that holds here if None.
    seconds : float
        How long one call of an answer may take.
    student : str, optional
        The only one whose submissions are graded.
    scheduler : str, optional
        The address of a Dask scheduler, whose workers judge in place of this machine.

    Raises
    ------
    ValueError
        For an argument that names nothing.
    NoWall
        If no wall holds. Nothing has been graded then.
    Busy
        If another process grades this course.
    Stopped
        If the canary dies, the course changes while answers run, or somebody has more points than there are.
    OSError
        If the disk is full, or no process can be started.
    """
    with unpacked(folder) as folder:
        return grade_folder(folder, Path(course), only, seed, jobs, wall, seconds, student, scheduler)


def grade_folder(folder, course, only, seed, jobs, wall, seconds, student, scheduler):
    """Grade all submissions in a folder, see `grade`."""
    names, handed_in = assignments_of(course, only), hand_ins(folder, student, course)
    with lock(course):
        sandbox.sweep()
        chosen = announced(wall, scheduler)
        wall = chosen.name if chosen else wall
        jobs = min(jobs or os.cpu_count(), len(handed_in))
        engine = Cluster(scheduler) if scheduler else Processes(jobs, functools.partial(trust, chosen))
        found = sorted_out(engine, handed_in, names, course)
        if wall == NONE:
            for submission in found:
                submission.remarks.append(WITHOUT)
        watch_canary(engine, found, course, wall)
        run = Run.begin(course, seed)
        tasks = run.tasks(found, Path(folder), wall, seconds)
        for task, result in tqdm(engine.run(work, tasks), total=len(found), unit="submission"):
            run.put_aside(result_of(task, result))
        return run.finish(Path(folder))


def announced(wall, scheduler):
    """Print behind what answers run; return the wall that holds here, or None if each worker of a cluster tries it."""
    if scheduler and wall != NONE:
        print(f"Answers run on the workers of {scheduler}, each behind the first wall that holds there.")
        return None
    chosen = choose(wall)
    print(describe(chosen))
    return chosen


def sorted_out(engine, handed_in, names, course):
    """Let the workers read what was handed in; return the submissions, without their notebooks."""
    found, reader = [], functools.partial(read, names=names, course=course)
    for hand_in, result in tqdm(engine.run(reader, handed_in), total=len(handed_in), unit="student", leave=False):
        lost = isinstance(result, Lost)
        found += [Submission(hand_in.student, None, hand_in.paths[0], str(result))] if lost else result
    return identify(in_order(found), course)


def watch_canary(engine, found, course, wall):
    """Judge the solution and an untouched notebook of each assignment; Stopped if one comes out wrong."""
    names = sorted({submission.assignment for submission in found if not submission.problem})
    for name, faults in engine.run(functools.partial(watch, course=course, wall=wall), names):
        faults = [f"{name}: {faults}"] if isinstance(faults, Lost) else faults
        if faults:
            raise Stopped("Nothing has been graded: the canary has died.\n" + "\n".join(faults))


def result_of(task, result):
    """Return the result of a task, also where the process that worked on it has died."""
    if isinstance(result, Lost):
        return Result(about(task.submission, task.folder) | {"reason": str(result)})
    return result


@dataclass
class Run:
    """A run: its seed, what it has put aside, and what the course was like before.

    ``verdicts/.unfinished`` holds a verdict for each submission that is done, with its notebook and its page, and
    ``verdicts/.run.json`` the seed. Both are there as long as the run has not come to its end.
    """

    course: Path
    seed: int
    before: dict  # see `fingerprint`
    written: dict = field(default_factory=dict)  # path of a verdict: hash

    @classmethod
    def begin(cls, course, seed):
        """Go on with a run that was interrupted, or begin a new one."""
        run = cls(course, seed, fingerprint(course))
        if earlier := run.interrupted():
            run.seed = earlier["seed"]
            print(f"An earlier run was interrupted. What it has judged is kept: {len(run.staged())} submissions.")
        else:
            shutil.rmtree(run.folder, ignore_errors=True)
            run.seed = new_seed() if seed is None else seed
            run.note(run.state())
        print(f"Seed {run.seed}: with SEED={run.seed} the same inputs are drawn again.")
        return run

    def interrupted(self):
        """Return the notes of an earlier run that was interrupted, if it has this seed and the course is the same."""
        if not self.notes.exists():
            return None
        earlier = json.loads(self.notes.read_text(encoding="utf-8"))
        same = self.seed in (None, earlier["seed"]) and earlier["course"] in (self.state(), RECORDED)
        return earlier if same else None

    @property
    def folder(self):
        """Return where the run puts aside what it has."""
        return self.course / "verdicts/.unfinished"

    @property
    def notes(self):
        """Return the file that tells the next run of this one."""
        return self.course / "verdicts/.run.json"

    def note(self, course):
        """Write for the next run what the course was like, or that nothing is missing but the recording."""
        write(self.notes, json.dumps({"seed": self.seed, "course": course}))

    def state(self):
        """Return a hash of what no answer may change."""
        return sha256(json.dumps(sorted(self.before.items())).encode()).hexdigest()

    def staged(self):
        """Return the paths of the verdicts that are put aside."""
        return sorted(self.folder.glob("*/*.json"))

    def tasks(self, found, folder, wall, seconds):
        """Yield what is to be done for each submission, with the verdict on it where there is one already."""
        given = record.by_hand(self.course)
        for submission in found:
            grades = given.get((submission.student, submission.assignment), {})
            known = self.known(submission, wall)
            yield Task(submission, folder, self.course, self.seed, wall, seconds, known, grades)

    def known(self, submission, wall):
        """Return the verdict on this very file, with this seed and grader, or None."""
        if submission.problem:
            return None
        key = {"seed": self.seed, "version": version(submission.assignment, self.course), "state": GRADED}
        for folder in (self.folder, self.course / "verdicts"):
            path = record.verdict_path(submission.student, submission.assignment, folder)
            said = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            same = key.items() <= said.items() and (said["wall"] == NONE) == (wall == NONE)
            if same and said["sha256"] == hash_of(submission.path):
                return said
        return None

    def put_aside(self, result):
        """Keep what was found of a submission, for the end of the run or for the next one."""
        said = result.verdict
        if said["version"] and said["version"] != version(said["assignment"], self.course):
            raise Stopped("Nothing has been graded: the workers have another version of the grader. Start them anew.")
        path = record.verdict_path(said["student"], said["assignment"], self.folder)
        if said["state"] == GRADED:
            write(path.with_suffix(".ipynb"), result.notebook)
            write(path.with_suffix(".html"), result.page)
        text = json.dumps(said, indent=1)
        write(path, text)
        self.written[path] = sha256(text.encode()).hexdigest()

    def finish(self, folder):
        """Record what was put aside, if nothing has changed meanwhile; return the rows of grades.csv."""
        self.refuse_changes()
        self.note(RECORDED)
        record.record((said for said in self.verdicts() if said["state"] == GRADED), self.course)
        done = set()
        for path, said in zip(self.written, self.verdicts(), strict=True):
            record.put_in_place(said, path, folder, self.course)
            done.add((said["student"], said["assignment"] or "?"))
        everybody = record.write_tables(self.course)
        rows = [row for row in everybody if (row["student"], row["assignment"]) in done]
        if late := {(row["student"], row["assignment"]) for row in rows if row["late_penalty"]}:
            record.renew_pages(self.course, late)
        write_class(self.course, everybody)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.notes.unlink()
        return rows

    def verdicts(self):
        """Yield the verdicts of this run, one after another."""
        for path in self.written:
            yield json.loads(path.read_text(encoding="utf-8"))

    def refuse_changes(self):
        """Raise Stopped if anything has changed that no answer may change; what was judged is not trusted then."""
        pairs = self.before.items() ^ fingerprint(self.course).items()
        changed = {name for name, _ in pairs} | {str(p) for p, was in self.written.items() if hash_of(p) != was}
        if changed:
            shutil.rmtree(self.folder)
            self.notes.unlink()
            names = ", ".join(sorted(changed))
            raise Stopped(f"Nothing has been graded: while answers ran, these changed: {names}.")


def fingerprint(course):
    """Return a hash of each file that no answer may change: gradebook, grades, sources, releases, checks."""
    course = Path(course)
    paths = [course / "gradebook.db", course / "grades.csv", *course.glob("source/**/*"), *course.glob("release/**/*")]
    return {str(path): hash_of(path) for path in [*paths, *files_of_the_grader()] if path.is_file()}


def renew_feedback(course=COURSE):
    """Write feedback and grades.csv anew from the gradebook, with the points given by hand; return the rows."""
    with lock(course):
        record.record([], course)
        record.renew_pages(course)
        rows = record.write_tables(course)
        write_class(course, rows)
        return rows


def main():
    """Grade what the command line names; return 1 if something could not be graded, 2 if nothing was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("submissions", metavar="SUBMISSIONS", nargs="?", default="", help="the folder")
    parser.add_argument("--feedback", action="store_true", help="judge nothing; write what the gradebook holds by now")
    parser.add_argument("--assignment", help="the one assignment of all submissions")
    parser.add_argument("--student", help="the only one who is graded")
    parser.add_argument("--course", type=Path, default=COURSE)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--wall", help="one of " + ", ".join(sandbox.WALLS))
    parser.add_argument("--scheduler", help="of Dask, whose workers judge")
    args = parser.parse_args()
    start = time.perf_counter()
    try:
        if args.feedback:
            rows = renew_feedback(args.course)
        else:
            how = {"wall": args.wall, "student": args.student, "scheduler": args.scheduler}
            rows = grade(args.submissions, args.course, args.assignment, args.seed, args.jobs, **how)
    except (ValueError, NoWall, Stopped, Busy) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"The grading has stopped: {error}\n{GO_ON}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\nInterrupted. {GO_ON}", file=sys.stderr)
        return 130
    print(table(rows, read_roster(args.course)))
    print(f"{len(rows)} submissions in {time.perf_counter() - start:.0f} s. {args.course / 'grades.csv'}")
    return int(not args.feedback and any(row["status"].startswith(NOT_GRADED) for row in rows))
