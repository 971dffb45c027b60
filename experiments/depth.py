"""Which parameters of a network of random weights are worth training? A sweep over depth, for the chapter on Linear.

    python experiments/depth.py          about 12 minutes on two cores; writes bnutils/results/depth_crossover.json

A network of the book with ``depth`` hidden layers of 64 units is trained in one of four ways, see `let_train`. For each
depth and way the learning rate is the one with the best mean accuracy on the *validation* images over the seeds
``TUNING_SEEDS``. Then new networks, of the seeds ``FINAL_SEEDS``, are trained with it; only these meet the test images.
"""

import os
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from bnutils.data import save_results
from bnutils.training import accuracy, batch_norm_layers, fashion_tensors, make_network, recalibrate, train

DEPTHS = (1, 2, 4, 6, 8, 10, 14)
ARMS = ("bn", "last", "random", "all")
LEARNING_RATES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
TUNING_SEEDS = (100, 101)
FINAL_SEEDS = (0, 1, 2, 3, 4)
WIDTH, EPOCHS, BATCH_SIZE = 64, 12, 128
TINY = 0.01  # Frankle et al. (2021) find a third of the weights of batch norm near zero; we count those below this


def let_train(model, arm, seed):
    """Freeze ``model`` but for the parameters that ``arm`` names; return how many numbers are left to train.

    "bn": the weight and bias of all batch norm layers. "last": the last Linear layer. "random": as many weights of the
    hidden Linear layers as "bn" has parameters, drawn by ``seed``. "all": everything.
    """
    model.requires_grad_(arm == "all")
    affine = [p for layer in batch_norm_layers(model) for p in layer.parameters()]
    if arm == "random":
        weights = [layer.weight for layer in model if isinstance(layer, nn.Linear)][:-1]
        count = sum(p.numel() for p in affine)
        order = torch.randperm(sum(w.numel() for w in weights), generator=torch.Generator().manual_seed(seed))
        chosen = torch.zeros(len(order)).index_fill(0, order[:count], 1.0).split([w.numel() for w in weights])
        for weight, part in zip(weights, chosen, strict=True):
            mask = part.view_as(weight)
            weight.requires_grad_(True).register_hook(lambda grad, mask=mask: grad * mask)
        return count
    for p in {"bn": affine, "last": list(model[-1].parameters()), "all": []}[arm]:
        p.requires_grad_(True)
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def run(depth, arm, lr, seed, splits=("validation",)):
    """Train one network; return a dict with its settings and its accuracy on each of ``splits``."""
    data = fashion_tensors(folder="")
    model = make_network(hidden=(WIDTH,) * depth, seed=seed)
    count = let_train(model, arm, seed)
    train(model, *data["train"], epochs=EPOCHS, lr=lr, batch_size=BATCH_SIZE, seed=seed)
    gammas = torch.cat([layer.weight for layer in batch_norm_layers(model)])
    model = recalibrate(model, data["train"][0], BATCH_SIZE)
    return {
        "depth": depth,
        "arm": arm,
        "lr": lr,
        "seed": seed,
        "trained_numbers": count,
        "tiny_weights": (gammas.abs() < TINY).float().mean().item(),
    } | {split: accuracy(model, *data[split]) for split in splits}


def best_lr(tuning, depth, arm):
    """Return the learning rate with the best mean validation accuracy; the smallest of those that tie."""

    def score(lr):
        return np.mean([r["validation"] for r in tuning if (r["depth"], r["arm"], r["lr"]) == (depth, arm, lr)])

    return max(LEARNING_RATES, key=score)


def _call(job):
    return run(*job)


def main():
    """Tune, run, and save all that was measured."""
    os.environ["TQDM_DISABLE"] = "1"  # in the workers
    with ProcessPoolExecutor(2, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        jobs = [(d, a, lr, s) for d in DEPTHS[::-1] for a in ARMS for lr in LEARNING_RATES for s in TUNING_SEEDS]
        tuning = list(tqdm(pool.map(_call, jobs), total=len(jobs), desc="tuning", disable=False))
        jobs = [
            (d, a, best_lr(tuning, d, a), s, ("train", "validation", "test"))
            for d in DEPTHS[::-1]
            for a in ARMS
            for s in FINAL_SEEDS
        ]
        final = list(tqdm(pool.map(_call, jobs), total=len(jobs), desc="final", disable=False))
    settings = {
        "depths": DEPTHS,
        "arms": ARMS,
        "learning_rates": LEARNING_RATES,
        "tuning_seeds": TUNING_SEEDS,
        "final_seeds": FINAL_SEEDS,
        "width": WIDTH,
        "epochs": EPOCHS,
        "batch_size": BATCH_SIZE,
        "tiny": TINY,
        "threads": 1,
    }
    results = {"settings": settings, "tuning": tuning, "final": final}
    save_results("depth_crossover", "python experiments/depth.py", results)


if __name__ == "__main__":
    main()
