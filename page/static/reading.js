// A box that is narrower than what it holds is scrolled by keys: found when it comes into view, not on loading.
const inView = new IntersectionObserver((entries) => {
  for (const { target: box, isIntersecting } of entries) {
    if (isIntersecting) box.tabIndex = box.scrollWidth > box.clientWidth ? 0 : -1;
  }
});
for (const box of document.querySelectorAll("pre, .katex-display, .pst-scrollable-table-container")) inView.observe(box);

// Paper is white.
addEventListener("beforeprint", () => {
  const { dataset } = document.documentElement;
  const { theme } = dataset;
  dataset.theme = "light";
  addEventListener("afterprint", () => (dataset.theme = theme), { once: true });
});
