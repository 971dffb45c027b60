"""The prose of a text, block by block: headings, paragraphs, items, quotes, tables, titles; never code or display math.

The parser of the book finds the blocks, and only their lines are replaced, so everything else stays byte by byte.
"""

import re
from dataclasses import dataclass, replace
from functools import cache

WORD = re.compile(r"[^\W\d_]{2,}")
MARKER = re.compile(r"(BEGIN|END) SOLUTION")  # nbgrader's, in the instructors' notebooks
TITLED = {"admonition", "dropdown", "note", "table"}  # directives with a title, or none, and a text
NAMED = {"entrance"}  # with a name, and a text
NO_PROSE = {"bibliography", "cite-this", "claims"}
EXTENSIONS = {"colon_fence", "dollarmath", "substitution", "tasklist"}  # Jupyter Book's, but for bare addresses


@dataclass(frozen=True)
class Block:
    """A block of prose: its lines, from ``first`` to before ``end``, its words there, and those as one message."""

    kind: str
    first: int
    end: int
    source: str
    message: str


@cache
def parser():
    """Return the parser with which Jupyter Book reads Markdown."""
    from markdown_it.renderer import RendererHTML  # half a second, which `--help` need not take
    from myst_parser.config.main import MdParserConfig
    from myst_parser.parsers.mdit import create_md_parser

    return create_md_parser(MdParserConfig(enable_extensions=EXTENSIONS), RendererHTML)


def has_words(inline):
    """Tell whether a line holds words beside its code and formulas."""
    texts = (token.content for token in inline.children if token.type in {"text", "image"})
    return any(WORD.search(text) for text in texts) and not MARKER.search(inline.content)


def find_blocks(text):
    """Yield the blocks of a text in their order."""
    lines, around, has_prose = text.split("\n"), [], False
    for token in parser().parse(text, {}):
        if token.nesting > 0:
            around.append(token)
        elif token.nesting < 0:
            opening = around.pop()
            if token.type == "table_close" and has_prose:
                source, has_prose = "\n".join(lines[slice(*opening.map)]).rstrip(), False
                yield Block("table", *opening.map, source, source)
        elif token.type == "inline" and has_words(token):
            *outer, holder = [opening.type.removesuffix("_open") for opening in around]
            if "table" in outer:
                has_prose = True
                continue
            kind = outer[-1] if outer and holder == "paragraph" else holder
            source = token.content.strip()
            yield Block(kind, *token.map, source, re.sub(r"\s*\n\s*", " ", source))
        elif token.type in {"fence", "colon_fence"} and token.info.startswith("{"):
            yield from find_in_directive(token)


def find_in_directive(token):
    """Yield the blocks of a directive: its title and those of its text."""
    name, title = re.match(r"\{([^}]*)\}\s*(.*)", token.info).groups()
    if name in NO_PROSE:
        return
    if name not in TITLED | NAMED | {"glossary"}:
        raise ValueError(f"what of the directive {{{name}}} is prose? Say so in edition/blocks.py")
    first = token.map[0]
    if title and name not in NAMED:
        yield Block("title", first, first + 1, title, title)
    body = re.sub(r"^:[\w-]+:.*$", "", token.content, flags=re.M)  # without the options
    for block in find_in_glossary(body) if name == "glossary" else find_blocks(body):
        yield replace(block, first=block.first + first + 1, end=block.end + first + 1)


def find_in_glossary(text):
    """Yield the terms of a glossary, which begin their lines, and what they mean, which is set in."""
    for number, line in enumerate(text.split("\n")):
        if line.strip():
            kind = "meaning" if line.startswith(" ") else "term"
            yield Block(kind, number, number + 1, line.strip(), line.strip())


def translate_text(text, translate):
    """Return the text with the words for each block that ``translate(block)`` returns; its message changes nothing."""
    lines, made, done = text.split("\n"), [], 0
    for block in find_blocks(text):
        before, found, _ = lines[block.first].rpartition(block.source.split("\n")[0])
        if not found:
            raise ValueError(f"the block {block.message!r} does not stand in line {block.first + 1}")
        words = translate(block)
        if words != block.message:
            inside = re.sub(r"[^>\s]", " ", before)  # keeps later lines in the list or quote
            made += lines[done : block.first] + [before + words.replace("\n", "\n" + inside)]
            done = block.end
    return "\n".join(made + lines[done:])
