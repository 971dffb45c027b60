// The reader's place, kept over a reload, a tab that the browser has thrown away, and Back. A browser keeps it in pixels,
// and the heights of what is far from the window are estimates; here it is the block under the reader's eye. It waits for the
// other scripts, which change what stands on a page.
addEventListener("DOMContentLoaded", () => {
  const KINDS = "article :is(h1, h2, h3, p, li, pre, tr, figure, summary, .math):not(summary *)";
  const blocks = [...document.querySelectorAll(KINDS)];
  const here = () => {
    for (let y = 70; y < innerHeight; y += 40) { // below the bar of buttons
      const block = document.elementFromPoint(innerWidth / 2, y)?.closest(KINDS);
      if (block) return [blocks.indexOf(block), block.getBoundingClientRect().top];
    }
    return null;
  };
  const goTo = (place) => {
    const block = blocks[place?.[0]];
    for (let fold = block?.closest(":not(summary)"); (fold = fold?.parentElement.closest("details")); ) fold.open = true;
    block?.closest(".book-compare")?.dispatchEvent(new Event("beforematch")); // predict.js shows it
    block?.scrollIntoView({ behavior: "instant" });
    if (block) scrollBy({ top: block.getBoundingClientRect().top - place[1], behavior: "instant" });
  };

  const name = `place ${location.pathname}`;
  const keepPlace = () => { try { sessionStorage.setItem(name, JSON.stringify(here())); } catch {} };
  history.scrollRestoration = "manual";
  addEventListener("pagehide", keepPlace);
  document.addEventListener("visibilitychange", keepPlace); // a tab that is thrown away has been hidden before
  try {
    const came = sessionStorage.getItem("edition") === location.pathname; // from the same page in the other language
    if (came || performance.getEntriesByType("navigation")[0]?.type !== "navigate") goTo(JSON.parse(sessionStorage.getItem(name)));
    sessionStorage.removeItem("edition");
  } catch {}

  // The other edition has the same blocks, in other heights: its page opens at the first one that begins in the window, and
  // in a new tab at the section.
  const beginning = () => {
    const first = blocks.findIndex((block) => block.getBoundingClientRect().top >= 60 && block.checkVisibility());
    return first < 0 ? here() : [first, blocks[first].getBoundingClientRect().top];
  };
  const other = document.querySelector(".book-edition");
  for (const kind of ["click", "auxclick"]) other?.addEventListener(kind, ({ ctrlKey, metaKey, shiftKey }) => {
    const inNewTab = kind === "auxclick" || ctrlKey || metaKey || shiftKey;
    other.hash = (inNewTab && blocks[here()?.[0]]?.closest("section section")?.id) || "";
    if (inNewTab) return;
    try {
      sessionStorage.setItem(`place ${other.pathname}`, JSON.stringify(beginning()));
      sessionStorage.setItem("edition", other.pathname);
    } catch {}
  });

  // Jumps within the page: the place before the jump goes with the entry of the history.
  document.addEventListener("click", ({ target }) => {
    if (target.closest("a[href^='#']")) history.replaceState({ ...history.state, place: here() }, "");
  }, true);
  addEventListener("popstate", ({ state }) => {
    if (state?.place) goTo(state.place);
    else document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
  });
});
