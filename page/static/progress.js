// Progress, kept on the reader's machine only (keep.js): a tick beside each chapter read to its end, and on the first page
// a way to go on and to forget.
{
  const { load, save, forget, root, page, pageOf, links } = keep;
  const show = () => links.forEach((a) => a.classList.toggle("book-read", load().read.includes(pageOf(a.href))));
  show();

  if (page.startsWith("chapters/")) {
    const end = new IntersectionObserver(([{ isIntersecting }]) => {
      if (isIntersecting) save({ read: [...new Set([...load().read, page])] });
      show();
    });
    end.observe(document.querySelector(".prev-next-footer"));
    addEventListener("pagehide", () => {
      const sections = [...document.querySelectorAll("article section")];
      const here = sections.findLast((section) => section.getBoundingClientRect().top < innerHeight / 2);
      save({ last: `${page}#${here?.id ?? ""}` });
    });
  }

  const { last } = load();
  const link = last && links.find((a) => pageOf(a.href) === last.split("#")[0]);
  if (page === "intro.html" && link) {
    const line = document.createElement("p");
    line.className = "book-continue";
    line.innerHTML = '<a></a> <button type="button"></button>';
    Object.assign(line.firstChild, { href: root + last, textContent: say("Go on where you left off: {0}", link.textContent.trim()) });
    line.lastChild.textContent = say("Forget my progress");
    line.lastChild.onclick = () => (forget(), line.remove(), show());
    document.querySelector("article h1").after(line);
  }
}
