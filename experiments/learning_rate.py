"""What does batch norm buy at which learning rate, and with which training budget? For the chapter that asks why.

    python experiments/learning_rate.py     about 40 minutes on one core; writes bnutils/results/learning_rate.json

Each setting fixes the initial weights, the input, the optimizer and the activation; ``SETTINGS`` lists them. Both
arms of a setting, "plain" and "bn", start from the same weight matrices and see the samples in the same order when
they have the same seed. A network is trained with one rate throughout. At each budget a copy of it and of its
optimizer is taken before the last epoch, which it spends at a tenth of the rate, so that the running statistics catch
up; then it is measured. Validation accuracy of all rates and ``TUNING_SEEDS`` is kept; the rate with the best mean
for each setting, arm and budget is trained again with ``FINAL_SEEDS``, and only these runs are tested. A network that
diverges to NaN is trained no further, and counts as class 0.
"""

import copy
import math
import os
from concurrent.futures import ProcessPoolExecutor
from functools import cache

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from bnutils.data import load_fashion_mnist, save_results
from bnutils.training import accuracy, fashion_tensors, make_network

SETTINGS = {  # initial weights, pixels, optimizer, activation
    "default": ("default", "raw", "sgd", "relu"),
    "he": ("he", "raw", "sgd", "relu"),
    "he_standardized": ("he", "standardized", "sgd", "relu"),
    "adam": ("default", "standardized", "adam", "relu"),
    "sigmoid": ("default", "standardized", "sgd", "sigmoid"),
    "sigmoid_scaled": ("scaled", "standardized", "sgd", "sigmoid"),
}
ARMS = ("plain", "bn")
BUDGETS = (5, 20, 40)  # epochs, the last of them with a tenth of the rate
SGD_RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
ADAM_RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
TUNING_SEEDS = (30, 31, 32, 33)
FINAL_SEEDS = tuple(range(40, 50))
GAINS = {"he": 2**0.5, "scaled": 4.0}  # std of a weight times sqrt(fan_in); 4 makes up for the slope 1/4 of the sigmoid


@cache
def pixels(kind):
    """Return the splits with "standardized" pixels, or with "raw" ones that are only divided by 255."""
    if kind == "standardized":
        return fashion_tensors(folder="")
    splits = {split: load_fashion_mnist(split, folder="") for split in ("train", "validation", "test")}
    return {split: (torch.from_numpy(x).float() / 255, torch.from_numpy(y)) for split, (x, y) in splits.items()}


def start(arm, init, activation, seed):
    """Return the untrained network of one arm; both arms have the same weight matrices."""
    models = {name: make_network(batch_norm=name == "bn", seed=seed) for name in ARMS}
    linears = {name: [m for m in model if isinstance(m, nn.Linear)] for name, model in models.items()}
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in linears["plain"] if init in GAINS else []:
            layer.weight.normal_(0, GAINS[init] / layer.in_features**0.5, generator=generator)
            layer.bias.zero_()
        for plain, bn in zip(linears["plain"], linears["bn"], strict=True):
            bn.weight.copy_(plain.weight)
            if bn.bias is not None:
                bn.bias.copy_(plain.bias)
    if activation == "sigmoid":
        return nn.Sequential(*[nn.Sigmoid() if isinstance(m, nn.ReLU) else m for m in models[arm]])
    return models[arm]


def train_epoch(model, optimizer, x, y, lr, seed):
    """Train one epoch with batches of 128, as `bnutils.training.train` does; return whether the last loss is finite."""
    for group in optimizer.param_groups:
        group["lr"] = lr
    model.train()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    for batch in order[: len(x) - len(x) % 128].split(128):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x[batch]), y[batch])
        loss.backward()
        optimizer.step()
    return math.isfinite(loss.item())


def run(setting, arm, lr, seed, budgets=BUDGETS, splits=("validation",)):
    """Train one network; return for each budget its settings and its accuracy on ``splits``."""
    init, kind, optimizer, activation = SETTINGS[setting]
    data, model = pixels(kind), start(arm, init, activation, seed)
    optimizer = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer](model.parameters(), lr=lr)
    results, finite = [], True
    for epoch in range(1, max(budgets) + 1):  # orders of the samples: 30001 to 30040 for seed 30
        if epoch in budgets:
            last, of_last = copy.deepcopy((model, optimizer))
            if finite:
                train_epoch(last, of_last, *data["train"], lr / 10, 1000 * seed + epoch)
            result = {"setting": setting, "arm": arm, "budget": epoch, "lr": lr, "seed": seed}
            results.append(result | {split: round(accuracy(last, *data[split]), 4) for split in splits})
        if epoch < max(budgets) and finite:
            finite = train_epoch(model, optimizer, *data["train"], lr, 1000 * seed + epoch)
    return results


def rates(setting):
    """Return the learning rates that are tried in a setting."""
    return ADAM_RATES if SETTINGS[setting][2] == "adam" else SGD_RATES


def best_lr(tuning, setting, arm, budget):
    """Return the learning rate with the best mean validation accuracy, the smaller one of two that are equal."""

    def mean(lr):
        wanted = (setting, arm, budget, lr)
        return np.mean([r["validation"] for r in tuning if (r["setting"], r["arm"], r["budget"], r["lr"]) == wanted])

    return max(rates(setting), key=lambda lr: round(mean(lr), 6))


def final_jobs(tuning):
    """Return the arguments of `run` for the final seeds: each chosen rate with the budgets that chose it."""
    chosen = {}
    for setting in SETTINGS:
        for arm in ARMS:
            for budget in BUDGETS:
                chosen.setdefault((setting, arm, best_lr(tuning, setting, arm, budget)), []).append(budget)
    return [(*key, seed, budgets, ("validation", "test")) for key, budgets in chosen.items() for seed in FINAL_SEEDS]


def _call(job):
    return run(*job)


def main():
    """Run all settings and save all that was measured."""
    os.environ["TQDM_DISABLE"] = "1"  # in the workers
    jobs = [(s, arm, lr, seed) for s in SETTINGS for arm in ARMS for lr in rates(s) for seed in TUNING_SEEDS]
    with ProcessPoolExecutor(os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        tuning = [r for runs in tqdm(pool.map(_call, jobs), total=len(jobs), disable=False) for r in runs]
        jobs = final_jobs(tuning)
        final = [r for runs in tqdm(pool.map(_call, jobs), total=len(jobs), disable=False) for r in runs]
    protocol = {
        "budgets": {"unit": "epochs", "values": BUDGETS},
        "rates": {setting: rates(setting) for setting in SETTINGS},
        "seeds": {"tuning": TUNING_SEEDS, "final": FINAL_SEEDS},
        "initial_weights": {
            "all": "the same matrices in both arms of a seed: torch's own in default, adam and sigmoid; normal, std "
            "sqrt(2 / fan-in) in he and he_standardized, 4 / sqrt(fan-in) in sigmoid_scaled, both without bias",
        },
        "data": "5,000 training images of Fashion-MNIST; rates chosen on 1,000 validation images, test on 2,000",
    }
    names = ("init", "pixels", "optimizer", "activation")
    settings = {s: dict(zip(names, values, strict=True)) for s, values in SETTINGS.items()}
    results = {"protocol": protocol, "settings": settings, "batch_size": 128, "threads": 1}
    results |= {"tuning": tuning, "final": final}
    save_results("learning_rate", "python experiments/learning_rate.py", results)


if __name__ == "__main__":
    main()
