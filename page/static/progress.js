// Progress, kept on the reader's machine only: a tick beside each chapter read to its end, and on the first page
// a way to go on and to forget.
{
  const name = "batch-normalization";
  const root = new URL(document.documentElement.dataset.content_root, location).href;
  const pageOf = (address) => address.slice(root.length).split(/[?#]/)[0];
  const page = pageOf(location.href);
  const load = () => {
    try { return { read: [], ...JSON.parse(localStorage.getItem(name)) }; } catch { return { read: [] }; } // spoilt: begin anew
  };
  const save = (change) => localStorage.setItem(name, JSON.stringify({ ...load(), ...change }));
  const links = [...document.querySelectorAll(".bd-links a")];
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
    line.innerHTML = '<a></a> <button type="button">Forget my progress</button>';
    Object.assign(line.firstChild, { href: root + last, textContent: `Go on where you left off: ${link.textContent.trim()}` });
    line.lastChild.onclick = () => (localStorage.removeItem(name), line.remove(), show());
    document.querySelector("article h1").after(line);
  }
}
