"""How a course is written: by one process at a time, and each file as a whole."""

import fcntl
from contextlib import contextmanager
from pathlib import Path


class Busy(RuntimeError):
    """Another process is writing into this course."""


@contextmanager
def lock(course):
    """Be the one process that writes into a course; Busy if there is another. It ends with the process."""
    with (Path(course) / ".grading.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"Nothing has been done: {course} is being graded already, by another process.") from None
        yield


def write(path, content):
    """Write a file that is there as a whole, or is not: under a temporary name, which is renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.write_bytes(content if isinstance(content, bytes) else content.encode())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
