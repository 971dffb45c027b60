"""Type the README's first two commands on a machine that nobody has prepared: `make check-fresh`, as root, on Debian.

A minimal Debian is made by debootstrap: Python with venv, make, git and certificates, nothing else. It is entered with
a root, processes and mounts of its own, first as root, then as an ordinary user, who cannot install anything. Each of
the two clones the newest commit and types its commands. Of this machine, the fresh one gets the network,
the addresses of Debian's packages, and pip's and npm's settings with the local packages that they name.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ["python3", "python3-venv", "make", "git", "ca-certificates"]
SETTINGS = ["/etc/pip.conf", "/etc/xdg/pip", "/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt"]
OF_HOME = [".config/pip", ".npmrc"]
ENVIRONMENT = re.compile(r"PIP_|SSL_CERT_|NODE_EXTRA_CA_CERTS$|https?_proxy$", re.I)
USER = "reader"
ENTER = """
set -e
mount --bind "$1" "$1"
cd "$1"
for folder in dev sys; do mount --rbind "/$folder" "$folder"; done
mount -t proc proc proc
mount -t tmpfs -o mode=1777 tmp tmp
for folder in $BOUND; do
    mkdir -p ".$folder"
    mount --bind "$folder" ".$folder"
done
mkdir -p old
pivot_root . old
umount -l old
shift
cd /
exec "$@"
"""


def make_system(folder):
    """Make a minimal Debian in a folder."""
    if not shutil.which("debootstrap"):
        for command in ("update", "install -y --no-install-recommends debootstrap"):
            subprocess.run(["apt-get", *command.split()], check=True, stdout=sys.stderr)
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages"],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    suite, mirror = min((line.split() for line in targets), key=lambda target: len(target[0]))  # not bookworm-updates
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", suite, folder, mirror]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    shutil.copytree("/etc/apt", folder / "etc/apt", dirs_exist_ok=True)
    for path in map(Path, SETTINGS):
        if path.exists():
            copy(path, folder / path.relative_to("/"))
    enter(folder, ["useradd", "--create-home", USER])
    for home in ["root", f"home/{USER}"]:
        for name in OF_HOME:
            if (Path.home() / name).exists():
                copy(Path.home() / name, folder / home / name)
    enter(folder, ["chown", "-R", USER, f"/home/{USER}"])
    subprocess.run(["git", "-C", ROOT, "bundle", "create", "--quiet", folder / "book.bundle", "HEAD"], check=True)


def copy(path, target):
    """Copy a file or a folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, target, dirs_exist_ok=True)
    else:
        shutil.copyfile(path, target)


def local_packages():
    """Return the folders of packages on this disk that pip's settings name; beside an index lie its files."""
    text = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True).stdout
    paths = {Path(path) for path in re.findall(r"(?<=['\s/])/(?!/)[\w./-]+", text) if os.path.isdir(path)}
    return sorted({str(path.parent if path.name == "simple" else path) for path in paths})


def enter(folder, command):
    """Run a command in the system of a folder; return the finished process with its output."""
    names = "--mount --pid --ipc --uts --fork --kill-child".split()
    kept = {name: value for name, value in os.environ.items() if ENVIRONMENT.match(name)}
    environment = kept | {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
    environment["BOUND"] = " ".join(local_packages())
    return subprocess.run(
        ["unshare", *names, "sh", "-c", ENTER, "sh", str(folder), *command],
        env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def commands_of_readme():
    """Return the first two commands that README.md shows."""
    block = re.search(r"^```\n(.*?)```", (ROOT / "README.md").read_text(), re.M | re.S)[1]
    return [line.split("#")[0].strip() for line in block.splitlines()][:2]


def try_as(user, folder):
    """Clone the book and type the commands as this user; print times and last lines; return whether all is well."""
    home = "/root" if user == "root" else f"/home/{user}"
    steps, well = ["git clone --quiet -c advice.detachedHead=false /book.bundle book", *commands_of_readme()], True
    for step in steps:
        start = time.monotonic()
        line = f"export HOME={home}; cd {home}{'' if step == steps[0] else '/book'}; {step}"
        run = enter(folder, ["su", user, "--preserve-environment", "--shell", "/bin/sh", "--command", line])
        lines = run.stdout.strip().splitlines()
        last = lines[-1] if lines else ""
        print(f"{user:7} {step:44} {time.monotonic() - start:5.0f} s  exit {run.returncode}  {last}", flush=True)
        if run.returncode or ("test" in step and not re.search(r"\d+ passed(?!.*(failed|skipped|error))", last)):
            print(*lines[-60:], sep="\n", flush=True)
            well = False
            break
    return well


def main():
    """Make the system, and try the two commands as root, then as a user; return the exit status."""
    if os.geteuid() != 0:
        print("make check-fresh needs root: debootstrap and mounts do.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="fresh-") as folder:
        folder = Path(folder) / "system"
        start = time.monotonic()
        make_system(folder)
        print(f"{'':7} {'a minimal Debian':44} {time.monotonic() - start:5.0f} s", flush=True)
        well = [try_as(user, folder) for user in ("root", USER)]
    return int(not all(well))


if __name__ == "__main__":
    sys.exit(main())
