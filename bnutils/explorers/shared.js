// What the explorers share: a custom element with controls, tables and plots. No kernel, no library, no network.
// Python puts this and the script of one explorer into one function, so nothing here is global.

const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
const squares = (values) => { const middle = mean(values); return values.reduce((a, b) => a + (b - middle) ** 2, 0); };
const biased = (values) => squares(values) / values.length;
const unbiased = (values) => squares(values) / (values.length - 1);
const clamp = (value, min, max) => Math.min(max, Math.max(min, value));
const snap = (value, step) => +(Math.round(value / step) * step).toFixed(6); // a multiple of the step, without 0.30000000000000004
const say = (words, ...values) => words.replace(/\{(\d)\}/g, (_, place) => values[place]); // as in page/static/keep.js
const span = (n) => Array.from({ length: n }, (_, i) => i);

// Show a number with a true minus sign, and zero without one; an infinite one as a word.
function digits(value, places = 3) {
  if (!Number.isFinite(value)) return say("too large");
  if (Math.abs(value) >= 1e6) return value.toExponential(1).replace("-", "−");
  const text = value.toFixed(places);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

// Make an HTML element inside another.
function make(parent, tag, properties = {}, text = "") {
  const { attributes = {}, ...rest } = properties;
  const element = Object.assign(document.createElement(tag), rest);
  for (const name in attributes) element.setAttribute(name, attributes[name]);
  if (text) element.textContent = text;
  parent.append(element);
  return element;
}

const STYLE = `
:host { display: block; margin: 1rem 0; font-size: 0.9em; line-height: 1.4;
  color: var(--pst-color-text-base, var(--jp-content-font-color1, inherit));
  --ground: var(--pst-color-background, var(--jp-layout-color0, Canvas));
  --line: var(--pst-color-border, var(--jp-border-color1, #8888));
  --focus: var(--pst-color-primary, var(--jp-brand-color1, var(--batch))); }
slot { display: none; }
.live { container-type: inline-size; border: 1px solid var(--line); border-radius: 0.4rem; padding: 0.4rem 1rem 0.8rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr)); gap: 0.4rem 1rem;
  padding: 0.4rem 0; background: var(--ground); }
.plots:has(.half) { grid-template-columns: repeat(2, minmax(0, 1fr)); }
.plots > :is(.wide, .legend) { grid-column: 1 / -1; }
@media (min-height: 30rem) { .plots { position: sticky; top: var(--top, 0); z-index: 1; } } /* in sight while a slider below it moves */
.legend { display: flex; flex-wrap: wrap; gap: 0 1.2em; margin: 0; font-size: 0.9em; }
svg { display: block; width: 100%; height: var(--tall); overflow: visible; user-select: none; -webkit-user-select: none; }
svg text { fill: currentColor; font-size: 12px; paint-order: stroke; stroke-width: 4px; stroke-linejoin: round; stroke: var(--ground); }
svg .title { font-weight: 600; }
svg .clear { stroke: none; }
svg path { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg .area { fill: currentColor; fill-opacity: 0.045; stroke: none; }
svg .axis { stroke: currentColor; stroke-opacity: 0.5; }
svg .thin { stroke: currentColor; stroke-opacity: 0.4; stroke-width: 1; }
svg .dash { stroke: currentColor; stroke-width: 1.5; stroke-dasharray: 4 3; }
svg .hollow { fill: none; stroke: currentColor; stroke-opacity: 0.7; stroke-width: 1.5; }
svg .ring { fill: var(--ground); stroke-width: 2.5; }
.handle { cursor: grab; outline: none; }
.handle.held { cursor: grabbing; }
.handle text { stroke: none; font-size: 11px; font-weight: 600; }
.handle .reach { fill: transparent; }
.handle:hover .reach { stroke: var(--line); }
.handle:focus-visible .reach, .handle.held .reach { stroke: var(--focus); stroke-width: 2; }
.controls { display: grid; grid-template-columns: repeat(var(--columns), minmax(0, 1fr)); gap: 0.3rem 1.6rem; margin: 0.4rem 0; }
.range { display: grid; grid-template-columns: 1fr auto; gap: 0 0.5em; align-items: end; align-content: end; }
.range .value { text-align: right; font-variant-numeric: tabular-nums; }
input[type=range] { grid-column: 1 / -1; width: 100%; height: 1.5rem; margin: 0; cursor: pointer; --thumb: var(--tone, var(--focus)); }
@media not (forced-colors: active) { /* a thin line and a knob, whose color is that of what it moves */
  input[type=range] { appearance: none; background: linear-gradient(var(--track) 0 0) center / 100% 3px no-repeat; --track: color-mix(in srgb, currentColor 30%, transparent); }
  input[type=range]::-webkit-slider-thumb { appearance: none; width: 1.1rem; height: 1.1rem; border-radius: 50%; background: var(--thumb); }
  input[type=range]::-moz-range-thumb { width: 1.1rem; height: 1.1rem; border: 0; border-radius: 50%; background: var(--thumb); }
}
input[type=checkbox] { width: 1.15rem; height: 1.15rem; margin: 0.2rem; accent-color: var(--focus); }
:is(input, button, summary) { scroll-margin-top: var(--plots); } /* the focus stays out from under the plots */
:is(input, button, summary):focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
summary { width: fit-content; padding: 0.2rem 0; cursor: pointer; }
.buttons { display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: center; margin: 0.5rem 0; }
button { font: inherit; color: inherit; padding: 0.2rem 0.7rem; min-height: 2rem; border: 1px solid var(--line);
  border-radius: 0.4rem; background: var(--pst-color-surface, var(--jp-layout-color2, transparent)); cursor: pointer; }
button:hover { border-color: var(--focus); }
button.quiet { border-color: transparent; background: none; text-decoration: underline; text-underline-offset: 0.2em; }
.tables { display: flex; flex-wrap: wrap; align-items: start; gap: 0.6rem 2.5rem; margin: 0.4rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.15em 0 0.15em 0.9em; text-align: right; font-weight: 400; }
th:first-child { padding-left: 0; text-align: left; }
thead :is(th, td) { border-bottom: 1px solid var(--line); vertical-align: bottom; }
table.samples { width: 100%; table-layout: fixed; font-size: 0.9em; margin: 0.4rem 0; }
table.samples :is(th, td) { padding-left: 0; text-align: center; }
table.samples th:first-child { width: 4em; text-align: left; }
.key { display: inline-block; width: 0.7em; height: 0.7em; margin-right: 0.35em; border-radius: 50%; }
.key.dash, .key.hollow { border: 1.5px solid; background: none; }
.key.dash { width: 1.3em; height: 0; border: 0; border-top: 1.5px dashed; border-radius: 0; vertical-align: 0.25em; }
[role=status] { margin: 0.4rem 0; min-height: 4.2em; }
:host([data-alone]) { margin: 0; }
:host([data-alone]) .live { padding: 0; border: 0; } /* the plots without what sets them, as a page may show them that plays them */
:host([data-alone]) .plots { position: static; background: none; }
:host([data-alone]) :is(.legend, .controls, .buttons, details, table, [role=status]) { display: none; }
@container (max-width: 28rem) {
  svg { height: var(--small); }
  .plots { gap: 0.2rem 0.6rem; }
  .controls { gap: 0.2rem 1rem; --columns: 2 !important; }
  .controls, .buttons { font-size: 0.93em; }
  button { padding: 0.2rem 0.5rem; }
  table.samples { font-size: 0.72em; }
  table.samples th:first-child { width: 2.9em; }
}
@media print { slot { display: contents; } .live { display: none; } }`;

// An explorer. Its content in the page, a sentence and a figure, is what readers see without JavaScript, and in print;
// the shadow root, which only a script can make, takes its place. A subclass has build(), which makes the controls and
// plots; compute(), which returns all numbers for the values in this.at; and draw(state), which shows them.
class Explorer extends HTMLElement {
  connectedCallback() {
    if (this.shadowRoot) return;
    const root = this.attachShadow({ mode: "open" });
    make(root, "style", {}, STYLE);
    make(root, "slot");
    this.live = make(root, "div", { className: "live" });
    this.parentElement.style.overflow = "visible"; // a box that could scroll would keep the plots from staying in sight
    this.start = JSON.parse(this.dataset.start); // as Python has drawn it
    this.at = structuredClone(this.start);
    this.controls = {};
    this.limits = {};
    this.plots = [];
    this.figures = make(this.live, "div", { className: "plots" });
    this.build();
    this.button(say("Start over"), () => { this.at = structuredClone(this.start); });
    this.status = make(this.live, "p", { attributes: { role: "status" } }); // read aloud when it has changed
    if (this.details) this.live.append(this.details);
    if (self === top && !this.alone && !this.closest(".jp-OutputArea")) this.share(); // the address of a notebook is none to send
    // keys belong to the control that has the focus: JupyterLab would go to another cell with an arrow
    this.live.addEventListener("keydown", (event) => { if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation(); });
    new ResizeObserver(() => {
      this.laidOut = true;
      this.refresh();
      const top = getComputedStyle(document.documentElement).scrollPaddingTop; // what the page keeps free for its bar
      this.live.style.setProperty("--top", Number.parseFloat(top) ? top : "0px");
      this.live.style.setProperty("--plots", `${this.figures.offsetHeight + 8}px`);
    }).observe(this.live);
    this.refresh();
  }

  get state() { return this.compute(); }
  get alone() { return "alone" in this.dataset; }

  // Compute and show all again, after any change.
  refresh() {
    const state = this.state;
    for (const name in this.controls) this.controls[name](this.at[name]);
    for (const plot of this.plots) plot.fit();
    this.draw(state);
    for (const plot of this.plots) plot.place();
    for (const cell of this.live.querySelectorAll("[data-value]")) {
      const value = cell.dataset.value.split(".").reduce((inside, name) => inside?.[name], state);
      cell.textContent = value == null ? "–" : digits(value, cell.dataset.places ?? 3);
    }
    clearTimeout(this.speaking); // the sentence waits until the hand rests, so that a screen reader is not flooded
    const sentence = this.sentence(state);
    if (!this.status.textContent) this.status.textContent = sentence;
    this.speaking = setTimeout(() => {
      if (this.status.textContent !== sentence) this.status.textContent = sentence;
      this.write?.();
    }, 300);
  }

  // The view in the address: what differs from the start, as in #explore-undo?gamma=3&m=2.
  get link() {
    const follows = this.follows?.() ?? [];
    const changed = Object.keys(this.at).filter((name) => !follows.includes(name) && String(this.at[name]) !== String(this.start[name]));
    const short = (value) => String(+Number(value).toPrecision(6)).replace("+", "");
    return ["#" + this.id, changed.map((name) => `${name}=${[this.at[name]].flat().map(short)}`).join("&")].filter(Boolean).join("?");
  }

  // Take the view from the address, as far as it makes sense; return whether there is one for this explorer.
  read() {
    const [id, view] = location.hash.slice(1).split("?");
    if (id !== this.id || !view) return false;
    this.at = structuredClone(this.start);
    for (const [name, text] of new URLSearchParams(view)) {
      const { min, max, whole, change } = this.limits[name] ?? {};
      const values = text.split(",").map((value) => clamp(whole ? Math.round(value) : Number(value), min, max));
      if (values.some(Number.isNaN) || values.length !== [this.start[name]].flat().length) continue;
      this.at[name] = values.length > 1 ? values : values[0];
      change?.(this.at[name]);
    }
    return true;
  }

  // The address follows the view, without a new entry in the history, and the view follows the address.
  share() {
    const come = () => {
      if (!this.read()) return;
      this.refresh();
      if (!history.state?.place) this.scrollIntoView(); // with a place, Back has led here (page/static/place.js)
    };
    if (this.read() && performance.getEntriesByType("navigation")[0]?.type === "navigate") addEventListener("load", come);
    addEventListener("hashchange", come);
    let written = this.link;
    this.write = () => {
      if (written !== this.link) history.replaceState(history.state, "", this.link);
      written = this.link;
    };
    const copy = this.button(say("Copy link to this view"), async () => {
      try {
        await navigator.clipboard.writeText(location.href.split("#")[0] + this.link);
        said.textContent = say("The link is copied.");
      } catch {
        said.textContent = say("The link stands in the address bar.");
        history.replaceState(history.state, "", this.link);
      }
      setTimeout(() => { said.textContent = ""; }, 4000);
    });
    copy.className = "quiet";
    const said = make(this.buttons, "span", { attributes: { "aria-live": "polite" } });
  }

  // What an address may say: numbers from min to max; change() does what follows from a new value.
  allow(name, min, max, change, whole = false) { this.limits[name] = { min, max, change, whole }; }

  // Sliders. Of color is the thing that one moves; write() says its value, and one with log has powers of ten.
  ranges(rows, parent = this.live) {
    const group = make(parent, "div", { className: "controls", style: `--columns:${rows.length === 3 ? 3 : 2}` });
    for (const { name, label, min, max, step = 1, log, color, change, write = (v) => digits(v, step < 0.1 ? 2 : step < 1 ? 1 : 0) } of rows) {
      this.allow(name, min, max, change, step === 1 && !log);
      const [to, from] = log ? [(v) => Math.round(Math.log10(v)), (v) => Number(`1e${v}`)] : [Number, Number];
      const row = make(group, "label", { className: "range", style: color ? `--tone:var(--${color})` : "" });
      make(row, "span", {}, label);
      const shown = make(row, "span", { className: "value", ariaHidden: true }); // heard as the value of the slider
      const input = make(row, "input", { type: "range", min: to(min), max: to(max), step, name });
      input.addEventListener("input", () => { this.at[name] = from(input.value); change?.(this.at[name]); this.refresh(); });
      this.controls[name] = (value) => {
        if (value != null) input.value = to(value);
        shown.textContent = write(value);
        input.setAttribute("aria-valuetext", shown.textContent);
      };
    }
  }

  // What a first look can do without: more sliders.
  more(rows) {
    const fold = make(this.live, "details");
    make(fold, "summary", {}, say("More settings"));
    this.ranges(rows, fold);
  }

  // What colors and lines stand for: [words, color], or the look of a mark in ink.
  legend(rows) {
    const line = make(this.figures, "p", { className: "legend" });
    for (const [words, look] of rows) {
      const entry = make(line, "span");
      make(entry, "span", look in { dash: 1, hollow: 1 } ? { className: `key ${look}` } : { className: "key", style: `background:var(--${look})` });
      entry.append(words);
    }
  }

  button(text, action) {
    this.buttons ??= make(this.live, "div", { className: "buttons" });
    const button = make(this.buttons, "button", { type: "button" }, text);
    button.addEventListener("click", () => { action(); this.refresh(); });
    return button;
  }

  // A table of numbers: a row is its head and the names of its numbers in the state; refresh() fills them in.
  table(label, head, rows, places = 3) {
    if (!this.details) {
      this.details = make(this.live, "details");
      make(this.details, "summary", {}, say("All numbers"));
      this.tables = make(this.details, "div", { className: "tables" });
    }
    const table = make(this.tables, "table", { attributes: { "aria-label": label } });
    const top = make(make(table, "thead"), "tr");
    head.forEach((text) => make(top, text ? "th" : "td", text ? { scope: "col" } : {}, text));
    const body = make(table, "tbody");
    for (const [text, ...names] of rows) {
      const row = make(body, "tr");
      const th = make(row, "th", { scope: "row" });
      const [words, color] = [text].flat(); // [words, color of the mark in the figure], or words alone
      if (color) make(th, "span", { className: "key", style: `background:var(--${color})` });
      th.append(words);
      for (const name of names) make(row, "td", name ? { attributes: { "data-value": name, "data-places": places } } : {});
    }
    return table;
  }

  // A plot, with its heights in a wide page and on a phone.
  plot(tall, small, label, look = "") {
    const plot = new Plot(this, this.figures, tall, small, label, look);
    this.plots.push(plot);
    return plot;
  }
}

// A drawing whose unit is one pixel at any width, so that its letters stay readable on a phone.
class Plot {
  constructor(host, parent, tall, small, label, look) {
    Object.assign(this, { host, tall, handles: [] });
    this.svg = this.element(parent, "svg", { role: "group", "aria-label": label, style: `--tall:${tall}px;--small:${small}px`, class: look });
    this.marks = this.element(this.svg, "g", { "aria-hidden": "true" });
  }

  element(parent, tag, attributes) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const name in attributes) element.setAttribute(name, attributes[name]);
    parent.append(element);
    return element;
  }

  fit() {
    const { width, height } = this.host.laidOut ? this.svg.getBoundingClientRect() : {}; // to ask earlier would lay out the page twice
    this.width = Math.max(100, width || 600);
    this.height = height || this.tall;
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.ink = [];
  }

  // A scale from values to pixels. Values beyond its ends stay at the edge of the drawing.
  scale([low, high], [from, to]) {
    const scale = (value) => from + ((clamp(value, low - (high - low) / 50, high + (high - low) / 50) - low) / (high - low)) * (to - from);
    scale.invert = (pixel) => low + ((pixel - from) / (to - from)) * (high - low);
    return Object.assign(scale, { low, high });
  }

  line(x1, y1, x2, y2, look) { this.ink.push(`<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" class="${look}"/>`); }
  dot(x, y, radius, color, opacity = 1) {
    this.ink.push(color ? `<circle cx="${x}" cy="${y}" r="${radius}" fill="var(--${color})" fill-opacity="${opacity}"/>`
      : `<circle cx="${x}" cy="${y}" r="${radius}" class="hollow"/>`);
  }
  path(points, color, look = "") {
    const steps = points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L");
    this.ink.push(`<path d="M${steps}" ${color ? `stroke="var(--${color})"` : ""} class="${look}"/>`);
  }
  text(x, y, words, anchor = "start", look = "") { this.ink.push(`<text x="${x}" y="${y}" text-anchor="${anchor}" class="${look}">${words}</text>`); }

  // A number line on a strip of its own: its name at the left, its ticks below the dots, so that no line meets a word.
  strip(scale, y, name, ticks = []) {
    const [left, right] = [scale(scale.low) - 14, scale(scale.high) + 14];
    this.ink.push(`<rect x="${left}" y="${y}" width="${right - left}" height="${ticks.length ? 34 : 22}" rx="5" class="area"/>`);
    this.text(0, y + 15, name, "start", "clear");
    this.line(left, y + 11, right, y + 11, "thin");
    for (const tick of ticks) {
      this.line(scale(tick), y + 11, scale(tick), y + 16, "axis");
      this.text(scale(tick), y + 29, digits(tick, 0), "middle", "clear");
    }
    return { dot: y + 11, from: y + (ticks.length ? 34 : 22), to: y }; // where lines start and end
  }

  // The way of a value from one strip to the next, level with neither: it leaves and arrives upright.
  join(x, above, u, below) {
    const middle = (above.from + below.to) / 2;
    this.ink.push(`<path d="M${x} ${above.from}C${x} ${middle} ${u} ${middle} ${u} ${below.to}" class="thin"/>`);
  }

  // An axis with ticks: level if y is a number, else upright at x.
  axis(scale, ticks, { x, y }) {
    const [from, to] = [scale(scale.low), scale(scale.high)];
    if (y != null) this.line(from, y, to, y, "axis");
    else this.line(x, from, x, to, "axis");
    for (const tick of ticks) {
      const at = scale(tick);
      if (y != null) { this.line(at, y, at, y + 4, "axis"); this.text(at, y + 16, digits(tick, 0), "middle"); }
      else { this.line(x - 4, at, x, at, "axis"); this.text(x - 7, at + 4, digits(tick, 0), "end"); }
    }
  }

  // Something to take hold of: by pointer or finger, or with the arrow keys once it has the focus.
  // at() is its place in pixels, get() its values [x] or [x, y], set(...) takes new ones, words() says them.
  handle({ label, color, ways, step, at, get, set, words, letter }) {
    const group = this.element(this.svg, "g", { class: "handle", tabindex: 0, role: "slider", "aria-label": label });
    this.element(group, "circle", { class: "reach", r: 13 });
    const mark = this.element(group, "circle", { r: letter ? 9 : 6.5 });
    if (letter) this.element(group, "text", { y: 4, "text-anchor": "middle" }).textContent = letter;
    const handle = { group, at, show: () => {
      const [x, y] = at();
      group.setAttribute("transform", `translate(${x} ${y})`);
      const name = color();
      mark.setAttribute("class", letter ? "ring" : name ? "" : "hollow");
      mark.setAttribute("style", name ? `${letter ? "stroke" : "fill"}:var(--${name})` : "");
      const [low, high] = [ways[0]().low, ways[0]().high];
      for (const [key, value] of Object.entries({ valuemin: low, valuemax: high, valuenow: clamp(get()[0], low, high), valuetext: words() })) group.setAttribute(`aria-${key}`, value);
    } };
    this.handles.push(handle);
    const go = (...values) => {
      set(...values.map((value, k) => clamp(snap(value, step), ways[k]().low, ways[k]().high)));
      this.host.refresh();
    };
    group.addEventListener("keydown", (event) => {
      const big = { PageUp: 10, PageDown: -10 }[event.key];
      const level = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const upright = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      const [x, y] = get();
      if (ways.length > 1) {
        if (level) go(x + level * step, y);
        else if (upright) go(x, y + upright * step);
        else return;
      } else if (event.key === "Home") go(ways[0]().low);
      else if (event.key === "End") go(ways[0]().high);
      else if (big || level || upright) go(x + (big ?? level ?? upright) * step);
      else return;
      event.preventDefault();
    });
    // a finger on a handle moves the handle, not the page (touch-action does not reach into a drawing)
    group.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
    group.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      const held = this.nearest(event);
      held.group.focus({ preventScroll: true });
      held.group.classList.add("held");
      held.group.setPointerCapture(event.pointerId);
    });
    group.addEventListener("pointermove", (event) => {
      if (!group.classList.contains("held")) return;
      const [x, y] = this.pixel(event);
      go(...[x, y].slice(0, ways.length).map((pixel, k) => ways[k]().invert(pixel)));
    });
    for (const end of ["pointerup", "pointercancel"]) group.addEventListener(end, () => group.classList.remove("held"));
  }

  pixel(event) {
    const box = this.svg.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * this.width, ((event.clientY - box.top) / box.height) * this.height];
  }

  // The handle whose middle is nearest: where two overlap, that is the one that was meant.
  nearest(event) {
    const [x, y] = this.pixel(event);
    const far = ({ at }) => Math.hypot(at()[0] - x, at()[1] - y);
    return this.handles.reduce((best, handle) => (far(handle) < far(best) ? handle : best));
  }

  place() {
    const isText = (mark) => mark.startsWith("<text");
    this.marks.innerHTML = this.ink.sort((a, b) => isText(a) - isText(b)).join(""); // words above lines
    for (const handle of this.handles) handle.show();
  }
}

// A notebook may show an explorer twice, and each output brings its script: the first one counts.
const define = (name, kind) => customElements.get(name) || customElements.define(name, kind);
