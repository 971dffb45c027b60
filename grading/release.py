"""`make assignments`: the students' notebooks, made by nbgrader from the instructor's, and checked before they go out.

python -m grading.release            make and check all
python -m grading.release --quick    make only, as the book's build does
"""

import argparse
import json
import re
import shutil
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

import nbformat

from grading.course import COURSE, NAMES, nbgrader, release_of, source_of, succeed
from grading.files import Busy, lock
from grading.walls import choose_any

SOLUTION = re.compile(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", re.S)
SHORT = 25  # a line like "with torch.no_grad():" gives nothing away
CHECKED = "checked: the solution gets all points, an untouched notebook none, and no solution is in it"
MARKERS = ("BEGIN SOLUTION", "END SOLUTION", "HIDDEN TESTS", "MARK SCHEME")


def make(assignments=NAMES, course=COURSE, database=True):
    """Make the students' notebooks in ``release/``, and beside it, where the book and Binder open them."""
    api = nbgrader(course, GenerateAssignment={"no_database": not database}, SaveCells={"enabled": database})
    for name in assignments:
        succeed(api.generate_assignment(name), f"make the students' version of {name}")
        shutil.copy(release_of(name, course), Path(course) / f"{name}.ipynb")


def faults_of(name, course=COURSE):
    """Return what is wrong with a students' notebook: a solution in it, points for nothing, a solution that fails."""
    release, source = (json.loads(find(name, course).read_text()) for find in (release_of, source_of))
    text, faults = release_of(name, course).read_text(), []
    faults += [f"{name}: the students' notebook holds {marker!r}" for marker in MARKERS if marker in text]
    faults += [f"{name}: the students' notebook holds the solution's line {line!r}" for line in leaks(source, release)]
    faults += [f"{name}: {error}" for error in errors_when_run(source_of(name, course))]
    with tempfile.TemporaryDirectory() as again:
        shutil.copytree(Path(course) / "source" / name, Path(again) / "source" / name)
        make([name], again, database=False)
        if release_of(name, again).read_bytes() != release_of(name, course).read_bytes():
            faults.append(f"{name}: a second make gives other bytes")
    return faults + wrong_points(name, course, choose_any().name)


def wrong_points(name, course, wall):
    """Return where judging goes wrong behind a wall: points that the solution misses or an untouched notebook gets."""
    from grading.judge import judge, new_seed  # torch, which --quick does without

    release, source = (json.loads(find(name, course).read_text()) for find in (release_of, source_of))
    seed = new_seed()
    solved, untouched = judge(name, source, seed, wall)[0], judge(name, release, seed, wall)[0]
    faults = [
        f"{concept}: the solution fails, seed {seed}: {line}" for concept in solved for line in solved[concept][:1]
    ]
    free = [concept for concept, lines in untouched.items() if not lines]
    return faults + [f"{concept}: an untouched notebook earns its points, seed {seed}" for concept in free]


def leaks(source, release):
    """Return the lines of the solutions, but the shortest, that stand in the students' notebook, wherever."""
    solved = [part for cell in source["cells"] for part in SOLUTION.findall("".join(cell["source"]))]
    lines = {line.strip() for part in solved for line in part.splitlines()}
    released = {line.strip() for cell in release["cells"] for line in "".join(cell["source"]).splitlines()}
    return sorted(line for line in lines & released if len(line) > SHORT)


def errors_when_run(path):
    """Execute the instructor's notebook; return the errors of its cells."""
    from nbclient import NotebookClient

    notebook = nbformat.read(path, 4)
    quiet = ["--Application.log_level=ERROR"]  # else it warns of a connection that does not leave this machine
    where = {"metadata": {"path": COURSE}}
    NotebookClient(notebook, timeout=300, allow_errors=True, extra_arguments=quiet, resources=where).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [f"{output.ename}: {output.evalue}" for output in outputs if output.output_type == "error"]


def main():
    """Make the students' notebooks and, unless told otherwise, check them; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assignments", nargs="*", default=NAMES, help="those; all if none is named")
    parser.add_argument("--quick", action="store_true", help="without the checks, and without the gradebook")
    args = parser.parse_args()
    try:
        with nullcontext() if args.quick else lock(COURSE):  # a book can be built while answers are judged
            make(args.assignments, database=not args.quick)
    except Busy as error:
        print(error, file=sys.stderr)
        return 2
    failed = False
    for name in args.assignments:
        print(f"{name:10} {COURSE / name}.ipynb", end="" if not args.quick else "\n", flush=True)
        if args.quick:
            continue
        faults = faults_of(name)
        print("" if faults else f"  {CHECKED}", flush=True)
        for fault in faults:
            print(fault, file=sys.stderr)
        failed = failed or bool(faults)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
