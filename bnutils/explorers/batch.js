// One batch: eight values of one feature. Which of them form the batch, and where does BatchNorm send each?

define("bn-batch", class extends Explorer {
  build() {
    this.legend([[say("in the batch: drag it"), "plain"], [say("left out"), "hollow"], ["BatchNorm", "batch"], ["±√(m − 1)", "dash"]]);
    const plot = this.plot(216, 186, say("Eight samples on three number lines: z, ẑ and y"), "wide");
    this.allow("z", -20, 40);
    this.allow("inside", 0, 1, (values) => { this.at.inside = values.map(Boolean); this.keepOne(0); });
    this.start.z.forEach((_, i) => plot.handle({
      label: say("z of sample {0}", i + 1),
      color: () => (this.at.inside[i] ? "plain" : ""),
      ways: [() => this.rows[0].scale],
      step: 0.5,
      at: () => [this.rows[0].scale(this.at.z[i]), this.rows[0].y],
      get: () => [this.at.z[i]],
      set: (value) => { this.at.z[i] = value; },
      words: () => this.at.inside[i] ? say("{0}, in the batch", digits(this.at.z[i], 1)) : say("{0}, not in the batch", digits(this.at.z[i], 1)),
    }));
    this.ranges([
      { name: "gamma", label: say("scale γ"), min: -3, max: 3, step: 0.1, color: "batch" },
      { name: "beta", label: say("shift β"), min: -5, max: 5, step: 0.1, color: "batch" },
      { name: "eps", label: say("ε, added to σ²"), min: 1e-8, max: 1e3, log: true, color: "batch",
        write: (eps) => (eps < 0.001 ? eps.toExponential(0).replace("-", "−") : String(eps)) },
    ]);
    this.samples();
    this.table(say("The batch"), [say("the batch"), say("mean"), say("variance"), say("std")], [
      [["z", "plain"], "mean", "var", "std"],
      [["ẑ", "batch"], "hat.mean", "hat.var", "hat.std"],
      [["y", "batch"], "out.mean", "out.var", "out.std"],
    ]);
    this.table(say("Divisor and bound"), ["", say("value")], [["√(σ² + ε)", "divisor"], [say("largest |ẑ|"), "largest"], ["√(m − 1)", "bound"]]);
  }

  // A batch has at least one sample.
  keepOne(i) { if (!this.at.inside.includes(true)) this.at.inside[i] = true; }

  // One column for each sample: a box that puts it into the batch, and its numbers.
  samples() {
    const names = this.start.z.map((_, i) => i);
    const rows = [["z", "z"], ["ẑ", "z_hat"], ["y", "y"]].map(([head, key]) => [head, ...names.map((i) => `${key}.${i}`)]);
    const table = this.table(say("The samples"), [say("sample"), ...names.map((i) => String(i + 1))], rows, 2);
    table.className = "samples";
    this.live.append(table);
    const row = table.tBodies[0].insertRow(0);
    make(row, "th", { scope: "row" }, say("batch"));
    names.forEach((i) => {
      const box = make(make(row, "td"), "input", { type: "checkbox", attributes: { "aria-label": say("sample {0} in the batch", i + 1) } });
      box.addEventListener("change", () => {
        this.at.inside[i] = box.checked;
        this.keepOne(i);
        this.refresh();
      });
      this.controls[`inside.${i}`] = () => { box.checked = this.at.inside[i]; };
    });
  }

  compute() {
    const { z, inside, gamma, beta, eps } = this.at;
    const batch = z.filter((_, i) => inside[i]);
    const [m, mu, variance] = [batch.length, mean(batch), biased(batch)];
    const divisor = Math.sqrt(variance + eps);
    const z_hat = z.map((value, i) => (inside[i] ? (value - mu) / divisor : null));
    const y = z_hat.map((value) => (value == null ? null : gamma * value + beta));
    const moments = (values) => {
      const there = values.filter((value) => value != null);
      return { mean: mean(there), var: biased(there), std: Math.sqrt(biased(there)) };
    };
    const largest = Math.max(...z_hat.map(Math.abs));
    return { ...structuredClone(this.at), m, mean: mu, var: variance, std: Math.sqrt(variance), divisor, z_hat, y,
      hat: moments(z_hat), out: moments(y), largest, bound: Math.sqrt(m - 1) };
  }

  draw(state) {
    const plot = this.plots[0];
    const wide = plot.width > 450;
    const ends = [wide ? 108 : 34, plot.width - 14];
    const height = (plot.height - 34) / 2; // from one strip to the next
    this.rows = [["z", say("input z"), 40, 20], ["ẑ", say("normalized ẑ"), 3, 1], ["y", say("output y"), 9, 3]].map(([short, long, high, step], k) => {
      const scale = plot.scale([k ? -high : -20, high], ends);
      const ticks = span(20).map((n) => scale.low + n * step).filter((tick) => tick <= high);
      return { scale, y: k * height + 11, strip: plot.strip(scale, k * height, wide ? long : short, ticks) };
    });
    const [top, middle, bottom] = this.rows;
    for (const side of this.alone ? [] : [-1, 1]) {
      const x = middle.scale(side * state.bound);
      plot.line(x, middle.y - 10, x, middle.y + 9, "dash");
    }
    state.z.forEach((value, i) => {
      if (!state.inside[i]) return;
      const [x, u, v] = [top.scale(value), middle.scale(state.z_hat[i]), bottom.scale(state.y[i])];
      plot.join(x, top.strip, u, middle.strip);
      plot.join(u, middle.strip, v, bottom.strip);
      plot.dot(u, middle.y, 5.5, "batch");
      plot.dot(v, bottom.y, 5.5, "batch");
    });
  }

  sentence({ m, mean: mu, std, out, gamma, beta, largest }) {
    if (m === 1) return say("A batch of one value has that value as its mean, so ẑ is 0 whatever the value is. This is why torch refuses such a batch.");
    return say("The {0} values of the batch have mean {1} and standard deviation {2}, and the largest |ẑ| is {3}. ", m, digits(mu, 2), digits(std, 2), digits(largest, 2))
      + say("After BatchNorm with γ = {0} and β = {1}, they have mean {2} and standard deviation {3}.", digits(gamma, 1), digits(beta, 1), digits(out.mean, 2), digits(out.std, 2));
  }
});
