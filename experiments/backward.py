"""What does training lose when no gradient flows through the batch statistics? For the chapter on the backward pass.

    python experiments/backward.py          about 3 minutes on one idle core; writes bnutils/results/backward.json

The network of the book is trained with every learning rate of ``LEARNING_RATES`` for four epochs, then one more epoch
with a tenth of it. All arms compute the same outputs in the forward pass. The arm "right" differentiates through the
mean and the variance of the batch; the arms "mean", "variance" and "both" treat what they name as a constant.
``tuning`` holds all runs that see the validation images; for each arm the learning rate with the best mean accuracy
there is trained again with fresh seeds, and only these runs, ``final``, see the test images. ``growth`` is the norm of
the weights of each Linear in front of batch norm after training, over its initial value; ``loss`` is the mean training
loss of the last 39 steps, null where it is not finite.
"""

import math
import os
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from bnutils.data import save_results
from bnutils.training import accuracy, batch_norm_layers, fashion_tensors, make_network, train

ARMS = ("right", "mean", "variance", "both")  # what is detached
LEARNING_RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
TUNING_SEEDS = (30, 31, 32)
FINAL_SEEDS = (40, 41, 42, 43, 44)


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


def run(arm, lr, seed, splits=("train", "validation")):
    """Train one network; return its settings and what was measured, with the accuracies on ``splits``."""
    data = fashion_tensors(folder="")
    model = detach(make_network(seed=seed), arm)
    before = norms(model)
    train(model, *data["train"], epochs=4, lr=lr, seed=seed)
    losses = train(model, *data["train"], epochs=1, lr=lr / 10, seed=seed + 1000)
    loss = float(np.mean(losses))
    result = {"arm": arm, "lr": lr, "seed": seed, "loss": loss if math.isfinite(loss) else None}
    growth = np.divide(norms(model), before).tolist()
    result["growth"] = growth if np.isfinite(growth).all() else None
    return result | {split: accuracy(model, *data[split]) for split in splits}


def best_lr(tuning, arm):
    """Return the learning rate with the best mean accuracy of ``arm`` on the validation images."""
    mean = {lr: np.mean([r["validation"] for r in tuning if (r["arm"], r["lr"]) == (arm, lr)]) for lr in LEARNING_RATES}
    return max(mean, key=mean.get)


def _call(job):
    return run(*job)


def main():
    """Tune, train again, and save all that was measured."""
    os.environ["TQDM_DISABLE"] = "1"  # in the workers
    tuning_jobs = [(arm, lr, seed) for arm in ARMS for lr in LEARNING_RATES for seed in TUNING_SEEDS]
    with ProcessPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        tuning = list(tqdm(pool.map(_call, tuning_jobs), total=len(tuning_jobs), disable=False))
        splits = ("train", "validation", "test")
        final_jobs = [(arm, best_lr(tuning, arm), seed, splits) for arm in ARMS for seed in FINAL_SEEDS]
        final = list(tqdm(pool.map(_call, final_jobs), total=len(final_jobs), disable=False))
    settings = {"arms": ARMS, "learning_rates": LEARNING_RATES, "epochs": [4, 1], "batch_size": 128, "threads": 1}
    save_results("backward", "python experiments/backward.py", {"settings": settings, "tuning": tuning, "final": final})


if __name__ == "__main__":
    main()
