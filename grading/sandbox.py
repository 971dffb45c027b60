"""Start a worker: with bubblewrap it sees Python and its libraries, and nothing else of this machine.

Without bubblewrap (macOS, or a Linux that forbids it) a worker has the same limits on time, memory and files, but could
read what the teacher can read: `describe` says so, and `make grade` prints it at its start.
"""

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SYSTEM = ["/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/alternatives"]
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "MPLBACKEND": "Agg",
}
SCRATCH = 2**26  # bytes of the worker's own /tmp
FIRST_USER, USERS = 200_000, 50_000  # numbers that are nobody's, if we are root


def start(code):
    """Start a worker for the code of an answer; return the process and its folder, which the caller removes."""
    folder = Path(tempfile.mkdtemp(prefix="answer-"))
    folder.chmod(0o755)
    (folder / "answer.py").write_text(code, encoding="utf-8")
    for name in ("worker.py", "wire.py"):
        shutil.copy(HERE / name, folder / name)
    user = FIRST_USER + int.from_bytes(os.urandom(4)) % USERS if os.geteuid() == 0 and bubblewrap() else 0
    worker = [sys.executable, "-s", "-B", str(folder / "worker.py"), str(user)]
    process = subprocess.Popen(
        [*wall(folder), *worker],
        cwd=folder,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        bufsize=0,
    )
    return process, folder


def wall(folder):
    """Return the command that stands before the worker's: bubblewrap and what it lets through, or nothing."""
    if not bubblewrap():
        return []
    seen = [path for path in [*SYSTEM, sys.base_prefix, sys.prefix] if os.path.exists(path)]
    above = sorted({str(parent) for path in [*seen, folder] for parent in Path(path).parents})
    return [
        bubblewrap(),
        *"--die-with-parent --new-session --unshare-pid --unshare-net --unshare-ipc --unshare-uts".split(),
        *("--size", str(SCRATCH), "--perms", "1777", "--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev"),
        *(word for path in above if path != "/tmp" for word in ("--perms", "0755", "--dir", path)),
        *(word for path in seen for word in ("--ro-bind", path, path)),
        *("--ro-bind", str(folder), str(folder), "--chdir", "/tmp"),
    ]


@functools.cache
def bubblewrap():
    """Return the path of a bubblewrap that works here, or None."""
    path = shutil.which("bwrap")
    if path and os.environ.get("BN_GRADING_SANDBOX") != "none":
        trial = [path, "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/", "--proc", "/proc", "true"]
        if subprocess.run(trial, capture_output=True).returncode == 0:
            return path
    return None


def describe():
    """Return the sentence that tells a teacher how well the workers are confined."""
    if bubblewrap():
        return "Sandbox: bubblewrap. Answers see Python and its libraries; no network, no file of yours."
    return (
        "WARNING: no sandbox. bubblewrap is missing or does not work here (`apt-get install bubblewrap`). Answers run "
        "with limits on time and memory, but as you: they can read your files and use your network."
    )
