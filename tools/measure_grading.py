"""Grade 50 submissions of the assignment Forward with two workers; print what it takes: `make grading-times`.

The answers are those of tests/answers/forward.py, in turn: loops, NumPy, torch. A submission may take 3 seconds of one
core; the exit status tells whether it does.
"""

import json
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

from grading.course import release_of, source_of
from grading.grade import grade
from grading.judge import judge
from grading.release import make
from grading.walls import choose_any
from tests.answers.forward import RIGHT

SUBMISSIONS, WORKERS, SECONDS = 50, 2, 3.0


def filled(release, answer):
    """Return a released notebook with one answer to all questions."""
    notebook = json.loads(release)
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("solution") and cell["cell_type"] == "code":
            cell["source"], answer = answer, "pass"
    return notebook


def cpu_seconds():
    """Return the seconds of computing of all processes that have ended, and of this one."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main():
    """Print the table; return 1 if a submission takes too long."""
    with tempfile.TemporaryDirectory() as temporary:
        course, handed_in = Path(temporary, "course"), Path(temporary, "handed in")
        shutil.copytree(source_of("forward").parent, course / "source/forward")
        make(["forward"], course)
        release, answers = release_of("forward", course).read_text(), list(RIGHT.values())
        for number in range(SUBMISSIONS):
            path = handed_in / f"student{number:02}/forward.ipynb"
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(filled(release, answers[number % len(answers)])))
        clock, cpu = time.perf_counter(), cpu_seconds()
        rows = grade(handed_in, course, jobs=WORKERS)
        clock, cpu = time.perf_counter() - clock, cpu_seconds() - cpu
        if any(row["score"] != 17 for row in rows):
            raise SystemExit("a right answer has not got all points")
        start = time.perf_counter()
        for style in answers:
            judge("forward", filled(release, style), 1, choose_any().name)
        checks = (time.perf_counter() - start) / len(answers)
    each = clock * WORKERS / SUBMISSIONS
    print(f"{SUBMISSIONS} submissions, {WORKERS} workers   {clock:6.1f} s on the clock, {cpu:6.1f} s of computing")
    print(f"one submission, one core     {each:6.2f} s, of which {checks:.2f} s are the checks")
    return int(each > SECONDS)


if __name__ == "__main__":
    sys.exit(main())
