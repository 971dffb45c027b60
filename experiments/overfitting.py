"""Does batch norm prevent overfitting? Groups of 4 to 128 samples, clean and wrong labels, for the chapter on it.

    python experiments/overfitting.py          about 20 core minutes; writes bnutils/results/overfitting.json

A seed draws 1,024 training images, which labels are wrong, the initial weights (He) and the order of the samples; all
arms share them. SGD always sees batches of 128. The arm "group" normalizes over groups of that batch, so that nothing
but the noise of the batch statistics differs between 4 and 128. "none" has no normalization, "dropout" has dropout
after each ReLU instead, "layer" has LayerNorm, "both" has batch norm over the whole batch and dropout.

Tuned on the *validation* images, for clean and for wrong labels apart, with the seeds ``TUNING_SEEDS``: the learning
rate of "none", of "group" 128 (the other groups take over this one, as does "both"), of "group" 4 for itself, and of
"layer"; then the rate of "dropout" (with the learning rate of "none") and of "both". What counts is the best epoch of
the first 40, so that a rate is not chosen for being too slow to have memorized anything yet. The runs of
``FINAL_SEEDS`` alone meet the test images; they go on to epoch 120, and the rate is constant, so each epoch we look at
is a budget of its own. On clean labels "none" runs with all learning rates, to show what slow training looks like; on
wrong labels "none" and groups of 4 and of 128 do, to show what hangs on the choice.
"""

import functools
import os
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from bnutils.data import save_results
from bnutils.training import accuracy, fashion_tensors, make_network, recalibrate, train

IMAGES, BATCH_SIZE = 1024, 128
EPOCHS = (1, 2, 3, 5, 8, 12, 16, 20, 25, 30, 40, 60, 80, 120)  # where we look
TUNING_EPOCHS = EPOCHS[: EPOCHS.index(40) + 1]
GROUPS = (4, 8, 16, 32, 64, 128)
SHARES = (0.0, 0.3)  # of wrong labels
LEARNING_RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
DROPOUT_RATES = (0.03, 0.1, 0.2, 0.3, 0.5)
TUNED = {"none": ("none", None), "layer": ("layer", None), "128": ("group", 128), "4": ("group", 4)}  # arm, group
TUNING_SEEDS = (200, 201, 202)
FINAL_SEEDS = tuple(range(40, 46))


class GhostNorm(nn.BatchNorm1d):
    """Batch norm that, in training mode, takes its statistics over ``group`` samples; it keeps no running ones."""

    group = BATCH_SIZE

    def forward(self, z):
        columns = z.reshape(self.group, -1)  # (group, m / group * C): one column a feature and group
        z_hat = F.batch_norm(columns, None, None, training=True, eps=self.eps).view_as(z)
        return self.weight * z_hat + self.bias


@functools.cache
def load():
    """Return the tensors of `fashion_tensors`, loaded once in a process."""
    return fashion_tensors(folder="")


def draw_data(data, share, seed):
    """Return 1,024 training images, their labels, a share of which is wrong, and a mask of the wrong ones."""
    generator = torch.Generator().manual_seed(seed)
    x, y = data["train"]
    chosen = torch.randperm(len(x), generator=generator)[:IMAGES]
    wrong = torch.arange(IMAGES) < round(share * IMAGES)
    other = torch.randint(1, 10, (IMAGES,), generator=generator)  # added to the class, modulo 10
    return x[chosen], torch.where(wrong, (y[chosen] + other) % 10, y[chosen]), wrong


def build(arm, group=None, rate=None, seed=0):
    """Return the network of the book with He's initial weights, the same ones in all arms."""
    normalized = arm in ("group", "both", "layer")
    layers = list(make_network(batch_norm=normalized, seed=seed))
    generator = torch.Generator().manual_seed(seed)
    for i, layer in enumerate(layers):
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm1d):
            layers[i] = nn.LayerNorm(layer.num_features) if arm == "layer" else GhostNorm(layer.num_features)
            layers[i].group = group
        elif isinstance(layer, nn.ReLU) and rate is not None:
            layers[i] = nn.Sequential(layer, nn.Dropout(rate))
    return nn.Sequential(*layers)


def for_evaluation(model, x):
    """Return ``model`` ready for evaluation: an ordinary batch norm with recalibrated running statistics."""
    if not any(isinstance(layer, GhostNorm) for layer in model):
        return model
    ordinary = make_network()
    ordinary.load_state_dict(model.state_dict())
    return recalibrate(ordinary, x, BATCH_SIZE)


def run(arm, share, lr, seed, group=None, rate=None, splits=("validation",), epochs=EPOCHS):
    """Train one network; return its settings and lists with one value for each of ``epochs``.

    "train" is the accuracy on the labels that it was trained with, "memorized" the share of the wrong labels among
    them that the network gives back, "validation" and "test" the accuracies on clean labels.
    """
    data = load()
    x, y, wrong = draw_data(data, share, seed)
    model = build(arm, group, rate, seed)
    keys = ("train", *(("memorized",) if share else ()), *splits)
    history = {key: [] for key in keys}
    steps_per_epoch = IMAGES // BATCH_SIZE

    def look(step, model):
        if step % steps_per_epoch == 0 and step // steps_per_epoch in epochs:
            ready = for_evaluation(model, x)
            parts = data | {"train": (x, y), "memorized": (x[wrong], y[wrong])}
            for key in keys:
                history[key].append(round(accuracy(ready, *parts[key]), 5))

    torch.manual_seed(seed)  # dropout
    train(model, x, y, epochs=epochs[-1], lr=lr, batch_size=BATCH_SIZE, seed=seed, on_step=look)
    settings = {"arm": arm, "share": share, "lr": lr, "seed": seed, "group": group, "rate": rate}
    return settings | history


def best(tuning, name, values, **settings):
    """Return the value of ``name`` whose mean validation accuracy over the seeds has the highest best epoch."""

    def score(value):
        wanted = settings | {name: value}
        runs = [r["validation"] for r in tuning if all(r[key] == wanted[key] for key in wanted)]
        return np.mean(runs, axis=0).max()

    return max(values, key=score)


def choose_rates(tuning, share):
    """Return the learning rate of each of ``TUNED`` for one share of wrong labels."""
    return {
        name: best(tuning, "lr", LEARNING_RATES, arm=arm, group=group, share=share, rate=None)
        for name, (arm, group) in TUNED.items()
    }


def choose_dropout(tuning, share):
    """Return the dropout rate of "dropout" and of "both" for one share of wrong labels."""
    return {arm: best(tuning, "rate", DROPOUT_RATES, arm=arm, share=share) for arm in ("dropout", "both")}


def final_arms(share, lrs, rates):
    """Return the settings of all networks of one share of wrong labels that meet the test images."""
    arms = [{"arm": "none", "lr": lr} for lr in LEARNING_RATES]
    for group in GROUPS:
        own = {lrs["128"]} | ({lrs["4"]} if group == 4 else set())
        own = LEARNING_RATES if share and group in (4, 128) else sorted(own)
        arms += [{"arm": "group", "lr": lr, "group": group} for lr in own]
    arms += [{"arm": "layer", "lr": lrs["layer"]}]
    arms += [{"arm": "dropout", "lr": lrs["none"], "rate": rates["dropout"]}]
    return arms + [{"arm": "both", "lr": lrs["128"], "group": 128, "rate": rates["both"]}]


def _call(job):
    return run(**job)


def _spread(pool, jobs, label):
    return list(tqdm(pool.map(_call, jobs), total=len(jobs), desc=label, disable=False))


def main():
    """Tune, run, and save all that was measured."""
    os.environ["TQDM_DISABLE"] = "1"  # in the workers
    with ProcessPoolExecutor(os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        pairs = [(share, seed) for share in SHARES for seed in TUNING_SEEDS]
        jobs = [
            {"arm": arm, "group": group, "share": share, "lr": lr, "seed": seed, "epochs": TUNING_EPOCHS}
            for arm, group in TUNED.values()
            for lr in LEARNING_RATES
            for share, seed in pairs
        ]
        tuning = _spread(pool, jobs, "learning rates")
        lrs = {share: choose_rates(tuning, share) for share in SHARES}
        jobs = [
            {"arm": arm, "group": group, "share": share, "lr": lrs[share][like], "seed": seed, "rate": rate}
            for arm, group, like in (("dropout", None, "none"), ("both", 128, "128"))
            for rate in DROPOUT_RATES
            for share, seed in pairs
        ]
        tuning += _spread(pool, [job | {"epochs": TUNING_EPOCHS} for job in jobs], "dropout rates")
        rates = {share: choose_dropout(tuning, share) for share in SHARES}
        jobs = [
            arm | {"share": share, "seed": seed, "splits": ("validation", "test")}
            for share in SHARES
            for arm in final_arms(share, lrs[share], rates[share])
            for seed in FINAL_SEEDS
        ]
        final = _spread(pool, jobs, "final")
    chosen = [{"share": share, "lr": lrs[share], "dropout": rates[share]} for share in SHARES]
    protocol = {
        "budgets": {"unit": "epochs", "values": EPOCHS},  # of 8 steps; tuned on the best of the first 40
        "rates": {"all": LEARNING_RATES, "share of dropout": DROPOUT_RATES},
        "seeds": {"tuning": TUNING_SEEDS, "final": FINAL_SEEDS},
        "initial_weights": {"all": "He's for ReLU, biases 0; the same in all arms"},
        "data": "1,024 training images of Fashion-MNIST, no label wrong or three in ten; 1,000 validation, 2,000 test",
    }
    settings = {"images": IMAGES, "batch_size": BATCH_SIZE, "epochs": EPOCHS, "groups": GROUPS, "shares": SHARES}
    settings |= {"tuning_epochs": TUNING_EPOCHS, "learning_rates": LEARNING_RATES, "dropout_rates": DROPOUT_RATES}
    settings |= {"final_seeds": FINAL_SEEDS, "threads": 1}
    results = {"protocol": protocol, "settings": settings, "chosen": chosen, "tuning": tuning, "final": final}
    save_results("overfitting", "python experiments/overfitting.py", results)


if __name__ == "__main__":
    main()
