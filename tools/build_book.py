"""Build the book: `make book`. Warnings and raising cells fail it; nothing is done when nothing has changed.

python tools/build_book.py                                     the book, into _build/html
python tools/build_book.py --only chapters/02_formula.ipynb --out /tmp/look     one chapter, into /tmp/look/_build/html
"""

import argparse
import hashlib
import multiprocessing
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from tempfile import NamedTemporaryFile

import yaml

sys.modules["rfc3987_syntax"] = None  # two seconds of grammars that jsonschema loads for a check that nobody asks for
ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))
READ_BY_CELLS = ["bnutils", "requirements.txt"]  # jupyter-cache sees only the code of the cells
TEXTS = {".ipynb", ".md", ".po"}  # when nothing else has changed, Sphinx finds the pages to make anew
PAGE_ENDINGS = [".ipynb", ".md"]
SIDE_BY_SIDE = multiprocessing.get_context("fork" if sys.platform == "linux" else None)  # with all that is imported
CHINESE = "zh"  # the folder of the Chinese edition, in _build and in the book
NOT_READ = {
    "_build",
    CHINESE,
    "node_modules",
    "__pycache__",
    "bnutils.egg-info",
    "tests",
}  # nor is a name with a leading dot
OF_A_COURSE = "release exchange submitted verdicts autograded feedback moodle canvas samples old"
NOT_READ |= {*OF_A_COURSE.split(), "gradebook.db", "roster.csv", "grades.csv", "class.csv", "class.html"}
ENVIRONMENT = {
    "TQDM_DISABLE": "1",  # no progress bars in the book
    "OMP_NUM_THREADS": "1",  # the same sums in the same order on every machine, and two kernels side by side
    "PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"],
}


def digest(names, root=ROOT, without=()):
    """Return a hash of the names and contents of all files at or below ``names`` that a build can read.

    Of files with an ending in ``without``, only the names count.
    """
    total = hashlib.sha256()
    for path in sorted(files_below([root / name for name in names])):
        if path.suffix in without:
            total.update(f"{path.relative_to(root)}\n".encode())
            continue
        total.update(f"{path.relative_to(root)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def files_below(paths):
    """Yield the files at or below the paths, without those that no build reads."""
    for path in paths:
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from files_below(p for p in path.iterdir() if p.name not in NOT_READ and p.name[0] != ".")


def write_toc_of_one(chapter, out):
    """Write a table of contents with one chapter and the list of sources; return its path."""
    parts = [{"chapters": [{"file": "bibliography"}]}]
    toc = {"format": "jb-book", "root": os.path.splitext(chapter)[0], "parts": parts}
    path = out / "_toc.yml"
    path.write_text(yaml.safe_dump(toc))
    return path


def pages_of(toc):
    """Return the names, without ending, of the pages in a table of contents."""
    content = yaml.safe_load(toc.read_text())
    return [content["root"], *(entry["file"] for part in content["parts"] for entry in part["chapters"])]


def chapters_of(toc):
    """Return the paths of the notebooks in a table of contents that are to be executed: not those of assignments."""
    pages = [page for page in pages_of(toc) if not page.startswith("assignments/")]
    return [path for page in pages if (path := ROOT / f"{page}.ipynb").exists()]


def make_assignments(toc, stamp):
    """Make the students' notebooks that the table of contents names, if their sources have changed."""
    names = [page.split("/")[1] for page in pages_of(toc) if page.startswith("assignments/")]
    sources_now = digest(["assignments/source", "assignments/nbgrader_config.py", "grading/release.py"])
    made = all((ROOT / f"assignments/{name}.ipynb").exists() for name in names)
    if names and not (made and stamp.exists() and stamp.read_text() == sources_now):
        subprocess.run([sys.executable, "-m", "grading.release", "--quick", *names], cwd=ROOT, check=True)
        stamp.write_text(sources_now)


def execute(chapters, cache_folder):
    """Execute side by side the chapters that the cache does not know; the build reports those that raise."""
    from jupyter_cache import get_cache  # two seconds that a build without change is spared
    from jupyter_cache.executors import load_executor

    cache = get_cache(cache_folder)
    for path in chapters:
        cache.add_nb_to_project(str(path))
    load_executor("local-parallel", cache).run_and_cache(filter_uris=[str(path) for path in chapters], timeout=120)


def read_executed(chapter, built):
    """Return the notebook of a chapter with the outputs that the build in the folder ``built`` has shown."""
    from jupyter_cache import get_cache

    return get_cache(built / ".jupyter_cache").merge_match_into_file(str(chapter))[1]


def is_built(built, only=None):
    """Tell whether the folder ``built`` holds the book, or the page ``only``, of the files as they are now."""
    stamp = built / "book.sha256"
    return (built / "html").is_dir() and stamp.exists() and stamp.read_text() == digest(["."]) + str(only)


def build(toc, out, strict, sources=ROOT):
    """Run Jupyter Book, in this process, which has half of its imports; return the exit status."""
    from jupyter_book.cli.main import main as jupyter_book

    arguments = ["build", str(sources), "--toc", str(toc), "--path-output", str(out)]
    try:
        jupyter_book(arguments + (["-W", "-n", "--keep-going"] if strict else []), standalone_mode=False)
    except (Exception, SystemExit) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def build_chinese(built):
    """Build the Chinese edition from what the English build has executed and written; return the exit status."""
    from edition.write import read_source, with_outputs, write_for_build

    executed, page = chapters_of(ROOT / "_toc.yml"), ROOT / "page"

    def read(path):
        return with_outputs(read_executed(ROOT / path, built)) if ROOT / path in executed else read_source(path)

    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    settings = {
        "execute": {"execute_notebooks": "off"},  # the notebooks bring the outputs of the English ones
        "repository": {"path_to_book": CHINESE},  # where Binder puts the Chinese notebooks
        "logo": str(ROOT / config["logo"]),
        "html": {"favicon": str(ROOT / config["html"]["favicon"])},
        "sphinx": {
            "local_extensions": dict.fromkeys(config["sphinx"]["local_extensions"], str(page)),
            "config": {
                "language": "zh_CN",
                "numfig_format": {"figure": "图%s"},
                "html_static_path": [str(page / "static")],
                "templates_path": [str(page / "templates")],
                "english_doctrees": str(built / ".doctrees"),
            },
        },
    }
    folder = built / CHINESE
    write_for_build(folder, read, settings)
    return build(folder / "_toc.yml", folder, strict=True, sources=folder)


def build_both(toc, out):
    """Build both editions side by side; return the exit status.

    For each of its pages the Chinese build waits until the English one has read it: see page/addresses.py.
    """
    built = out / "_build"
    for page in pages_of(toc):
        doctree, sources = built / f".doctrees/{page}.doctree", [ROOT / f"{page}{ending}" for ending in PAGE_ENDINGS]
        if doctree.exists() and any(s.exists() and s.stat().st_mtime >= doctree.stat().st_mtime for s in sources):
            doctree.unlink()  # it is to be read again
    with NamedTemporaryFile("r", encoding="utf8") as said:
        sys.path.append(str(ROOT / "page"))
        extensions = yaml.safe_load((ROOT / "_config.yml").read_text())["sphinx"]["config"]["extensions"]
        for module in ["jupyter_book.cli.main", *extensions]:  # imported once, for both
            import_module(module)
        chinese = SIDE_BY_SIDE.Process(target=be_chinese, args=(built, said.name))
        chinese.start()
        status = build(toc, out, strict=True)
        if status:
            chinese.terminate()
        chinese.join()
        print(said.read(), flush=True)
    return status or chinese.exitcode


def be_chinese(built, said):
    """Be the process that builds the Chinese edition, and writes what it says into a file."""
    with open(said, "w") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.exit(build_chinese(built))


def main():
    """Build what the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="CHAPTER", help="build this chapter alone; warnings do not fail it")
    parser.add_argument("--out", type=Path, default=ROOT, help="put _build into this folder")
    args = parser.parse_args()
    built = args.out.resolve() / "_build"
    built.mkdir(parents=True, exist_ok=True)
    os.environ.update(ENVIRONMENT)

    toc = write_toc_of_one(args.only, built) if args.only else ROOT / "_toc.yml"
    make_assignments(toc, built / "assignments.sha256")
    cells, frame, stamp = built / "cells.sha256", built / "frame.sha256", built / "book.sha256"
    cells_now = digest(READ_BY_CELLS)
    frame_now = digest(["."], without=TEXTS) + str(args.only)
    pages_now = digest(["."]) + str(args.only)
    if is_built(built, args.only):
        print(f"Nothing has changed: {built / 'html'} is up to date.")
        return 0

    has_chinese = not args.only and (ROOT / "locales").is_dir()
    home, shown = built / CHINESE / "_build/html", built / "html" / CHINESE
    if shown.exists():  # no page of the English edition
        shutil.rmtree(home, ignore_errors=True)
        shown.rename(home)
    if not frame.exists() or frame.read_text() != frame_now:  # all pages anew; cells still come from the cache
        for folder in ["html", ".doctrees", "jupyter_execute", CHINESE]:
            shutil.rmtree(built / folder, ignore_errors=True)
    if not cells.exists() or cells.read_text() != cells_now:
        shutil.rmtree(built / ".jupyter_cache", ignore_errors=True)
        cells.write_text(cells_now)
    for success in [frame, stamp]:  # after a failure all pages are made anew: Sphinx warns of a page only once
        success.unlink(missing_ok=True)

    execute(chapters_of(toc), built / ".jupyter_cache")
    status = build_both(toc, args.out.resolve()) if has_chinese else build(toc, args.out, strict=not args.only)
    if status == 0:
        if has_chinese:
            home.rename(shown)
        frame.write_text(frame_now)
        stamp.write_text(pages_now)
    return status


if __name__ == "__main__":
    sys.exit(main())
