// What the pages keep of a reader, on the reader's machine only. Where a browser forbids that, or what is kept is spoilt,
// a page begins anew.

const say = (words, ...values) => words.replace(/\{(\d)\}/g, (_, place) => values[place]); // the build translates the words
const keep = (() => {
  const name = "batch-normalization";
  const root = new URL(document.documentElement.dataset.content_root, location).href;
  const pageOf = (address) => address.slice(root.length).split(/[?#]/)[0];
  let now, forbidden;
  const load = () => {
    try { if (!forbidden) now = JSON.parse(localStorage.getItem(name)); } catch {}
    return { read: [], said: {}, ...now };
  };
  const save = (change) => {
    now = { ...load(), ...change };
    try { localStorage.setItem(name, JSON.stringify(now)); } catch { forbidden = true; }
  };
  const forget = () => {
    now = null;
    try { localStorage.removeItem(name); } catch {}
    dispatchEvent(new Event("forget"));
  };
  return { load, save, forget, root, pageOf, page: pageOf(location.href), links: [...document.querySelectorAll(".bd-links a")] };
})();
