"""Workers that do not each import torch: a process that has done so forks them. For answers that we trust only.

`sandbox` starts a worker as a new process behind a wall, and one that trains spends three seconds on imports. Where a
test asks what the checks say of our own answers, 200 of them, neither the wall nor a fresh process is in question.
"""

import json
import os
import runpy
import socket
import subprocess
import sys
import time
from contextlib import suppress
from types import SimpleNamespace


class Warm:
    """A process that forks workers, and a stand-in for the module ``subprocess`` that asks it to."""

    def __init__(self):
        self.ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-s", "-B", __file__, str(theirs.fileno())]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
        self.process = subprocess.Popen(command, env=environment, pass_fds=[theirs.fileno()])
        theirs.close()
        self.subprocess = SimpleNamespace(**vars(subprocess) | {"Popen": self.fork})

    def fork(self, command, cwd, **_):
        """Do what ``Popen`` would with the command of a worker: [what makes the wall], python, -s, -B, file, number."""
        (read, stdin), (stdout, write) = os.pipe(), os.pipe()
        socket.send_fds(self.ours, [json.dumps([*command[-2:], str(cwd)]).encode()], [read, write])
        os.close(read)
        os.close(write)
        return Forked(int(self.ours.recv(20)), os.fdopen(stdin, "wb", 0), os.fdopen(stdout, "rb", 0))

    def stop(self):
        """End the process."""
        self.ours.close()
        self.process.wait()


class Forked:
    """A worker, as far as `Student` asks."""

    def __init__(self, pid, stdin, stdout):
        self.pid, self.stdin, self.stdout = pid, stdin, stdout

    def wait(self):
        """Wait until the worker has ended."""
        with suppress(ProcessLookupError):
            while True:
                os.kill(self.pid, 0)
                time.sleep(0.001)


def serve(asked):
    """Fork a worker for each request, until nobody asks any more; its pipes come with the request."""
    import signal

    import torch._dynamo  # noqa: F401  the first optimizer of a process imports it

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a worker here
    while True:
        message, pipes, *_ = socket.recv_fds(asked, 10_000, 2)
        if not message:
            return
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            asked.close()
            work(*json.loads(message), *pipes)
        asked.send(str(pid).encode())
        for pipe in pipes:
            os.close(pipe)


def work(file, number, folder, stdin, stdout):
    """Be the worker, as if this process had been started for it."""
    os.setsid()
    os.dup2(stdin, 0)
    os.dup2(stdout, 1)
    os.closerange(3, 100)
    os.chdir(folder)
    sys.argv[:] = [file, number]
    try:
        runpy.run_path(file, run_name="__main__")
    finally:
        os._exit(0)


if __name__ == "__main__":
    sys.path.pop(0)  # this folder
    serve(socket.socket(fileno=int(sys.argv[1])))
