"""A student's answer as the checks see it: calls go to a worker process, plain arrays come back."""

import ast
import os
import shutil
import signal
import time
from collections import Counter
from contextlib import suppress

import numpy as np

from grading import sandbox, wire
from grading.words import say

START, CALL, WHOLE = 30.0, 3.0, 60.0  # seconds: to import torch, for one call, for all calls of an answer
NO_LINE = {"NotImplementedError", "SyntaxError", "TimeoutError"}  # such lines are ours, or were handed out
CHANCES = 2  # a name that has died so often, or hung once, is not called again
HUNG = "def {0}(*_, **__): raise TimeoutError({1!r})"  # takes the place of a function that hangs, if others call it


class StudentError(Exception):
    """The student's code has raised, hung, died, or answered with something that is no array.

    Parameters
    ----------
    type : str
        The name of the exception, or "Timeout", "Died", "NotAnArray".
    message : str
    line : str
        The line of the answer that it has come from, as far as that is known.
    """

    def __init__(self, type, message, line=""):
        said = say("{0}: {1}", type, message) if message else type
        super().__init__(say("{0}, in your line: {1}", said, line) if line and type not in NO_LINE else said)
        self.type, self.message, self.name = type, message, ""


class Student:
    """The functions and classes of an answer, run in a worker.

    Parameters
    ----------
    code : str
        The code to be run, see `answers.Answers`.
    wall : str
        What the worker runs behind: a name of `sandbox.WALLS`.
    seconds, left : float
        How long one call may take, and all of them together.
    answer : str, optional
        What of the code is the answer, where not all of it is.
    hung : dict, optional
        What of this answer has hung before, by its name, and what was said of it; what hangs now is added.

    Use it as a context, so that no worker outlives it.

    >>> with Student("def double(x): return 2 * x", wall="none") as student:
    ...     student.call("double", np.array([1.0, 2.0]))
    array([2., 4.])
    """

    def __init__(self, code, wall, seconds=CALL, left=WHOLE, answer=None, hung=None):
        self.code, self.wall, self.seconds = code, wall, seconds
        self.answer = code if answer is None else answer
        self.process = self.folder = None
        self.unlimited = ()  # the limits that this system refuses
        self.errors = set()  # the names of the errors that the code has raised
        self.left, self.deaths, self.generation = left, Counter(), 0
        self.hung = {} if hung is None else hung
        self.has_torch = False  # as far as we know

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def call(self, name, *arguments):
        """Return ``name(*arguments)``; arguments that it has changed are changed here, too."""
        return self._ask("call", None, name, arguments)

    def new(self, name, *arguments):
        """Return ``name(*arguments)`` as an object that stays in the worker."""
        return Remote(self, self._ask("new", None, name, arguments), name)

    def state(self, remote):
        """Return the arrays of a torch module's ``state_dict``, by name."""
        return self._ask("state", remote, remote.name, ())

    def run(self, lines):
        """Return the value of the last of some lines of ours, which run beside the answer and use its names."""
        return self._ask("run", None, "example", (lines,))

    def make(self, lines):
        """Return the value of the last of some lines of ours as an object that stays in the worker."""
        return Remote(self, self._ask("make", None, "example", (lines,)), "example")

    def stop(self):
        """End the worker, whatever it does."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.process = None

    def _ask(self, verb, on, name, arguments):
        if name in self.hung:
            raise StudentError("Timeout", say("{0}, and is not called again", self.hung[name]))
        if self.deaths[name] >= CHANCES:
            raise StudentError("Died", say("{0} has died before and is not called again", name))
        if self.left <= 0:
            raise StudentError("Timeout", say("all calls together took more than {0} seconds", f"{WHOLE:.0f}"))
        if on is not None and (self.process is None or on.generation != self.generation):
            raise StudentError("Died", say("the process of this {0} is gone", on.name))
        plain = [value.handle if isinstance(value, Remote) else value for value in arguments]
        target = None if on is None else on.handle
        if self.process is None:
            self._start(name)
        if not self.has_torch and any(isinstance(value, wire.Tensor) for value in arguments):
            self._exchange(["import", None, "torch", []], START, name)
            self.has_torch = True
        result, changed = self._exchange([verb, target, name, plain], self.seconds, name)[1:]
        for place, array in changed:
            _write_back(arguments, place, array)
        return result

    def _start(self, name):
        self.process, self.folder = sandbox.start(without(self.hung, self.code), self.wall)
        self.generation += 1
        self.has_torch = False
        self.unlimited = self._exchange(None, START, name)[1]

    def _exchange(self, request, seconds, name):
        """Send a request, if any, and return the reply; raise StudentError, and end the worker if it is lost."""
        start = time.monotonic()
        try:
            if request is not None:
                wire.send(self.process.stdin.fileno(), request)
            reply = wire.receive(self.process.stdout.fileno(), min(seconds, self.left))
            if not (isinstance(reply, tuple) and len(reply) > 1 and reply[0] in ("ready", "done", "failed")):
                raise wire.WireError("no reply")
        except TimeoutError:
            fault = say("{0} took more than {1} seconds", name, f"{seconds:g}")
            self.hung[name] = fault
            self.stop()
            raise StudentError("Timeout", fault) from None
        except (EOFError, BrokenPipeError):
            self._lose(name)
            raise StudentError("Died", say("{0} has ended its process, or ran out of memory or time", name)) from None
        except wire.WireError as error:
            self._lose(name)
            raise StudentError("NotAnArray", f"{name}: {error}") from None
        finally:
            self.left -= time.monotonic() - start
        if reply[0] == "failed":
            if request is None:
                self._lose(name)
            self.errors.add(str(reply[1]))
            error = StudentError(*map(str, reply[1:4]))
            error.name = name
            raise error
        return reply

    def _lose(self, name):
        self.deaths[name] += 1
        self.stop()


class Remote:
    """An object of the answer that lives in the worker."""

    def __init__(self, student, handle, name):
        self.student, self.handle, self.name, self.generation = student, handle, name, student.generation

    def __call__(self, *arguments):
        """Return ``object(*arguments)``."""
        return self.student._ask("apply", self, self.name, arguments)

    def do(self, method, *arguments):
        """Call a method; return its result, or None if that is the object itself."""
        return self.student._ask("do", self, method, arguments)

    def get(self, attribute):
        """Return an attribute."""
        return self.student._ask("get", self, attribute, ())

    def set(self, attribute, value):
        """Set an attribute."""
        return self.student._ask("set", self, attribute, (value,))


def without(hung, code):
    """Return the code with functions that say that they have hung in place of those that have."""
    if not hung:
        return code
    texts = []
    for statement in ast.parse(code).body:
        texts.append(ast.unparse(statement))
        texts += [HUNG.format(name, str(hung[name])) for name in hung.keys() & functions_in(statement)]
    return "\n".join(texts)


def functions_in(statement):
    """Return the names of the functions that a statement at the top defines or assigns."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        return {statement.name}
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _write_back(arguments, place, array):
    """Do to the caller's array what the answer has done to its own."""
    with suppress(TypeError, ValueError, IndexError):  # a reply that fits no argument changes nothing
        if isinstance(arguments[place], np.ndarray):
            arguments[place][...] = array
