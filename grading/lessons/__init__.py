"""What is told to a student who has lost a concept: what was asked, an example to run, and which mistake it may be.

One module for each assignment, with

LESSONS    for each concept, what was asked, where the book teaches it, and an example: a few lines to be pasted
RIGHT      our own functions and classes, by the names that the assignment asks for
MISTAKES   the usual mistakes, in words, each with the functions and classes that make it

The example runs three times: with the student's answer, with ours, and with each mistake. Where a mistake gives just
what the student gets, it has a name. Nothing here gives or takes points.
"""

import ast
import functools
import importlib
import json
import re
from typing import NamedTuple

import numpy as np

from grading.course import ROOT
from grading.student import StudentError
from grading.words import LONGEST_LINE, Said, in_lines, say


class Lesson(NamedTuple):
    """What is told about a concept; ``right`` says what is right where that is no single value."""

    asked: str
    section: str
    example: str = ""
    right: str = ""


class Raised(Said):
    """What a call has raised: the name of the error, with its text."""

    @property
    def kind(self):
        """Return the name of the error."""
        return self.split(":")[0]


class Layer:
    """An object of the student's as an example sees it."""

    def __init__(self, remote):
        self.__dict__["remote"] = remote

    def __call__(self, *arguments):
        return self.remote(*arguments)

    def __getattr__(self, name):
        return self.remote.get(name)

    def __setattr__(self, name, value):
        self.remote.set(name, value)

    def train(self):
        """Call the method."""
        self.remote.do("train")

    def eval(self):
        """Call the method."""
        self.remote.do("eval")


def explain(assignment, concept, student):
    """Return which mistake an answer makes, in a sentence or "", and what is told about the concept, in lines."""
    module = importlib.import_module(f"grading.lessons.{assignment}")
    lesson, mistake, lines = module.LESSONS[concept], "", []
    if lesson.example and not student.failures:  # nothing that hangs is called once more
        try:
            mistake, lines = compare(module, lesson, student)
        except OSError:  # this machine's
            raise
        except Exception:  # an answer so odd that it cannot be shown
            lines = []
    return mistake, in_lines([say("Asked: {0}", lesson.asked), *lines, say("Read: {0}", place_of(lesson.section))])


def compare(module, lesson, student):
    """Run the example; return the mistake in a sentence or "", and lines that show both values where they differ."""
    yours, right = (value_of(lesson.example, names) for names in (names_of(student, module.RIGHT), module.RIGHT))
    if same(yours, right) and not lesson.right:
        return "", []
    lines = [say("Paste this into a cell below your answer:"), *indented(lesson.example)]
    lines += [say("It gives, with your answer:"), *indented(shown(yours))]
    lines += [say("It should give:"), *indented(lesson.right or shown(right))]
    return mistake_of(module, lesson, yours, right), lines


def mistake_of(module, lesson, yours, right):
    """Return what is wrong with a value, as far as that is known, in a sentence."""
    if isinstance(yours, Raised):
        return say("Nothing is written here yet.") if yours.kind == "NotImplementedError" else ""
    if isinstance(right, Raised):
        return say("Your answer gives a result where it should raise {0}.", right.kind)
    for words, names in module.MISTAKES.items():
        if same(yours, value_of(lesson.example, module.RIGHT | names)):
            return say("Your numbers are what comes out if {0}.", words)
    return ""


def names_of(student, right):
    """Return the student's functions and classes, as the example calls them."""

    def function(name):
        return lambda *arguments: student.call(name, *arguments)

    def kind(name):
        return lambda *arguments: Layer(student.new(name, *arguments))

    return {name: kind(name) if isinstance(ours, type) else function(name) for name, ours in right.items()}


def value_of(example, names):
    """Run an example with these names; return the value of its last line, or what was raised."""
    *lines, last = ast.parse(example).body
    scope = {"np": np, **names}
    try:
        with np.errstate(all="ignore"):
            exec(compile(ast.Module(lines, []), "example", "exec"), scope)
            return eval(compile(ast.Expression(last.value), "example", "eval"), scope)
    except StudentError as error:
        return Raised("{0}", *error.args)
    except OSError:
        raise
    except Exception as error:
        return Raised(f"{type(error).__name__}: {error}")


def same(one, other):
    """Return whether two values agree, up to a thousandth."""
    if isinstance(one, Raised) or isinstance(other, Raised):
        return type(one) is type(other) and one.kind == other.kind
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    try:
        if isinstance(one, np.ndarray) and isinstance(other, np.ndarray) and one.dtype.kind != other.dtype.kind:
            return False  # whole numbers where there should be floats
        one, other = np.asarray(one), np.asarray(other)
        return one.shape == other.shape and bool(np.allclose(one, other, 1e-3, 1e-6, equal_nan=True))
    except (TypeError, ValueError):
        return False


def shown(value):
    """Return a value as a notebook prints it, with four digits."""
    if isinstance(value, Raised) and len(value) <= LONGEST_LINE:
        return value
    if isinstance(value, tuple):
        return ",\n".join(map(shown, value))
    if isinstance(value, np.ndarray):
        return np.array2string(value, precision=4, suppress_small=np.abs(value).max(initial=0) > 1e-2, separator=", ")
    return f"{value:.4g}" if isinstance(value, float) else str(value)[:LONGEST_LINE]


def indented(text):
    lines = text.splitlines()
    return [Said("    {0}", text)] if lines == [text] else [f"    {line}" for line in lines]


@functools.cache
def headings():
    """Return, for each label in the chapters, the section and the chapter that it stands for."""
    found = {}
    for path in sorted((ROOT / "chapters").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        title = re.search(r"^# (.+)$", text, re.M)
        for label, heading in re.findall(r"^\(([\w-]+)\)=\n+#+ (.+)$", text, re.M):
            found[label] = heading, title[1], f"chapters/{path.stem}.html#{label}"
    return found


def place_of(label):
    """Return where the book teaches something."""
    if label not in headings():
        return label
    heading, title, address = headings()[label]
    return say('"{0}" in the chapter "{1}" ({2})', Said(heading), Said(title), address)
