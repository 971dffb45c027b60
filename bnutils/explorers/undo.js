// Undo: γ and β as a point on the loss of one batch, and what the layer then makes of another batch.

define("bn-undo", class extends Explorer {
  build() {
    this.z = JSON.parse(this.dataset.z);
    this.noise = JSON.parse(this.dataset.noise); // (batches, samples): other days, in units of the climate
    this.climate = { mean: 6, std: 3 };
    this.trail = [];
    const loss = this.plot(330, 212, say("Mean squared error over γ and β, darker where it is smaller, with a point to drag"));
    loss.handle({
      label: say("γ and β"),
      color: () => "batch",
      ways: [() => this.x, () => this.y],
      step: 0.1,
      at: () => [this.x(this.at.gamma), this.y(this.at.beta)],
      get: () => [this.at.gamma, this.at.beta],
      set: (gamma, beta) => { this.trail = []; Object.assign(this.at, { gamma, beta }); },
      words: () => `γ ${digits(this.at.gamma, 2)}, β ${digits(this.at.beta, 2)}`,
    });
    this.plot(330, 92, say("Another batch: its temperatures z, and the outputs y of the layer"));
    const forget = () => { this.trail = []; };
    const inDegrees = (v) => `${digits(v, 2)} °C`;
    this.ranges([
      { name: "gamma", label: "γ", min: -4, max: 10, step: 0.1, color: "batch", write: inDegrees, change: forget },
      { name: "beta", label: "β", min: -2, max: 12, step: 0.1, color: "batch", write: inDegrees, change: forget },
      { name: "lr", label: say("learning rate η"), min: 0.05, max: 1.2, step: 0.05 },
      { name: "m", label: say("batch size m"), min: 2, max: this.noise[0].length, color: "plain" },
    ]);
    this.allow("other", 1, this.noise.length, undefined, true);
    this.table(say("The 64 days"), [say("the 64 days"), say("value")], [
      [say("goal of γ: √(σ² + ε)"), "goal.gamma"],
      [say("goal of β: μ"), "goal.beta"],
      [say("mean squared error in °C²"), "loss"],
      [say("as a fraction of σ²"), "known"],
    ], 4);
    this.table(say("Another batch"), [say("another batch"), say("value")], [
      [say("mean"), "next.mean"],
      [say("std"), "next.std"],
      [say("error as a fraction of the variance"), "next.error"],
      [say("its mean over 40 batches"), "average"],
      ["1.5 / m", "law"],
    ], 4);
    this.button(say("One step"), () => this.descend(1));
    this.button(say("Ten steps"), () => this.descend(10));
    this.button(say("Another batch"), () => { this.at.other = (this.at.other % this.noise.length) + 1; });
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
    const { m, other } = this.at;
    const days = (k) => this.noise[k].slice(0, m).map((u) => this.climate.mean + this.climate.std * u);
    const variance = this.climate.std ** 2;
    const z = days(other - 1);
    const { y, error } = this.error(z);
    const loss = this.error(this.z).error;
    return { ...this.at, loss, known: loss / biased(this.z),
      goal: { gamma: Math.sqrt(biased(this.z) + 1e-5), beta: mean(this.z) },
      next: { z, y, mean: mean(z), std: Math.sqrt(biased(z)), error: error / variance },
      average: mean(this.noise.map((_, k) => this.error(days(k)).error)) / variance, law: 1.5 / m };
  }

  draw({ goal, next }) {
    const [loss, days] = this.plots;
    const side = Math.min(loss.width - 40, loss.height - 54);
    const left = (loss.width - side + 24) / 2;
    const x = loss.scale([-4, 10], [left, left + side]);
    const y = loss.scale([-2, 12], [side + 18, 18]);
    Object.assign(this, { x, y });
    loss.axis(x, [-4, 0, 4, 8], { y: side + 20 });
    loss.axis(y, [0, 4, 8, 12], { x: left - 4 });
    loss.text(left + side / 2, side + 51, say("γ in °C: drag the point"), "middle");
    loss.text(left, 10, say("β in °C"));
    for (let radius = 1; radius <= 9; radius += 1) { // the loss is the square of the distance, but for ε
      loss.path(span(73).map((k) => [ // cut off at the edges
        clamp(x(goal.gamma + radius * Math.cos((k * Math.PI) / 36)), left, left + side),
        clamp(y(goal.beta + radius * Math.sin((k * Math.PI) / 36)), 18, side + 18)]), "", "area");
    }
    const [a, b] = [x(goal.gamma), y(goal.beta)];
    const way = [...this.trail, [this.at.gamma, this.at.beta]].map(([u, v]) => [x(u), y(v)]);
    loss.path(way, "", "thin");
    for (const [u, v] of way.slice(0, -1)) loss.dot(u, v, 3.5, "batch", 0.6);
    loss.line(a - 7, b, a + 7, b, "axis");
    loss.line(a, b - 7, a, b + 7, "axis");
    const [u, v] = way[0]; // the way down leads straight to the goal, whose name stands beside it
    if (Math.abs(u - a) > Math.abs(v - b)) loss.text(a, b - 13, say("goal"), "middle", "clear");
    else loss.text(a + 12, b + 4, say("goal"), "start", "clear");

    const scale = days.scale([-6, 18], [76, days.width - 14]);
    const above = days.strip(scale, 0, say("input z"));
    const below = days.strip(scale, days.height - 52, say("output y"), [-6, 0, 6, 12, 18]);
    days.text(scale(6), days.height - 3, say("another batch of {0} days, in °C", next.z.length), "middle");
    next.z.forEach((value, i) => {
      const ends = [scale(value), scale(next.y[i])];
      days.join(ends[0], above, ends[1], below);
      days.dot(ends[0], above.dot, 4, "plain", 0.9);
      days.dot(ends[1], below.dot, 4, "batch", 0.9);
    });
  }

  sentence({ gamma, beta, loss, next, m, average }) {
    return say("With γ = {0} °C and β = {1} °C, the mean squared error on the 64 days is {2} °C². ", digits(gamma, 2), digits(beta, 2), digits(loss, 2))
      + say("On another batch of {0} days it is {1}\u00a0% of the variance of the climate, and on average over 40 such batches {2}\u00a0%.", m, digits(100 * next.error, 1), digits(100 * average, 1));
  }
});
