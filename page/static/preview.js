// What a link leads to, beside it: formulas, figures, exercises and words of the book, and sources, whose titles the
// build has written into the links. By mouse and by key; Escape closes it, and the mouse may go into it. A page that is
// read from a folder may not read other pages: there it shows what is on the page itself.
{
  const box = Object.assign(document.createElement("div"), { className: "book-preview bd-article", id: "book-preview", popover: "manual", role: "tooltip" });
  document.body.append(box);
  const pages = new Map([[location.pathname, document]]);
  let link, timer;

  const read = async ({ href, pathname }) => {
    if (!pages.has(pathname)) {
      const text = await fetch(href).then((answer) => (answer.ok ? answer.text() : ""), () => "");
      pages.set(pathname, new DOMParser().parseFromString(text, "text/html"));
    }
    return pages.get(pathname);
  };
  const pick = (target, words) => {
    const section = target.matches("section") ? target : target.matches("section > span") && target.parentElement;
    if (section) { // of all exercises, the one that the link names
      const named = [...section.children].find((e) => e.matches("section") && e.textContent.trim().match(/^[^:：]*/)[0] === words);
      return [...(named ?? section).children].filter((e) => !e.matches("section, span, .book-lost, .book-compare")).slice(0, 3);
    }
    if (target.matches("dt")) return [target, target.nextElementSibling];
    return [target.closest("figure, .math, .citation, .claim, p, li") ?? target];
  };
  const fill = async (link) => {
    if (link.title) [link.dataset.source, link.title] = [link.title, ""];
    if (link.dataset.source) return box.replaceChildren(link.dataset.source), true;
    if (!link.hash || link.origin !== location.origin || link.matches(".headerlink")) return false;
    const target = (await read(link)).getElementById(decodeURIComponent(link.hash.slice(1)));
    if (!target?.closest("article")) return false;
    box.replaceChildren(...pick(target, link.textContent.trim()).map((part) => document.importNode(part, true)));
    box.querySelectorAll(".headerlink, script, button").forEach((part) => part.remove());
    box.querySelectorAll("[id]").forEach((part) => part.removeAttribute("id"));
    box.querySelectorAll("[tabindex]").forEach((part) => part.removeAttribute("tabindex"));
    for (const image of box.querySelectorAll("img")) image.src = new URL(image.getAttribute("src"), link.href);
    return box.textContent.trim() !== "";
  };
  const place = () => {
    const { left, top, bottom } = link.getBoundingClientRect();
    box.style.left = `${Math.max(8, Math.min(left, innerWidth - box.offsetWidth - 8))}px`;
    box.style.top = `${bottom + box.offsetHeight + 12 < innerHeight ? bottom + 6 : Math.max(8, top - box.offsetHeight - 6)}px`;
    if (bottom < 0 || top > innerHeight) hide();
  };
  const hide = () => {
    clearTimeout(timer);
    link?.removeAttribute("aria-describedby");
    link = null;
    box.hidePopover();
  };
  const show = ({ target, pointerType }) => {
    if (pointerType === "touch") return;
    if (box.contains(target)) return clearTimeout(timer);
    const next = target.closest?.("article a.reference:not(.external), article a.bibtex");
    if (!next || next === link) return next && clearTimeout(timer);
    clearTimeout(timer);
    timer = setTimeout(async () => {
      hide();
      link = next;
      if (!(await fill(next)) || link !== next) return;
      box.showPopover();
      next.setAttribute("aria-describedby", box.id);
      place();
    }, 200);
  };
  const leave = () => { clearTimeout(timer); timer = setTimeout(hide, 250); }; // time to go into the box
  document.addEventListener("pointerover", show);
  document.addEventListener("focusin", show);
  document.addEventListener("pointerout", ({ target }) => (target.closest?.("a") || box.contains(target)) && leave());
  document.addEventListener("focusout", leave);
  addEventListener("scroll", () => link && place(), { passive: true }); // the focus itself may scroll
  addEventListener("keydown", ({ key }) => key === "Escape" && hide());
}
