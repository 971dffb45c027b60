// Running statistics: where they stand after t batches, and what evaluation mode makes of the newest batch with them.

define("bn-running", class extends Explorer {
  build() {
    this.noise = JSON.parse(this.dataset.noise); // (batches, samples), standard normal numbers
    this.legend([[say("each batch"), "batch"], [say("running"), "running"], [say("the truth"), "dash"]]);
    this.plot(190, 136, say("Mean over the batches: truth, batches and running mean"), "half");
    this.plot(190, 136, say("Variance over the batches: truth, batches and running variance"), "half");
    this.plot(100, 82, say("The values of the newest batch in training mode and in evaluation mode"), "wide");
    this.ranges([
      { name: "alpha", label: say("momentum α"), min: 0, max: 1, step: 0.01, color: "running" },
      { name: "t", label: say("batches seen, t"), min: 1, max: this.noise.length },
      { name: "m", label: say("batch size m"), min: 2, max: this.noise[0].length, color: "batch" },
      { name: "drift", label: say("drift per batch"), min: -0.1, max: 0.1, step: 0.01 },
    ]);
    this.more([
      { name: "mean_0", label: say("initial running mean"), min: -5, max: 10, step: 0.5, color: "running" },
      { name: "var_0", label: say("initial running variance"), min: 0, max: 10, step: 0.5, color: "running" },
    ]);
    this.table(say("Statistics"), ["", say("mean"), say("variance")], [
      [say("the truth"), "truth.mean", "truth.var"],
      [[say("newest batch, biased"), "batch"], "batch.mean", "batch.biased"],
      [say("newest batch, unbiased"), "", "batch.unbiased"],
      [[say("μ_run and σ²_run"), "running"], "running.mean", "running.var"],
      [say("weight of the initial value"), "weight", "weight"],
    ]);
    this.table(say("Outputs"), [say("output of the newest batch"), say("mean"), say("std"), say("sample 1")], [
      [[say("training mode"), "batch"], "training.mean", "training.std", "training.first"],
      [[say("evaluation mode"), "running"], "evaluation.mean", "evaluation.std", "evaluation.first"],
    ]);
  }

  compute() {
    const { alpha, mean_0, var_0, t, m, drift } = this.at;
    const [level, spread, eps] = [5, 2, 1e-5];
    const paths = { truth: [], batch: [], unbiased: [], mean: [mean_0], var: [var_0] };
    let z;
    span(t).forEach((k) => {
      const truth = level + drift * (k + 1);
      z = this.noise[k].slice(0, m).map((u) => truth + spread * u);
      paths.truth.push(truth);
      paths.batch.push(mean(z));
      paths.unbiased.push(unbiased(z));
      paths.mean.push((1 - alpha) * paths.mean[k] + alpha * mean(z)); // as in torch, alpha is the weight of the new batch
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

  draw({ paths, training, evaluation }) {
    const [means, variances, outputs] = this.plots;
    this.over_time(means, paths.truth, paths.batch, paths.mean, [-5, 15], [-5, 0, 5, 10, 15], say("mean"));
    this.over_time(variances, paths.truth.map(() => 4), paths.unbiased, paths.var, [0, 12], [0, 4, 8, 12], say("variance"));
    const scale = outputs.scale([-6, 6], [90, outputs.width - 14]);
    const above = outputs.strip(scale, 0, say("training"));
    const below = outputs.strip(scale, outputs.height - 36, say("evaluation"), [-6, -4, -2, 0, 2, 4, 6]);
    training.y.forEach((value, i) => {
      const [x, u] = [scale(value), scale(evaluation.y[i])];
      outputs.join(x, above, u, below);
      outputs.dot(x, above.dot, 4, "batch", 0.8);
      outputs.dot(u, below.dot, 4, "running", 0.8);
    });
  }

  over_time(plot, truth, batch, running, values, ticks, name) {
    const x = plot.scale([0, this.noise.length], [28, plot.width - 8]);
    const y = plot.scale(values, [plot.height - 40, 24]);
    plot.text(0, 12, name, "start", "title");
    plot.axis(x, plot.width < 250 ? [0, 40, 80] : [0, 20, 40, 60, 80], { y: plot.height - 34 });
    plot.axis(y, ticks, { x: 24 });
    plot.text((28 + plot.width) / 2, plot.height - 3, say("number of the batch"), "middle");
    batch.forEach((value, k) => plot.dot(x(k + 1), y(value), 2.5, "batch", 0.7));
    plot.path(truth.map((value, k) => [x(k + 1), y(value)]), "", "dash");
    plot.path(running.map((value, k) => [x(k), y(value)]), "running");
    plot.dot(x(running.length - 1), y(running.at(-1)), 5, "running");
  }

  sentence({ alpha, t, running, truth, evaluation, weight }) {
    return say("After {0} with momentum {1} (in Keras {2}), the running mean is {3}, while the true mean is {4}. ",
      t === 1 ? say("1 batch") : say("{0} batches", t), digits(alpha, 2), digits(1 - alpha, 2), digits(running.mean, 2), digits(truth.mean, 2))
      + say("The initial value still has {0}\u00a0% of the weight. ", digits(100 * weight, 0))
      + say("In evaluation mode the outputs of this batch have mean {0} and standard deviation {1}, where training mode gives 0 and 1.", digits(evaluation.mean, 2), digits(evaluation.std, 2));
  }
});
