"""What is told to a student who has lost a concept: what was asked, an example to run, and which mistake it may be.

One module for each assignment, with

LESSONS    for each concept, what was asked, where the book teaches it, and an example: a few lines to be pasted
RIGHT      our own functions and classes, by the names that the assignment asks for
MISTAKES   the usual mistakes, in words, each with the functions and classes that make it, or a list of ways to make it;
           the plain ones first, since the first that fits is named

and BESIDE_THE_ANSWER, where examples run in the process of the answer, which holds its networks.

The example runs three times: with the student's answer, with ours, and with each mistake. Where a mistake gives just
what the student gets, it has a name. Nothing here gives or takes points.
"""

import ast
import functools
import importlib
import json
import re
import warnings
from typing import NamedTuple

import numpy as np

from grading.course import ROOT
from grading.student import StudentError
from grading.words import LONGEST_LINE, Said, in_lines, say

NAMING = 2e-4  # how far a value may be from that of a mistake which is named; float32 is not further
TORCH = "import numpy as np\nimport torch\nfrom torch import nn\nfrom torch.nn import functional as F"


class Lesson(NamedTuple):
    """What is told about a concept; ``right`` says what is right where that is no single value."""

    asked: str
    section: str
    example: str = ""
    right: str = ""
    more: str = ""  # another example, where the first shows nothing


class Raised(Said):
    """What a call has raised: the name of the error, with its text, as Python writes it in any language."""

    def __new__(cls, kind, text=""):
        return super().__new__(cls, "{0}{1}{2}", kind, ": ", text) if text else super().__new__(cls, "{0}", kind)

    def __getnewargs__(self):
        return self.values[::2]

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


def explain(assignment, concept, student, lines=()):
    """Return which mistake an answer makes, in a sentence or "", and what is told about the concept, in lines.

    The lines that the checks have said tell more where the mistake raises an error.
    """
    said = [str(line) for line in lines]
    module = importlib.import_module(f"grading.lessons.{assignment}")
    lesson, mistake, lines = module.LESSONS[concept], "", []
    if forbidden(said):
        mistake = say(
            "No points are given here as long as your function, or a helper of it, uses a library that could "
            "differentiate for you, such as torch: write the formula in NumPy."
        )
    elif lesson.example and not (student.hung or student.deaths):  # nothing that hangs is called once more
        try:
            mistake, lines = compare(module, lesson, student)
        except OSError:  # this machine's
            raise
        except Exception:  # an answer so odd that it cannot be shown
            lines = []
    mistake = mistake or hint(said)
    return mistake, in_lines([say("Asked: {0}", lesson.asked), *lines, say("Read: {0}", place_of(lesson.section))])


def compare(module, lesson, student):
    """Run the example; return the mistake in a sentence or "", and lines that show both values where they differ."""
    beside = getattr(module, "BESIDE_THE_ANSWER", False)
    names = names_of(student, module.RIGHT)
    yours = value_beside(lesson.example, student) if beside else value_of(lesson.example, names)
    right = value_of(lesson.example, module.RIGHT)
    if same(yours, right) and not lesson.right:
        return compare(module, lesson._replace(example=lesson.more, more=""), student) if lesson.more else ("", [])
    lines = [say("Paste this into a cell below your answer:"), *indented(lesson.example)]
    lines += [say("It gives, with your answer:"), *indented(shown(yours))]
    lines += [say("It should give:"), *indented(lesson.right or shown(right))]
    return mistake_of(module, lesson, yours, right), lines


def mistake_of(module, lesson, yours, right):
    """Return what is wrong with a value, as far as that is known, in a sentence."""
    if isinstance(yours, Raised):
        if yours == "NotImplementedError":  # without a text
            return say("Nothing is written here yet, or the line raise NotImplementedError() has been left in.")
    elif isinstance(right, Raised):
        return say("Your answer gives a result where it should raise {0}.", right.kind)
    if returns_nothing(yours, lesson.example):
        return say(
            "Your answer gives None where a value should be: a return is missing or has nothing after it, "
            "or one of the results is None."
        )
    beside = getattr(module, "BESIDE_THE_ANSWER", False)  # where what comes out is not always numbers
    for words, made in module.MISTAKES.items():
        for names in alternatives(made):
            if any(name in lesson.example for name in names) and fits(yours, lesson.example, module.RIGHT | names):
                return say("This is what comes out if {0}.", words) if beside else named(words)
    return ""


def alternatives(made):
    """Return the ways in which a mistake is made."""
    return made if isinstance(made, list) else [made]


def named(words):
    """Return a mistake in numbers as a sentence."""
    return say("Your numbers are what comes out if {0}.", words)


def fits(yours, example, names):
    """Return whether these names make of an example just what the student gets; an error must have the same text."""
    value = value_of(example, names)
    if isinstance(yours, Raised):
        return isinstance(value, Raised) and str(yours) == str(value)
    return same(yours, value, NAMING)


def returns_nothing(value, example):
    """Return whether a value is None, or one of several is, or it is the error that comes of taking None apart."""
    if isinstance(value, Raised):
        return value.endswith("cannot unpack non-iterable NoneType object")
    parts = value if isinstance(value, tuple) and is_tuple(example) else [value]
    return any(part is None for part in parts)


def forbidden(lines):
    """Return whether all that is wrong with an answer is what it uses; its numbers are in no question then."""
    from grading.checks.backward import USES

    uses = re.compile(re.escape(USES).replace(r"\{0\}", ".+"))
    others = [line for line in lines if not uses.fullmatch(line)]
    return len(others) < len(lines) and all("bnutils is not there" in line for line in others)


def hint(lines):
    """Return what an error of NumPy or torch means, where it is one of those that everybody meets."""
    for words, pattern in HINTS.items():
        for line in lines:
            if found := re.search(pattern, line):
                return Said(words, *found.groups())
    return ""


HINTS = {
    say(
        "An operation in place, such as {0} -= 1 or {0}[:] = 0, changes the array that was given: "
        "{0} = {0} - 1 makes a new one."
    ): r"the argument (\w+) has been changed",
    say(
        "Whole numbers came in, and the results are whole numbers, too, without their fractions: make floats first."
    ): r"expected floats, got dtype int\d+",
    say(
        "The array holds whole numbers, and an operation in place, such as -=, cannot write fractions into it: "
        "make a new array."
    ): r"Cannot cast ufunc '\w+' output from dtype\('float\d+'\) to dtype\('int\d+'\)",
    say("torch takes no mean of whole numbers: make floats of them first."): r"mean\(\): could not infer output dtype",
    say(
        "NumPy lines shapes up from the last axis on, so {0} and {1} do not fit: "
        "give the smaller one axes of length 1, with reshape or keepdims=True."
    ): r"could not be broadcast together with shapes (\([\d,]+\)) (\([\d,]+\))",
    say(
        "A network must take any number of photos: there is a fixed number in it, where len(x) or -1 belongs."
    ): r"shape '\[\d+, 784\]' is invalid for input of size \d+",
}


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
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            exec(compile(ast.Module(lines, []), "example", "exec"), scope)
            return eval(compile(ast.Expression(last.value), "example", "eval"), scope)
    except StudentError as error:
        return raised(error)
    except OSError:
        raise
    except Exception as error:
        return Raised(type(error).__name__, str(error))


def value_beside(example, student):
    """Run an example where the answer runs; return the value of its last line, or what was raised."""
    try:
        value = student.run(f"{TORCH}\n{example}")
    except StudentError as error:
        return raised(error)
    return list(value) if isinstance(value, tuple) and not is_tuple(example) else value


def raised(error):
    """Return what the answer has raised, as a notebook says it."""
    missing = re.fullmatch(r"there is no (\w+) in the notebook", error.message)
    return Raised(error.type, f"name '{missing[1]}' is not defined" if missing else error.message)


def is_tuple(example):
    """Return whether the last line of an example is several values."""
    return isinstance(ast.parse(example).body[-1].value, ast.Tuple)


def same(one, other, rtol=1e-3):
    """Return whether two values agree, up to a thousandth, or as said."""
    if isinstance(one, Raised) or isinstance(other, Raised):
        return type(one) is type(other) and one.kind == other.kind
    if isinstance(one, str) and isinstance(other, str):
        return one == other
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        return len(one) == len(other) and all(same(a, b, rtol) for a, b in zip(one, other, strict=True))
    try:
        if isinstance(one, np.ndarray) and isinstance(other, np.ndarray) and one.dtype.kind != other.dtype.kind:
            return False  # whole numbers where there should be floats
        one, other = np.asarray(one), np.asarray(other)
        return one.shape == other.shape and bool(np.allclose(one, other, rtol, 1e-6, equal_nan=True))
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
