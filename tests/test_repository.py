"""The rules that the files of the repository keep, whatever they are."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from notebooks import CHAPTERS, PICTURE, code_cell, markdown

BIN = Path(sys.executable).parent
HOSTS = (
    "pypi org,pythonhosted org,registry npmjs org,yarnpkg com,deb debian org,anaconda org,crates io,proxy golang org"
)
REGISTRIES = [host.replace(" ", ".") for host in HOSTS.split(",")]  # written so, this file holds no address itself
TORCH_INDEX = "download.pytorch" + ".org"  # has the only CPU build of torch for Linux
MAY_NAME_TORCH_INDEX = ["binder/requirements.txt", "README.md"]


def tracked_files():
    """Return the paths of all files that git keeps, relative to the repository."""
    listing = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    return [Path(name) for name in names if (ROOT / name).is_file()]


def names_no_registry(name, content):
    hosts = [*REGISTRIES, *([] if name in MAY_NAME_TORCH_INDEX else [TORCH_INDEX])]
    return [f"{name} names the registry {host}" for host in hosts if host.encode() in content]


def weighs_little(name, content):
    return [f"{name} has {len(content) / 1e6:.1f} MB"] if len(content) > 4.5e6 else []


def chapter_is_listed_and_built(name, listed, html):
    """Return what a notebook in chapters/ lacks: an entry in _toc.yml, or a page of the book."""
    found = [] if name in listed else [f"{name} is not in _toc.yml"]
    return found if (html / "chapters" / name).with_suffix(".html").is_file() else [*found, f"{name} is not built"]


def citations_match(texts, bibliography):
    """Return the keys that are cited and unknown, or known and never cited."""
    cited = {
        key.strip()
        for text in texts
        for keys in re.findall(r"\{cite(?::\w+)?\}`([^`]*)`", text)
        for key in keys.split(",")
    }
    known = set(re.findall(r"^@\w+\{([^,\s]+)", bibliography, flags=re.M))
    return [f"{key} is not in references.bib" for key in cited - known] + [
        f"{key} is cited nowhere" for key in known - cited
    ]


@pytest.mark.parametrize("rule", [names_no_registry, weighs_little])
def test_every_file(rule):
    assert [fault for path in tracked_files() for fault in rule(path.as_posix(), (ROOT / path).read_bytes())] == []


def test_file_rules_see_a_registry_and_a_large_file():
    assert names_no_registry("README.md", REGISTRIES[0].encode()) != []
    assert names_no_registry("Makefile", TORCH_INDEX.encode()) != []
    assert names_no_registry("README.md", TORCH_INDEX.encode()) == []
    assert weighs_little("data.npz", bytes(4_600_000)) != []
    assert weighs_little("data.npz", bytes(4_400_000)) == []


def test_every_chapter_is_listed_and_built(book):
    listed = [path.name for path in CHAPTERS]
    there = {*listed, *(path.name for path in ROOT.glob("chapters/*.ipynb"))}
    assert [fault for name in sorted(there) for fault in chapter_is_listed_and_built(name, listed, book)] == []


def test_chapter_that_is_not_listed_or_not_built_is_seen(tmp_path):
    assert chapter_is_listed_and_built("09_lost.ipynb", [], tmp_path) == [
        "09_lost.ipynb is not in _toc.yml",
        "09_lost.ipynb is not built",
    ]


def test_chapter_names_have_a_number_and_one_or_two_words_and_the_others_one_word():
    assert [path.name for path in CHAPTERS if not re.fullmatch(r"(\d\d_)?[a-z]+(_[a-z]+)?\.ipynb", path.name)] == []


def test_every_source_is_cited_and_every_citation_has_a_source():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("chapters/*.md")]
    texts = [path.read_text() for path in pages]
    texts += [t for path in CHAPTERS for t in markdown(json.loads(path.read_text()))]
    ledger = yaml.safe_load((ROOT / "chapters/claims.yml").read_text("utf8"))
    texts += [f"{{cite}}`{key}`" for row in ledger for key in row["sources"]]
    assert citations_match(texts, (ROOT / "chapters/references.bib").read_text()) == []


def test_unknown_and_uncited_sources_are_seen():
    faults = citations_match(
        ["{cite:t}`known, unknown` {cite}`also`"], "@book{known,\n}\n@article{uncited,\n}\n@misc{also,}"
    )
    assert faults == ["unknown is not in references.bib", "uncited is cited nowhere"]


def pip_accepts(constraints):
    """Tell whether pip takes Binder's packages, all of them installed here, under these constraints; no network."""
    lines = (ROOT / "binder/requirements.txt").read_text().splitlines()
    packages = [line for line in lines if line and line[0] not in "#-"]
    command = [BIN / "pip", "install", "--dry-run", "--no-index", "--quiet", "-c", constraints, *packages]
    return subprocess.run(command, capture_output=True).returncode == 0


def test_versions_serve_as_constraints_for_binder(tmp_path):
    versions = ROOT / "requirements.txt"
    assert pip_accepts(versions)
    with_extra = tmp_path / "requirements.txt"  # which pip refuses in constraints
    with_extra.write_text(f"{versions.read_text()}\nfonttools[woff]\n")
    assert not pip_accepts(with_extra)


CHECKERS = [  # command, the ending of the files that it reads, a name and a content that it must refuse
    ("ruff check", (".py", ".ipynb"), "x.py", "import os\n"),
    ("ruff format --check", (".py", ".ipynb"), "x.py", "x = 'single'\n"),
    ("codespell", (), "x.md", "a sep" + "erate book\n"),
    ("nbstripout --keep-id --verify", (".ipynb",), "x.ipynb", None),
]


def check(command, paths):
    """Run a checker on files."""
    program, *options = command.split()
    return subprocess.run([BIN / program, *options, *paths], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize(("command", "endings"), [checker[:2] for checker in CHECKERS])
def test_checker_is_content(command, endings):
    run = check(command, [path for path in tracked_files() if not endings or path.suffix in endings])
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(("command", "name", "content"), [(c[0], c[2], c[3]) for c in CHECKERS])
def test_checker_refuses_a_bad_file(tmp_path, command, name, content):
    bad = {"cells": [code_cell("1", [PICTURE | {"metadata": {}}])], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / name).write_text(content or json.dumps(bad))
    assert check(command, [tmp_path / name]).returncode != 0
