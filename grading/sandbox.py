"""Start a worker behind a wall: the answer in it sees Python and its libraries, and nothing else of this machine.

Each wall is a command that stands before the worker's. Which of them holds here, `walls` finds out by trying.

bubblewrap     namespaces and a root of its own; Debian's package of this name
unshare        the same, made by util-linux, which every Linux has, and `own_root.sh`
landlock       rules that the kernel keeps (`landlock.py`): nothing to install, no namespace, also in containers
sandbox-exec   what macOS has
none           limits on time and memory only: the answer can read, write and send what its teacher can
"""

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).resolve().parent
SYSTEM = ["/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/alternatives"]
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "MPLBACKEND": "Agg",
}
SCRATCH = 2**26  # bytes of the worker's own /tmp, where it has one
PROCESSES = 64  # of a worker, beside those that its user has already
FIRST_USER, USERS = 200_000, 50_000  # numbers that are nobody's, if we are root
POWERLESS = ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]


def start(code, wall):
    """Start a worker for the code of an answer; return the process and its folder, which the caller removes.

    Parameters
    ----------
    code : str
        Source code of the answer.
    wall : str
        A name of ``WALLS``.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"answer-{os.getpid()}-"))
    folder.chmod(0o755)
    (folder / "answer.py").write_text(code, encoding="utf-8")
    for name in ("worker.py", "wire.py"):
        shutil.copy(HERE / name, folder / name)
    scratch, user = folder / "tmp", nobody()
    scratch.mkdir(mode=0o700)
    if user and wall == "landlock":
        os.chown(scratch, user, user)
    command, home = WALLS[wall](folder, user)
    most = PROCESSES + count_ours(wall, user)
    process = subprocess.Popen(
        [*tied(), *command, sys.executable, "-s", "-B", str(folder / "worker.py"), str(most)],
        cwd=folder,
        env=ENVIRONMENT | {"HOME": home, "TMPDIR": home},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        bufsize=0,
    )
    return process, folder


@functools.cache
def tied():
    """Return the command that ends the next one when the process ends that has started it, where there is one."""
    return ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []


def sweep():
    """Remove the folders of workers whose grader was killed."""
    for folder in Path(tempfile.gettempdir()).glob("answer-*-*"):
        process = folder.name.split("-")[1]
        if process.isdigit() and not Path("/proc", process).exists() and Path("/proc/self").exists():
            shutil.rmtree(folder, ignore_errors=True)


def nobody():
    """Return the number of a user that is nobody's, or 0 where only root could become one."""
    return FIRST_USER + int.from_bytes(os.urandom(4)) % USERS if os.geteuid() == 0 else 0


def count_ours(wall, user):
    """Return how many threads count against the limit of a worker before it starts: ours, where it stays who we are."""
    if user or wall in ("bubblewrap", "unshare") or not os.path.isdir("/proc"):
        return 0
    ours = 0
    for thread in Path("/proc").glob("[0-9]*/task/*"):
        with suppress(OSError):  # it has ended by now
            ours += thread.stat().st_uid == os.getuid()
    return ours


def seen():
    """Return the paths that an answer may read: Python and its libraries."""
    return [path for path in [*SYSTEM, sys.base_prefix, sys.prefix] if os.path.exists(path)]


# The walls: the command for a worker in this folder, run by this user if that is not 0; and where it may write.


def bubblewrap(folder, user):
    """Return the command and the scratch folder of bubblewrap."""
    above = sorted({str(parent) for path in [*seen(), folder] for parent in Path(path).parents} - {"/tmp"})
    command = [
        *"bwrap --die-with-parent --new-session --unshare-pid --unshare-net --unshare-ipc --unshare-uts".split(),
        *("--size", str(SCRATCH), "--perms", "1777", "--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev"),
        *("--size", str(SCRATCH), "--perms", "1777", "--tmpfs", "/dev/shm"),
        *(word for path in above for word in ("--perms", "0755", "--dir", path)),
        *(word for path in seen() for word in ("--ro-bind", path, path)),
        *("--ro-bind", str(folder), str(folder), "--chdir", "/tmp"),
    ]
    return [*command, *become(user)] if user else command, "/tmp"


def unshare(folder, user):
    """Return the command and the scratch folder of util-linux' namespaces."""
    names = "--mount --pid --net --ipc --uts --fork --kill-child".split()
    names += [] if user else ["--user", "--map-root-user"]
    own_root = ["sh", str(HERE / "own_root.sh"), str(SCRATCH), str(folder), *seen(), "--"]
    return ["unshare", *names, *own_root, *(become(user) if user else ["setpriv", *POWERLESS])], "/tmp"


def landlock(folder, user):
    """Return the command and the scratch folder of the kernel's rules; what only root may read, a nobody may too."""
    kinds = "bounding-set", "inh-caps", "ambient-caps"
    keep = ["--no-new-privs", *(f"--{kind}=-all,+dac_override" for kind in kinds)]
    rules = [sys.executable, "-s", "-B", str(HERE / "landlock.py"), str(folder / "tmp"), str(folder), *seen(), "--"]
    return [*become(user, keep), *rules] if user else rules, str(folder / "tmp")


def sandbox_exec(folder, user):
    """Return the command and the scratch folder of macOS: no process beside the first, so that none can be left."""
    readable = " ".join(f'(subpath "{path}")' for path in [folder.resolve(), sys.base_prefix, sys.prefix])
    profile = [
        "(version 1) (allow default) (deny network*) (deny process-fork) (deny signal (target others))",
        f'(deny file-write*) (allow file-write* (subpath "{folder.resolve() / "tmp"}") (literal "/dev/null"))',
        f'(deny file-read* (subpath "/Users") (subpath "/Volumes") (subpath "/private")) (allow file-read* {readable})',
        '(allow file-read* (subpath "/private/var/db") (subpath "/private/etc"))',  # where the system's libraries look
    ]
    return ["sandbox-exec", "-p", "\n".join(profile)], str(folder / "tmp")


def none(folder, user):
    """Return no command: the worker runs as we do."""
    return [], str(folder / "tmp")


WALLS = {"bubblewrap": bubblewrap, "unshare": unshare, "landlock": landlock, "sandbox-exec": sandbox_exec, "none": none}


def become(user, rights=POWERLESS):
    """Return the command that runs the next one as another user, without rights that root has."""
    return ["setpriv", "--pdeathsig=KILL", f"--reuid={user}", f"--regid={user}", "--clear-groups", *rights]
