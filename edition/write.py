"""The Chinese book as a folder of ordinary sources: _toc.yml, _config.yml, pages and notebooks, under their own names.

A block that is not translated stays English. The notebooks have the cells, ids and code of the English ones.
"""

import json
from hashlib import sha256
from pathlib import Path

import nbformat
import yaml

from edition.catalogs import WORDS, catalog_of, translations
from edition.sources import ROOT, dump, page_of, rewrite, sources
from page.language import say_in_explorer

BESIDE = ["chapters/figures", "chapters/references.bib", "CITATION.cff"]
WRITTEN = ".written.json"  # hashes of the files that were put into a reader's folder


def read_source(path):
    """Return the text of an English file."""
    return (ROOT / path).read_text("utf8")


def make_files(read=read_source):
    """Return the files of the Chinese book, ``{path: bytes}``; ``read(path)`` gives the text of an English file."""
    files = {}
    for source in sources():
        path = page_of(source)
        files[path] = rewrite(path, read(path), translator(source)).encode()
    for name in BESIDE:
        found = [ROOT / name] if (ROOT / name).is_file() else (ROOT / name).iterdir()
        files |= {path.relative_to(ROOT): path.read_bytes() for path in found}
    return files


def translator(source):
    """Return the function that gives the words for a block of a source: Chinese ones, or its own."""
    chinese = translations(catalog_of(source))
    return lambda block, place: chinese.get(block.message, block.message)


def write_for_build(folder, read, settings):
    """Write the Chinese book into a folder of its own, with other settings in its configuration.

    Only what has changed is written, so that a build makes only those pages anew.
    """
    files = make_files(read)
    config = yaml.safe_load(files[Path("_config.yml")])
    files[Path("_config.yml")] = dump(merge(config, settings)).encode()
    there = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    for path in there - set(files):
        if path.parts[0] != "_build":
            (folder / path).unlink()
    for path, content in files.items():
        if path not in there or (folder / path).read_bytes() != content:
            put(folder / path, content)


def with_outputs(notebook):
    """Return the text of a notebook that has run, with the explorers in its outputs in Chinese."""
    chinese = translations(WORDS)
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        page = output.get("data", {}).get("text/html", "")
        if "<bn-" in page:
            output["data"]["text/html"] = say_in_explorer(page, chinese)
    return nbformat.writes(notebook)


def write_for_readers(folder):
    """Write the Chinese notebooks and pages into a folder; return the paths of those that a reader has changed."""
    files = {path: content for path, content in make_files().items() if path.name not in {"_config.yml", "_toc.yml"}}
    record = folder / WRITTEN
    known = json.loads(record.read_text()) if record.exists() else {}
    now = {path: sha256((folder / path).read_bytes()).hexdigest() for path in files if (folder / path).exists()}
    changed = [path for path, digest in now.items() if known.get(path.as_posix()) != digest]
    for path, content in files.items():
        if path not in changed:
            put(folder / path, content)
            known[path.as_posix()] = sha256(content).hexdigest()
    record.write_text(json.dumps(known))
    return changed


def put(path, content):
    """Write a file, in a folder that may not be there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def merge(base, over):
    """Return nested settings with others laid over them."""
    both = {key: merge(base[key], over[key]) for key in over if isinstance(over[key], dict) and key in base}
    return base | over | both
