"""How wide is the window of learning rates that train, with and without batch norm? For the chapter that asks why.

    python experiments/learning_rate.py     about 6 minutes on one core; writes bnutils/results/learning_rate.json

Each setting fixes the initial weights, the input, the optimizer and the activation; ``SETTINGS`` lists them. Both
arms of a setting, "plain" and "bn", start from the same weight matrices and see the samples in the same order when
they have the same seed. Four epochs with the learning rate are followed by one with a tenth of it, so that the
running statistics catch up. Validation accuracy of all rates and ``TUNING_SEEDS`` is kept; the rate with the best
mean for each setting and arm is trained again with ``FINAL_SEEDS``, and only these runs are tested. A network that
diverges to NaN counts as class 0.
"""

import os
from concurrent.futures import ProcessPoolExecutor
from functools import cache

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from bnutils.data import load_fashion_mnist, save_results
from bnutils.training import accuracy, fashion_tensors, make_network, train

SETTINGS = {  # initial weights, pixels, optimizer, activation
    "default": ("default", "raw", "sgd", "relu"),
    "he": ("he", "raw", "sgd", "relu"),
    "he_standardized": ("he", "standardized", "sgd", "relu"),
    "adam": ("default", "standardized", "adam", "relu"),
    "sigmoid": ("default", "standardized", "sgd", "sigmoid"),
    "sigmoid_scaled": ("scaled", "standardized", "sgd", "sigmoid"),
}
ARMS = ("plain", "bn")
SGD_RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
ADAM_RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
TUNING_SEEDS = (30, 31, 32, 33, 34)
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


def train_adam(model, x, y, epochs, lr, seed):
    """Train as `bnutils.training.train` does, by Adam."""
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    generator = torch.Generator().manual_seed(seed)
    model.train()
    for _ in range(epochs):
        order = torch.randperm(len(x), generator=generator)
        for batch in order[: len(x) - len(x) % 128].split(128):
            optimizer.zero_grad()
            F.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()


def run(setting, arm, lr, seed, splits=("validation",)):
    """Train one network; return its settings and its accuracy on ``splits``."""
    init, kind, optimizer, activation = SETTINGS[setting]
    data, model = pixels(kind), start(arm, init, activation, seed)
    fit = train_adam if optimizer == "adam" else train
    fit(model, *data["train"], epochs=4, lr=lr, seed=seed)
    fit(model, *data["train"], epochs=1, lr=lr / 10, seed=seed + 1000)
    result = {"setting": setting, "arm": arm, "lr": lr, "seed": seed}
    return result | {split: round(accuracy(model, *data[split]), 4) for split in splits}


def rates(setting):
    """Return the learning rates that are tried in a setting."""
    return ADAM_RATES if SETTINGS[setting][2] == "adam" else SGD_RATES


def best_lr(tuning, setting, arm):
    """Return the learning rate with the best mean validation accuracy, the smaller one of two that are equal."""

    def mean(lr):
        wanted = (setting, arm, lr)
        return np.mean([r["validation"] for r in tuning if (r["setting"], r["arm"], r["lr"]) == wanted])

    return max(rates(setting), key=lambda lr: round(mean(lr), 6))


def _call(job):
    return run(*job)


def main():
    """Run all settings and save all that was measured."""
    os.environ["TQDM_DISABLE"] = "1"  # in the workers
    jobs = [(s, arm, lr, seed) for s in SETTINGS for arm in ARMS for lr in rates(s) for seed in TUNING_SEEDS]
    with ProcessPoolExecutor(2, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        tuning = list(tqdm(pool.map(_call, jobs), total=len(jobs), disable=False))
        finals = [
            (s, arm, best_lr(tuning, s, arm), seed, ("validation", "test"))
            for s in SETTINGS
            for arm in ARMS
            for seed in FINAL_SEEDS
        ]
        final = list(tqdm(pool.map(_call, finals), total=len(finals), disable=False))
    names = ("init", "pixels", "optimizer", "activation")
    settings = {"settings": {s: dict(zip(names, v, strict=True)) for s, v in SETTINGS.items()}}
    settings |= {"sgd_rates": SGD_RATES, "adam_rates": ADAM_RATES, "epochs": [4, 1], "batch_size": 128, "threads": 1}
    settings |= {"tuning_seeds": TUNING_SEEDS, "final_seeds": FINAL_SEEDS}
    save_results("learning_rate", "python experiments/learning_rate.py", settings | {"tuning": tuning, "final": final})


if __name__ == "__main__":
    main()
