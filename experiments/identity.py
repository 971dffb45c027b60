"""Does training drive batch norm toward the identity? Does it need weight and bias? For the chapter on the identity.

    python experiments/identity.py          about 5 minutes on one core; writes bnutils/results/identity.json

The network of the book is trained with each learning rate of ``LEARNING_RATES``. At each budget a copy of it is taken
before the last epoch, which it spends at a tenth of the rate, so that the running statistics catch up. In the arm
"learned" batch norm trains its weight and bias, in the arm "fixed" both keep their initial values 1 and 0, as with
``affine=False``. Nothing is tuned; every run is kept. ``layers`` describes the batch norm layers after training:
``weight`` is gamma, ``bias`` beta, sigma the root of the running variance plus eps, mu the running mean;
``sigma_growth`` and ``norm_growth`` say by which factor sigma, and the norm of the weights in front, have grown.
"""

import copy
import os
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from bnutils.data import save_results
from bnutils.training import accuracy, batch_norm_layers, fashion_tensors, make_network, recalibrate, train

LEARNING_RATES = (0.1, 1.0)
BUDGETS = (5, 40)  # epochs, the last of them with a tenth of the rate
SEEDS = tuple(range(20, 30))
ARMS = ("learned", "fixed")


def scales(model):
    """Return for each batch norm layer sigma and the norms of the weights in front, each of shape (features,)."""
    linears = [layer for layer in model if isinstance(layer, nn.Linear)][:-1]
    sigmas = [torch.sqrt(layer.running_var + layer.eps).double().numpy() for layer in batch_norm_layers(model)]
    norms = [linear.weight.detach().double().norm(dim=1).numpy() for linear in linears]
    return list(zip(sigmas, norms, strict=True))


def describe(layer, before, after):
    """Return how far the weight and bias of a batch norm layer are from their initial values and from the identity.

    ``before`` and ``after`` are what `scales` returns for the layer.
    """
    weight, bias, mu = (t.detach().double().numpy() for t in (layer.weight, layer.bias, layer.running_mean))
    (sigma_before, norm_before), (sigma, norm) = before, after
    return {
        "weight_std": weight.std(),
        "weight_range": [weight.min(), weight.max()],
        "bias_range": [bias.min(), bias.max()],
        "sigma_median": np.median(sigma),
        "mu_range": [mu.min(), mu.max()],
        "to_identity": np.median(np.abs(weight / sigma - 1)),  # median over the features
        "correlation": np.corrcoef(weight, sigma)[0, 1] if weight.std() > 0 else None,
        "sigma_growth": np.median(sigma / sigma_before),
        "norm_growth": np.median(norm / norm_before),
    }


def run(lr, arm, seed, budgets=BUDGETS):
    """Train one network; return for each budget its settings, its accuracies and, where learned, its layers."""
    data = fashion_tensors(folder="")
    model = make_network(seed=seed)
    for layer in batch_norm_layers(model):
        layer.requires_grad_(arm == "learned")
    before, results = scales(recalibrate(model, data["train"][0])), []
    for epoch in range(1, max(budgets) + 1):
        if epoch in budgets:
            last = copy.deepcopy(model)
            train(last, *data["train"], lr=lr / 10, seed=1000 * seed + epoch)
            result = {"lr": lr, "budget": epoch, "arm": arm, "seed": seed}
            result |= {split: accuracy(last, *data[split]) for split in ("train", "validation", "test")}
            layers = zip(batch_norm_layers(last), before, scales(last), strict=True)
            results.append(result | {"layers": [describe(*each) for each in layers] if arm == "learned" else None})
        if epoch < max(budgets):
            train(model, *data["train"], lr=lr, seed=1000 * seed + epoch)
    return results


def _call(job):
    return run(*job)


def main():
    """Run all arms and save all that was measured."""
    os.environ["TQDM_DISABLE"] = "1"  # in the workers
    jobs = [(lr, arm, seed) for lr in LEARNING_RATES for arm in ARMS for seed in SEEDS]
    with ProcessPoolExecutor(os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        runs = [r for results in tqdm(pool.map(_call, jobs), total=len(jobs), disable=False) for r in results]
    protocol = {
        "budgets": {"unit": "epochs", "values": BUDGETS},
        "rates": LEARNING_RATES,
        "seeds": {"tuning": [], "final": SEEDS},
        "initial_weights": {"all": "torch's own, the same in both arms of a seed"},
        "data": "5,000 training images of Fashion-MNIST, 1,000 validation and 2,000 test images",
    }
    results = {"protocol": protocol, "arms": ARMS, "batch_size": 128, "threads": 1, "runs": runs}
    save_results("identity", "python experiments/identity.py", results)


if __name__ == "__main__":
    main()
