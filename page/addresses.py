"""The addresses in Chinese pages are those of the English ones: both editions have the same parts in the same order.

A section of a Chinese page would be called id3. Here it takes the name of the English section, from what the English
build has read, so a link leads to the same place of either edition, and what is kept of a reader holds for both.
"""

import pickle
import time
from pathlib import Path

from docutils import nodes
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

LONGEST = 600.0  # seconds that the English build may take to come to a page
logger = logging.getLogger(__name__)


class TakeEnglishAddresses(SphinxTransform):
    """Give each section the address of its English original, before Sphinx notes where sections are."""

    default_priority = 840  # Sphinx notes them at 850

    def apply(self):
        """Rename the sections of a page."""
        english = read_english(self.app)
        if english is None:
            return
        ours, theirs = (list(page.findall(nodes.section)) for page in (self.document, english))
        if len(ours) != len(theirs):
            logger.warning("%d sections, where the English page has %d", len(ours), len(theirs), location=self.document)
        for section, original in zip(ours, theirs, strict=False):
            for old, new in zip(section["ids"], original["ids"], strict=False):
                rename(self.document, section, old, new)


def read_english(app):
    """Return what the English build has read of the page that is being read; None if this is the English build.

    Both builds run side by side, through the pages in the same order: this one waits where it is ahead.
    """
    folder = app.config.english_doctrees
    if not folder:
        return None
    path, end = Path(folder, f"{app.env.docname}.doctree"), time.monotonic() + LONGEST
    while True:
        try:
            return pickle.loads(path.read_bytes())
        except (FileNotFoundError, EOFError, pickle.UnpicklingError):  # not there, or not to its end
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def rename(document, section, old, new):
    """Give a section another address, unless something else has it."""
    if new in document.ids:
        return
    section["ids"][section["ids"].index(old)] = new
    document.ids[new] = document.ids.pop(old)
    document.nameids.update({name: new for name, at in document.nameids.items() if at == old})


def setup(app):
    """Connect this to Sphinx; ``english_doctrees`` is the folder of what the English build has read."""
    app.add_config_value("english_doctrees", "", "env")
    app.add_transform(TakeEnglishAddresses)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
