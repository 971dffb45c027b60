"""Write requirements.lock: exact versions and hashes of what requirements.txt asks for, on every system: `make lock`.

python tools/lock.py [--upgrade]     keeps the versions that are there; with --upgrade it takes the newest, torch's, too

The same versions without hashes go into binder/constraints.txt: pip takes no editable package, as bnutils is there,
where hashes are asked for. There stand also those of what only a cluster and the test of a hub need. uv does the work;
it comes into a folder of its own. torch is left out, since each index has another file of the same version, and
`install_torch` takes the one that fits; what torch needs, and setuptools, which installs bnutils, are in.
"""

import argparse
import os
import re
import subprocess
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK, CONSTRAINTS = "requirements.lock", "binder/constraints.txt"
OLDEST = "3.11"  # Python, as pyproject.toml, README.md and teach.md say
BESIDE = ["filelock", "fsspec", "jinja2", "networkx", "sympy", "typing-extensions", "setuptools>=70.1"]
OPTIONS = ["--universal", "--no-annotate", "--no-header", "--quiet", "--python-version", f"{OLDEST}.0"]
HEAD = "# Made by `make lock` from requirements.txt, which is the one to edit.\n"


def cluster():
    """Return what pyproject.toml asks for to grade on a cluster."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["cluster"]


def main():
    """Install uv, and let it write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that requirements.txt allows")
    upgrade = ["--upgrade"] if parser.parse_args().upgrade else []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        venv.create(folder / "uv", with_pip=True)
        subprocess.run([folder / "uv/bin/pip", "install", "--quiet", "uv"], check=True)
        certificate = {"SSL_CERT_FILE": os.environ["PIP_CERT"]} if "PIP_CERT" in os.environ else {}

        def compile(*options, **how):
            command = [folder / "uv/bin/uv", "pip", "compile", *OPTIONS, *options]
            return subprocess.run(command, cwd=ROOT, env=certificate | os.environ, text=True, check=True, **how)

        if upgrade:
            torch = compile("--no-deps", "-", input="torch", stdout=subprocess.PIPE).stdout.strip()
            asked = (ROOT / "requirements.txt").read_text()
            (ROOT / "requirements.txt").write_text(re.sub(r"^torch==.*$", torch, asked, flags=re.M))
        (folder / "beside.in").write_text("\n".join(BESIDE))
        (folder / "cluster.in").write_text("\n".join(cluster()))
        (folder / "without.txt").write_text("torch ; python_version < '3'")
        files = ["--override", folder / "without.txt", "requirements.txt", folder / "beside.in"]
        compile("--generate-hashes", *upgrade, "--output-file", LOCK, *files)
        files += [folder / "cluster.in", "tests/hub/requirements.txt", "--constraint", LOCK]
        compile(*upgrade, "--output-file", CONSTRAINTS, *files)
    for name in (LOCK, CONSTRAINTS):
        (ROOT / name).write_text(HEAD + (ROOT / name).read_text().removeprefix(HEAD))


if __name__ == "__main__":
    main()
