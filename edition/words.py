"""The words of pages and explorers: whatever stands in a call ``say("...")``, in Python as in JavaScript.

A script of the Chinese edition holds Chinese words in these calls, and so does the output of an explorer's cell.
"""

import json

from edition.sources import ROOT
from page.language import CALL, said_in_python

FOLDERS = ["page", "page/static", "bnutils/explorers", "tools"]


def find_words():
    """Return all words, each with its kind and the first file where it stands."""
    found = {}
    for path in (path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.[jp][sy]"))):
        text = path.read_text("utf8")
        for words in said_in_python(text) if path.suffix == ".py" else map(json.loads, CALL.findall(text)):
            found.setdefault(words, ("words", path.relative_to(ROOT).as_posix()))
    return found
