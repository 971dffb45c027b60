"""What the build makes of a figure: it takes the colours of the page, and its numbers are short."""

import re

from bnutils.plotting import COLOR, INK

PAGE_INK = "#24292f", "#d6dbe1"  # on a light page, and on a dark one
ON_WHITE = {"batch": "#2678b8", "running": "#b55f13", "recalibrated": "#158063", "linear": "#8a5bc4"}
ON_WHITE |= {"wrong": "#cb3a4f", "layer": "#ab5691", "group": "#707a1a", "plain": "#75736a"}  # words need 4.5 to 1
ON_BLACK = {"wrong": "#dc5468", "layer": "#b8659f"}  # the others have it there as they are
TAKEN = ":root{color:"  # so begins the style of a figure that has the colours of the page
METADATA = re.compile(r"\s*<metadata>.*?</metadata>", flags=re.S)  # of matplotlib, in a language that no page knows
MORE_THAN_SEEN = re.compile(r"((?<![\d.#])[1-9]\d*\.\d\d)\d+")  # a hundredth of a point is
NAME = re.compile(r' id="([^"]*)"')
BETWEEN = re.compile(r"(?<=>)\s+(?=<)")  # where a figure holds no text, as matplotlib draws its letters
IN_PATH = re.compile(r"\s+(?=[A-Za-z])|(?<=[A-Za-z])\s+")


def fit_into_page(svg):
    """Return a figure as the pages show it."""
    return take_page_ink(leave_out_unread(MORE_THAN_SEEN.sub(r"\1", METADATA.sub("", svg))))


def leave_out_unread(svg):
    """Return a figure without names that nothing in it uses, and without spaces and ends of lines that say nothing."""
    read = set(re.findall(r"#([\w-]+)", svg))
    svg = NAME.sub(lambda name: name[0] if name[1] in read else "", svg)
    svg = svg if "<text" in svg else BETWEEN.sub("", svg)
    return re.sub(r'(?<= d=")[^"]*', lambda path: IN_PATH.sub("", path[0]).strip(), svg)


def take_page_ink(svg):
    """Return a figure in the colours of the page, whose color-scheme an image takes as prefers-color-scheme."""
    used = {name: tone for name, tone in COLOR.items() if tone in svg}
    if TAKEN in svg or (INK not in svg and not used):
        return svg
    light = "".join(f";--{name}:{ON_WHITE[name]}" for name in used)
    dark = "".join(f";--{name}:{ON_BLACK.get(name, tone)}" for name, tone in used.items())
    style = f"{TAKEN}{PAGE_INK[0]}{light}}}@media (prefers-color-scheme:dark){{:root{{color:{PAGE_INK[1]}{dark}}}}}"

    def name_colours(declarations):
        text = declarations[0]
        for name, tone in used.items():
            text = text.replace(tone, f"var(--{name})")
        return text

    svg = re.sub('style="[^"]*"', name_colours, svg.replace(INK, "currentColor"))
    return re.sub(r"(<svg[^>]*>)", lambda tag: f"{tag[0]}<style>{style}</style>", svg, count=1)
