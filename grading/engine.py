"""Run a function on many tasks, side by side; each result comes as soon as it is there.

An engine has ``run(function, tasks)``, which yields each task with its result, or with `Lost` where the process that
worked on it has died again and again. An error that the function raises ends the run.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice

RENEWED = 200  # tasks that a process works on before it is replaced, since libraries never give back all memory
CHANCES = 2  # for a task whose process dies though it is alone


class Lost(Exception):
    """The process that worked on a task has died, again and again."""


class Processes:
    """Processes of this machine, which end with the one that has started them, however it ends.

    Parameters
    ----------
    number : int
        How many of them work side by side.
    begin : callable, optional
        Called by each of them first.
    """

    def __init__(self, number, begin=None):
        self.number, self.begin = number, begin
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["grading.work", "torch"])  # once for all of them

    def run(self, function, tasks):
        """Yield each task with its result, as completed."""
        tasks, suspects = iter(tasks), []
        while batch := deque(islice(tasks, RENEWED * self.number)):
            while batch:  # where a process dies, those that are left go to new ones
                yield from self.side_by_side(function, batch, suspects)
        for task in suspects:
            yield task, self.alone(function, task)

    def side_by_side(self, function, batch, suspects):
        """Yield results until the batch is empty or a process dies; then those in work are suspects."""
        running = {}
        with Pool(self.number, self.context, self.begin) as pool:
            while batch or running:
                while batch and len(running) <= self.number:  # one waits, so that no process does
                    task = batch.popleft()
                    running[pool.submit(function, task)] = task
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    try:
                        result = future.result()
                    except BrokenProcessPool:
                        suspects += running.values()
                        return
                    yield running.pop(future), result

    def alone(self, function, task):
        """Return the result of a task that no other can harm, or why there is none."""
        for _ in range(CHANCES):
            with Pool(1, self.context, self.begin) as pool:
                try:
                    return pool.submit(function, task).result()
                except BrokenProcessPool:
                    pass
        return Lost(f"the process that judged it has died {CHANCES + 1} times, also when it was the only one")


class Pool(ProcessPoolExecutor):
    """A pool whose processes are killed, not waited for, where an error ends its use."""

    def __init__(self, number, context, begin):
        super().__init__(number, context, initializer=tie, initargs=[begin])

    def __exit__(self, kind, *error):
        if kind is not None:
            for process in multiprocessing.active_children():
                process.kill()
        return super().__exit__(kind, *error)


def tie(begin):
    """Let this process end with the one that has asked for it; Ctrl-C is for that one. Then let it begin."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with, args=[multiprocessing.parent_process()], daemon=True).start()
    if begin:
        begin()


def end_with(process):
    """Wait for the end of a process, and end this one."""
    process.join()
    os._exit(1)


class Cluster:
    """The workers of a Dask scheduler, on any number of machines.

    Parameters
    ----------
    address : str
        Where the scheduler listens, such as ``tcp://192.168.0.1:8786``.
    """

    def __init__(self, address):
        self.address = address

    def run(self, function, tasks):
        """Yield each task with its result, as completed."""
        try:
            from distributed import Client, KilledWorker, as_completed
        except ModuleNotFoundError:
            raise ValueError("SCHEDULER needs Dask, which `make cluster` installs") from None
        try:
            client = Client(self.address, timeout=10, set_as_default=False)
        except (OSError, ValueError) as error:
            address = f"SCHEDULER must be the address of a Dask scheduler, got {self.address!r}"
            raise ValueError(f"{address}: {error}") from None
        with client:
            waiting, suspects = {client.submit(function, task, pure=False): task for task in tasks}, []
            for future in as_completed(list(waiting), loop=client.loop):
                task = waiting.pop(future)
                try:
                    yield task, future.result()
                except KilledWorker:  # it, or one that was in work beside it
                    suspects.append(task)
                future.release()
            for task in suspects:  # one at a time, so that none is harmed by another
                try:
                    yield task, client.submit(function, task, pure=False).result()
                except KilledWorker:
                    yield task, Lost("the workers that judged it have died, one after another")
