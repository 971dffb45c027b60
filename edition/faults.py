"""What is wrong with a translation: something is lost, a term is not the book's, a mark is not Chinese."""

import re
from collections import Counter
from functools import cache

import yaml

from edition.blocks import parser
from edition.sources import ROOT
from page.language import CHOICE

TERMS = ROOT / "locales/terms.yml"
CHINESE, FULL = r"[\u3400-\u9fff]", r"[，。；：？！、（）“”‘’《》…—]"
UNREAD = re.compile(r"`[^`]*`|\$[^$]*\$|\]\([^)]*\)|\{[\w:]+\}|https?://\S+|<[^>]*>|&\w+;")  # code, links, names
PLACE = re.compile(r"\{\d\}")  # of a value, in the words of a script
NUMBER = re.compile(r"(?<![A-Za-z0-9_.])\d[\d,]*(?:\.\d+)?")
OPENING = re.compile(r"\*\*([^*]+?)(?:: ([a-z]))?\.\*\* ")  # **Predict.** or **Answer: b.**
PUNCTUATION = {
    "a half-width mark after Chinese": rf"{CHINESE}[*_]*[,;:?!]|{CHINESE}[*_]*\.(?!\w)",
    "a half-width bracket beside Chinese": rf"{CHINESE}[*_]*\(|\([^()]*{CHINESE}[^()]*\)",
    "a straight quotation mark beside Chinese": rf'{CHINESE}"|"{CHINESE}',
    "a typed space between Chinese and Latin": rf"{CHINESE} +[A-Za-z0-9`$]|[A-Za-z0-9`$%] +{CHINESE}",
    "a space beside a full-width mark": rf"(?<![*|·]) +{FULL}|{FULL} +(?![·|])",
}
AS_IN_CODE = re.compile(r"\]\([^)]*\)|\{[\w:]+\}(?=`)|(?<=\w)\(\)|\((?:\w+, ?)+\w*\)", re.A)  # f(), (N, C)
NEEDED = re.compile(r"(?<=[。？！：]\*\*) ")  # after bold words that end in a mark, a space is needed


def faults_of(entry):
    """Return what is wrong with the translation of an entry, a sentence for each fault."""
    english, chinese = entry.msgid, entry.msgstr
    plain = entry.comment in {"alt", "words"}
    return [
        *faults_of_shape(english, chinese, plain),
        *faults_of_numbers(english, chinese),
        *faults_of_opening(english, chinese),
        *faults_of_terms(english, chinese),
        *faults_of_punctuation(chinese),
    ]


def faults_of_shape(english, chinese, plain):
    """Return what the Chinese lacks or adds of formulas, code, links, roles, emphasis, rows, choices and values."""
    want, got = (Counter(PLACE.findall(text)) if plain else shape(text) for text in (english, chinese))
    lost = [f"lacks {name}" for name in (want - got).elements()]
    return lost + [f"has {name}, which the English has not" for name in (got - want).elements()]


@cache
def shape(text):
    """Return what a translation must keep, counted: all but the words themselves and their order."""
    found = Counter()
    for token in parser().parse(text, {}):
        for part in [token, *(token.children or [])]:
            if name := part_of_shape(part):
                found[name] += 1
    found.update(f"the choice {letter})" for letter in CHOICE.split(text)[1::2])
    return found


def part_of_shape(token):
    """Return what of a token a translation must keep, or nothing."""
    if token.type in {"text", "softbreak", "inline"} or token.nesting < 0:
        return ""
    kind = token.type.removesuffix("_open").removesuffix("_inline")
    if token.type == "myst_role":
        target = token.content.rpartition("<")[2].rstrip(">")
        return f"{{{token.meta['name']}}}`{target}`"
    if target := token.attrs.get("href") or token.attrs.get("src"):
        return f"a {kind} to {target}"
    names = {"math": "the formula ${}$", "code": "the code `{}`", "strong": "bold words (**)", "em": "italic words (*)"}
    return names.get(kind, f"{kind} {{}}").format(token.content).strip()


def faults_of_numbers(english, chinese):
    """Return the numbers of more than one digit that the Chinese lacks."""
    want, got = (
        {number.replace(",", "").rstrip(".") for number in NUMBER.findall(UNREAD.sub(" ", text))}
        for text in (english, chinese)
    )
    return [f"lacks the number {number}" for number in sorted(want - got) if len(number) > 1]


def faults_of_opening(english, chinese):
    """Return what is wrong with the bold words that open a paragraph, like **Predict.**, which the page looks for."""
    opening = OPENING.match(english)
    words = opening and terms()["openings"].get(opening[1])
    if not words:
        return []
    want = f"**{words}：{opening[2]}。** " if opening[2] else f"**{words}。** "
    return [] if chinese.startswith(want) else [f"does not begin with {want!r}"]


def faults_of_terms(english, chinese):
    """Return the terms whose Chinese is lacking, and the words that the book does not use."""
    read = UNREAD.sub(" ", english)
    faults = []
    for term, pattern, words in term_patterns():
        read, times = pattern.subn(" ", read)
        if times and not any(word in chinese for word in words):
            faults.append(f"{term!r} is {' or '.join(words)} in this book")
    return faults + [f"has {word!r}; say {instead}" for word, instead in terms()["never"].items() if word in chinese]


@cache
def terms():
    """Return the table of terms."""
    return yaml.safe_load(TERMS.read_text("utf8"))


@cache
def term_patterns():
    """Return the terms, the longest first, each with its pattern and its Chinese words."""
    table = terms()["terms"]
    return [
        (term, re.compile(rf"\b{re.escape(term)}(?:s|es)?\b", re.I), [words] if isinstance(words, str) else words)
        for term, words in sorted(table.items(), key=lambda item: -len(item[0]))
    ]


def terms_in(english):
    """Return the terms of a message with their Chinese words, for a translator."""
    read, found = UNREAD.sub(" ", english), {}
    for term, pattern, words in term_patterns():
        read, times = pattern.subn(" ", read)
        if times:
            found[term] = words
    return found


def faults_of_punctuation(chinese):
    """Return where the marks and spaces are not those of Chinese typesetting."""
    text = NEEDED.sub("", re.sub(r"`[^`]*`", "`", re.sub(r"\$[^$]*\$", "$", chinese)))
    text = AS_IN_CODE.sub("", CHOICE.sub(" · ", text))
    unequal = ["has a bracket without its pair"] if text.count("（") != text.count("）") else []
    faults = [(name, re.search(pattern, text)) for name, pattern in PUNCTUATION.items()]
    return unequal + [
        f"has {name}: {text[max(0, found.start() - 6) : found.end() + 6]!r}" for name, found in faults if found
    ]
