"""Does batch norm prevent overfitting? Groups of 4 to 128 samples, clean and wrong labels, for the chapter on it.

    python experiments/overfitting.py          about 6 minutes on one core; writes bnutils/results/overfitting.json

A seed draws 1,024 training images, which labels are wrong, the initial weights (He) and the order of the samples; all
arms share them. SGD always sees batches of 128. The arm "group" normalizes over groups of that batch, so that nothing
but the noise of the batch statistics differs between 4 and 128. "none" has no normalization, "dropout" has dropout
after each ReLU instead, "layer" has LayerNorm, "both" has batch norm over the whole batch and dropout.

Tuned on the *validation* images, for clean and for wrong labels apart, with the seeds ``TUNING_SEEDS``: the learning
rate of "none", of "group" 128 (all other groups take over this one, as does "both") and of "layer"; the rate of
"dropout" (with the learning rate of "none") and of "both". The runs of ``FINAL_SEEDS`` alone meet the test images.
On clean labels "none" runs with all learning rates, to show what slow training looks like.
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
EPOCHS = (1, 2, 3, 5, 8, 12, 16, 20, 25, 30, 40)  # where we look
GROUPS = (4, 8, 16, 32, 64, 128)
SHARES = (0.0, 0.3)  # of wrong labels
LEARNING_RATES = (0.03, 0.1, 0.3)
DROPOUT_RATES = (0.1, 0.3, 0.5)
TUNING_SEEDS = (200, 201)
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


def run(arm, share, lr, seed, group=None, rate=None, splits=("validation",)):
    """Train one network; return its settings and lists with one value for each of ``EPOCHS``.

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
        if step % steps_per_epoch == 0 and step // steps_per_epoch in EPOCHS:
            ready = for_evaluation(model, x)
            parts = {"train": (x, y), "memorized": (x[wrong], y[wrong])} | data | {"train": (x, y)}
            for key in keys:
                history[key].append(round(accuracy(ready, *parts[key]), 5))

    torch.manual_seed(seed)  # dropout
    train(model, x, y, epochs=EPOCHS[-1], lr=lr, batch_size=BATCH_SIZE, seed=seed, on_step=look)
    settings = {"arm": arm, "share": share, "lr": lr, "seed": seed, "group": group, "rate": rate}
    return settings | history


def best(tuning, name, values, **settings):
    """Return the value of ``name`` with the best mean validation accuracy after the last epoch, and its score."""

    def score(value):
        wanted = settings | {name: value}
        return np.mean([r["validation"][-1] for r in tuning if all(r[key] == wanted[key] for key in wanted)])

    return max(values, key=score)


def _call(job):
    return run(**job)


def _spread(pool, jobs, label):
    return list(tqdm(pool.map(_call, jobs), total=len(jobs), desc=label, disable=False))


def main(workers=1):
    """Tune, run, and save all that was measured."""
    os.environ["TQDM_DISABLE"] = "1"  # in the workers
    tuning, final, chosen = [], [], []
    with ProcessPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        pairs = [(share, seed) for share in SHARES for seed in TUNING_SEEDS]
        first = [
            {"arm": arm, "group": group, "share": share, "lr": lr, "seed": seed}
            for arm, group in (("none", None), ("group", 128), ("layer", None))
            for lr in LEARNING_RATES
            for share, seed in pairs
        ]
        tuning += _spread(pool, first, "learning rates")
        lrs = {
            (arm, share): best(tuning, "lr", LEARNING_RATES, arm=arm, share=share)
            for arm in ("none", "group", "layer")
            for share in SHARES
        }
        second = [
            {"arm": arm, "group": group, "share": share, "lr": lrs[like, share], "seed": seed, "rate": rate}
            for arm, group, like in (("dropout", None, "none"), ("both", 128, "group"))
            for rate in DROPOUT_RATES
            for share, seed in pairs
        ]
        tuning += _spread(pool, second, "dropout rates")
        for share in SHARES:
            none = LEARNING_RATES if share == 0 else (lrs["none", share],)
            rates = {arm: best(tuning, "rate", DROPOUT_RATES, arm=arm, share=share) for arm in ("dropout", "both")}
            arms = [{"arm": "none", "lr": lr} for lr in none]
            arms += [{"arm": "group", "lr": lrs["group", share], "group": group} for group in GROUPS]
            arms += [{"arm": "layer", "lr": lrs["layer", share]}]
            arms += [{"arm": "dropout", "lr": lrs["none", share], "rate": rates["dropout"]}]
            arms += [{"arm": "both", "lr": lrs["group", share], "group": 128, "rate": rates["both"]}]
            chosen.append({"share": share, "rates": rates} | {a: lrs[a, share] for a in ("none", "group", "layer")})
            jobs = [
                arm | {"share": share, "seed": seed, "splits": ("validation", "test")}
                for arm in arms
                for seed in FINAL_SEEDS
            ]
            final += _spread(pool, jobs, f"final, {share:.0%} wrong")
    settings = {
        "images": IMAGES,
        "batch_size": BATCH_SIZE,
        "epochs": EPOCHS,
        "groups": GROUPS,
        "shares": SHARES,
        "learning_rates": LEARNING_RATES,
        "dropout_rates": DROPOUT_RATES,
        "tuning_seeds": TUNING_SEEDS,
        "final_seeds": FINAL_SEEDS,
        "threads": 1,
    }
    results = {"settings": settings, "chosen": chosen, "tuning": tuning, "final": final}
    save_results("overfitting", "python experiments/overfitting.py", results)


if __name__ == "__main__":
    main()
