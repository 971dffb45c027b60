"""The catalogs: one .po file for each source, in which each message stands in one line."""

from difflib import get_close_matches

import polib

from edition.sources import ROOT, find_messages, page_of, sources
from edition.words import OF_THE_BOOK, find_words, find_words_of_the_grader

LANGUAGE = "zh_CN"
FOLDER = ROOT / "locales" / LANGUAGE
WORDS, GRADING = FOLDER / "words.po", FOLDER / "grading.po"
HEAD = {"Language": LANGUAGE, "Content-Type": "text/plain; charset=UTF-8", "Content-Transfer-Encoding": "8bit"}
ONE_LINE = 0  # width at which polib wraps a message


def catalog_of(source):
    """Return the path of the catalog of a source; that of a page is named like the page."""
    return FOLDER / page_of(source).with_suffix(".po")


def read(path):
    """Return a catalog, which is empty if there is no such file."""
    return polib.pofile(str(path), wrapwidth=ONE_LINE) if path.exists() else polib.POFile(wrapwidth=ONE_LINE)


def is_open(entry):
    """Tell whether a message has no translation, or one of an older text."""
    return not entry.msgstr or entry.fuzzy


def translations(path):
    """Return what is translated in a catalog, as a dict from English to Chinese."""
    return {entry.msgid: entry.msgstr for entry in read(path) if not is_open(entry)}


class Memory:
    """All that has ever been translated: a block may have moved into another file, or changed a little."""

    def __init__(self, catalogs):
        done = [entry for catalog in catalogs for entry in catalog if entry.msgstr]
        self.entries = {tuple(entry.msgid.split()): entry for entry in done}

    def recall(self, message):
        """Return an entry for a message: translated if the same message is known, fuzzy if a similar one is."""
        words = tuple(message.split())
        for known in [words] if words in self.entries else get_close_matches(words, self.entries, 1):
            old = self.entries[known]
            if old.msgid == message and not old.fuzzy:
                return polib.POEntry(msgid=message, msgstr=old.msgstr)
            before = old.previous_msgid or old.msgid
            return polib.POEntry(msgid=message, msgstr=old.msgstr, flags=["fuzzy"], previous_msgid=before)
        return polib.POEntry(msgid=message)


def updated(path, messages, memory):
    """Return a catalog for the present messages, with every translation that still fits."""
    old = {entry.msgid: entry for entry in read(path) if entry.msgstr}
    catalog = polib.POFile(wrapwidth=ONE_LINE)
    catalog.metadata = HEAD
    for message, (kind, place) in messages.items():
        entry = old.get(message) or memory.recall(message)
        entry.comment, entry.occurrences = kind, [(place, "")] if place else []
        catalog.append(entry)
    return catalog


def outdated():
    """Return the catalogs that do not hold the present text of the book, as {path: text}; None stands for no file."""
    needed = {catalog_of(source): find_messages(source) for source in sources()}
    needed |= {WORDS: find_words(OF_THE_BOOK), GRADING: find_words_of_the_grader()}
    there = set(FOLDER.rglob("*.po"))
    memory = Memory(map(read, there))
    texts = {path: f"{updated(path, messages, memory)}\n" for path, messages in needed.items()}
    texts |= dict.fromkeys(there - set(needed))
    return {path: text for path, text in texts.items() if path not in there or path.read_text("utf8") != text}


def update():
    """Write the catalogs that are outdated; return their paths."""
    changed = outdated()
    for path, text in changed.items():
        if text is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf8")
    return list(changed)
