"""The words of the grader: ``say("...")``, English, and in the language of the notebook that was handed in.

What is said is English, in a verdict, too, so that verdicts on notebooks of two languages can be compared. But it knows
the words and values that it is made of, and so it can be told with those of a catalog, ``locales/zh_CN/grading.po``.
"""

import functools
import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENGLISH, CHINESE = "en", "zh_CN"
LONGEST_LINE = 300
TOLD = ("reason", "remarks", "concepts", "written")  # the parts of a verdict that students read


class Said(str):
    """An English text, made of ``words`` with ``values``, which may be such texts, in the places of {0} and {1}."""

    def __new__(cls, words, *values):
        said = super().__new__(cls, cls.made(words, values))
        said.words, said.values = words, values
        return said

    def __getnewargs__(self):
        return self.words, *self.values

    @staticmethod
    def made(words, values):
        """Return the words with the values in them."""
        return words.format(*values) if values else words

    def told(self, catalog):
        """Return the same with the words of a catalog."""
        return self.made(catalog.get(self.words, self.words), [told(value, catalog) for value in self.values])


class Line(Said):
    """The same as one line, cut where it is long."""

    @staticmethod
    def made(words, values):
        """Return the words with the values in them."""
        return " ".join(Said.made(words, values).split())[:LONGEST_LINE]


def say(words, *values):
    """Return words with values in place of {0} and {1}: English, as long as nobody tells them otherwise."""
    return Said(words, *values)


def in_lines(lines):
    """Return some texts as one, each of which begins a line."""
    return Said("\n".join(f"{{{place}}}" for place in range(len(lines))), *lines)


def told(value, catalog):
    """Return a text with the words of a catalog, and anything else as it is."""
    if isinstance(value, Said):
        return value.told(catalog)
    return heard(value, catalog) if isinstance(value, str) and catalog else value


def heard(text, catalog):
    """Return with the words of a catalog what the worker has said, of which only the text comes over the pipe."""
    for words, pattern in said_by_the_worker():
        if found := pattern.fullmatch(text):
            return Said(words, *found.groups()).told(catalog)
    return text


@functools.cache
def said_by_the_worker():
    """Return what the worker may say, each with a pattern of it: its own words, and those put into the code it runs."""
    from page.language import said_in_python

    texts = [(HERE / name).read_text("utf8") for name in ("answers.py", "worker.py")]
    found = sorted({words for text in texts for words in said_in_python(text)}, key=len, reverse=True)
    patterns = [re.sub(r"\\\{\d\\\}", "(.+?)", re.escape(words)) for words in found]
    return [(words, re.compile(pattern, re.S)) for words, pattern in zip(found, patterns, strict=True)]


@functools.cache
def catalog_of(language):
    """Return what has been translated into a language: the grader's words, and the book's; nothing if it is English."""
    if language == ENGLISH:
        return {}
    from edition.catalogs import FOLDER, GRADING, translations

    chapters = sorted((FOLDER / "chapters").glob("*.po"))  # of which a lesson names sections
    return {english: words for path in [*chapters, GRADING] for english, words in translations(path).items()}


def words_of(said, language):
    """Return for each text in a verdict what it is in the language of the notebook; nothing if that is English."""
    catalog = catalog_of(language)
    return {str(text): text.told(catalog) for text in texts_in(said) if isinstance(text, Said)} if catalog else {}


def texts_in(data):
    """Yield all texts in data."""
    if isinstance(data, dict | list):
        for part in data.values() if isinstance(data, dict) else data:
            yield from texts_in(part)
    elif isinstance(data, str):
        yield data


def in_own_language(said):
    """Return a verdict that tells a student all in the language of his notebook."""
    words = said.get("words", {})
    return said | {name: replaced(said[name], words) for name in TOLD if name in said}


def replaced(data, words):
    """Return data with other texts in it."""
    if isinstance(data, dict):
        return {name: replaced(part, words) for name, part in data.items()}
    if isinstance(data, list):
        return [replaced(part, words) for part in data]
    return words.get(data, data) if isinstance(data, str) else data


def sayer(language):
    """Return ``say`` in a language."""
    catalog = catalog_of(language)
    return lambda words, *values: Said(words, *values).told(catalog)
