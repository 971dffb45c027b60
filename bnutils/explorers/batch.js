// One batch: eight samples of one unit. Which of them form the batch, and where does each go?

define("bn-batch", class extends Explorer {
  build() {
    const plot = this.plot(250, "Eight samples on three number lines: z, ẑ and y");
    this.start.z.forEach((_, i) => plot.handle({
      label: `z of sample ${i + 1}`,
      color: () => (this.at.inside[i] ? "plain" : ""),
      ways: [() => this.rows[0].scale],
      step: 0.5,
      at: () => [this.rows[0].scale(this.at.z[i]), this.rows[0].y],
      get: () => [this.at.z[i]],
      set: (value) => { this.at.z[i] = value; },
      words: () => `${digits(this.at.z[i], 1)}, ${this.at.inside[i] ? "in the batch" : "not in the batch"}`,
    }));
    this.ranges("The layer", [
      ["gamma", "γ, scale", -3, 3, 0.1],
      ["beta", "β, shift", -5, 5, 0.1],
      ["log_eps", "ε, in the root", -8, 3, 0.5, (power) => (10 ** power).toExponential(0).replace("-", "−").replace("+", "")],
    ]);
    this.samples();
    this.table("The batch", ["", "mean", "variance", "std"], [
      [["z", "plain"], "mean", "var", "std"],
      [["ẑ", "batch"], "hat.mean", "hat.var", "hat.std"],
      [["y", "batch"], "out.mean", "out.var", "out.std"],
    ]);
    this.table("Divisor and bound", ["divisor, bound", ""], [["√(σ² + ε)", "divisor"], ["largest |ẑ|", "largest"], ["√(m − 1)", "bound"]]);
  }

  // One column for each sample: a box that puts it into the batch, and its numbers.
  samples() {
    const names = this.start.z.map((_, i) => i);
    const rows = [["z", "z"], ["ẑ", "z_hat"], ["y", "y"]].map(([head, key]) => [head, ...names.map((i) => `${key}.${i}`)]);
    const table = this.table("The samples", ["", ...names.map((i) => String(i + 1))], rows, 2);
    table.className = "samples";
    this.live.insertBefore(table, this.tables);
    const row = table.tBodies[0].insertRow(0);
    make(row, "th", { scope: "row" }, "batch");
    names.forEach((i) => {
      const box = make(make(row, "td"), "input", { type: "checkbox", attributes: { "aria-label": `sample ${i + 1} in the batch` } });
      box.addEventListener("change", () => {
        this.at.inside[i] = box.checked;
        if (!this.at.inside.includes(true)) this.at.inside[i] = true; // a batch has one sample at least
        this.refresh();
      });
      this.controls[`inside.${i}`] = () => { box.checked = this.at.inside[i]; };
    });
  }

  compute() {
    const { z, inside, gamma, beta, log_eps } = this.at;
    const eps = 10 ** log_eps;
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
    return { ...structuredClone(this.at), eps, m, mean: mu, var: variance, std: Math.sqrt(variance), divisor, z_hat, y,
      hat: moments(z_hat), out: moments(y), largest, bound: Math.sqrt(m - 1) };
  }

  draw(state) {
    const plot = this.plots[0];
    const ends = [14, plot.width - 14];
    this.rows = [
      { y: 40, scale: plot.scale([-20, 40], ends), ticks: [-20, 0, 20, 40], name: "input z: drag a sample (hollow: left out)" },
      { y: 125, scale: plot.scale([-3, 3], ends), ticks: [-3, -2, -1, 0, 1, 2, 3], name: "normalized ẑ (dashed: ±√(m − 1))" },
      { y: 210, scale: plot.scale([-9, 9], ends), ticks: [-9, -6, -3, 0, 3, 6, 9], name: "output y = γ ẑ + β" },
    ];
    const [top, middle, bottom] = this.rows;
    for (const row of this.rows) {
      plot.axis(row.scale, row.ticks, { y: row.y });
      plot.text(0, row.y - 18, row.name);
    }
    for (const side of [-1, 1]) {
      const x = middle.scale(side * state.bound);
      plot.line(x, middle.y - 14, x, middle.y + 14, "dash");
    }
    state.z.forEach((value, i) => {
      if (!state.inside[i]) return;
      const points = [[top.scale(value), top.y], [middle.scale(state.z_hat[i]), middle.y], [bottom.scale(state.y[i]), bottom.y]];
      plot.path(points, "", "thin");
      for (const [x, y] of points.slice(1)) plot.dot(x, y, 5.5, "batch");
    });
  }

  sentence({ m, mean: mu, std, out, gamma }) {
    if (m === 1) return "A batch of one sample: its distance to its own mean is 0, whatever it is. torch refuses such a batch.";
    return `The ${m} samples of the batch have mean ${digits(mu, 2)} and standard deviation ${digits(std, 2)}; `
      + `after BatchNorm with γ = ${digits(gamma, 1)} they have mean ${digits(out.mean, 2)} and standard deviation ${digits(out.std, 2)}.`;
  }
});
