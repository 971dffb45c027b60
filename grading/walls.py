"""Find the wall that holds on this machine, by trying: without one, nothing is graded.

Each wall of `sandbox` is tried with a real worker and a hostile answer, which must get nowhere, and a right one.
"""

import functools
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from grading.sandbox import WALLS, nobody
from grading.student import START, Student, StudentError

NONE = "none"
SECRET = "known to the teacher only"
ANSWER = """
import os, socket, time
import numpy as np

def reads(path): return open(path).read()
def writes(path): return open(path, "a").write("spoiled")
def connects(port): socket.create_connection(("127.0.0.1", port), 1).close(); return 1
def sends(port): return socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"!", ("127.0.0.1", port))
def leaves():
    if os.fork() == 0:
        try:
            os.setsid()
        except OSError:
            pass
        time.sleep(60)
        os._exit(0)
    return 1
def solves(x):
    import torch
    x = torch.as_tensor(x)
    return ((x - x.mean(0)) / (x.var(0, correction=0) + 1e-5).sqrt()).numpy()
"""
WAYS_OUT = """Nothing has been graded: no wall holds here, so that answers could read your files and write points.
{}
You can
- install one: `apt-get install bubblewrap`, or your system's package of that name;
- grade where namespaces or Landlock are allowed: on another machine, or in a container that permits them;
- type `make grade SUBMISSIONS=... WALL=none`, if you trust all answers: it will be written into each row."""


class NoWall(RuntimeError):
    """No wall holds here; the text says why, and what can be done."""


class Wall(NamedTuple):
    """A wall that was tried: its name, why it does not hold (None if it does), the limits that the system refuses."""

    name: str
    fault: str | None = None
    unlimited: tuple = ()


TRIED = {}  # name: wall, as it was found to be


@functools.cache
def choose(wanted=None):
    """Return the first wall that holds here.

    Parameters
    ----------
    wanted : str, optional
        The only one to be tried; "none" is believed, not tried.

    Raises
    ------
    ValueError
        If there is no wall of that name.
    NoWall
        If none holds.
    """
    if wanted not in (None, *WALLS):
        raise ValueError(f"WALL must be one of {list(WALLS)}, got {wanted!r}")
    if wanted == NONE:
        return Wall(NONE)
    faults = []
    for name in [wanted] if wanted else [name for name in WALLS if name != NONE]:
        wall = try_wall(name)
        if wall.fault is None:
            return wall
        faults.append(f"- {name}: {wall.fault}")
    raise NoWall(WAYS_OUT.format("\n".join(faults)))


def choose_any():
    """Return the first wall that holds here, or none: for answers that are our own."""
    try:
        return choose()
    except NoWall:
        return Wall(NONE)


def all_that_hold():
    """Return the names of all walls that hold here."""
    return [name for name in WALLS if name != NONE and try_wall(name).fault is None]


def trust(wall):
    """Take a wall that another process has tried on this machine, so that each of many need not."""
    TRIED[wall.name] = wall


def try_wall(name):
    """Return a wall, with its fault if it has one; it is tried once."""
    if name not in TRIED:
        TRIED[name] = tried(name)
    return TRIED[name]


def tried(name):
    """Run the hostile answer and the right one behind a wall; return the wall, with its fault if it has one."""
    if fault := cannot_start(name):
        return Wall(name, fault)
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as server:
        marker = Path(folder, "marker")
        marker.write_text(SECRET)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as letters, Student(ANSWER, name, START) as answer:
            letters.bind(("127.0.0.1", 0))
            fault = wrong_answer(answer) or hole(answer, marker, server, letters)
            if fault is None:
                results = os.dup(answer.process.stdout.fileno())
                answer.stop()
                fault = None if is_closed(results) else "a process that an answer has started goes on"
        return Wall(name, fault, answer.unlimited)


def cannot_start(name):
    """Return why a command cannot be run behind a wall, or None."""
    with tempfile.TemporaryDirectory(prefix="answer-") as folder:
        os.chmod(folder, 0o755)
        Path(folder, "tmp").mkdir()
        command = [*WALLS[name](Path(folder), nobody())[0], sys.executable, "-c", "pass"]
        if not shutil.which(command[0]):
            return f"there is no {command[0]} here"
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=60, start_new_session=True)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
    return None if run.returncode == 0 else (run.stderr.strip().splitlines() or [f"exit {run.returncode}"])[-1]


def wrong_answer(answer):
    """Return what is wrong with the right answer behind a wall, or None."""
    x = np.arange(12.0).reshape(4, 3) ** 2
    try:
        y = answer.call("solves", x)
    except StudentError as error:
        return f"a right answer does not run ({error})"
    return None if np.allclose(y, (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)) else "a right answer comes out wrong"


def hole(answer, marker, server, letters):
    """Return what the hostile answer could do behind a wall, or None."""

    def succeeds(name, argument=None):
        try:
            answer.call(name, *([] if argument is None else [argument]))
        except StudentError:
            return False
        return True

    succeeds("writes", str(marker))
    if marker.read_text() != SECRET:
        return "an answer could write a file of yours"
    if succeeds("reads", str(marker)):
        return "an answer could read a file of yours"
    for name, ours in [("connects", server), ("sends", letters)]:
        succeeds(name, ours.getsockname()[1])
        if select.select([ours], [], [], 0.1)[0]:
            return "an answer could use your network"
    succeeds("leaves")
    return None if answer.process else "an answer could end its worker"


def is_closed(pipe):
    """Return whether nobody holds the other end of a pipe any more, as soon as a second later; close it."""
    with open(pipe, "rb", buffering=0) as end:
        return bool(select.select([end], [], [], 1.0)[0]) and end.read(1) == b""


def describe(wall):
    """Return the sentence that tells a teacher how well the workers are confined."""
    if wall.name == NONE:
        return "WARNING: WALL=none. Answers run as you: they can read and write your files and use your network."
    lacks = f" This system refuses some limits: {', '.join(wall.unlimited)}." if wall.unlimited else ""
    return f"Wall: {wall.name}. Answers see Python and its libraries; no network, no file of yours.{lacks}"
