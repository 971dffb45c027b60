// Linear and BatchNorm: the same cloud under a matrix, and under γ and β.

define("bn-linear", class extends Explorer {
  build() {
    this.white = JSON.parse(this.dataset.white); // (samples, 2): mean 0, variance 1, no correlation
    const [linear, norm] = [this.plot(300, "The cloud after Linear, with two arrows to drag"), this.plot(300, "The cloud after BatchNorm, with a corner to drag")];
    const along = [() => this.scales[0], () => this.scales[1]];
    const arrow = (k) => linear.handle({
      label: `where Linear sends feature ${k}: W1${k} and W2${k}`,
      color: () => "linear",
      ways: along,
      step: 0.1,
      at: () => [this.scales[0](this.at[`w1${k}`]), this.scales[1](this.at[`w2${k}`])],
      get: () => [this.at[`w1${k}`], this.at[`w2${k}`]],
      set: (up, down) => Object.assign(this.at, { [`w1${k}`]: up, [`w2${k}`]: down }),
      words: () => `${digits(this.at[`w1${k}`], 2)}, ${digits(this.at[`w2${k}`], 2)}`,
    });
    arrow(1);
    arrow(2);
    norm.handle({
      label: "corner of the frame after BatchNorm: γ + β",
      color: () => "batch",
      ways: along,
      step: 0.1,
      at: () => [this.scales[0](this.at.gamma1 + this.at.beta1), this.scales[1](this.at.gamma2 + this.at.beta2)],
      get: () => [this.at.gamma1 + this.at.beta1, this.at.gamma2 + this.at.beta2],
      set: (x, y) => Object.assign(this.at, { gamma1: snap(x - this.at.beta1, 0.01), gamma2: snap(y - this.at.beta2, 0.01) }),
      words: () => `γ ${digits(this.at.gamma1, 2)} and ${digits(this.at.gamma2, 2)}`,
    });
    const entry = (name, label) => [name, label, -3, 3, 0.1, (v) => digits(v, 2)];
    this.ranges("Linear: y = W x", [
      ["theta", "angle θ, degrees", -180, 180, 5, undefined, (angle) => this.turn(angle)],
      entry("w11", "W₁₁"), entry("w12", "W₁₂"), entry("w21", "W₂₁"), entry("w22", "W₂₂"),
    ]);
    this.ranges("BatchNorm: y = γ x̂ + β", [
      entry("gamma1", "γ₁"), entry("gamma2", "γ₂"), entry("beta1", "β₁"), entry("beta2", "β₂"),
      ["rho", "correlation of x", -0.9, 0.9, 0.1],
    ]);
    this.table("Correlation", ["correlation", ""], [
      [["input", "plain"], "corr.input"], [["Linear", "linear"], "corr.linear"], [["BatchNorm", "batch"], "corr.norm"]]);
    this.table("Missed share", ["missed share", ""], [
      ["these γ, β", "missed"], ["the best γ, β", "best.missed"], ["sin²θ", "sin2"]], 4);
    this.button("Take the best γ and β", () => { const { best } = this.compute(); Object.assign(this.at, best.parameters); });
  }

  turn(angle) {
    const [c, s] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
    Object.assign(this.at, { w11: c, w12: -s, w21: s, w22: c });
  }

  compute() {
    const { w11, w12, w21, w22, gamma1, gamma2, beta1, beta2, rho } = this.at;
    const x = this.white.map(([a, b]) => [a, rho * a + Math.sqrt(1 - rho ** 2) * b]);
    const column = (points, j) => points.map((point) => point[j]);
    const linear = x.map(([a, b]) => [w11 * a + w12 * b, w21 * a + w22 * b]);
    const [first, second] = [0, 1].map((j) => {
      const values = column(x, j);
      return { mean: mean(values), divisor: Math.sqrt(biased(values) + 1e-5) };
    });
    const x_hat = x.map(([a, b]) => [(a - first.mean) / first.divisor, (b - second.mean) / second.divisor]);
    const norm = x_hat.map(([a, b]) => [gamma1 * a + beta1, gamma2 * b + beta2]);
    const energy = mean(linear.map(([a, b]) => a * a + b * b));
    const missed = (points) => mean(points.map(([a, b], i) => (a - linear[i][0]) ** 2 + (b - linear[i][1]) ** 2)) / energy;
    const [best1, best2] = [0, 1].map((j) => ({ // least squares, each output by its own input
      gamma: mean(x_hat.map((point, i) => point[j] * linear[i][j])) / biased(column(x_hat, j)), beta: mean(column(linear, j)) }));
    const best = x_hat.map(([a, b]) => [best1.gamma * a + best1.beta, best2.gamma * b + best2.beta]);
    const turned = Math.hypot(w11 - w22, w12 + w21) < 1e-9 && Math.abs(Math.hypot(w11, w21) - 1) < 1e-9;
    return { ...this.at, x, linear, norm, missed: missed(norm), first, second,
      best: { missed: missed(best), parameters: { gamma1: best1.gamma, gamma2: best2.gamma, beta1: best1.beta, beta2: best2.beta } },
      sin2: turned ? w21 ** 2 : null, // another matrix has no angle
      corr: { input: this.correlation(x), linear: this.correlation(linear), norm: this.correlation(norm) } };
  }

  correlation(points) {
    const [a, b] = [0, 1].map((j) => points.map((point) => point[j]));
    const together = mean(a.map((value, i) => (value - mean(a)) * (b[i] - mean(b))));
    const apart = Math.sqrt(biased(a) * biased(b));
    return apart > 1e-12 ? together / apart : null; // a constant has no correlation
  }

  draw(state) {
    const { w11, w12, w21, w22, gamma1, gamma2, beta1, beta2, first, second } = state;
    const corners = [[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]];
    const framed = corners.map(([a, b]) => [gamma1 * ((a - first.mean) / first.divisor) + beta1, gamma2 * ((b - second.mean) / second.divisor) + beta2]);
    const sheared = corners.map(([a, b]) => [w11 * a + w12 * b, w21 * a + w22 * b]);
    const shown = [["Linear", "linear", state.linear, sheared], ["BatchNorm", "batch", state.norm, framed]];
    this.plots.forEach((plot, k) => {
      const [title, color, points, frame] = shown[k];
      const side = Math.min(plot.width - 40, plot.height - 50);
      const x = plot.scale([-3, 3], [24, 24 + side]);
      const y = plot.scale([-3, 3], [side + 22, 22]);
      this.scales = [x, y];
      plot.text(24, 12, title);
      plot.axis(x, [-2, 0, 2], { y: side + 26 });
      plot.axis(y, [-2, 0, 2], { x: 20 });
      for (const [a, b] of points) plot.dot(x(a), y(b), 2.5, color, 0.7);
      plot.path(frame.map(([a, b]) => [x(a), y(b)]), color);
      const arrows = k === 0 ? [[w11, w21, "x₁"], [w12, w22, "x₂"]] : [];
      for (const [a, b, name] of arrows) {
        plot.line(x(0), y(0), x(a), y(b), "axis");
        plot.text(x(a) + 10, y(b) - 8, name);
      }
    });
  }

  sentence({ missed, best, corr }) {
    const of = (value) => (value == null ? "none" : digits(value, 2));
    return `BatchNorm misses ${digits(100 * missed, 1)}\u00a0% of what Linear makes; with the best γ and β it would miss ${digits(100 * best.missed, 1)}\u00a0%. `
      + `The correlation is ${of(corr.input)} in the input, ${of(corr.linear)} after Linear, ${of(corr.norm)} after BatchNorm.`;
  }
});
