// Predict, commit, compare. A choice becomes a button; what the reader said is kept beside the progress, and the answer
// says how it compares. The page holds back what follows until then (page/predict.py); a button shows it, a link, the browser's
// own search, or a switch that shows all. The first page counts, and lists the surprises.
{
  const { load, save, root, page, links, pageOf } = keep;
  const make = (name, options, ...inside) => {
    const element = Object.assign(document.createElement(name), options);
    element.append(...inside);
    return element;
  };
  const kept = load().said[page] ?? {}; // address: { said, right, question }
  const plain = (box) => {
    const text = box.querySelector("p").cloneNode(true);
    text.querySelectorAll(".book-label, .katex-html, annotation").forEach((part) => part.remove());
    return text.textContent.trim().replace(/\s+/g, " ");
  };
  const always = () => Boolean(load().show);

  const predicts = [...document.querySelectorAll(".book-predict:has(.book-foot)")].map((box) => {
    const [answer, held] = ["answer", "compare"].map((kind) => document.getElementById(box.id.replace("predict", kind)));
    const foot = box.querySelector(".book-foot");
    const verdict = make("span", { className: "book-said", role: "status" });
    answer.querySelector(".book-label").after(verdict);
    const choices = [...box.querySelectorAll(".book-choices p")].map((text) => {
      const button = make("button", { type: "button", value: text.textContent.trim()[0] }, ...text.childNodes);
      text.replaceWith(button);
      return button;
    });
    if (choices.length === 0) {
      choices.push(make("button", { type: "button", value: "it" }, say("I have written down my guess")));
      box.querySelector(".book-written").append(choices[0]);
    }
    if (!choices.some(({ value }) => value === kept[box.id]?.said)) delete kept[box.id]; // it has other choices now
    const opener = make("button", { type: "button" });
    opener.setAttribute("aria-controls", held.id);
    const input = make("input", { type: "checkbox", role: "switch" });
    const status = make("span", { className: "book-guessed" });
    foot.append(status, opener, make("label", {}, input, say("Always show answers")));
    return { box, answer, foot, verdict, choices, opener, input, status, held, right: box.dataset.answer };
  });

  const show = (predict) => {
    const { box, answer, verdict, choices, opener, input, status, held, right } = predict;
    const said = kept[box.id]?.said;
    const open = predict.open ?? Boolean(said || always()); // what the reader has asked for last
    if (open) held.removeAttribute("hidden");
    else held.setAttribute("hidden", "until-found");
    box.toggleAttribute("data-open", open);
    opener.textContent = open ? say("Hide the answer") : say("Show the answer");
    opener.setAttribute("aria-expanded", open);
    input.checked = always();
    if (!said) return;
    for (const button of choices) {
      button.setAttribute("aria-disabled", true);
      button.setAttribute("aria-pressed", button.value === said);
      button.tabIndex = -1; // the Tab key leads on, to the answer
      const mark = button.value === said ? (right ? say("your guess") : "✓") : button.value === right ? say("right") : "";
      if (mark) button.setAttribute("data-mark", mark);
      button.toggleAttribute("data-right", button.value === right);
    }
    const link = make("a", { href: `#${answer.id}` }, say("Compare with the answer"));
    status.replaceChildren(right ? say("You said {0}. ", said) : "", link);
    const compared = !right ? "open" : said === right ? "right" : "surprise";
    for (const part of [box, answer]) part.setAttribute("data-verdict", compared);
    const told = {
      open: say("Compare with what you wrote down."),
      right: say("You said {0}: right.", said),
      surprise: say("You said {0}: a surprise.", said),
    }[compared];
    setTimeout(() => (verdict.textContent = told), 100); // a screen reader reads out what changes in sight
  };
  const showAll = () => predicts.forEach(show);
  const set = (predict, open) => ((predict.open = open), show(predict));

  for (const predict of predicts) {
    const { box, choices, opener, input, held } = predict;
    opener.onclick = () => set(predict, held.hidden !== false);
    held.addEventListener("beforematch", () => set(predict, true));
    input.onchange = () => {
      save({ show: input.checked });
      predicts.forEach((each) => delete each.open);
      showAll();
    };
    for (const [place, button] of choices.entries()) {
      button.onclick = () => {
        if (kept[box.id]) return;
        kept[box.id] = { said: button.value };
        remember();
        set(predict, true);
      };
      button.onkeydown = (event) => {
        const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
        if (!step || choices.length === 1 || event.altKey || event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        choices.at((place + step) % choices.length).focus();
      };
    }
  }

  const remember = () => {
    const here = predicts.filter(({ box }) => kept[box.id]).map(({ box, right }) => {
      const { said } = kept[box.id];
      return [box.id, { said, ...(right && { right: said === right, question: plain(box) }) }];
    });
    save({ said: { ...load().said, [page]: Object.fromEntries(here) } });
  };
  if (load().said[page]) remember(); // the chapter may have changed since
  showAll();

  // A link to what is held back shows it.
  const follow = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const predict = target && predicts.find(({ held }) => held.contains(target));
    if (!predict || predict.held.hidden === false) return;
    set(predict, true);
    target.scrollIntoView();
  };
  addEventListener("hashchange", follow);
  follow();

  if (page === "intro.html") {
    const title = ({ href }) => links.find((a) => pageOf(a.href) === href)?.textContent.trim();
    const count = (guesses) => say("{0} of {1} right", guesses.filter(({ right }) => right).length, guesses.length);
    const chapters = Object.entries(load().said).map(([href, said]) => {
      const guesses = Object.entries(said).map(([id, guess]) => ({ id, ...guess })).filter(({ right }) => right !== undefined);
      return { href, title: title({ href }), guesses };
    }).filter(({ title, guesses }) => title && guesses.length);
    chapters.sort((a, b) => (a.href < b.href ? -1 : 1));
    const line = ({ href, title, guesses }) => {
      const surprises = guesses.filter(({ right }) => !right).map(({ id, question }) =>
        make("li", {}, make("a", { href: `${root}${href}#${id}` }, question)));
      const list = surprises.length ? [make("p", {}, say("What surprised you:")), make("ul", {}, ...surprises)] : [];
      return make("li", {}, make("a", { href: root + href }, title), say(": {0}", count(guesses)), ...list);
    };
    if (chapters.length) {
      const forget = make("button", { type: "button" }, say("Forget my predictions"));
      const summary = make("summary", {}, say("Your predictions: {0}", count(chapters.flatMap(({ guesses }) => guesses))));
      const block = make("details", { className: "book-guesses", open: true }, summary, make("ul", {}, ...chapters.map(line)), forget);
      forget.onclick = () => (save({ said: {} }), block.remove());
      addEventListener("forget", () => block.remove());
      (document.querySelector(".book-continue") ?? document.querySelector("article h1")).after(block);
    }
  }
}
