// What can be scrolled sideways is reached by key. The build gives that to all code, formulas and tables; here, as they
// come near the window, it is taken from those that have nothing to scroll. (To look at all would lay out the page.)
const nearby = new IntersectionObserver((entries) => {
  for (const { target: box, isIntersecting } of entries) {
    if (isIntersecting) box.tabIndex = box.scrollWidth > box.clientWidth ? 0 : -1;
  }
}, { rootMargin: "100%" });
for (const box of document.querySelectorAll("article [tabindex='0']:is(pre, .katex-display, .book-table, .pst-scrollable-table-container)")) nearby.observe(box);

// Paper is white.
addEventListener("beforeprint", () => {
  const { dataset } = document.documentElement;
  const { theme } = dataset;
  dataset.theme = "light";
  addEventListener("afterprint", () => (dataset.theme = theme), { once: true });
});

// A link to a folded cell opens it.
const unfold = () => {
  const cell = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  cell?.querySelectorAll(":scope.cell > details").forEach((fold) => (fold.open = true));
};
addEventListener("hashchange", unfold);
unfold();

// A menu closes as others do: by Escape, and when a click or the focus goes elsewhere.
const menus = [...document.querySelectorAll("details.dropdown")];
for (const kind of ["click", "focusin"]) {
  document.addEventListener(kind, ({ target }) => menus.forEach((menu) => menu.contains(target) || (menu.open = false)));
}
addEventListener("keydown", ({ key }) => {
  const open = key === "Escape" && menus.find((menu) => menu.open);
  if (!open) return;
  open.open = false;
  open.firstElementChild.focus();
});

// The words that a reader has marked go into the report that a sentence lost them.
let marked = "";
addEventListener("pointerdown", () => (marked = getSelection().toString().trim()), true);
addEventListener("click", ({ target }) => {
  const link = target.closest(".book-lost a");
  if (!link || !marked) return;
  const address = new URL(link.href);
  address.searchParams.set("body", address.searchParams.get("body").replace("> \n", `> ${marked.replace(/\s+/g, " ")}\n`));
  link.href = address;
});
