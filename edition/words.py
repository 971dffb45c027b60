"""The words of pages, explorers and the grader: whatever stands in a call ``say("...")``, in any file.

A script of the Chinese edition holds Chinese words in these calls, and so does the output of an explorer's cell. The
grader finds its words in the catalog while it grades.
"""

import json

from edition.sources import INSTRUCTORS, ROOT
from page.language import CALL, said_in_python

OF_THE_BOOK = ["page", "page/static", "bnutils/explorers", "tools"]
OF_THE_GRADER = ["grading", "grading/checks", "grading/lessons"]
ENDINGS = {".py", ".js", ".html"}


def find_words(folders):
    """Return all words in some folders, each with its kind and the first file where it stands."""
    found = {}
    paths = (path for folder in folders for path in sorted((ROOT / folder).iterdir()) if path.suffix in ENDINGS)
    for path in paths:
        text = path.read_text("utf8")
        for words in said_in_python(text) if path.suffix == ".py" else map(json.loads, CALL.findall(text)):
            found.setdefault(words, ("words", path.relative_to(ROOT).as_posix()))
    return found


def find_words_of_the_grader():
    """Return the words of the grader and the titles of test cells, which it says, too."""
    from grading.answers import is_test, title_of

    found = find_words(OF_THE_GRADER)
    for path in sorted(ROOT.glob(INSTRUCTORS.format("*"))):
        for cell in filter(is_test, json.loads(path.read_text("utf8"))["cells"]):
            found.setdefault(str(title_of(cell)), ("words", path.relative_to(ROOT).as_posix()))
    return found
