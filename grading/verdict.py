"""A verdict: what the checks say of one file, as plain data. No gradebook, no nbgrader, nothing written.

python -m grading.verdict FILE ... [--assignment forward] [--seed 123] [--wall landlock]

prints one verdict a line, as JSON. The assignment is what the file holds the cells of, if none is named.
"""

import argparse
import json
import re
import sys
import time
from hashlib import sha256
from pathlib import Path

import nbformat

from grading.answers import is_test, source_of, title_of
from grading.collect import HandIn, assignments_of, language_of, notebook_in, release_in, sort_out
from grading.course import COURSE, ROOT, release_of
from grading.judge import find, new_seed
from grading.repair import is_answer, repair
from grading.student import CALL
from grading.walls import NoWall, choose
from grading.words import ENGLISH, in_own_language, sayer, words_of

HERE = Path(__file__).resolve().parent
GRADED, NOT_GRADED = "graded", "not graded"


def verdict(path, assignment, seed, wall=None, seconds=CALL, course=COURSE):
    """Return what the checks say of a file.

    Parameters
    ----------
    path : path
        A notebook, or a zip with one.
    assignment : str
        What it is an answer to.
    seed : int
        From it the inputs of all checks are drawn.
    wall : str, optional
        What answers run behind, see `walls.choose`; the first that holds here if None.
    seconds : float
        How long one call of an answer may take.
    course : path
        The course's folder, with the releases.

    Returns
    -------
    dict
        ``state`` is "graded" or "not graded", for the ``reason`` that is given; ``concepts`` holds, by the name of the
        test cell, title, points, max, and of a lost one mistake, lines and lesson; ``written`` holds title and max of
        each written answer, and whether there is one; ``empty`` the names of all answers that are as handed out;
        ``remarks`` what had to be mended. ``sha256``, ``seed``, ``version`` and ``wall`` say what it holds for. All is
        English; ``language`` is that of the notebook, and ``words`` says each text in it, where it is another.

    Raises
    ------
    OSError
        If this machine cannot judge: its disk is full, or it can start no process.
    """
    return judged(path, assignment, seed, wall, seconds, course)[0]


def judged(path, assignment, seed, wall, seconds, course, remarks=()):
    """Return the verdict on a file of which something has been remarked, and its notebook as it was judged, or None."""
    start, wall, mended = time.perf_counter(), choose(wall).name, None
    said = {"assignment": assignment, "sha256": hash_of(path), "seed": seed, "version": version(assignment, course)}
    said |= {"wall": wall, "state": NOT_GRADED, "reason": "", "remarks": [*remarks]}
    said |= {"concepts": {}, "written": {}, "empty": [], "language": ENGLISH, "words": {}}
    language = ENGLISH
    try:
        submitted = notebook_in(Path(path))[0]
        language = language_of(submitted)
        mended, done = mend(submitted, assignment, course)
        found, met = find(assignment, mended, seed, wall, seconds)
        concepts = concepts_of(mended, found)
        said |= {"state": GRADED, "remarks": [*remarks, *done, *met], "concepts": concepts, "language": language}
        given, given_in_own_language = release(assignment, course), release(assignment, course, language)
        said |= answers_of(mended, given, given_in_own_language)
        said["words"] = words_of(said, language) | titles_of(said, given_in_own_language)
    except OSError:
        raise
    except Exception as error:  # one bad notebook costs nobody else a point
        said |= {"reason": told(error), "language": language}
        said["words"] = words_of(said, language)
    return said | {"seconds": round(time.perf_counter() - start, 2)}, mended


def mend(submitted, assignment, course):
    """Return a submitted notebook as `repair` makes it, and what had to be mended."""
    return repair(submitted, release(assignment, course, language_of(submitted)))


def release(assignment, course, language=ENGLISH):
    """Return the notebook that was handed out in a language."""
    path = release_of(assignment, course)
    return release_in(path, path.stat().st_mtime_ns, language)


def concepts_of(notebook, found):
    """Return title, points and what is said of each concept, in the order of the notebook."""
    cells = {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if is_test(cell)}
    if cells.keys() != found.keys():
        raise ValueError(f"test cells {sorted(cells)} and concepts {sorted(found)} differ")
    return {name: concept_of(cell, found[name]) for name, cell in cells.items()}


def concept_of(cell, outcome):
    """Return what a verdict holds of one concept."""
    most, lost = float(cell.metadata.nbgrader.points), bool(outcome.lines)
    said = {"mistake": outcome.mistake, "lines": outcome.lines, "lesson": outcome.lesson if lost else ""}
    return {"title": title_of(cell), "points": 0.0 if lost else most, "max": most} | said


def answers_of(notebook, given, given_in_own_language):
    """Return what a verdict holds of the written answers, and which answers are as they were handed out."""
    cells = filter(is_answer, given_in_own_language.cells)
    handed_out = {cell.metadata.nbgrader.grade_id: cell.source for cell in cells}
    answers = {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if is_answer_here(cell)}
    empty = [name for name, cell in answers.items() if source_of(cell) == handed_out[name]]
    return {"empty": empty, "written": written_in(given, empty)}


def titles_of(said, given):
    """Return for each title of a written answer its title in a release of another language."""
    there = written_in(given, [])
    pairs = [(answer["title"], there[name]["title"]) for name, answer in said["written"].items()]
    return {english: title for english, title in pairs if english != title}


def written_in(notebook, empty):
    """Return title, most points and presence of each answer that is graded by hand."""
    found, title = {}, ""
    for cell in notebook.cells:
        headings = re.findall(r"^#+ (.+)$", cell.source, re.M) if cell.cell_type == "markdown" else []
        title = headings[-1].replace("`", "") if headings and not is_answer_here(cell) else title
        if is_answer_here(cell) and cell.metadata.nbgrader.get("grade"):
            name, most = cell.metadata.nbgrader.grade_id, float(cell.metadata.nbgrader.points)
            found[name] = {"title": title, "max": most, "answered": name not in empty}
    return found


def is_answer_here(cell):
    """Return whether a cell, which may be the student's own, is an answer of the release."""
    return "nbgrader" in cell.metadata and is_answer(cell)


def hash_of(path):
    """Return the hash of a file."""
    return sha256(Path(path).read_bytes()).hexdigest()


def files_of_the_grader():
    """Return the paths of all files that decide on points, but for those of the course."""
    catalogs = [path for name in ("grading.po", "assignments/*.po") for path in ROOT.glob(f"locales/*/{name}")]
    return sorted([*HERE.glob("**/*.py"), *HERE.glob("*.sh"), *HERE.glob("*.html"), *catalogs])


GRADER = b"".join(sha256(path.read_bytes()).digest() for path in files_of_the_grader())


def version(assignment, course):
    """Return a hash of what judges an assignment: of the grader, as this process has it, and of the release."""
    return sha256(GRADER + release_of(assignment, course).read_bytes()).hexdigest()[:16]


def told(error):
    """Return an exception as a reason of one line."""
    if type(error) is ValueError and error.args:
        return error.args[0] if isinstance(error.args[0], str) else str(error)
    return " ".join(f"{type(error).__name__}: {error}".split())[-300:]


def shown(notebook, said):
    """Return a notebook with what a verdict says under each test cell, as formgrader shows it."""
    say, said = sayer(said.get("language", ENGLISH)), in_own_language(said)
    notes = "".join(f"({remark})\n" for remark in [*said["remarks"], say("seed {0}", said["seed"])])
    for cell in notebook.cells:
        if is_test(cell):
            cell.outputs = [output_of(said["concepts"][cell.metadata.nbgrader.grade_id], notes, say)]
    return notebook


def output_of(concept, notes, say):
    """Return the output of a test cell: an error where its points are lost."""
    if not concept["lines"]:
        return nbformat.v4.new_output("stream", text=f"{say('All checks passed.')}\n{notes}")
    lines = [*filter(None, [concept["mistake"]]), *concept["lines"]]
    told = [*(f"- {line}" for line in lines), "", concept["lesson"], "", notes.rstrip()]
    return nbformat.v4.new_output("error", ename="Failed", evalue=lines[0], traceback=told)


def main():
    """Print the verdicts on the files that the command line names; return 1 if one was not graded, 2 if none was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path)
    parser.add_argument("--assignment", help="the one assignment of all files")
    parser.add_argument("--course", type=Path, default=COURSE)
    parser.add_argument("--seed", type=int, default=new_seed())
    parser.add_argument("--wall", help="what answers run behind")
    args = parser.parse_args()
    failed = False
    try:
        names = assignments_of(args.course, args.assignment)
        for path in args.files:
            for found in sort_out(HandIn("", path.parent, [path]), names, args.course):
                said = {"state": NOT_GRADED, "reason": found.problem}
                if not found.problem:
                    said = verdict(path, found.assignment, args.seed, args.wall, course=args.course)
                failed = failed or said["state"] != GRADED
                said["remarks"] = [*found.remarks, *said.get("remarks", [])]
                print(json.dumps({"file": str(path), **said}), flush=True)
    except (ValueError, OSError, NoWall) as error:
        print(error, file=sys.stderr)
        return 2
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
