"""The process that runs a student's answer. `sandbox` starts it, in a folder with this file, `wire` and the answer.

It reads requests from one pipe and writes results to another: arrays out, arrays back. It holds no check, no solution.
"""

import __future__

import ast
import functools
import importlib
import inspect
import os
import resource
import signal
import sys
import time
from contextlib import suppress

LIMITS = {  # of a worker's whole life; the time of a call is watched by the grader
    "RLIMIT_CPU": 120,  # seconds
    "RLIMIT_AS": 6 * 2**30,  # bytes of address space; torch alone maps some 3 GB
    "RLIMIT_FSIZE": 2**24,
    "RLIMIT_NOFILE": 256,
    "RLIMIT_CORE": 0,
}
SECONDS_AT_THE_TOP = 3  # for all statements of an answer but imports; for each of them, when these are over, LEAST
LEAST = 0.5
LONGEST_LINE = 100  # characters of a line of the answer that an error is said to come from
AS_IN_A_NOTEBOOK = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | __future__.annotations.compiler_flag
CO_COROUTINE = 128
OF_PROCESSES = {"num_workers", "prefetch_factor", "persistent_workers", "multiprocessing_context"}


def confine(processes):
    """Set the limits, and that on the number of processes; return the names of those that this system refuses."""
    refused = []
    for name, most in {**LIMITS, "RLIMIT_NPROC": processes}.items():
        limit = getattr(resource, name)
        _, hard = resource.getrlimit(limit)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(limit, (most, most))
        except (ValueError, OSError):  # macOS has no limit on memory
            refused.append(name)
    return refused


def say(words, *values):
    """Return words with values in them, as `grading.words` does, which finds them again in the reply."""
    return words.format(*values) if values else words


class Refused(Exception):
    """A request that the answer cannot meet; the first argument is the name of the error."""


class Worker:
    """The answer's names, and the objects that are kept for later requests."""

    def __init__(self, code):
        self.names = {"__name__": "__main__", "display": show_nothing, "get_ipython": NoShell()}
        self.kept, self.lines = [], code.splitlines()
        self.failed = {}  # name: the error for which it could not be defined
        left, tree = SECONDS_AT_THE_TOP, ast.parse(code)
        import_all(tree)
        load_alone()
        for statement in tree.body:  # one that raises or hangs costs only what it would have defined
            start, imports = time.monotonic(), isinstance(statement, (ast.Import, ast.ImportFrom))
            try:
                signal.setitimer(signal.ITIMER_REAL, 0 if imports else max(LEAST, left))
                self.run(statement)
            except BaseException as error:
                self.failed |= dict.fromkeys(names_in(statement) - self.names.keys(), error)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            left -= 0 if imports else time.monotonic() - start

    def run(self, statement):
        """Run a statement as a cell of a notebook is run: it may await, and no annotation is looked at."""
        code = compile(ast.Module([statement], []), "answer", "exec", AS_IN_A_NOTEBOOK, dont_inherit=True)
        waits = eval(code, self.names)
        if code.co_flags & CO_COROUTINE:
            import asyncio

            asyncio.run(waits)

    def named(self, name):
        if name not in self.names:
            missing = say("there is no {0} in the notebook", name)
            raise Refused("NameError", self.why(name) if self.cause(name) else missing)
        return self.names[name]

    def cause(self, name):
        """Return the error for which a name could not be defined, perhaps that of a star import, or None."""
        return self.failed.get(name) or self.failed.get("*")

    def why(self, name):
        """Return that a name could not be defined, with the first error that led to it, if there is one."""
        error, seen = self.cause(name), {name}
        while isinstance(error, NameError) and error.name not in seen and self.cause(error.name):
            seen.add(error.name)
            error = self.cause(error.name)
        return say("{0} could not be defined: {1}", name, text_of(error)) if error else name

    def failure(self, error):
        """Return the reply that reports an error, whatever its text does, and where it has come from."""
        if isinstance(error, Refused):
            return ["failed", *error.args, ""]
        text = "" if text_of(error) == type(error).__name__ else text_of(error)
        if type(error) is NameError and self.cause(error.name):
            text = self.why(error.name)
        return ["failed", type(error).__name__, text, self.line_of(error)]

    def line_of(self, error):
        """Return the last line of the answer that an error has come through, or ""."""
        found, trace = "", error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == "answer" and 0 < trace.tb_lineno <= len(self.lines):
                found = self.lines[trace.tb_lineno - 1].strip()
            trace = trace.tb_next
        return found[:LONGEST_LINE]

    def given(self, value):
        """Return an argument as the answer is to get it."""
        if isinstance(value, wire.Handle):
            return self.kept[value]
        if isinstance(value, wire.Tensor):
            import torch

            return torch.from_numpy(np.asarray(value).view(np.ndarray).copy())
        return value

    def keep(self, value):
        self.kept.append(value)
        return wire.Handle(len(self.kept) - 1)

    def state(self, module):
        return {name: plain(value) for name, value in module.state_dict().items()}

    def answer(self, request):
        """Return the result of a request, and the argument arrays that have been changed, by their number."""
        verb, target, name, arguments = request
        if verb == "import":
            importlib.import_module(name)
            load_alone()
            return None, []
        arguments = [self.given(value) for value in arguments]
        before = [a.copy() if isinstance(a, np.ndarray) else None for a in arguments]
        on = None if target is None else self.kept[target]
        if verb == "call":
            result = plain(self.named(name)(*arguments))
        elif verb == "new":
            result = self.keep(self.named(name)(*arguments))
        elif verb == "apply":
            result = plain(on(*arguments))
        elif verb == "do":
            returned = method_of(on, name)(*arguments)
            result = None if returned is on else plain(returned)
        elif verb == "get":
            result = plain(getattr(on, name))
        elif verb == "set":
            result = setattr(on, name, arguments[0])
        elif verb in ("run", "make"):  # lines of the grader's, beside the answer
            value = value_of(arguments[0], dict(self.names))
            result = plain(value) if verb == "run" else self.keep(value)
        else:
            result = self.state(on)
        changed = [[i, a] for i, (a, b) in enumerate(zip(arguments, before, strict=True)) if differs(a, b)]
        return result, changed


def method_of(thing, name):
    """Return a method; Refused if an attribute has taken its place."""
    found = getattr(thing, name)
    if not callable(found):
        hidden = say(
            "{0}() cannot be called: self.{1} has been set to a value, {2}, which hides the method", name, name, found
        )
        raise Refused("TypeError", hidden)
    return found


def value_of(lines, names):
    """Run some lines with these names; return the value of the last, which is an expression."""
    *before, last = ast.parse(lines).body
    exec(compile(ast.Module(before, []), "example", "exec"), names)
    return eval(compile(ast.Expression(last.value), "example", "eval"), names)


def plain(value):
    """Return a result as plain numbers and arrays; Refused if it is something else."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, (tuple, list)) and not isinstance(value, np.ndarray):
        return [plain(v) for v in value]
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    array = np.array(value, subok=False)
    if array.dtype.kind not in "biuf":
        raise Refused("NotAnArray", say("the result holds a {0}, not numbers", type(value).__name__))
    if array.dtype == np.longdouble:
        array = array.astype(float)
    return array.item() if isinstance(value, np.generic) else array


def differs(now, before):
    return before is not None and not (
        now.shape == before.shape and now.dtype == before.dtype and now.tobytes() == before.tobytes()
    )


def main(processes, requests, results, code):
    """Run the answer, then one request after another, until the pipe ends."""
    refused = confine(int(processes))
    signal.signal(signal.SIGALRM, give_up)
    worker, reply = Worker(code), ["ready", refused]
    while True:
        wire.send(results, reply)
        try:
            request = wire.receive(requests)
        except EOFError:
            return
        try:
            result, changed = worker.answer(request)
            reply = ["done", result, changed]
            wire.encode(reply)
        except BaseException as error:  # SystemExit and KeyboardInterrupt, too
            reply = worker.failure(error)


def import_all(tree):
    """Import what an answer imports anywhere, so that no call of it has to wait for torch."""
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        elif isinstance(node, ast.Attribute) and node.attr == "optim":
            names = ["torch._dynamo"]  # for seconds, by the first optimizer of a process
        for name in names:
            with suppress(BaseException):  # it will be raised again where it belongs
                importlib.import_module(name)


def load_alone():
    """Let torch's DataLoader, if it is there, load without processes of its own, which not every wall allows."""
    loader = getattr(sys.modules.get("torch.utils.data"), "DataLoader", None)
    if loader is None or hasattr(loader.__init__, "__wrapped__"):
        return
    begin, signature = loader.__init__, inspect.signature(loader.__init__)

    @functools.wraps(begin)
    def begin_alone(*arguments, **options):
        given = signature.bind(*arguments, **options)
        for name in OF_PROCESSES & given.arguments.keys():
            del given.arguments[name]
        begin(*given.args, **given.kwargs)

    loader.__init__ = begin_alone


def give_up(signum, frame):
    """End a statement that hangs."""
    raise TimeoutError


def text_of(error):
    """Return what an error says, or its name where that is nothing."""
    try:
        return str(error)[:300] or type(error).__name__
    except BaseException:
        return type(error).__name__


def names_in(statement):
    """Return the names that a statement defines, and perhaps some more."""
    names = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.alias):
            names.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
    return names


def show_nothing(*values, **options):
    """Stand for IPython's display."""


class NoShell:
    """Stand for the shell of a notebook: whatever is asked of it, it gives itself."""

    def __getattr__(self, name):
        return self

    def __call__(self, *arguments, **options):
        return self


class NoBook:
    """Refuse to import bnutils, which holds the functions that are asked for."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "bnutils":
            raise ModuleNotFoundError(say("bnutils is not there when you are graded: it would do the work"))


if __name__ == "__main__":
    silence = os.open(os.devnull, os.O_RDWR)
    pipes = os.dup(0), os.dup(1)
    for stream in (0, 1, 2):  # an answer may print as much as it likes
        os.dup2(silence, stream)
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    import numpy as np
    import wire

    sys.meta_path.insert(0, NoBook())

    with open(os.path.join(here, "answer.py"), encoding="utf-8") as file:
        source = file.read()
    main(sys.argv[1], *pipes, source)
