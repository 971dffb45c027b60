"""Write requirements.lock: exact versions and hashes of what requirements.txt asks for, on every system: `make lock`.

python tools/lock.py [--upgrade]     keeps the versions that are there; with --upgrade it takes the newest

The same versions without hashes go into binder/constraints.txt: pip takes no editable package, as bnutils is there,
where hashes are asked for. uv does the work; it comes into a folder of its own. torch is left out, since each index has
another file of the same version, and `install_torch` takes the one that fits; what torch needs, and setuptools, which
installs bnutils, are in.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK, CONSTRAINTS = "requirements.lock", "binder/constraints.txt"
OLDEST = "3.11"  # Python, as pyproject.toml, README.md and teach.md say
BESIDE = ["filelock", "fsspec", "jinja2", "networkx", "sympy", "typing-extensions", "setuptools>=70.1"]
OPTIONS = ["--universal", "--generate-hashes", "--no-annotate", "--no-header", "--quiet"]
HEAD = "# Made by `make lock` from requirements.txt, which is the one to edit.\n"


def without_hashes(text):
    """Return the text of a lock without its hashes."""
    return re.sub(r" \\\n +--hash=\S+", "", text)


def main():
    """Install uv, and let it write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that requirements.txt allows")
    upgrade = ["--upgrade"] if parser.parse_args().upgrade else []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        venv.create(folder / "uv", with_pip=True)
        subprocess.run([folder / "uv/bin/pip", "install", "--quiet", "uv"], check=True)
        (folder / "beside.in").write_text("\n".join(BESIDE))
        (folder / "without.txt").write_text("torch ; python_version < '3'")
        files = ["--override", folder / "without.txt", "--output-file", LOCK, "requirements.txt", folder / "beside.in"]
        command = [
            folder / "uv/bin/uv",
            "pip",
            "compile",
            "--python-version",
            f"{OLDEST}.0",
            *OPTIONS,
            *upgrade,
            *files,
        ]
        certificate = {"SSL_CERT_FILE": os.environ["PIP_CERT"]} if "PIP_CERT" in os.environ else {}
        run = subprocess.run(command, cwd=ROOT, env=certificate | os.environ)
    if run.returncode == 0:
        text = HEAD + (ROOT / LOCK).read_text().removeprefix(HEAD)
        (ROOT / LOCK).write_text(text)
        (ROOT / CONSTRAINTS).write_text(without_hashes(text))
    return run.returncode


if __name__ == "__main__":
    sys.exit(main())
