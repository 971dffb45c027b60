"""What do the running statistics cost along training, and when batches are not random? For the chapter on them.

    python experiments/running.py           about 7 minutes on one core; writes bnutils/results/running.json

``runs``: the network of the book, trained at one rate; at each budget a copy of it, taken before the last epoch, spends
this epoch at a tenth of the rate. Nothing is tuned: the validation images serve the chapter, the test images are there
for a second look.

``pairs_final``: networks whose training batches are not drawn at random. In ``PAIR_ARMS`` a batch of 100 holds either
random images or two classes, always the same two together; "synchronized" takes the statistics over five such batches,
one of each pair, and so does the step; "groups" has GroupNorm for batch norm. For each arm and budget the rate with the
best mean accuracy in evaluation mode on the validation images (``pairs_tuning``) is trained again with fresh seeds.
"""

import copy
import os
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from bnutils.data import save_results
from bnutils.training import accuracy, batch_norm_layers, fashion_tensors, make_network, predict, recalibrate, train

SEEDS = tuple(range(200, 210))
STEPS = (1, 2, 3, 5, 7, 10, 14, 20, 28, 39, 55, 78, 110, 156, 195, 390, 780)  # 39 in an epoch
ALPHAS = (1.0, 0.5, 0.1, 0.01, 0.001, 0.0001)  # torch's momentum: the weight of the newest batch
SIZES = (2, 4, 8, 16, 32, 64, 128, 250)
BUDGETS = (5, 20)  # epochs
LR, DECAYED_LR, BATCH_SIZE = 0.1, 0.01, 128
PAIR_ARMS = ("random", "pairs", "synchronized", "groups")
PAIR_RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
PAIR_TUNING_SEEDS, PAIR_FINAL_SEEDS = (210, 211, 212), tuple(range(220, 228))


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
        for batch in images[: len(images) - len(images) % BATCH_SIZE].split(BATCH_SIZE):
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


def run(seed, budgets=BUDGETS, steps=STEPS):
    """Return all values of one seed: along training with a constant rate, and at each budget."""
    data, model = fashion_tensors(folder=""), make_network(seed=seed)
    for layer in batch_norm_layers(model):
        layer.momentum = 1.0  # the running statistics are those of the last batch: a tape recorder
    tape, along, ends = [], [], []

    def record(_, model):
        tape.append(batch_statistics(model))
        if len(tape) in steps:
            along.append(five_answers(model, tape, data, "validation"))

    for epoch in range(1, max(budgets) + 1):
        decayed, longer = copy.deepcopy(model), list(tape)
        train(model, *data["train"], lr=LR, seed=1000 * seed + epoch, on_step=record)
        if epoch not in budgets:
            continue
        end = {"budget": epoch}
        end |= {f"constant_{split}": five_answers(model, tape, data, split) for split in ("validation", "test")}

        def record_longer(_, model, longer=longer):
            longer.append(batch_statistics(model))

        train(decayed, *data["train"], lr=DECAYED_LR, seed=1000 * seed + epoch, on_step=record_longer)
        end |= {f"decayed_{split}": five_answers(decayed, longer, data, split) for split in ("validation", "test")}
        end["by_batch_size"] = by_batch_size(with_statistics(decayed, longer, 0.1, False), data, seed)
        ends.append(end)
    return {"seed": seed, "along": along, "ends": ends}


def pair_batches(labels, generator=None):
    """Return the batches, arrays of 100 indices, each with two classes: 0 and 1, 2 and 3, and so on; shape (5, n, 100).

    A generator shuffles the images of each pair.
    """
    rows = []
    for pair in range(5):
        index = torch.where(labels // 2 == pair)[0]
        index = index if generator is None else index[torch.randperm(len(index), generator=generator)]
        rows.append(torch.stack(index[: len(index) - len(index) % 100].split(100)))
    return torch.stack(rows)


def epoch_batches(arm, labels, generator):
    """Return the batches of one epoch in the order in which the arm sees them."""
    if arm == "random":
        return torch.randperm(len(labels), generator=generator).view(-1, 100)
    batches = pair_batches(labels, generator)
    if arm == "synchronized":
        return batches.transpose(0, 1).flatten(1)  # (n, 500): one batch of each pair
    batches = batches.flatten(0, 1)
    return batches[torch.randperm(len(batches), generator=generator)]


def in_groups(model):
    """Return the same network with GroupNorm, eight groups, for batch norm."""
    swapped = [nn.GroupNorm(8, m.num_features) if isinstance(m, nn.BatchNorm1d) else m for m in model]
    return nn.Sequential(*swapped)


def of_pairs(models, images, labels, training):
    """Return the accuracy on batches of two classes; ``models`` holds one for each pair."""
    right = []
    for model, batches in zip(models, pair_batches(labels), strict=True):
        index = batches.flatten()
        answers = predict(model, images[index], training, batch_size=100).argmax(dim=1)
        right.append((answers == labels[index]).float().mean().item())
    return float(np.mean(right))


def run_pairs(arm, lr, seed, budgets=BUDGETS, splits=("validation",)):
    """Train one network on batches that are random or hold two classes; return what was measured at each budget.

    "evaluation": evaluation mode. "recalibrated": the same, with statistics of random training batches. "training":
    training mode, on batches of two classes. "own": evaluation mode, each pair of classes with statistics of its own.
    """
    data, generator = fashion_tensors(folder=""), torch.Generator().manual_seed(seed)
    (x, y), model = data["train"], make_network(seed=seed)
    model = in_groups(model) if arm == "groups" else model
    results = []
    for epoch in range(1, max(budgets) + 1):
        model.train()
        for batch in epoch_batches(arm, y, generator):
            model.zero_grad()
            F.cross_entropy(model(x[batch]), y[batch]).backward()
            with torch.no_grad():
                for p in model.parameters():
                    p.add_(p.grad, alpha=-lr)
        if epoch in budgets:
            anew = recalibrate(model, x, 100)
            own = [recalibrate(model, x[batches.flatten()], 100) for batches in pair_batches(y)]
            result = {"arm": arm, "budget": epoch, "lr": lr, "seed": seed}
            for split in splits:
                images, labels = data[split]
                result[split] = {
                    "evaluation": accuracy(model, images, labels),
                    "recalibrated": accuracy(anew, images, labels),
                    "training": of_pairs([model] * 5, images, labels, training=True),
                    "own": of_pairs(own, images, labels, training=False),
                }
            results.append(result)
    return results


def best_lr(tuning, arm, budget):
    """Return the learning rate with the best mean validation accuracy in evaluation mode, the smaller of two equals."""

    def score(lr):
        runs = [r for r in tuning if (r["arm"], r["budget"], r["lr"]) == (arm, budget, lr)]
        return np.mean([r["validation"]["evaluation"] for r in runs])

    return max(PAIR_RATES, key=score)


def final_jobs(tuning):
    """Return the arguments of `run_pairs` for the final seeds: each chosen rate with the budgets that chose it."""
    chosen = {}
    for arm in PAIR_ARMS:
        for budget in BUDGETS:
            chosen.setdefault((arm, best_lr(tuning, arm, budget)), []).append(budget)
    splits = ("validation", "test")
    return [(*key, seed, budgets, splits) for key, budgets in chosen.items() for seed in PAIR_FINAL_SEEDS]


def _call(job):
    return run_pairs(*job)


def main():
    """Run both experiments and save all that was measured."""
    os.environ["TQDM_DISABLE"] = "1"  # in the workers
    with ProcessPoolExecutor(os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        runs = list(tqdm(pool.map(run, SEEDS), total=len(SEEDS), disable=False))
        jobs = [(arm, lr, seed) for arm in PAIR_ARMS for lr in PAIR_RATES for seed in PAIR_TUNING_SEEDS]
        tuning = [r for found in tqdm(pool.map(_call, jobs), total=len(jobs), disable=False) for r in found]
        jobs = final_jobs(tuning)
        final = [r for found in tqdm(pool.map(_call, jobs), total=len(jobs), disable=False) for r in found]
    protocol = {
        "budgets": {"unit": "epochs", "values": BUDGETS},
        "rates": {"runs": [LR, DECAYED_LR], "pairs": PAIR_RATES},
        "seeds": {"tuning": PAIR_TUNING_SEEDS, "final": SEEDS + PAIR_FINAL_SEEDS},
        "initial_weights": {"all": "torch's own, the same in all arms of a seed"},
        "data": "5,000 training images of Fashion-MNIST, 1,000 validation images, 2,000 test images",
    }
    results = {"protocol": protocol, "batch_size": BATCH_SIZE, "threads": 1}
    results |= {"steps": STEPS, "alphas": ALPHAS, "sizes": SIZES, "runs": runs}
    save_results("running", "python experiments/running.py", results | {"pairs_tuning": tuning, "pairs_final": final})


if __name__ == "__main__":
    main()
