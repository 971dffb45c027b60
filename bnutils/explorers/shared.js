// What the explorers share: a custom element with controls, tables and plots. No kernel, no library, no network.
// Python puts this and the script of one explorer into one function, so nothing here is global.

const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
const squares = (values) => { const middle = mean(values); return values.reduce((a, b) => a + (b - middle) ** 2, 0); };
const biased = (values) => squares(values) / values.length;
const unbiased = (values) => squares(values) / (values.length - 1);
const clamp = (value, min, max) => Math.min(max, Math.max(min, value));
const snap = (value, step) => +(Math.round(value / step) * step).toFixed(6); // a multiple of the step, without 0.30000000000000004
const span = (n) => Array.from({ length: n }, (_, i) => i);

// Show a number with a true minus sign, and zero without one; an infinite one as a word.
function digits(value, places = 3) {
  if (!Number.isFinite(value)) return "too large";
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
  --line: var(--pst-color-border, var(--jp-border-color1, #8888));
  --focus: var(--pst-color-primary, var(--jp-brand-color1, var(--batch))); }
slot { display: none; }
.live { container-type: inline-size; border: 1px solid var(--line); border-radius: 0.4rem; padding: 0.8rem 1rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr)); gap: 0.5rem 1rem; }
svg { display: block; width: 100%; overflow: visible; user-select: none; -webkit-user-select: none; }
svg text { fill: currentColor; font-size: 12px; paint-order: stroke; stroke-width: 4px; stroke-linejoin: round;
  stroke: var(--pst-color-background, var(--jp-layout-color0, #fff)); } /* a line that passes below a word leaves it readable */
svg.wide { grid-column: 1 / -1; }
svg path { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg .axis { stroke: currentColor; stroke-opacity: 0.5; }
svg .thin { stroke: currentColor; stroke-opacity: 0.4; stroke-width: 1; }
svg .dash { stroke: currentColor; stroke-width: 1.5; stroke-dasharray: 4 3; }
svg .hollow { fill: none; stroke: currentColor; stroke-opacity: 0.7; stroke-width: 1.5; }
.handle { cursor: grab; outline: none; }
.handle .reach { fill: transparent; }
.handle:focus-visible .reach, .handle.held .reach { stroke: var(--focus); stroke-width: 2; }
.controls { display: flex; flex-wrap: wrap; gap: 0.3rem 1.5rem; margin: 0.6rem 0; align-items: start; }
fieldset { border: 0; margin: 0; padding: 0; flex: 1 1 17rem; min-width: 0; }
legend { padding: 0; font-weight: 600; }
.range { display: grid; grid-template-columns: 9.5em minmax(4rem, 1fr) 4em; gap: 0 0.6em; align-items: center; min-height: 1.9em; }
.range .value { text-align: right; }
@container (max-width: 28rem) { .range { grid-template-columns: minmax(auto, 9.6em) 1fr 3.2em; } }
input[type=range] { width: 100%; margin: 0; accent-color: var(--focus); }
input[type=checkbox] { width: 1.15rem; height: 1.15rem; margin: 0.2rem; accent-color: var(--focus); }
:is(input, button):focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
.buttons { display: flex; flex-wrap: wrap; gap: 0.5rem; margin: 0.6rem 0; }
button { font: inherit; color: inherit; padding: 0.3rem 0.8rem; min-height: 2rem; border: 1px solid var(--line);
  border-radius: 0.4rem; background: var(--pst-color-surface, var(--jp-layout-color2, transparent)); cursor: pointer; }
.tables { display: flex; flex-wrap: wrap; align-items: start; gap: 0.6rem 2rem; margin: 0.6rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.15em 0 0.15em 0.9em; text-align: right; font-weight: 400; }
th:first-child { padding-left: 0; text-align: left; }
thead :is(th, td) { border-bottom: 1px solid var(--line); vertical-align: bottom; }
table.samples { width: 100%; table-layout: fixed; font-size: 0.9em; }
table.samples :is(th, td) { padding-left: 0; text-align: center; }
table.samples th:first-child { width: 2.8em; text-align: left; }
@container (max-width: 28rem) { table.samples { font-size: 0.75em; } table.samples th:first-child { width: 2.2em; } }
.key { display: inline-block; width: 0.7em; height: 0.7em; margin-right: 0.35em; border-radius: 50%; }
[role=status] { margin: 0.6rem 0 0; min-height: 2.8em; }
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
    this.start = JSON.parse(this.dataset.start); // as Python has drawn it
    this.at = structuredClone(this.start);
    this.controls = {};
    this.plots = [];
    this.build();
    this.reset = this.button("Back to the start", () => { this.at = structuredClone(this.start); });
    this.status = make(this.live, "p", { attributes: { role: "status" } }); // read aloud when it has changed
    // keys belong to the control that has the focus: JupyterLab would go to another cell with an arrow
    this.live.addEventListener("keydown", (event) => { if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation(); });
    new ResizeObserver(() => { this.laidOut = true; this.refresh(); }).observe(this.live);
    this.refresh();
  }

  get state() { return this.compute(); }

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
    this.speaking = setTimeout(() => { if (this.status.textContent !== sentence) this.status.textContent = sentence; }, 300);
  }

  // A group of sliders: name, label, smallest, largest, step, and how the value is written.
  ranges(title, rows) {
    this.groups ??= make(this.live, "div", { className: "controls" });
    const group = make(this.groups, "fieldset");
    make(group, "legend", {}, title);
    for (const [name, label, min, max, step, write = (v) => digits(v, step < 0.1 ? 2 : step < 1 ? 1 : 0), change] of rows) {
      const row = make(group, "label", { className: "range" });
      make(row, "span", {}, label);
      const input = make(row, "input", { type: "range", min, max, step, name });
      const shown = make(row, "span", { className: "value", ariaHidden: true }); // heard as the value of the slider
      input.addEventListener("input", () => { this.at[name] = Number(input.value); change?.(this.at[name]); this.refresh(); });
      this.controls[name] = (value) => {
        input.value = value;
        shown.textContent = write(value);
        input.setAttribute("aria-valuetext", shown.textContent);
      };
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
    this.tables ??= make(this.live, "div", { className: "tables" });
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

  plot(height, label, look = "") {
    this.figures ??= make(this.live, "div", { className: "plots" });
    const plot = new Plot(this, this.figures, height, label, look);
    this.plots.push(plot);
    return plot;
  }
}

// A drawing whose unit is one pixel at any width, so that its letters stay readable on a phone.
class Plot {
  constructor(host, parent, height, label, look) {
    Object.assign(this, { host, height, handles: [] });
    this.svg = this.element(parent, "svg", { role: "group", "aria-label": label, height, class: look });
    this.marks = this.element(this.svg, "g", { "aria-hidden": "true" });
  }

  element(parent, tag, attributes) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const name in attributes) element.setAttribute(name, attributes[name]);
    parent.append(element);
    return element;
  }

  fit() {
    const width = this.host.laidOut && this.svg.getBoundingClientRect().width; // to ask earlier would lay out the page twice
    this.width = Math.max(200, width || 600);
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.ink = [];
  }

  // A scale from values to pixels. Values beyond its ends stay at the edge of the drawing.
  scale([low, high], [from, to]) {
    const scale = (value) => from + ((clamp(value, low - (high - low) / 20, high + (high - low) / 20) - low) / (high - low)) * (to - from);
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
  text(x, y, words, anchor = "start") { this.ink.push(`<text x="${x}" y="${y}" text-anchor="${anchor}">${words}</text>`); }

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
  handle({ label, color, ways, step, at, get, set, words }) {
    const group = this.element(this.svg, "g", { class: "handle", tabindex: 0, role: "slider", "aria-label": label });
    this.element(group, "circle", { class: "reach", r: 13 });
    const mark = this.element(group, "circle", { r: 6.5 });
    const handle = { group, at, show: () => {
      const [x, y] = at();
      group.setAttribute("transform", `translate(${x} ${y})`);
      const name = color();
      mark.setAttribute("class", name ? "" : "hollow");
      mark.setAttribute("style", name ? `fill:var(--${name})` : "");
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
