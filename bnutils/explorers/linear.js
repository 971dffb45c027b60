// Linear and BatchNorm: the same cloud under a matrix, and under γ and β.

define("bn-linear", class extends Explorer {
  build() {
    this.white = JSON.parse(this.dataset.white); // (samples, 2): mean 0, variance 1, no correlation
    this.legend([["Linear", "linear"], ["BatchNorm", "batch"], [say("input’s square"), "dash"]]);
    const linear = this.plot(330, 180, say("The cloud after Linear, with two arrows to drag"), "half");
    const norm = this.plot(330, 180, say("The cloud after BatchNorm, with a corner of the square to drag"), "half");
    this.scales = [];
    const along = (k) => [() => this.scales[k][0], () => this.scales[k][1]];
    const arrow = (k) => linear.handle({
      label: say("arrow {0}, column {0} of W", k),
      letter: String(k),
      color: () => "linear",
      ways: along(0),
      step: 0.1,
      at: () => [this.scales[0][0](this.at[`w1${k}`]), this.scales[0][1](this.at[`w2${k}`])],
      get: () => [this.at[`w1${k}`], this.at[`w2${k}`]],
      set: (first, second) => Object.assign(this.at, { [`w1${k}`]: first, [`w2${k}`]: second, theta: null }),
      words: () => `${digits(this.at[`w1${k}`], 2)}, ${digits(this.at[`w2${k}`], 2)}`,
    });
    arrow(1);
    arrow(2);
    norm.handle({
      label: say("corner of the square after BatchNorm: γ + β"),
      color: () => "batch",
      ways: along(1),
      step: 0.1,
      at: () => [this.scales[1][0](this.at.gamma1 + this.at.beta1), this.scales[1][1](this.at.gamma2 + this.at.beta2)],
      get: () => [this.at.gamma1 + this.at.beta1, this.at.gamma2 + this.at.beta2],
      set: (x, y) => Object.assign(this.at, { gamma1: snap(x - this.at.beta1, 0.01), gamma2: snap(y - this.at.beta2, 0.01) }),
      words: () => say("γ {0} and {1}", digits(this.at.gamma1, 2), digits(this.at.gamma2, 2)),
    });
    const entry = (name, label, color, change) => ({ name, label, color, change, min: -3, max: 3, step: 0.1, write: (v) => digits(v, 2) });
    const weight = (name, label) => entry(name, label, "linear", () => { this.at.theta = null; });
    this.ranges([
      { name: "theta", label: say("angle θ"), min: -180, max: 180, step: 5, color: "linear",
        write: (v) => (v == null ? say("no rotation") : `${digits(v, 0)}°`), change: (angle) => this.turn(angle) },
      { name: "corr", label: say("correlation of x"), min: -0.9, max: 0.9, step: 0.1, color: "plain" },
      entry("gamma1", "γ₁", "batch"), entry("gamma2", "γ₂", "batch"),
    ]);
    this.more([
      weight("w11", "W₁₁"), weight("w12", "W₁₂"), weight("w21", "W₂₁"), weight("w22", "W₂₂"),
      entry("beta1", "β₁", "batch"), entry("beta2", "β₂", "batch"),
    ]);
    this.table(say("Correlation"), [say("correlation"), say("value")], [
      [[say("input"), "plain"], "correlation.input"], [["Linear", "linear"], "correlation.linear"], [["BatchNorm", "batch"], "correlation.norm"]]);
    this.table(say("Fraction that is missed"), [say("fraction that is missed"), say("value")], [
      [say("with these γ and β"), "missed"], [say("with the best γ and β"), "best.missed"], ["sin²θ", "sin2"]], 4);
    this.button(say("Take the best γ and β"), () => { const { best } = this.compute(); Object.assign(this.at, best.parameters); });
  }

  // What need not stand in the address: a rotation is its angle, and another matrix has none.
  follows() { return this.at.theta == null ? ["theta"] : ["w11", "w12", "w21", "w22"]; }

  turn(angle) {
    const [c, s] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
    Object.assign(this.at, { w11: c, w12: -s, w21: s, w22: c });
  }

  compute() {
    const { w11, w12, w21, w22, gamma1, gamma2, beta1, beta2, corr } = this.at;
    const x = this.white.map(([a, b]) => [a, corr * a + Math.sqrt(1 - corr ** 2) * b]);
    const column = (points, j) => points.map((point) => point[j]);
    const linear = x.map(([a, b]) => [w11 * a + w12 * b, w21 * a + w22 * b]);
    const [first, second] = [0, 1].map((j) => {
      const values = column(x, j);
      return { mean: mean(values), divisor: Math.sqrt(biased(values) + 1e-5) };
    });
    const x_hat = x.map(([a, b]) => [(a - first.mean) / first.divisor, (b - second.mean) / second.divisor]);
    const norm = x_hat.map(([a, b]) => [gamma1 * a + beta1, gamma2 * b + beta2]);
    const square = mean(linear.map(([a, b]) => a * a + b * b));
    const missed = (points) => mean(points.map(([a, b], i) => (a - linear[i][0]) ** 2 + (b - linear[i][1]) ** 2)) / square;
    const [best1, best2] = [0, 1].map((j) => ({ // least squares, each output by its own input
      gamma: mean(x_hat.map((point, i) => point[j] * linear[i][j])) / biased(column(x_hat, j)), beta: mean(column(linear, j)) }));
    const best = x_hat.map(([a, b]) => [best1.gamma * a + best1.beta, best2.gamma * b + best2.beta]);
    const turned = Math.hypot(w11 - w22, w12 + w21) < 1e-9 && Math.abs(Math.hypot(w11, w21) - 1) < 1e-9;
    return { ...this.at, x, linear, norm, missed: missed(norm), first, second,
      best: { missed: missed(best), parameters: { gamma1: best1.gamma, gamma2: best2.gamma, beta1: best1.beta, beta2: best2.beta } },
      sin2: turned ? w21 ** 2 : null, // another matrix has no angle
      correlation: { input: this.correlation(x), linear: this.correlation(linear), norm: this.correlation(norm) } };
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
    const afterNorm = corners.map(([a, b]) => [gamma1 * ((a - first.mean) / first.divisor) + beta1, gamma2 * ((b - second.mean) / second.divisor) + beta2]);
    const afterLinear = corners.map(([a, b]) => [w11 * a + w12 * b, w21 * a + w22 * b]);
    const shown = [[say("drag an arrow"), "linear", state.linear, afterLinear], [say("drag the corner"), "batch", state.norm, afterNorm]];
    this.plots.forEach((plot, k) => {
      const [hint, color, points, square] = shown[k];
      const side = Math.min(plot.width - 32, plot.height - 54);
      const left = (plot.width - side + 20) / 2;
      const x = plot.scale([-3, 3], [left, left + side]);
      const y = plot.scale([-3, 3], [side + 18, 18]);
      this.scales[k] = [x, y];
      const draw = (corners, ...look) => plot.path(corners.map(([a, b]) => [x(a), y(b)]), ...look);
      plot.text(left - 20, 10, "y₂");
      plot.text(left + side, 10, hint, "end");
      plot.text(left + side / 2, side + 51, "y₁", "middle");
      plot.axis(x, [-2, 0, 2], { y: side + 20 });
      plot.axis(y, [-2, 0, 2], { x: left - 4 });
      for (const [a, b] of points) plot.dot(x(a), y(b), 2.5, color, 0.6);
      draw(corners, "", "dash");
      draw(square, color);
      if (k === 0) for (const [a, b] of [[w11, w21], [w12, w22]]) plot.line(x(0), y(0), x(a), y(b), "axis");
    });
  }

  sentence({ missed, best, correlation }) {
    const of = (value) => (value == null ? say("undefined") : digits(value, 2));
    return say("The two features have a correlation of {0} in the input, {1} after Linear and {2} after BatchNorm. ", of(correlation.input), of(correlation.linear), of(correlation.norm))
      + say("BatchNorm misses a fraction of {0} of Linear’s output, and with the best γ and β it would miss {1}.", digits(missed, 2), digits(best.missed, 2));
  }
});
