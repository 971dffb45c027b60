// Undo: γ and β as a point on the loss, and what they make of another batch.

define("bn-undo", class extends Explorer {
  build() {
    this.z = JSON.parse(this.dataset.z);
    this.noise = JSON.parse(this.dataset.noise); // (batches, samples): other days, in units of the climate
    this.climate = { mean: 6, std: 3 };
    this.trail = [];
    const loss = this.plot(330, "Contours of the loss over γ and β, with a point to drag");
    loss.handle({
      label: "γ and β",
      color: () => "batch",
      ways: [() => this.x, () => this.y],
      step: 0.1,
      at: () => [this.x(this.at.gamma), this.y(this.at.beta)],
      get: () => [this.at.gamma, this.at.beta],
      set: (gamma, beta) => { this.trail = []; Object.assign(this.at, { gamma, beta }); },
      words: () => `γ ${digits(this.at.gamma, 2)}, β ${digits(this.at.beta, 2)}`,
    });
    this.plot(270, "Another batch: its temperatures z, and what the layer returns, y");
    const forget = () => { this.trail = []; };
    this.ranges("The layer", [
      ["gamma", "γ in °C", -4, 10, 0.1, (v) => digits(v, 2), forget],
      ["beta", "β in °C", -2, 12, 0.1, (v) => digits(v, 2), forget],
      ["lr", "learning rate", 0.05, 1.2, 0.05],
    ]);
    this.ranges("Another batch", [
      ["size", "its size m", 2, this.noise[0].length, 1],
      ["other", "batch no.", 1, this.noise.length, 1],
    ]);
    this.table("Loss", ["the batch it knows", ""], [
      ["goal of γ: √(σ² + ε)", "goal.gamma"],
      ["goal of β: μ", "goal.beta"],
      ["loss in °C²", "loss"],
      ["error / variance", "known"],
    ], 4);
    this.table("Error", ["another batch", ""], [
      ["mean", "next.mean"],
      ["std", "next.std"],
      ["error / variance", "next.error"],
      ["mean over 40 batches", "average"],
      ["1.5 / m", "law"],
    ], 4);
    this.button("One step down", () => this.descend(1));
    this.button("Ten steps", () => this.descend(10));
  }

  // Gradient descent on the mean squared error between y and z.
  descend(steps) {
    for (let k = 0; k < steps; k += 1) {
      const { gamma, beta, lr } = this.at;
      const z_hat = this.normalize(this.z);
      const error = this.z.map((z, i) => gamma * z_hat[i] + beta - z);
      this.trail.push([gamma, beta]);
      this.at.gamma = gamma - lr * 2 * mean(error.map((e, i) => e * z_hat[i]));
      this.at.beta = beta - lr * 2 * mean(error);
    }
  }

  normalize(z) {
    const [mu, divisor] = [mean(z), Math.sqrt(biased(z) + 1e-5)];
    return z.map((value) => (value - mu) / divisor);
  }

  error(z) {
    const y = this.normalize(z).map((value) => this.at.gamma * value + this.at.beta);
    return { y, error: mean(y.map((value, i) => (value - z[i]) ** 2)) };
  }

  compute() {
    const { size, other } = this.at;
    const days = (k) => this.noise[k].slice(0, size).map((u) => this.climate.mean + this.climate.std * u);
    const variance = this.climate.std ** 2;
    const z = days(other - 1);
    const { y, error } = this.error(z);
    const loss = this.error(this.z).error;
    return { ...this.at, loss, known: loss / biased(this.z),
      goal: { gamma: Math.sqrt(biased(this.z) + 1e-5), beta: mean(this.z) },
      next: { z, y, mean: mean(z), std: Math.sqrt(biased(z)), error: error / variance },
      average: mean(this.noise.map((_, k) => this.error(days(k)).error)) / variance, law: 1.5 / size };
  }

  draw({ goal, next }) {
    const [loss, days] = this.plots;
    const side = Math.min(loss.width - 60, loss.height - 50);
    const x = loss.scale([-4, 10], [34, 34 + side]);
    const y = loss.scale([-2, 12], [side + 12, 12]);
    Object.assign(this, { x, y });
    loss.axis(x, [-4, 0, 4, 8], { y: side + 16 });
    loss.axis(y, [0, 4, 8, 12], { x: 30 });
    loss.text(34 + side, side + 46, "γ in °C", "end");
    loss.text(42, 12, "β in °C");
    for (let radius = 1; radius <= 9; radius += 1) { // the loss is the square of the distance, but for ε
      const ring = span(73).map((k) => [goal.gamma + radius * Math.cos((k * Math.PI) / 36), goal.beta + radius * Math.sin((k * Math.PI) / 36)]);
      const inside = ([a, b]) => a >= x.low && a <= x.high && b >= y.low && b <= y.high;
      ring.slice(1).forEach((end, k) => { if (inside(end) && inside(ring[k])) loss.line(x(ring[k][0]), y(ring[k][1]), x(end[0]), y(end[1]), "thin"); });
    }
    const way = [...this.trail, [this.at.gamma, this.at.beta]].map(([a, b]) => [x(a), y(b)]);
    loss.path(way, "", "thin");
    for (const [a, b] of way.slice(0, -1)) loss.dot(a, b, 3.5, "batch", 0.6);
    loss.line(x(goal.gamma) - 7, y(goal.beta), x(goal.gamma) + 7, y(goal.beta), "axis");
    loss.line(x(goal.gamma), y(goal.beta) - 7, x(goal.gamma), y(goal.beta) + 7, "axis");
    loss.text(x(goal.gamma) + 10, y(goal.beta) - 6, "goal");

    const scale = days.scale([-6, 18], [14, days.width - 14]);
    days.text(0, 14, `another batch of ${next.z.length} days: z in °C`);
    days.text(0, 256, "output y in °C");
    days.line(14, 40, days.width - 14, 40, "axis");
    days.axis(scale, [-6, 0, 6, 12, 18], { y: 218 });
    next.z.forEach((value, i) => {
      const ends = [[scale(value), 40], [scale(next.y[i]), 218]];
      days.path(ends, "", "thin");
      days.dot(...ends[0], 4, "plain", 0.9);
      days.dot(...ends[1], 4, "batch", 0.9);
    });
  }

  sentence({ gamma, beta, loss, next, size }) {
    return `With γ = ${digits(gamma, 2)} and β = ${digits(beta, 2)} the layer misses its own batch by ${digits(loss, 2)} °C² on average, `
      + `and another batch of ${size} by ${digits(100 * next.error, 1)}\u00a0% of the variance.`;
  }
});
