"""Which parameters of a network of random weights are worth training? A sweep over depth, for the chapter on Linear.

    python experiments/depth.py          about 20 minutes on one core; writes bnutils/results/depth_crossover.json

A network of the book with ``depth`` hidden layers of 64 units is trained in one of four ways, see `let_train`. For each
depth, way and budget the learning rate is the one with the best mean accuracy on the *validation* images over the seeds
``TUNING_SEEDS``. Then new networks, of the seeds ``FINAL_SEEDS``, are trained with it; only these meet the test images.
A network is measured at each budget on its way to the largest, always with recalibrated statistics.
"""

import os
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from bnutils.data import save_results
from bnutils.training import accuracy, batch_norm_layers, fashion_tensors, make_network, recalibrate, train

DEPTHS = (1, 2, 4, 6, 10, 14)
ARMS = ("bn", "last", "random", "all")
BUDGETS = (12, 36)  # epochs
RATES = {
    "bn": (1.0, 3.0, 10.0, 30.0, 100.0),
    "last": (0.03, 0.1, 0.3, 1.0, 3.0),
    "random": (1.0, 3.0, 10.0, 30.0, 100.0),
    "all": (0.01, 0.03, 0.1, 0.3, 1.0, 3.0),
}
TUNING_SEEDS = (100, 101)
FINAL_SEEDS = tuple(range(8))
WIDTH, BATCH_SIZE = 64, 128
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


def run(depth, arm, lr, seed, budgets=BUDGETS, splits=("validation",)):
    """Train one network; return for each budget its settings and its accuracy on each of ``splits``."""
    data = fashion_tensors(folder="")
    model = make_network(hidden=(WIDTH,) * depth, seed=seed)
    count = let_train(model, arm, seed)
    results = []
    for epoch in range(1, max(budgets) + 1):
        train(model, *data["train"], lr=lr, batch_size=BATCH_SIZE, seed=1000 * seed + epoch)
        if epoch not in budgets:
            continue
        gammas = torch.cat([layer.weight for layer in batch_norm_layers(model)])
        measured = recalibrate(model, data["train"][0], BATCH_SIZE)
        result = {"depth": depth, "arm": arm, "budget": epoch, "lr": lr, "seed": seed, "trained_numbers": count}
        result["tiny_weights"] = (gammas.abs() < TINY).float().mean().item()
        results.append(result | {split: accuracy(measured, *data[split]) for split in splits})
    return results


def best_lr(tuning, depth, arm, budget):
    """Return the learning rate with the best mean validation accuracy; the smallest of those that tie."""

    def score(lr):
        wanted = (depth, arm, budget, lr)
        return np.mean([r["validation"] for r in tuning if (r["depth"], r["arm"], r["budget"], r["lr"]) == wanted])

    return max(RATES[arm], key=score)


def final_jobs(tuning):
    """Return the arguments of `run` for the final seeds: each chosen rate, up to the largest budget that chose it."""
    chosen = {}
    for depth in DEPTHS[::-1]:
        for arm in ARMS:
            for budget in BUDGETS:
                chosen.setdefault((depth, arm, best_lr(tuning, depth, arm, budget)), []).append(budget)
    splits = ("train", "validation", "test")
    return [(*key, seed, budgets, splits) for key, budgets in chosen.items() for seed in FINAL_SEEDS]


def _call(job):
    return run(*job)


def main():
    """Tune, run, and save all that was measured."""
    os.environ["TQDM_DISABLE"] = "1"  # in the workers
    with ProcessPoolExecutor(os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        jobs = [(d, a, lr, s) for d in DEPTHS[::-1] for a in ARMS for lr in RATES[a] for s in TUNING_SEEDS]
        tuning = [r for runs in tqdm(pool.map(_call, jobs), total=len(jobs), disable=False) for r in runs]
        jobs = final_jobs(tuning)
        final = [r for runs in tqdm(pool.map(_call, jobs), total=len(jobs), disable=False) for r in runs]
    protocol = {
        "budgets": {"unit": "epochs", "values": BUDGETS},
        "rates": RATES,
        "seeds": {"tuning": TUNING_SEEDS, "final": FINAL_SEEDS},
        "initial_weights": {"all": "torch's own, the same in all arms of a seed"},
        "data": "5,000 training images of Fashion-MNIST; rates chosen on 1,000 validation images, test on 2,000",
    }
    settings = {"depths": DEPTHS, "arms": ARMS, "width": WIDTH, "batch_size": BATCH_SIZE, "tiny": TINY, "threads": 1}
    results = {"protocol": protocol, "settings": settings, "tuning": tuning, "final": final}
    save_results("depth_crossover", "python experiments/depth.py", results)


if __name__ == "__main__":
    main()
