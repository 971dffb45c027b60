"""Builds that do not each import Sphinx and jupyter-cache, which takes longer than to build a small book."""

import multiprocessing
import os
import runpy
import sys
from subprocess import CompletedProcess
from tempfile import NamedTemporaryFile

FORKS = multiprocessing.get_context("forkserver")
IMPORTS = ["jupyter_book.cli.main", "jupyter_cache.executors", "myst_nb.sphinx_", "sphinx_book_theme", "sphinx_design"]
FORKS.set_forkserver_preload(
    [*IMPORTS, "sphinxcontrib.bibtex", "sphinx_comments", "matplotlib.figure", "fontTools.subset"]
)


def run_script(path, *arguments):
    """Run a script in a fork of a process that has made these imports; return it as `subprocess.run` does."""
    with NamedTemporaryFile("r", encoding="utf8") as output:
        process = FORKS.Process(target=be_script, args=(path, arguments, output.name))
        process.start()
        process.join()
        return CompletedProcess(path, process.exitcode, output.read())


def be_script(path, arguments, output):
    """Be the script, as if this process had been started for it."""
    file = os.open(output, os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(file, stream)
    root = path.parents[1]
    os.chdir(root)
    sys.argv = [str(path), *map(str, arguments)]
    asked = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))  # and not what pytest has added
    sys.path[:] = [str(path.parent), *asked, *(place for place in sys.path if "lib/python" in place)]
    runpy.run_path(str(path), run_name="__main__")
