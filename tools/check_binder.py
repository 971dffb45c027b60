"""Make the environment that `binder/` describes, in a fresh folder, and run three chapters in it: `make check-binder`.

First repo2docker, which Binder uses, has to accept the description; it builds no image here, which would need Docker.
"""

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS, GIGABYTES = ["chapters/01_why", "chapters/06_pytorch", "zh/chapters/01_why"], 2
EXECUTE = """
import os, resource, sys, nbformat
from nbclient import NotebookClient
folder = {"metadata": {"path": os.path.dirname(sys.argv[1])}}
NotebookClient(nbformat.read(sys.argv[1], 4), timeout=600, resources=folder).execute()
most = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(f"{sys.argv[1]} runs, {most / 2**20:.2f} GB")
sys.exit(most > int(sys.argv[2]) * 2**20)
"""


def new_environment(folder):
    """Make an empty environment; return the folder of its commands."""
    venv.create(folder, with_pip=True)
    return folder / "bin"


def run(*command, cwd, path):
    """Run a command of an environment; raise if it fails."""
    commands = os.fspath(path) + os.pathsep + os.environ["PATH"]
    subprocess.run(command, cwd=cwd, check=True, env=os.environ | {"PATH": commands})


def main():
    """Check both; a step that fails ends all."""
    with tempfile.TemporaryDirectory() as temporary:
        book = Path(temporary, "book")
        subprocess.run(["git", "clone", "--quiet", ROOT, book], check=True)
        docker = new_environment(Path(temporary, "repo2docker"))
        run(docker / "pip", "install", "--quiet", "jupyter-repo2docker", cwd=book, path=docker)
        run(docker / "jupyter-repo2docker", "--no-build", book, cwd=temporary, path=docker)
        print("repo2docker accepts binder/", flush=True)
        here = new_environment(Path(temporary, "binder"))
        run(here / "pip", "install", "--quiet", "-r", "binder/requirements.txt", cwd=book, path=here)
        run(book / "binder/postBuild", cwd=book, path=here)
        packages = subprocess.run([here / "pip", "list"], capture_output=True, text=True, check=True).stdout.lower()
        assert "jupyter-book" not in packages, "Binder would install the book's build"
        assert sorted(p.name for p in (book / "assignments").glob("*"))[:2] == ["backward.ipynb", "forward.ipynb"]
        for chapter in CHAPTERS:
            run(here / "python", "-c", EXECUTE, f"{chapter}.ipynb", str(GIGABYTES), cwd=book, path=here)


if __name__ == "__main__":
    sys.exit(main())
