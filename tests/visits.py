"""A page as the browser sees it: visited once at each width, for all tests that ask about it."""

from functools import cache

from conftest import ROOT
from screenshot import lay_out_whole

DESKTOP, PHONE = 1280, 390  # px
SCHEMES = {DESKTOP: "light", PHONE: "dark"}

DESCRIBE_PAGE = r"""async () => {
  let shift = 0;
  const watch = new PerformanceObserver((list) => list.getEntries().forEach((entry) => { shift += entry.value; }));
  watch.observe({ type: 'layout-shift', buffered: true });
  document.body.getBoundingClientRect(); // lays out all, which asks for the fonts
  await document.fonts.ready;
  const all = (selector) => [...document.querySelectorAll(selector)];
  const text = document.querySelector('main').cloneNode(true);
  text.querySelectorAll('annotation, script, style, pre, code').forEach((element) => element.remove());
  const images = all('article img');
  for (const image of images) image.loading = 'eager';
  await Promise.all(images.map((image) => image.decode().catch(() => {})));
  return {
    shift,
    codeSizes: all('article pre').flatMap((e) => e.checkVisibility() ? parseFloat(getComputedStyle(e).fontSize) : []),
    text: text.textContent,
    formulas: all('.math').length,
    formulaHeights: all('.math .katex').filter((e) => e.checkVisibility()).map((e) => e.getBoundingClientRect().height),
    formulaFonts: document.fonts.check('16px KaTeX_Math'),
    images: images.map((e) => ({alt: e.alt, source: e.getAttribute('src'), width: e.naturalWidth})),
    overflow: document.scrollingElement.scrollWidth - innerWidth,
    emptyHeaders: all('.bd-header').filter((e) => e.offsetHeight).length,
    description: document.querySelector('meta[name=description]')?.content,
  };
}"""

LETTERS = r"""() => {
  const shown = {};
  const read = (root) => {
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const element = texts.currentNode.parentElement ?? root.host;
      if (element.closest('script, style, noscript, .katex-mathml')) continue;
      const { fontFamily, fontWeight, fontStyle } = getComputedStyle(element);
      const face = [fontFamily.split(',')[0].replaceAll('"', ''), fontWeight >= 600, fontStyle === 'italic'];
      shown[face] = [...new Set([...(shown[face] ?? ''), ...texts.currentNode.data])].join('');
    }
    for (const element of root.querySelectorAll('*')) if (element.shadowRoot) read(element.shadowRoot);
  };
  read(document.body);
  return shown;
}"""

MEASURE_LABELS = r"""(texts) => {
  const found = [];
  const measure = (svg, scale) => {
    const size = (text) => [text.textContent.trim(), parseFloat(getComputedStyle(text).fontSize) * scale];
    const drawn = [...svg.querySelectorAll('g[transform]')]
      .map((glyphs) => ['glyphs', 100 * /scale\(([\d.]+) -/.exec(glyphs.getAttribute('transform'))?.[1] * scale]);
    found.push(...[...[...svg.querySelectorAll('text')].map(size), ...drawn].filter(([, pixels]) => pixels > 0));
  };
  for (const image of document.querySelectorAll('article img[src$=".svg"]')) {
    const host = document.body.appendChild(document.createElement('div'));
    const text = texts[image.getAttribute('src')];
    host.attachShadow({ mode: 'open' }).innerHTML = text.replace(/^[\s\S]*?<svg/, '<svg');
    const svg = host.shadowRoot.querySelector('svg');
    measure(svg, image.getBoundingClientRect().width / svg.viewBox.baseVal.width);
    host.remove();
  }
  for (const svg of document.querySelectorAll('article svg')) measure(svg, Math.abs(svg.getScreenCTM()?.a ?? 0));
  return found;
}"""

AXE = ROOT / "page/node_modules/axe-core/axe.min.js"
# Letters of formulas and of highlighted code are two thirds of the nodes of a page, and axe can judge only their ink.
# So each ink is held against its ground here, and axe gets a formula as its words beside an empty box, and code without
# its spans. What else looks alike is judged once: two thirds of its time went into the contrast of each paragraph.
FIND_FAULTS = """async () => {
  document.querySelectorAll('details').forEach((details) => { details.open = true; });
  const letters = [...document.querySelectorAll('.katex-html[aria-hidden=true], pre')], known = new Map();
  const groundOf = (element) => {
    if (!element) return 'rgb(255, 255, 255)';
    if (!known.has(element)) {
      const { backgroundColor, opacity } = getComputedStyle(element), behind = groundOf(element.parentElement);
      known.set(element, opacity < 1 ? 'seen through' : backgroundColor.endsWith(', 0)') ? behind : backgroundColor);
    }
    return known.get(element);
  };
  const lookOf = (element) => {
    const { color, fontSize, fontWeight } = getComputedStyle(element), seen = element.checkVisibility();
    return [color, groundOf(element), fontSize, fontWeight, element.localName, element.className, seen].join();
  };
  const inks = new Set(), more = 'a, button, input, [id], [role], [tabindex], [lang], [title], [style*=important]';
  for (const root of letters) {
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      if (!texts.currentNode.data.trim()) continue;
      const element = texts.currentNode.parentElement;
      inks.add(`${getComputedStyle(element).color} on ${groundOf(element)}`);
    }
  }
  const formulas = letters.filter((root) => root.matches('.katex-html') && !root.querySelector(more));
  const sizes = formulas.map((root) => [root, root.getBoundingClientRect(), root.scrollWidth]);
  for (const [root, { width, height }, inner] of sizes) {
    root.replaceChildren();
    root.style = `display: inline-block; width: ${Math.max(width, inner)}px; height: ${height}px`;
  }
  for (const span of document.querySelectorAll('pre span')) {
    if (!span.matches(more) && !span.ariaHidden) span.replaceWith(...span.childNodes);
  }
  for (const root of document.querySelectorAll('.katex-mathml')) {
    if (!root.querySelector(more)) root.replaceChildren(root.textContent);
  }
  const looks = new Set();
  for (const element of document.body.querySelectorAll('*')) {
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim().length > 1);
    const look = text || element.matches('input, select, textarea') ? lookOf(element) : 'nothing to read';
    element.toggleAttribute('data-judged', look !== 'nothing to read' && !looks.has(look));
    looks.add(look);
  }
  axe.configure({ rules: [{ id: 'color-contrast', selector: '[data-judged]' }] });
  const { violations } = await axe.run(document, { resultTypes: ['violations'] });
  const told = violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 150)).join(' | ')}`);
  return { axe: told, inks: [...inks] };
}"""


def visits(browser, site, book):
    """Return a function that opens a page once at a width, and tells what the browser saw.

    On the desktop a page comes from a server, on the phone from a folder; axe looks at the desktop, or where asked.
    """
    start = {DESKTOP: site, PHONE: f"{book.as_uri()}/"}

    @cache
    def visit(page, width, judged):
        tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=SCHEMES[width])
        seen = {"errors": [], "failed": [], "requests": []}
        tab.on("console", lambda message: seen["errors"].append(message.text) if message.type == "error" else None)
        tab.on("pageerror", lambda error: seen["errors"].append(str(error)))
        tab.on("request", lambda request: seen["requests"].append(request.url))
        tab.on("requestfailed", lambda request: seen["failed"].append(request.url))
        tab.on("response", lambda response: seen["failed"].append(response.url) if response.status >= 400 else None)
        tab.goto(start[width] + page)
        lay_out_whole(tab)
        seen |= tab.evaluate(DESCRIBE_PAGE)
        if width == DESKTOP:
            seen["letters"] = tab.evaluate(LETTERS)
        else:
            seen["labels"] = labels(tab, (book / page).parent)
        if judged:
            tab.evaluate(AXE.read_text())
            seen |= {"theme": tab.evaluate("document.documentElement.dataset.theme"), **tab.evaluate(FIND_FAULTS)}
        else:
            tab.wait_for_timeout(150)  # scripts that ask for more after the page is loaded; axe takes longer
        tab.close()
        return seen

    return lambda page, width=DESKTOP, judged=False: visit(page, width, judged or width == DESKTOP)


def labels(tab, folder):
    """Return the labels of all figures of a page in this folder, with their heights in pixels."""
    pictures = tab.evaluate(
        "[...document.querySelectorAll('article img[src$=\".svg\"]')].map((e) => e.getAttribute('src'))"
    )
    return tab.evaluate(MEASURE_LABELS, {name: (folder / name).read_text() for name in set(pictures)})


def shifted(tab):
    """Return how much of a page has moved by itself, as browsers count it."""
    return sum(
        tab.evaluate("""() => new Promise((done) => {
          const observer = new PerformanceObserver((list) => done(list.getEntries().map((entry) => entry.value)));
          observer.observe({ type: 'layout-shift', buffered: true });
          setTimeout(() => done([]), 300);
        })""")
    )
