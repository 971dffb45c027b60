"""The files of the book that hold prose, and how each is written with other words.

A source is a path from the root of the repository. ``rewrite(path, text, translate)`` gives a text other words:
``translate(block, place)`` returns those for a block, and the place is the cell's id, if there is one.
"""

import json
from pathlib import Path

import yaml

from edition.blocks import WORD, Block, translate_text

ROOT = Path(__file__).resolve().parents[1]
INSTRUCTORS = "assignments/source/{0}/{0}.ipynb"  # of which the students' notebooks are made
CONFIG = [
    "title",
    "author",
    "copyright",
    "html.extra_footer",
    "sphinx.config.nb_code_prompt_show",
    "sphinx.config.nb_code_prompt_hide",
    "sphinx.config.html_theme_options.logo.text",
    "sphinx.config.html_theme_options.search_bar_text",
]
METADATA = ["figure.caption", "image.alt", "code_prompt_show", "code_prompt_hide"]  # of a cell, in the group "mystnb"
STUB = "YOUR ANSWER HERE"  # nbgrader's, in place of each solution in words, in a student's notebook
CLAIM = ["note", "book"]


def sources():
    """Return the paths of all sources, the pages as the table of contents has them."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf8"))
    pages = [toc["root"], *(entry["file"] for part in toc["parts"] for entry in part["chapters"])]
    return [Path("_config.yml"), Path("_toc.yml"), *map(source_of, pages), Path("chapters/claims.yml")]


def source_of(page):
    """Return the path of the file that is edited for a page."""
    if page.startswith("assignments/"):
        return Path(INSTRUCTORS.format(page.removeprefix("assignments/")))
    return next(Path(f"{page}{ending}") for ending in [".ipynb", ".md"] if (ROOT / f"{page}{ending}").exists())


def page_of(source):
    """Return the path of a source within the book: the students' notebook stands for the instructor's."""
    return Path("assignments", source.name) if source.parts[:2] == ("assignments", "source") else source


def rewrite(path, text, translate):
    """Return the text of a file with other words."""
    if path.suffix == ".ipynb":
        return rewrite_notebook(text, translate)
    if path.suffix == ".md":
        return translate_text(text, lambda block: translate(block, ""))
    return REWRITE[path.name](text, translate)


def rewrite_notebook(text, translate):
    """Return a notebook with other words in its Markdown cells, its captions, alternative texts and lines of folds."""
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        place = cell["id"]
        if cell["cell_type"] == "markdown":
            words = translate_text("".join(cell["source"]), lambda block, place=place: translate(block, place))
            cell["source"] = words.splitlines(keepends=True)
            continue
        for setting in METADATA:
            options, name = find_setting(setting, cell["metadata"].get("mystnb", {}))
            if name in options:
                options[name] = translate_plain(options[name], name, place, translate)
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def find_setting(setting, options):
    """Return the group of options in which a setting stands, if it is there, and its name in it."""
    *groups, name = setting.split(".")
    for group in groups:
        options = options.get(group, {})
    return options, name


def rewrite_toc(text, translate):
    """Return the table of contents with other captions."""
    toc = yaml.safe_load(text)
    for part in toc["parts"]:
        part["caption"] = translate_plain(part["caption"], "caption", "", translate)
    return dump(toc)


def rewrite_config(text, translate):
    """Return the configuration with other words of those settings that readers see."""
    config = yaml.safe_load(text)
    for setting in CONFIG:
        options, name = find_setting(setting, config)
        options[name] = translate_plain(options[name], "setting", setting, translate)
    return dump(config)


def rewrite_claims(text, translate):
    """Return the ledger with other statements and corrections."""
    rows = yaml.safe_load(text)
    for row in rows:
        row |= {name: translate_plain(row[name], name, row["id"], translate) for name in CLAIM}
    return dump(rows)


REWRITE = {"_toc.yml": rewrite_toc, "_config.yml": rewrite_config, "claims.yml": rewrite_claims}


def translate_plain(words, kind, place, translate):
    """Return other words for a text that is one block."""
    return translate(Block(kind, 0, 1, words, words), place) if WORD.search(words) else words


def dump(data):
    """Return data as YAML."""
    return yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=1000)


def find_messages(source):
    """Return the messages of a source in their order, each with its kind and the first place where it stands."""
    found = {}

    def note(block, place):
        found.setdefault(block.message, (block.kind, place))
        return block.message

    rewrite(source, (ROOT / source).read_text("utf8"), note)
    if source != page_of(source):  # an instructor's notebook: the student's is not there before it is made
        note(Block("paragraph", 0, 1, STUB, STUB), "")
    return found
