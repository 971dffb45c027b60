"""What the checks of an assignment say of a notebook, concept by concept: all of its points, or none."""

import functools
import importlib
import secrets
import zlib
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from grading.answers import Answers, code_cells, is_test, source_of, title_of
from grading.lessons import explain
from grading.student import CALL, WHOLE, Student, StudentError
from grading.words import Line, say

MISSING = {"NameError", "AttributeError", "KeyError", "IndexError", "TypeError"}  # what code raises that lacks another
NOT_THERE = {"NameError", "NotImplementedError", "SyntaxError"}  # what is raised where there is no answer yet


def new_seed():
    """Return a seed that nobody can foresee."""
    return secrets.randbelow(2**31)


def judge(assignment, notebook, seed, wall, seconds=CALL):
    """Run the checks of an assignment on the answers of a notebook; return what is said of each lost concept, in lines.

    The parameters are those of `find`.

    Returns
    -------
    failures : dict of str to list of str
        For each concept that is lost the mistake, where it is known, a line of each failed check, and what is told
        about the concept, on several lines; empty where its points are earned.
    remarks : list of str
    """
    found, remarks = find(assignment, notebook, seed, wall, seconds)
    return {concept: outcome.told() for concept, outcome in found.items()}, remarks


def find(assignment, notebook, seed, wall, seconds=CALL):
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
    found : dict of str to Outcome
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
        told |= dict.fromkeys(instead, say("judged with the cells below the test cell, too"))
    for whole in (False, True):  # code that has not come along, and perhaps an answer of which nothing has
        lacking = [concept for concept in found if found[concept].lines and found[concept].errors & MISSING]
        for concept, outcome in trial.run(lacking, whole, everything=True).items():
            if not outcome.lines:
                found[concept] = outcome
                told[concept] = (
                    say("judged after all cells were run: it needs what only they set")
                    if whole
                    else say("judged after all cells above were run: it needs what only they set")
                )
    titles = {cell["metadata"]["nbgrader"].get("grade_id"): title_of(cell) for cell in tests_in(notebook)}
    told = {titles.get(concept, concept): words for concept, words in told.items() if not found[concept].lines}
    remarks = [say("{0}: {1}", title, words) for title, words in told.items()]
    return {concept: found[concept] for concept in trial.concepts}, trial.answers.remarks + remarks


def tests_in(notebook):
    """Return the test cells of a notebook that are not empty."""
    return [cell for cell in code_cells(notebook) if is_test(cell) and source_of(cell).strip()]


@dataclass
class Outcome:
    """What is said about a concept, nothing if it is earned, and the names of the errors that the answer has raised."""

    lines: list = field(default_factory=list)  # one for each failed check
    errors: set = field(default_factory=set)
    mistake: str = ""  # in a sentence, where it is known
    lesson: str = ""

    def told(self):
        """Return all that is said, nothing if the concept is earned."""
        return [*filter(None, [self.mistake]), *self.lines, self.lesson] if self.lines else []


class Trial:
    """The checks of an assignment and the answers of a notebook; the parameters are those of `judge`."""

    def __init__(self, assignment, notebook, seed, wall, seconds):
        checks = importlib.import_module(f"grading.checks.{assignment}")
        self.assignment, self.seed, self.wall = assignment, seed, wall
        self.seconds = max(seconds, getattr(checks, "SECONDS", 0.0))
        self.concepts, self.cells = checks.CONCEPTS, getattr(checks, "CELLS", {})
        self.answers, self.left = Answers(notebook, checks.ASKED), WHOLE
        self.hung = {}  # a name and the code that it needs: what was said when it hung
        self.code = functools.cache(self.answers.code)

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
        for (code, answer), asked in runs.items():
            hung = {name: fault for (name, needed), fault in self.hung.items() if needed == needed_by(name, answer)}
            with Student(code, self.wall, self.seconds, self.left, answer, hung) as student:
                for concept, check in asked:
                    student.errors.clear()
                    found[concept].lines += filter(None, [failure(check, student, self.seed)])
                    found[concept].errors |= student.errors
                for concept in {concept for concept, _ in asked if found[concept].lines}:
                    outcome = found[concept]
                    outcome.mistake, outcome.lesson = explain(self.assignment, concept, student, outcome.lines)
                    for name, words in self.answers.missing.items():
                        if any(line.startswith(f"NameError: there is no {name} ") for line in outcome.lines):
                            outcome.mistake = say("Nothing was found to grade: {0}", words)
                self.left = student.left
            self.hung |= {(name, needed_by(name, answer)): fault for name, fault in student.hung.items()}
        return found


def needed_by(name, answer):
    """Return the code of an answer that a function or class needs; all of it for another name, as of a method."""
    alone = Answers({"cells": [{"cell_type": "code", "source": answer}]}, [name])
    return answer if alone.missing else alone.code()


def failure(check, student, seed):
    """Return the line that a check has to say against an answer, or None."""
    rng = np.random.default_rng([seed, zlib.crc32(check.__name__.encode())])
    try:
        with np.errstate(all="ignore"):
            check(student, rng)
    except StudentError as error:
        plain = error.type in NOT_THERE or not error.name  # or there is a name in what is said
        return Line("{0}", *error.args) if plain else Line("{0}: {1}", error.name, *error.args)
    except AssertionError as error:
        return Line("{0}", *error.args) if str(error).strip() else check.__name__.replace("_", " ")
    except OSError:  # a full disk is no fault of the answer
        raise
    except Exception as error:  # an answer so odd that the check stumbles over it
        return Line("{0}", say("the answer has an unexpected form ({0}: {1})", type(error).__name__, error))
    return None
