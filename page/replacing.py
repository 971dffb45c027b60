"""Replacing what the theme and other packages write, with a count: what finds nothing has been outrun by them."""

import re
from collections import Counter

found = Counter()  # how often each replacement, by its name, has found what it replaces


def replace(name, pattern, replacement, text):
    """Return the text with all that the pattern finds replaced; count it under the name."""
    text, times = re.subn(pattern, replacement, text)
    found[name] += times
    return text


def list_found(name, things):
    """Return the things as a list; count them under the name."""
    things = list(things)
    found[name] += len(things)
    return things
