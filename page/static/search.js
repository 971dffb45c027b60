// The search page: finds sections, words of the glossary, sources and claims while the reader types. MiniSearch does the
// work, on what page/search.py has written; both are loaded here only.
{
  const HAN = /^\p{Script=Han}/u;
  const LETTER = "(?:(?!\\p{Script=Han})[\\p{L}\\p{N}])";
  const TOKEN = new RegExp(`\\(\\d+\\.\\d+\\)|\\d+\\.\\d+|\\p{Script=Han}+|${LETTER}+(?:_+${LETTER}+)*`, "gu"); // (2.1), 0.9, 批均值, track_running_stats
  const SMALL = new Set("a an and are as at be been by can could did do does for from had has have how i if in into is it its me my of on or our should so that the their them then there these they this to was we were what when where which while who why will with would you your".split(" "));
  const GREEK = { γ: "gamma", β: "beta", ε: "epsilon", μ: "mu", σ: "sigma" };
  const MOST = 30;
  // Chinese has no spaces: what stands there is found by each two characters of it, and the last of them by itself.
  const pairs = (run) => [...run].map((_, at) => run.slice(at, at + 2));
  const parts = (name) => (HAN.test(name) ? pairs(name) : name.includes("_") ? [name, ...name.split(/_+/)] : [name]);
  const tokenize = (text) => (text.match(TOKEN) ?? []).flatMap(parts);
  const asked = (query) => (query.match(TOKEN) ?? []).flatMap((name) => (HAN.test(name) && name.length > 1 ? pairs(name).slice(0, -1) : parts(name)));
  const processTerm = (term) => {
    const word = term.toLowerCase();
    return SMALL.has(word) || /^[a-z]?$/.test(word) ? null : Object.hasOwn(GREEK, word) ? [word, GREEK[word]] : word;
  };
  const index = new MiniSearch({ fields: ["title", "page", "names", "text", "code"], tokenize, processTerm });
  index.addAll(sections);
  const known = new Map(sections.map((section) => [section.id, section]));

  // A word as it is written, or its beginning; else one typo, two typos, and at last any of the words.
  const attempts = [{}, { fuzzy: (term) => term.length > 4 && 1 }, { fuzzy: (term) => term.length > 6 && 2 }, { combineWith: "OR" }];
  const search = { boost: { title: 4, names: 2, code: 0.5 }, prefix: (term) => term.length > 2 || HAN.test(term), combineWith: "AND", tokenize: asked };
  const LESSER = /^(assignments|teach|hub)|#(exercise|sources|summary)/; // what a reader looks for stands elsewhere, too
  const find = (query) => {
    const phrase = query.trim().toLowerCase();
    const found = attempts.map((attempt) => () => index.search(query, { ...search, ...attempt }));
    const hits = found.reduce((hits, next) => (hits.length ? hits : next()), []);
    for (const hit of hits) {
      const { id, title, page, text } = known.get(hit.id);
      const has = (where) => where.toLowerCase().includes(phrase);
      if (title.toLowerCase() === phrase) hit.score *= 4;
      else if (has(title)) hit.score *= page ? 2 : 3;
      else if (has(text)) hit.score *= 1.5;
      if (LESSER.test(id)) hit.score *= 0.25;
    }
    return hits.sort((a, b) => b.score - a.score);
  };

  const make = (name, options, ...inside) => {
    const element = Object.assign(document.createElement(name), options);
    element.append(...inside);
    return element;
  };
  const marked = (text, terms) => {
    const words = [...terms].sort((a, b) => b.length - a.length).map((term) => term.replace(/[().]/g, "\\$&"));
    return text.split(new RegExp(`(${words.join("|")})`, "iu")).map((part, place) => (place % 2 ? make("mark", {}, part) : part));
  };
  const [BEFORE, LONG] = document.documentElement.lang.startsWith("zh") ? [30, 100] : [80, 220]; // characters of an excerpt
  const cut = (text, at) => { // at the next space, unless that is far
    const space = text.indexOf(" ", at);
    return space >= 0 && space < at + 20 ? space : at;
  };
  const excerpt = (text, terms) => {
    const at = Math.min(...terms.map((term) => text.toLowerCase().indexOf(term)).filter((place) => place >= 0));
    const start = at > BEFORE && at < Infinity ? cut(text, at - BEFORE) : 0;
    const end = text.length < start + LONG ? text.length : cut(text, start + LONG);
    return make("p", {}, start ? "… " : "", ...marked(text.slice(start, end), terms), end < text.length ? " …" : "");
  };

  const field = document.querySelector("main form.bd-search input");
  const told = make("p", { role: "status" });
  const list = make("ol", {});
  document.querySelector("#search-results").append(told, list);
  const show = () => {
    const query = field.value.trim();
    const hits = query ? find(query) : [];
    const count = hits.length > MOST ? say("The first {0} of {1} places", MOST, hits.length) : hits.length === 1 ? say("1 place") : say("{0} places", hits.length);
    told.textContent = query ? (hits.length ? count : say("Nothing in the book has these words.")) : "";
    list.replaceChildren(...hits.slice(0, MOST).map(({ id, terms }) => {
      const hit = known.get(id);
      const link = make("a", { href: id }, ...marked(hit.title, terms));
      return make("li", {}, link, hit.page && make("span", {}, hit.page), excerpt(hit.text, terms));
    }));
  };
  const keepQuery = () => { try { history.replaceState(history.state, "", `?q=${encodeURIComponent(field.value)}`); } catch {} };
  field.addEventListener("input", () => (show(), keepQuery()));
  field.form.addEventListener("submit", (event) => (event.preventDefault(), show()));
  field.value = new URLSearchParams(location.search).get("q") ?? "";
  show();
}
