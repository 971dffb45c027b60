"""Does training drive batch norm toward the identity? Does it need weight and bias? For the chapter on the identity.

    python experiments/identity.py          about 8 minutes on two cores; writes bnutils/results/identity.json

The network of the book is trained with each learning rate of ``LEARNING_RATES`` for each of ``EPOCHS``, then one more
epoch with a tenth of it, so that the running statistics catch up. In the arm "learned" batch norm trains its weight
and bias, in the arm "fixed" both keep their initial values 1 and 0, as with ``affine=False``. Nothing is tuned; every
run is kept. ``layers`` describes the batch norm layers after training: ``weight`` is gamma, ``bias`` beta, sigma the
root of the running variance plus eps, mu the running mean.
"""

import os
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch
from tqdm import tqdm

from bnutils.data import save_results
from bnutils.training import accuracy, batch_norm_layers, fashion_tensors, make_network, train

LEARNING_RATES = (0.1, 1.0)
EPOCHS = (4, 40)  # with the full learning rate
SEEDS = tuple(range(20, 30))
ARMS = ("learned", "fixed")


def describe(layer):
    """Return how far the weight and bias of a batch norm layer are from their initial values and from the identity."""
    weight, bias, mu = (t.detach().double().numpy() for t in (layer.weight, layer.bias, layer.running_mean))
    sigma = np.sqrt(layer.running_var.double().numpy() + layer.eps)
    return {
        "weight_std": weight.std(),
        "weight_range": [weight.min(), weight.max()],
        "bias_range": [bias.min(), bias.max()],
        "sigma_median": np.median(sigma),
        "mu_range": [mu.min(), mu.max()],
        "to_identity": np.median(np.abs(weight / sigma - 1)),  # median over the features
        "correlation": np.corrcoef(weight, sigma)[0, 1] if weight.std() > 0 else None,
    }


def run(lr, epochs, arm, seed):
    """Train one network; return its settings, its accuracies and, if they were learned, the state of its layers."""
    data = fashion_tensors(folder="")
    model = make_network(seed=seed)
    for layer in batch_norm_layers(model):
        layer.requires_grad_(arm == "learned")
    train(model, *data["train"], epochs=epochs, lr=lr, seed=seed)
    train(model, *data["train"], epochs=1, lr=lr / 10, seed=seed + 1000)
    result = {"lr": lr, "epochs": epochs, "arm": arm, "seed": seed}
    result |= {split: accuracy(model, *data[split]) for split in ("train", "validation", "test")}
    return result | {"layers": [describe(layer) for layer in batch_norm_layers(model)] if arm == "learned" else None}


def _call(job):
    return run(*job)


def main():
    """Run all arms and save all that was measured."""
    os.environ["TQDM_DISABLE"] = "1"  # in the workers
    jobs = [(lr, epochs, arm, s) for epochs in EPOCHS for lr in LEARNING_RATES for arm in ARMS for s in SEEDS]
    with ProcessPoolExecutor(2, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        runs = list(tqdm(pool.map(_call, jobs), total=len(jobs), disable=False))
    settings = {
        "learning_rates": LEARNING_RATES,
        "epochs": EPOCHS,
        "arms": ARMS,
        "seeds": SEEDS,
        "batch_size": 128,
        "threads": 1,
    }
    save_results("identity", "python experiments/identity.py", {"settings": settings, "runs": runs})


if __name__ == "__main__":
    main()
