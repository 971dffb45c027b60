"""Tasks side by side: each has a result, whatever becomes of the process that works on another."""

import os
import signal
import time

import pytest

from grading import engine
from grading.engine import CHANCES, Lost, Processes


def double(task):
    return 2 * task


def die_of_three(task):
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * task


def die_once(task):
    """Die of a task the first time that somebody works on it."""
    folder, number = task
    try:
        (folder / str(number)).touch(exist_ok=False)
    except FileExistsError:
        return number
    os.kill(os.getpid(), signal.SIGKILL)


def full(task):
    raise OSError(28, "No space left on device")


def sleep(task):
    time.sleep(task)
    return task


def process(task):
    return os.getpid()


def test_each_task_has_its_result():
    assert dict(Processes(2).run(double, range(20))) == {n: 2 * n for n in range(20)}


def test_a_task_that_kills_its_process_is_lost_and_no_other():
    found = dict(Processes(2).run(die_of_three, range(8)))
    lost = found.pop(3)
    assert isinstance(lost, Lost)
    assert f"died {CHANCES + 1} times" in str(lost)
    assert found == {n: 2 * n for n in range(8) if n != 3}


def test_a_process_that_is_killed_from_outside_loses_nothing(tmp_path):
    tasks = [(tmp_path, n) for n in range(3)]
    assert sorted(result for _, result in Processes(1).run(die_once, tasks)) == [0, 1, 2]


def test_what_is_done_comes_before_what_hangs():
    start, results = time.perf_counter(), Processes(2).run(sleep, [5.0, 0.0, 0.01, 0.02])
    assert sorted(next(results)[1] for _ in range(3)) == [0.0, 0.01, 0.02]
    assert time.perf_counter() - start < 5
    results.close()  # kills the one that sleeps
    assert time.perf_counter() - start < 5


def test_an_error_of_this_machine_ends_the_run():
    with pytest.raises(OSError, match="No space left"):
        list(Processes(2).run(full, range(3)))


def test_processes_are_renewed(monkeypatch):
    monkeypatch.setattr(engine, "RENEWED", 4)
    used = [found for _, found in Processes(1).run(process, range(12))]
    assert len(set(used)) == 3
    assert os.getpid() not in used
