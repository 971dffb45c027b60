// The explorer of the first page plays by itself: eight values wander, and BatchNorm follows them. It rests while nobody
// sees it, for readers who want no motion, at the button, and for good once a reader takes hold of a value.
addEventListener("DOMContentLoaded", () => {
  const box = document.querySelector(".book-play");
  const explorer = box?.querySelector("[data-alone]");
  if (!explorer?.refresh) return;
  const EACH = 40; // ms from one picture to the next
  const start = [...explorer.start.z];
  const middle = start.reduce((a, b) => a + b) / start.length;
  let playing = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  let seen = true, time = 0, last = 0;

  const wave = (seconds, phase = 0) => Math.sin((2 * Math.PI * time) / seconds + phase);
  const move = () => {
    const spread = 0.75 + 0.4 * wave(7);
    explorer.at.z = start.map((z, i) => middle + 7 * wave(11) + spread * (z - middle) + 1.2 * wave(3 + i / 3, i));
    explorer.at.gamma = 1.6 + 0.8 * wave(13);
    explorer.at.beta = 2.5 * wave(17);
    explorer.refresh();
  };
  const step = (now) => {
    if (!playing || !seen) return;
    if (now - last >= EACH) {
      time += Math.min(now - last, 2 * EACH) / 1000;
      last = now;
      move();
    }
    requestAnimationFrame(step);
  };
  const button = Object.assign(document.createElement("button"), { type: "button" });
  box.append(button);
  const play = (on) => {
    playing = on;
    button.textContent = on ? say("Pause") : say("Play");
    if (on) requestAnimationFrame(step);
  };
  button.onclick = () => play(!playing);
  for (const kind of ["pointerdown", "keydown"]) explorer.addEventListener(kind, ({ key }) => key === "Tab" || play(false), true); // the explorer keeps keys to itself
  new IntersectionObserver(([{ isIntersecting }]) => {
    seen = isIntersecting;
    if (playing && seen) requestAnimationFrame(step);
  }).observe(box);
  play(playing);
});
