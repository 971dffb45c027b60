"""Measure what the running statistics cost along training; write bnutils/results/running.json.

Run `python experiments/running.py` in the root of the repository; about two minutes on one core. Nothing here is tuned:
the validation images serve the chapter on running statistics, the test images are there for a second look.
"""

import copy

import torch

from bnutils.data import save_results
from bnutils.training import accuracy, batch_norm_layers, fashion_tensors, make_network, recalibrate, train

SEEDS = tuple(range(200, 210))
STEPS = (1, 2, 3, 5, 7, 10, 14, 20, 28, 39, 55, 78, 110, 156, 195)  # five epochs of 39 steps
ALPHAS = (1.0, 0.5, 0.1, 0.01, 0.001, 0.0001)  # torch's momentum: the weight of the newest batch
SIZES = (2, 4, 8, 16, 32, 64, 128, 250)
SETTINGS = {"lr": 0.1, "lr_decayed": 0.01, "epochs": 5, "decayed_epochs": 1, "batch_size": 128}


def batch_statistics(model):
    """Return the mean and the unbiased variance of the last batch, shape (2, features), of layers with momentum 1."""
    layers = batch_norm_layers(model)
    return torch.stack([torch.cat([b.running_mean for b in layers]), torch.cat([b.running_var for b in layers])])


def with_statistics(model, tape, alpha, debias):
    """Return a copy of ``model`` with the running statistics that ``momentum=alpha`` gives over the ``tape``.

    The tape holds `batch_statistics` of each step. ``debias`` divides the initial values (0, 1) out, as Adam does.
    """
    model, tape = copy.deepcopy(model), torch.stack(tape).double()
    left = (1 - alpha) ** len(tape)
    weights = alpha * (1 - alpha) ** torch.arange(len(tape) - 1, -1, -1).double()  # (t,)
    mean, var = torch.tensordot(weights, tape, dims=1)  # (features,) each
    mean, var = (mean / (1 - left), var / (1 - left)) if debias else (mean, var + left)
    layers = batch_norm_layers(model)
    widths = [layer.num_features for layer in layers]
    for layer, layer_mean, layer_var in zip(layers, mean.split(widths), var.split(widths), strict=True):
        layer.running_mean.copy_(layer_mean)
        layer.running_var.copy_(layer_var)
    return model


def tape_at_rest(model, images):
    """Return the tape of one pass over ``images`` in which no weight moves."""
    model, tape = copy.deepcopy(model).train(), []
    with torch.no_grad():
        for batch in images[: len(images) - len(images) % SETTINGS["batch_size"]].split(SETTINGS["batch_size"]):
            model(batch)
            tape.append(batch_statistics(model))
    return tape


def five_answers(model, tape, data, split):
    """Return the accuracies on ``split``; ``at_rest`` is the debiased average over batches seen by today's weights."""
    images, labels = data[split]
    rest = tape_at_rest(model, data["train"][0])
    return {
        "running": [accuracy(with_statistics(model, tape, alpha, False), images, labels) for alpha in ALPHAS],
        "debiased": [accuracy(with_statistics(model, tape, alpha, True), images, labels) for alpha in ALPHAS],
        "at_rest": [accuracy(with_statistics(model, rest, alpha, True), images, labels) for alpha in ALPHAS],
        "recalibrated": accuracy(recalibrate(model, data["train"][0]), images, labels),
        "batch": accuracy(model, images, labels, training=True),  # the whole split is one batch
    }


def by_batch_size(model, data, seed):
    """Return the validation accuracy in training mode by batch size, for images in random order and by class."""
    images, labels = data["validation"]
    orders = {
        "shuffled": torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed)),
        "sorted": torch.argsort(labels, stable=True),
    }
    return {
        name: [accuracy(model, images[order], labels[order], training=True, batch_size=size) for size in SIZES]
        for name, order in orders.items()
    } | {"running": accuracy(model, images, labels)}


def run(seed, data, steps=STEPS):
    """Return all values of one seed: along training with a constant rate, and at the end with a decayed one."""
    model = make_network(seed=seed)
    for layer in batch_norm_layers(model):
        layer.momentum = 1.0  # the running statistics are those of the last batch: a tape recorder
    tape, curves = [], []

    def record(_, model):
        tape.append(batch_statistics(model))
        if len(tape) in steps:
            curves.append(five_answers(model, tape, data, "validation"))

    train(model, *data["train"], epochs=4, lr=SETTINGS["lr"], seed=seed, on_step=record)
    decayed, start = copy.deepcopy(model), list(tape)
    train(model, *data["train"], epochs=1, lr=SETTINGS["lr"], seed=seed + 1000, on_step=record)
    result = {"seed": seed, "along": curves, "constant_test": five_answers(model, tape, data, "test")}
    tape, steps = start, ()
    train(decayed, *data["train"], epochs=1, lr=SETTINGS["lr_decayed"], seed=seed + 1000, on_step=record)
    result |= {f"decayed_{split}": five_answers(decayed, tape, data, split) for split in ("validation", "test")}
    return result | {"by_batch_size": by_batch_size(with_statistics(decayed, tape, 0.1, False), data, seed)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    data = fashion_tensors(folder="")
    save_results(
        "running",
        "python experiments/running.py",
        {"settings": SETTINGS, "steps": STEPS, "alphas": ALPHAS, "sizes": SIZES, "runs": [run(s, data) for s in SEEDS]},
    )
