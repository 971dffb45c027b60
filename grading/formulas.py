"""Formulas as MathML, which browsers show by themselves: KaTeX makes it, as it does for the book."""

import functools
import html
import json
import os
import select
import shutil
import subprocess
import sys

from grading.course import ROOT

SECONDS = 3.0  # for one formula


def set_formula(tex, display):
    """Return the HTML of a formula; its TeX where KaTeX is not there or refuses it."""
    return in_mathml(tex, display) or f"<code>{html.escape(tex)}</code>"


@functools.lru_cache(maxsize=1000)
def in_mathml(tex, display):
    """Return a formula in MathML, or None."""
    node = setter()
    if node is None:
        return None
    try:
        node.stdin.write(json.dumps({"tex": tex, "display": display, "mathml": True}).encode() + b"\n")
        line = node.stdout.readline() if select.select([node.stdout], [], [], SECONDS)[0] else b""
    except BrokenPipeError:
        line = b""
    if not line:
        node.kill()
        node.communicate()
        setter.cache_clear()
        return None
    return json.loads(line).get("html")


@functools.cache
def setter():
    """Start the one node process of this process, which ends with it; None where node or KaTeX is not installed."""
    node = shutil.which("node", path=os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"])
    if node is None or not (ROOT / "page/node_modules/katex").is_dir():
        return None
    command = [node, str(ROOT / "page/render_math.mjs")]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True)
