"""The words of pages and explorers: whatever stands in a call ``say("...")``, in Python as in JavaScript.

A script of the Chinese edition holds Chinese words in these calls, and so does the output of an explorer's cell.
"""

import ast
import html
import json
import re

from edition.sources import ROOT
from page.language import CALL, say_in_script

FOLDERS, EXPLORERS = ["page", "page/static", "bnutils/explorers"], "bnutils/explorers/__init__.py"


def find_words():
    """Return all words, each with its kind and the first file where it stands."""
    found = {}
    for path in (path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.[jp][sy]"))):
        text = path.read_text("utf8")
        for words in said_in_python(text) if path.suffix == ".py" else map(json.loads, CALL.findall(text)):
            found.setdefault(words, ("words", path.relative_to(ROOT).as_posix()))
    return found


def said_in_python(text):
    """Yield the words in a program."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say":
            yield ast.literal_eval(node.args[0])


def say_in_explorer(output, chinese):
    """Return the HTML of an explorer with Chinese words in its script, its sentence and the name of its figure."""
    for words in said_in_python((ROOT / EXPLORERS).read_text("utf8")):
        said = re.sub(r"\\\{\d\\\}", "([^<>]+?)", re.escape(html.escape(words)))  # any value in the place of {0}
        made = html.escape(chinese.get(words, words))
        output = re.sub(said, lambda found, made=made: made.format(*found.groups()), output)
    return say_in_script(output, chinese)
