"""The words that pages say by themselves, in the language of the edition: ``say("...")``, in Python and in scripts."""

import json
import re
from pathlib import Path

import polib

LOCALES = Path(__file__).parents[1] / "locales"
CALL = re.compile(r'(?<=\bsay\()"(?:[^"\\]|\\.)*"')  # the words in a script
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
