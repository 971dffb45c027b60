"""The words that pages say by themselves, in the language of the edition: ``say("...")``, in Python and in scripts."""

import ast
import html
import json
import re
from pathlib import Path

import polib

from bnutils import explorers

LOCALES = Path(__file__).parents[1] / "locales"
CALL = re.compile(r'(?<=\bsay\()"(?:[^"\\]|\\.)*"')  # the words in a script
CHOICE = re.compile(r"(?:^|\s+·\s+)([a-z])\)\s+")  # what stands before the words of a choice in a Predict
spoken = {}  # English: the words of the edition that is built


def speak(language):
    """Read the catalog of a language, if there is one; the words of an open block stay English."""
    spoken.clear()
    path = LOCALES / language / "words.po"
    if path.exists():
        spoken.update({entry.msgid: entry.msgstr for entry in polib.pofile(str(path)) if entry.translated()})


def say(words, *values):
    """Return words in the language of the edition, with values in place of {0} and {1}."""
    return spoken.get(words, words).format(*values)


def say_in_script(script, words=spoken):
    """Return a script with other words in its calls."""

    def one(call):
        english = json.loads(call[0])
        return json.dumps(words.get(english, english), ensure_ascii=False)

    return CALL.sub(one, script)


def said_in_python(text):
    """Yield the words in a program."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say":
            yield ast.literal_eval(node.args[0])


def say_in_explorer(output, words=spoken):
    """Return the HTML of an explorer with other words in its script, its sentence and the name of its figure."""
    for english in said_in_python(Path(explorers.__file__).read_text("utf8")):
        said = re.sub(r"\\\{\d\\\}", "([^<>]+?)", re.escape(html.escape(english)))  # any value in the place of {0}
        made = html.escape(words.get(english, english))
        output = re.sub(said, lambda found, made=made: made.format(*found.groups()), output)
    return say_in_script(output, words)
