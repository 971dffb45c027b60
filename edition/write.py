"""The Chinese book as a folder of ordinary sources: _toc.yml, _config.yml, pages and notebooks, under their own names.

A block that is not translated stays English. The notebooks have the cells, ids and code of the English ones.
"""

from pathlib import Path

import yaml

from edition.catalogs import catalog_of, translations
from edition.sources import ROOT, dump, page_of, rewrite, sources

COPIED = ["chapters/figures", "chapters/references.bib"]


def write_book(folder, read=None, settings=None):
    """Write the Chinese book into a folder.

    ``read(path)`` gives the text of an English file, as a build may have it; ``settings`` go over the configuration.
    Only what has changed is written, so that a build makes only those pages anew.
    """
    read = read or (lambda path: (ROOT / path).read_text("utf8"))
    texts = {}
    for source in sources():
        path = page_of(source)
        texts[path] = rewrite(path, read(path), translator(source))
    texts[Path("_config.yml")] = dump(merge(yaml.safe_load(texts[Path("_config.yml")]), settings or {}))
    files = {path: text.encode() for path, text in texts.items()}
    for name in COPIED:
        found = [ROOT / name] if (ROOT / name).is_file() else (ROOT / name).iterdir()
        files |= {path.relative_to(ROOT): path.read_bytes() for path in found}
    put(files, folder)


def translator(source):
    """Return the function that gives the words for a block of a source: Chinese ones, or its own."""
    chinese = translations(catalog_of(source))
    return lambda block, place: chinese.get(block.message, block.message)


def put(files, folder):
    """Give a folder these files, ``{path: bytes}``, and no others but those below its own _build."""
    there = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    for path in there - set(files):
        if path.parts[0] != "_build":
            (folder / path).unlink()
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        if path not in there or (folder / path).read_bytes() != content:
            (folder / path).write_bytes(content)


def merge(base, over):
    """Return nested settings with others laid over them."""
    both = {key: merge(base[key], over[key]) for key in over if isinstance(over[key], dict) and key in base}
    return base | over | both
