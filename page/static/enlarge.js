// A figure enlarged: its link leads to the picture alone, and here the picture opens over the page. Escape, the button
// and a click on the picture close it; on a phone it is wider than the window, which scrolls.
{
  const box = document.createElement("dialog");
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: say("Close") });
  box.className = "book-enlarged";
  box.setAttribute("aria-label", say("Enlarged figure"));
  box.addEventListener("click", () => box.close());
  document.body.append(box);
  document.addEventListener("click", (event) => {
    const picture = event.target.closest("a.book-figure")?.querySelector("img");
    if (!picture || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const copy = new Image();
    [copy.src, copy.alt] = [picture.src, picture.alt];
    box.replaceChildren(button, copy);
    box.showModal();
    box.scrollTo(0, 0);
  });
}
