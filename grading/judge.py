"""Points for a notebook: the checks of its assignment, concept by concept, all or nothing.

`judge` runs the answers, and nothing of nbgrader is open then. `Record` stands where nbgrader would execute a notebook.
It runs no cell, it writes under each test cell what the checks have found, and nbgrader makes points of that: all of
the cell's points, or none where there is an error.
"""

import importlib
import secrets
import zlib
from collections import defaultdict

import nbformat
import numpy as np
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution
from traitlets import Dict, List

from grading.answers import Answers
from grading.lessons import explain
from grading.student import CALL, WHOLE, Student, StudentError

MISSING = {"NameError", "AttributeError", "KeyError", "IndexError", "TypeError"}  # what code raises that lacks another
WAYS = {  # to cut a test cell's code out of a notebook: from all of it, with everything in it; tried in this order
    (False, False): "",
    (True, False): "judged with the cells below the test cell, too",
    (False, True): "judged after all cells above were run, because it needs what only they set",
    (True, True): "judged after all cells were run, because it needs what only they set",
}


def new_seed():
    """Return a seed that nobody can foresee."""
    return secrets.randbelow(2**31)


def judge(assignment, notebook, seed, wall, seconds=CALL):
    """Run the checks of an assignment on the answers of a notebook.

    Parameters
    ----------
    assignment : str
        The name of a module of `grading.checks`.
    notebook : dict
        The submitted notebook, as JSON gives it.
    seed : int
        From it the inputs of all checks are drawn.
    wall : str
        What the answers run behind: a name of `sandbox.WALLS`.
    seconds : float
        How long one call may take.

    Returns
    -------
    failures : dict of str to list of str
        For each concept that is lost the mistake, where it is known, a line of each failed check, and what is told
        about the concept, on several lines; empty where its points are earned.
    remarks : list of str
    """
    if not __debug__:
        raise RuntimeError("checks are asserts, and python -O leaves them out")
    checks = importlib.import_module(f"grading.checks.{assignment}")
    answers, cells = Answers(notebook, checks.ASKED), getattr(checks, "CELLS", {})
    failures, remarks, incomplete, tried, left = {}, answers.remarks, {}, set(), WHOLE
    for (whole, everything), remark in WAYS.items():
        runs = defaultdict(list)  # by the code that is run: the checks that ask it, with their concepts
        for concept, of_concept in checks.CONCEPTS.items():
            tests = [None if whole else cells.get(check, concept) for check in of_concept]
            codes = tuple((answers.code(test, everything), answers.code(test)) for test in tests)
            earned, needless = failures.get(concept) == [], everything and not incomplete.get(concept)
            if earned or needless or (concept, codes) in tried:
                continue
            tried.add((concept, codes))
            for code, check in zip(codes, of_concept, strict=True):
                runs[code].append((concept, check))
        said, met, told = defaultdict(list), defaultdict(set), {}
        for (code, answer), asked in runs.items():
            with Student(code, wall, seconds, left, answer) as student:
                for concept, check in asked:
                    student.errors.clear()
                    said[concept] += filter(None, [failure(check, student, seed)])
                    met[concept] |= student.errors
                for concept in {concept for concept, _ in asked if said[concept]}:
                    told[concept] = explain(assignment, concept, student)
                left = student.left
        for concept, lines in said.items():
            if lines:
                mistake, lesson = told[concept]
                lines[:] = [*filter(None, [mistake]), *lines, lesson]
            if not lines or not failures.get(concept) or incomplete[concept]:  # else the first lines are better
                failures[concept] = lines
            incomplete[concept] = met[concept] & MISSING
            if remark and not lines:
                remarks.append(f"{concept}: {remark}")
    return {concept: failures[concept] for concept in checks.CONCEPTS}, remarks


def failure(check, student, seed):
    """Return the line that a check has to say against an answer, or None."""
    rng = np.random.default_rng([seed, zlib.crc32(check.__name__.encode())])
    try:
        with np.errstate(all="ignore"):
            check(student, rng)
    except (AssertionError, StudentError) as error:
        line = " ".join(str(error).split())[:300]
        return line or check.__name__.replace("_", " ")
    except Exception as error:  # an answer so odd that the check stumbles over it
        return f"the answer has an unexpected form ({type(error).__name__}: {error})"[:300]
    return None


class Record(NbGraderPreprocessor):
    """Write a judgement under the test cells of a notebook."""

    failures = Dict(help="What `judge` has found, by concept.").tag(config=True)
    remarks = List(help="What is said beside it.").tag(config=True)

    def preprocess(self, nb, resources):
        """Return the notebook with one output in each test cell."""
        cells = {c.metadata.nbgrader.grade_id: c for c in nb.cells if is_grade(c) and not is_solution(c)}
        if cells.keys() != self.failures.keys():
            raise ValueError(f"test cells {sorted(cells)} and concepts {sorted(self.failures)} differ")
        for concept, cell in cells.items():
            cell.outputs = [verdict(self.failures[concept], self.remarks)]
        return nb, resources


def verdict(failures, remarks):
    """Return the output that gives a cell its points, or an error that takes them."""
    notes = "".join(f"({remark})\n" for remark in remarks)
    if not failures:
        return nbformat.v4.new_output("stream", text="All checks passed.\n" + notes)
    *lines, lesson = failures
    told = [*(f"- {line}" for line in lines), "", lesson, "", notes.rstrip()]
    return nbformat.v4.new_output("error", ename="Failed", evalue=lines[0], traceback=told)
