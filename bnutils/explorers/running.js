// Running statistics: what the layer remembers after t batches, and what evaluation mode makes of it.

define("bn-running", class extends Explorer {
  build() {
    this.noise = JSON.parse(this.dataset.noise); // (batches, samples), standard normal numbers
    this.plot(190, "Mean over the batches: truth, batch and running mean");
    this.plot(190, "Variance over the batches: truth, batch and running variance");
    this.plot(120, "The samples of the last batch in training mode and in evaluation mode", "wide");
    this.ranges("The memory", [
      ["alpha", "momentum, torch", 0, 1, 0.01, undefined, (value) => { this.at.keras = snap(1 - value, 0.01); }],
      ["keras", "momentum, Keras", 0, 1, 0.01, undefined, (value) => { this.at.alpha = snap(1 - value, 0.01); }],
      ["mean_0", "start, mean", -5, 10, 0.5],
      ["var_0", "start, variance", 0, 10, 0.5],
    ]);
    this.ranges("The data", [
      ["t", "batches seen, t", 1, this.noise.length, 1],
      ["size", "batch size N", 2, this.noise[0].length, 1],
      ["drift", "drift per batch", -0.1, 0.1, 0.01],
    ]);
    this.table("Statistics", ["", "mean", "variance"], [
      ["truth, at t", "truth.mean", "truth.var"],
      [["batch t, biased", "batch"], "batch.mean", "batch.biased"],
      ["batch t, unbiased", "", "batch.unbiased"],
      [["running, after t", "running"], "running.mean", "running.var"],
      ["weight of the start", "weight", "weight"],
    ]);
    this.table("Outputs", ["batch t", "mean", "std", "sample 1"], [
      [["training", "batch"], "training.mean", "training.std", "training.first"],
      [["evaluation", "running"], "evaluation.mean", "evaluation.std", "evaluation.first"],
    ]);
  }

  compute() {
    const { alpha, mean_0, var_0, t, size, drift } = this.at;
    const [level, spread, eps] = [5, 2, 1e-5];
    const paths = { truth: [], batch: [], unbiased: [], mean: [mean_0], var: [var_0] };
    let z;
    span(t).forEach((k) => {
      const truth = level + drift * (k + 1);
      z = this.noise[k].slice(0, size).map((u) => truth + spread * u);
      paths.truth.push(truth);
      paths.batch.push(mean(z));
      paths.unbiased.push(unbiased(z));
      paths.mean.push((1 - alpha) * paths.mean[k] + alpha * mean(z)); // torch: alpha is the share of the new batch
      paths.var.push((1 - alpha) * paths.var[k] + alpha * unbiased(z));
    });
    const running = { mean: paths.mean[t], var: paths.var[t] };
    const normalize = (middle, variance) => {
      const y = z.map((value) => (value - middle) / Math.sqrt(variance + eps));
      return { y, mean: mean(y), std: Math.sqrt(biased(y)), first: y[0] };
    };
    return { ...this.at, paths, running, weight: (1 - alpha) ** t,
      truth: { mean: paths.truth[t - 1], var: spread ** 2 },
      batch: { mean: mean(z), biased: biased(z), unbiased: unbiased(z) },
      training: normalize(mean(z), biased(z)), evaluation: normalize(running.mean, running.var) };
  }

  draw({ paths, t, training, evaluation }) {
    const [means, variances, outputs] = this.plots;
    this.over_time(means, paths.truth, paths.batch, paths.mean, [-5, 15], [-5, 0, 5, 10, 15], "mean (dashed: the truth)");
    this.over_time(variances, paths.truth.map(() => 4), paths.unbiased, paths.var, [0, 12], [0, 4, 8, 12], "variance");
    const scale = outputs.scale([-6, 6], [14, outputs.width - 14]);
    outputs.text(0, 14, `batch ${t}, training mode`);
    outputs.text(0, 114, "evaluation mode");
    outputs.axis(scale, [-6, -4, -2, 0, 2, 4, 6], { y: 78 });
    outputs.line(14, 36, outputs.width - 14, 36, "axis");
    training.y.forEach((value, i) => {
      const ends = [[scale(value), 36], [scale(evaluation.y[i]), 78]];
      outputs.path(ends, "", "thin");
      outputs.dot(...ends[0], 4, "batch", 0.8);
      outputs.dot(...ends[1], 4, "running", 0.8);
    });
  }

  over_time(plot, truth, batch, running, values, ticks, name) {
    const x = plot.scale([0, this.noise.length], [32, plot.width - 8]);
    const y = plot.scale(values, [plot.height - 30, 26]);
    plot.text(0, 12, name);
    plot.axis(x, [0, 20, 40, 60, 80], { y: plot.height - 24 });
    plot.axis(y, ticks, { x: 26 });
    batch.forEach((value, k) => plot.dot(x(k + 1), y(value), 2.5, "batch", 0.7));
    plot.path(truth.map((value, k) => [x(k + 1), y(value)]), "", "dash");
    plot.path(running.map((value, k) => [x(k), y(value)]), "running");
    plot.dot(x(running.length - 1), y(running.at(-1)), 5, "running");
  }

  sentence({ t, running, truth, evaluation, weight }) {
    return `After ${t} batches the running mean is ${digits(running.mean, 2)}, the truth ${digits(truth.mean, 2)}; the start still has `
      + `${digits(100 * weight, 0)} % of the weight. In evaluation mode this batch has mean ${digits(evaluation.mean, 2)} and standard deviation ${digits(evaluation.std, 2)}.`;
  }
});
