// The table of symptoms of the clinic: a field that leaves the lines with the words one types, here or in the question
// itself, and a button that brings the table back while one reads an answer.
{
  const table = document.querySelector("table.book-symptoms");
  const place = table.closest(".pst-scrollable-table-container") ?? table;
  const make = (name, options, ...inside) => {
    const element = Object.assign(document.createElement(name), options);
    element.append(...inside);
    return element;
  };
  const plain = (text) => text.toLowerCase().normalize("NFKD");
  const groups = [];
  for (const row of table.tBodies[0].rows) {
    const link = row.cells[1].querySelector("a");
    if (!link) groups.push({ row, lines: [] });
    const question = link && document.querySelector(link.hash).closest("section");
    const said = question && [...question.querySelectorAll(":scope > :is(h3, p)")].slice(0, 2).map((part) => part.textContent);
    const text = plain([row.textContent, groups.at(-1)?.row.textContent, ...(said ?? [])].join(" "));
    if (link) groups.at(-1).lines.push({ row, text });
  }

  const field = make("input", { type: "search", autocomplete: "off" });
  const told = make("span", { role: "status" });
  const filter = document.querySelector(".book-filter"); // an empty box of the same height
  filter.append(make("label", {}, say("What do you see?"), " ", field), told);
  field.oninput = () => {
    const typed = plain(field.value).split(/\s+/).filter(Boolean);
    let found = 0;
    for (const { row, lines } of groups) {
      for (const line of lines) line.row.hidden = !typed.every((word) => line.text.includes(word));
      const left = lines.filter((line) => !line.row.hidden).length;
      row.hidden = left === 0;
      found += left;
    }
    told.textContent = typed.length ? found === 0 ? say("No question here has these words.") : found === 1 ? say("1 question") : say("{0} questions", found) : "";
  };
  const home = make("div", {});
  filter.before(home);
  const all = make("div", { className: "book-symptoms-all" }, filter, place);
  home.append(all);

  // While one reads an answer, the same field and table open over the page.
  const panel = make("div", { className: "book-panel", id: "book-panel", popover: "auto" });
  const button = make("button", { type: "button", className: "book-reach", hidden: true }, say("Symptoms"));
  button.popoverTargetElement = panel;
  const close = make("button", { type: "button", className: "book-close" }, say("Close"));
  close.onclick = () => panel.hidePopover();
  panel.append(close);
  document.querySelector("article").append(button, panel);
  panel.addEventListener("beforetoggle", ({ newState }) => {
    const opens = newState === "open";
    home.style.height = opens ? `${home.offsetHeight}px` : ""; // the page below stays where it is
    (opens ? panel : home).append(all);
  });
  let seen = true; // is the place of the table in the window, or below it?
  const show = () => { if (!panel.matches(":popover-open")) button.hidden = seen; };
  panel.addEventListener("toggle", ({ newState }) => newState === "open" ? field.focus() : show());
  panel.addEventListener("click", ({ target }) => target.closest("a") && panel.hidePopover());
  panel.addEventListener("keydown", ({ key }) => key === "Escape" && (panel.hidePopover(), button.focus())); // at once, whatever the field holds
  new IntersectionObserver(([{ isIntersecting }]) => { seen = isIntersecting; show(); }, {
    rootMargin: "0px 0px 10000000px 0px", // the window, and all below it
  }).observe(home);
}
