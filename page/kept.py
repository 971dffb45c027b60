"""What Sphinx and pybtex would look up again for each number and each source, kept: a third of the time of a build."""

from functools import cache, cached_property

import pybtex.plugin
from sphinx.domains.std import StandardDomain


class Numbers(StandardDomain):
    """The domain that knows the numbers of figures; Sphinx's own reads the page of a figure anew for each mention."""

    @cached_property
    def pages(self):
        """The environment, which reads each page once; asked while pages are written, when none is read any more."""
        return ReadOnce(self.env)

    def _resolve_numref_xref(self, env, *arguments):
        return super()._resolve_numref_xref(self.pages, *arguments)


class ReadOnce:
    """Sphinx's environment, but for the pages, each of which is read once; nobody may change them."""

    def __init__(self, env):
        self.env = env
        self.get_doctree = cache(env.get_doctree)

    def __getattr__(self, name):
        return getattr(self.env, name)


def setup(app):
    """Connect all this to Sphinx."""
    pybtex.plugin._load_entry_point = cache(pybtex.plugin._load_entry_point)  # it searches all packages each time
    app.add_domain(Numbers, override=True)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
