"""Save pictures of built pages, at 1280, 768 and 390 px, in light and dark: look at what you have made.

    python tools/screenshot.py _build/html/chapters/02_formula.html --out /tmp/pictures
    python tools/screenshot.py _build/html --out /tmp/pictures --open       all pages, folded cells unfolded

Long pages are cut into slices: NAME-1280-dark-0.png, NAME-1280-dark-1.png, ...
"""

import argparse
from pathlib import Path

from find_chromium import open_browser
from playwright.sync_api import sync_playwright

WIDTHS = [1280, 768, 390]
SLICE = 2400  # px; taller pictures are shrunk by most viewers
NOT_PAGES = {"genindex.html", "index.html"}


def main():
    """Save the pictures that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path, help="an HTML file, or a folder of them")
    parser.add_argument("--out", type=Path, required=True, help="the folder for the pictures")
    parser.add_argument("--open", action="store_true", help="unfold what is folded")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    found = sorted(args.page.rglob("*.html")) if args.page.is_dir() else [args.page]
    pages = [p for p in found if p.name not in NOT_PAGES and "_static" not in p.parts]

    with sync_playwright() as playwright:
        browser = open_browser(playwright)
        for scheme in ["light", "dark"]:
            for width in WIDTHS:
                tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
                for path in pages:
                    tab.goto(path.resolve().as_uri())
                    if args.open:
                        tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
                    save_slices(tab, args.out / f"{path.stem}-{width}-{scheme}")
        browser.close()


def lay_out_whole(tab):
    """Lay out what is far below the window too, whose heights are estimates before, and what follows a Predict."""
    tab.add_style_tag(content="section, .book-compare { display: block; content-visibility: visible !important }")


def show_whole(tab):
    """Make the window as high as the page, so that nothing scrolls while we look; return the height."""
    lay_out_whole(tab)
    height = tab.evaluate("document.documentElement.scrollHeight")
    tab.set_viewport_size(tab.viewport_size | {"height": height})
    tab.evaluate("scrollTo(0, 0)")
    return height


def save_slices(tab, name):
    """Save the whole page that a tab shows, in slices from the top."""
    size, height = tab.viewport_size, show_whole(tab)
    for number, top in enumerate(range(0, height, SLICE)):
        clip = {"x": 0, "y": top, "width": size["width"], "height": min(SLICE, height - top)}
        tab.screenshot(path=f"{name}-{number}.png", clip=clip)
        print(f"{name}-{number}.png")
    tab.set_viewport_size(size)


if __name__ == "__main__":
    main()
