"""Points for a notebook: the checks of its assignment, concept by concept, all or nothing.

`judge` runs the answers, and nothing of nbgrader is open then. `Record` stands where nbgrader would execute a notebook.
It runs no cell, it writes under each test cell what the checks have found, and nbgrader makes points of that: all of
the cell's points, or none where there is an error.
"""

import importlib
import secrets
import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache

import nbformat
import numpy as np
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution
from traitlets import Dict, List

from grading.answers import Answers
from grading.lessons import explain
from grading.student import CALL, WHOLE, Student, StudentError

MISSING = {"NameError", "AttributeError", "KeyError", "IndexError", "TypeError"}  # what code raises that lacks another
NOT_THERE = {"NameError", "NotImplementedError", "SyntaxError"}  # what is raised where there is no answer yet


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
    trial = Trial(assignment, notebook, seed, wall, seconds)
    found, told = trial.run(trial.concepts), {}
    lost = [concept for concept in found if found[concept].lines]
    if any(trial.codes(concept) != trial.codes(concept, whole=True) for concept in lost):
        whole = trial.run(trial.concepts, whole=True)
        if sum(bool(outcome.lines) for outcome in whole.values()) < len(lost):  # mended below its tests
            instead = lost
            found = whole
        else:  # two halves of an answer are none: of each only what is not there above
            instead = [concept for concept in lost if found[concept].errors & NOT_THERE]
            found |= {concept: whole[concept] for concept in instead}
        told |= dict.fromkeys(instead, "judged with the cells below the test cell, too")
    for whole in (False, True):  # code that has not come along, and perhaps an answer of which nothing has
        lacking = [concept for concept in found if found[concept].lines and found[concept].errors & MISSING]
        for concept, outcome in trial.run(lacking, whole, everything=True).items():
            if not outcome.lines:
                found[concept] = outcome
                told[concept] = (
                    f"judged after all cells{'' if whole else ' above'} were run: it needs what only they set"
                )
    remarks = [f"{concept}: {words}" for concept, words in told.items() if not found[concept].lines]
    return {concept: found[concept].lines for concept in trial.concepts}, trial.answers.remarks + remarks


@dataclass
class Outcome:
    """What is said about a concept, nothing if it is earned, and the names of the errors that the answer has raised."""

    lines: list = field(default_factory=list)
    errors: set = field(default_factory=set)


class Trial:
    """The checks of an assignment and the answers of a notebook; the parameters are those of `judge`."""

    def __init__(self, assignment, notebook, seed, wall, seconds):
        self.assignment, self.seed, self.wall, self.seconds = assignment, seed, wall, seconds
        checks = importlib.import_module(f"grading.checks.{assignment}")
        self.concepts, self.cells = checks.CONCEPTS, getattr(checks, "CELLS", {})
        self.answers, self.left = Answers(notebook, checks.ASKED), WHOLE
        self.code = cache(self.answers.code)

    def codes(self, concept, whole=False, everything=False):
        """Return for each check of a concept the code that is run, and what of it is the answer."""
        tests = [None if whole else self.cells.get(check, concept) for check in self.concepts[concept]]
        return [(self.code(test, everything), self.code(test, False)) for test in tests]

    def run(self, concepts, whole=False, everything=False):
        """Run the checks of some concepts on the code above their test cells; return the outcome of each."""
        runs, found = defaultdict(list), {concept: Outcome() for concept in concepts}
        for concept in concepts:
            for code, check in zip(self.codes(concept, whole, everything), self.concepts[concept], strict=True):
                runs[code].append((concept, check))
        lessons = {}
        for (code, answer), asked in runs.items():
            with Student(code, self.wall, self.seconds, self.left, answer) as student:
                for concept, check in asked:
                    student.errors.clear()
                    found[concept].lines += filter(None, [failure(check, student, self.seed)])
                    found[concept].errors |= student.errors
                for concept in {concept for concept, _ in asked if found[concept].lines}:
                    lessons[concept] = explain(self.assignment, concept, student)
                self.left = student.left
        for concept, (mistake, lesson) in lessons.items():
            found[concept].lines = [*filter(None, [mistake]), *found[concept].lines, lesson]
        return found


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
