"""What does training lose when no gradient flows through the batch statistics? For the chapter on the backward pass.

    python experiments/backward.py          about 12 minutes on one core; writes bnutils/results/backward.json

The network of the book is trained with every learning rate of ``LEARNING_RATES``. At each budget a copy of it is taken
before the last epoch, which it spends at a tenth of the rate. All arms compute the same outputs in the forward pass.
The arm "right" differentiates through the mean and the variance of the batch; the arms "mean", "variance" and "both"
treat what they name as a constant. ``tuning`` holds all runs that see the validation images; for each arm and budget
the learning rate with the best mean accuracy there is trained again with fresh seeds, and only these runs, ``final``,
see the test images. ``growth`` is the norm of the weights of each Linear in front of batch norm after training, over
its initial value; ``loss`` is the mean training loss of the last epoch, null where it is not finite.
"""

import copy
import math
import os
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from bnutils.data import SPLITS, save_results
from bnutils.training import accuracy, batch_norm_layers, fashion_tensors, make_network, train

ARMS = ("right", "mean", "variance", "both")  # what is detached
LEARNING_RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
TUNING_SEEDS = (30, 31, 32)
FINAL_SEEDS = tuple(range(40, 48))
BUDGETS = (5, 20)  # epochs, the last of them with a tenth of the rate


class DetachedNorm(nn.BatchNorm1d):
    """Batch norm whose mean, or variance, or both are constants in the backward pass."""

    detached = "right"

    def forward(self, z):
        """Normalize (N, C) as torch does."""
        if not self.training:
            return super().forward(z)
        mean, var = z.mean(dim=0), z.var(dim=0, correction=0)  # biased
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(var * len(z) / (len(z) - 1), self.momentum)  # unbiased
        mean = mean.detach() if self.detached in ("mean", "both") else mean
        var = var.detach() if self.detached in ("variance", "both") else var
        return self.weight * (z - mean) / torch.sqrt(var + self.eps) + self.bias


def detach(model, arm):
    """Make the batch norm layers of ``model`` treat their mean, variance or both as constants."""
    for layer in batch_norm_layers(model):
        layer.__class__ = DetachedNorm
        layer.detached = arm
    return model


def norms(model):
    """Return the norms of the weights of the Linears in front of batch norm."""
    return [layer.weight.norm().item() for layer in model if isinstance(layer, nn.Linear)][:-1]


def run(arm, lr, seed, budgets=BUDGETS, splits=("train", "validation")):
    """Train one network; return for each budget its settings, what was measured, and the accuracies on ``splits``."""
    data = fashion_tensors(folder="")
    model = detach(make_network(seed=seed), arm)
    before, results = norms(model), []
    for epoch in range(1, max(budgets) + 1):
        if epoch in budgets:
            last = copy.deepcopy(model)
            loss = float(np.mean(train(last, *data["train"], lr=lr / 10, seed=1000 * seed + epoch)))
            result = {"arm": arm, "budget": epoch, "lr": lr, "seed": seed}
            result["loss"] = loss if math.isfinite(loss) else None
            growth = np.divide(norms(last), before).tolist()
            result["growth"] = growth if np.isfinite(growth).all() else None
            results.append(result | {split: accuracy(last, *data[split]) for split in splits})
        if epoch < max(budgets):
            train(model, *data["train"], lr=lr, seed=1000 * seed + epoch)
    return results


def best_lr(tuning, arm, budget):
    """Return the learning rate with the best mean accuracy of ``arm`` on the validation images."""

    def score(lr):
        return np.mean([r["validation"] for r in tuning if (r["arm"], r["budget"], r["lr"]) == (arm, budget, lr)])

    return max(LEARNING_RATES, key=score)


def final_jobs(tuning):
    """Return the arguments of `run` for the final seeds: each chosen rate with the budgets that chose it."""
    chosen = {}
    for arm in ARMS:
        for budget in BUDGETS:
            chosen.setdefault((arm, best_lr(tuning, arm, budget)), []).append(budget)
    return [(*key, seed, budgets, SPLITS) for key, budgets in chosen.items() for seed in FINAL_SEEDS]


def _call(job):
    return run(*job)


def main():
    """Tune, train again, and save all that was measured."""
    os.environ["TQDM_DISABLE"] = "1"  # in the workers
    with ProcessPoolExecutor(os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        jobs = [(arm, lr, seed) for arm in ARMS for lr in LEARNING_RATES for seed in TUNING_SEEDS]
        tuning = [r for runs in tqdm(pool.map(_call, jobs), total=len(jobs), disable=False) for r in runs]
        jobs = final_jobs(tuning)
        final = [r for runs in tqdm(pool.map(_call, jobs), total=len(jobs), disable=False) for r in runs]
    protocol = {
        "budgets": {"unit": "epochs", "values": BUDGETS},
        "rates": LEARNING_RATES,
        "seeds": {"tuning": TUNING_SEEDS, "final": FINAL_SEEDS},
        "initial_weights": {"all": "torch's own, the same in all arms of a seed"},
        "data": "5,000 training images of Fashion-MNIST; rates chosen on 1,000 validation images, test on 2,000",
    }
    results = {"protocol": protocol, "arms": ARMS, "batch_size": 128, "threads": 1, "tuning": tuning, "final": final}
    save_results("backward", "python experiments/backward.py", results)


if __name__ == "__main__":
    main()
