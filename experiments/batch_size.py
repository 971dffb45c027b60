"""Measure where batch norm has limits: small batches, batch mates, fine-tuning, order; write results/batch_size.json.

Run `python experiments/batch_size.py` in the root of the repository; about 30 core minutes. Each experiment has two
budgets of training. Learning rates are chosen on the validation images, for each budget, with seeds of their own; the
test images are for the final runs. "mates" and "dropout" choose nothing: they show all their rates.
"""

import copy
import functools
import math
import os
from concurrent.futures import ProcessPoolExecutor

import torch
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from bnutils.data import save_results
from bnutils.training import accuracy, batch_norm_layers, fashion_tensors, make_network, recalibrate, train

SEEDS = (1, 2, 3, 4, 5)
ARMS = ("BN", "LN", "GN", "none")
IMAGES, SIZE_EPOCHS, SIZE_TUNING_SEEDS = 1280, (3, 9), (50, 51, 52)
RATES = {  # batch size to learning rates
    2: (0.001, 0.003, 0.01, 0.03),
    4: (0.003, 0.01, 0.03, 0.1, 0.3),
    8: (0.003, 0.01, 0.03, 0.1, 0.3),
    16: (0.01, 0.03, 0.1, 0.3, 1.0),
    64: (0.01, 0.03, 0.1, 0.3, 1.0),
}
SIZE_ARMS = [(norm, size, epochs) for epochs in SIZE_EPOCHS for size in RATES for norm in ARMS]
MATES = {"steps": (300, 900), "batch_size": 128, "rates": (0.03, 0.1, 0.3)}  # tasks in which the batch mates matter
MATE_ARMS = (
    ("neighbour", "BN in groups"),
    ("neighbour", "LN"),
    ("one class each", "BN in groups"),
    ("one class each", "BN"),
    ("one class each", "LN"),
    ("two classes", "BN"),
    ("two classes", "LN"),
    ("fixed pairs", "BN"),
    ("fixed pairs", "LN"),
)
GROUPS = {"neighbour": 2, "one class each": 16}  # samples that share their statistics in the arm "BN in groups"
SHOTS, TUNE_EPOCHS = 16, (10, 30)  # fine-tuning: images of each new class
TUNE_RATES, TUNE_SIZES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3), (2, 4, 8, 16)
TUNE_TUNING_SEEDS, TUNE_SEEDS = (50, 51, 52, 53, 54), (1, 2, 3, 4, 5, 6, 7, 8)
TUNE_ARMS = ("unfrozen", "frozen statistics", "frozen", "adapted, frozen")
TUNE_PAIRS = [(arm, size, epochs) for epochs in TUNE_EPOCHS for size in TUNE_SIZES for arm in TUNE_ARMS]
ORDER_RATES, ORDER_EPOCHS, ORDER_TUNING_SEEDS, ORDER_SEEDS = (0.03, 0.1, 0.3, 1.0), (5, 20), (50, 51, 52), TUNE_SEEDS
DROPOUTS, DROPOUT_RATE, DROPOUT_EPOCHS = (0.0, 0.1, 0.5), 0.1, (5, 20)


@functools.cache
def load():
    """Return the tensors of `fashion_tensors`, loaded once in a process."""
    return fashion_tensors(folder="")


def eight_groups(width):
    """Return a GroupNorm of eight groups of features."""
    return nn.GroupNorm(8, width)


def network(norm, seed, dropout=0.0, norm_last=False):
    """Return the book's network with the norm layer of this name and He's initial weights.

    A hidden layer is dropout (where its share is not 0), Linear, norm, ReLU; ``norm_last`` swaps the last two.
    """
    norms = {"BN": nn.BatchNorm1d, "BN in groups": GroupedBatchNorm1d, "LN": nn.LayerNorm, "GN": eight_groups}
    layers, make = [nn.Flatten()], norms.get(norm)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for fan_in, fan_out in ((784, 128), (128, 128), (128, 128), (128, 64)):
            linear = nn.Linear(fan_in, fan_out)
            nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
            nn.init.zeros_(linear.bias)
            pair = [nn.ReLU()] if make is None else [make(fan_out), nn.ReLU()]
            layers += [nn.Dropout(dropout)] * (dropout > 0) + [linear] + (pair[::-1] if norm_last else pair)
        return nn.Sequential(*layers, nn.Linear(64, 10))


def recipe(model, x, y, epochs, lr, batch_size, seed):
    """Train with a constant rate, and in the last fifth of the epochs, at least in one, with a tenth of it."""
    last = max(1, epochs // 5)
    train(model, x, y, epochs=epochs - last, lr=lr, batch_size=batch_size, seed=seed)
    train(model, x, y, epochs=last, lr=lr / 10, batch_size=batch_size, seed=seed + 1000)


def run_size(norm, size, epochs, lr, seed, splits):
    """Return the accuracies after training with batches of ``size``."""
    data = load()
    x, y = data["train"]
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))[:IMAGES]
    model = network(norm, seed)
    recipe(model, x[order], y[order], epochs, lr, size, seed)
    result = {"norm": norm, "size": size, "epochs": epochs, "lr": lr, "seed": seed}
    result |= {split: accuracy(model, *data[split]) for split in splits}
    if norm == "BN" and "test" in splits:  # the same weights, other statistics
        big = recalibrate(model, x[order], batch_size=IMAGES)
        result["test_recalibrated"] = accuracy(big, *data["test"])
        result["test_as_trained"] = accuracy(model, *data["test"], training=True, batch_size=size)
    return result


class GroupedBatchNorm1d(nn.BatchNorm1d):
    """Batch norm that normalizes each group of ``size`` samples on its own, as each machine of many does."""

    size = 2

    def forward(self, z):
        if not self.training:
            return super().forward(z)
        with torch.no_grad():
            super().forward(z)  # the running statistics are those of the whole batch
        groups = z.view(-1, self.size, z.shape[1]).transpose(0, 1)  # (size, groups, C)
        columns = groups.reshape(self.size, -1)  # (size, groups * C): one column a feature and group
        z_hat = F.batch_norm(columns, None, None, training=True, eps=self.eps)
        return self.weight * z_hat.view_as(groups).transpose(0, 1).reshape_as(z) + self.bias


def draw(y, task, generator):
    """Return the indices of one batch and its targets; each task has its own company for a sample.

    "neighbour": mixed classes, in pairs, and the target is the class of the *other* one of the pair.
    "one class each": ten groups of 16, each of one class. "two classes": 64 images of each of two classes, drawn anew
    for each batch. "fixed pairs": 64 images of each of 0 and 1, or of 2 and 3, and so on: never other company.
    """
    if task == "neighbour":
        index = torch.randperm(len(y), generator=generator)[: MATES["batch_size"]]
        return index, y[index.view(-1, 2).flip(1).flatten()]
    if task == "one class each":
        chosen, size = range(10), GROUPS[task]
    else:
        first = 2 * torch.randint(5, (1,), generator=generator)
        pair = torch.cat([first, first + 1])
        chosen = pair if task == "fixed pairs" else torch.randperm(10, generator=generator)[:2]
        size = MATES["batch_size"] // 2
    members = [torch.where(y == c)[0] for c in chosen]
    index = torch.cat([m[torch.randperm(len(m), generator=generator)[:size]] for m in members])
    return index, y[index]


def share(model, x, y, task, generator):
    """Return the accuracy in training mode over 20 batches like those of training."""
    batches = [draw(y, task, generator) for _ in range(20)]
    return sum(accuracy(model, x[index], target, training=True) for index, target in batches) / len(batches)


def run_mates(task, norm, lr, seed, steps=MATES["steps"]):
    """Return the test accuracies after training on batches of this company, one result for each number of steps."""
    data, results = load(), []
    model, generator, (x, y) = network(norm, seed), torch.Generator().manual_seed(seed), data["train"]
    for layer in model:
        if isinstance(layer, GroupedBatchNorm1d):
            layer.size = GROUPS[task]
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for step in range(1, steps[-1] + 1):
        index, target = draw(y, task, generator)
        optimizer.zero_grad()
        F.cross_entropy(model(x[index]), target).backward()
        optimizer.step()
        if step in steps:
            result = {"task": task, "norm": norm, "lr": lr, "seed": seed, "steps": step}
            results.append(result | look_at_mates(model, task, torch.Generator().manual_seed(seed)))
    return results


def look_at_mates(model, task, generator):
    """Return the test accuracies in the company of training, alone, and alone with statistics computed anew."""
    (x, _), (x_test, y_test) = load()["train"], load()["test"]
    index = torch.randperm(len(y_test), generator=generator)
    target = y_test[index.view(-1, 2).flip(1).flatten() if task == "neighbour" else index]
    return {
        "as_trained": share(model, x_test, y_test, task, generator),
        "evaluation": accuracy(model, x_test[index], target),
        "recalibrated": accuracy(recalibrate(model, x), x_test[index], target),
    }


class FrozenBatchNorm1d(nn.BatchNorm1d):
    """Batch norm that stays in evaluation mode, whatever ``model.train()`` says."""

    def train(self, mode=True):
        return super().train(False)


def freeze(model, affine):
    """Return a copy of ``model`` whose batch norms keep their statistics, and with ``affine`` also weight and bias."""
    model = copy.deepcopy(model)
    for k, layer in enumerate(model):
        if isinstance(layer, nn.BatchNorm1d):
            model[k] = FrozenBatchNorm1d(layer.num_features).train()
            model[k].load_state_dict(layer.state_dict())
            model[k].requires_grad_(not affine)
    return model


def classes(split, low):
    """Return the images of the five classes from ``low`` on, and their labels 0 to 4."""
    x, y = load()[split]
    keep = (y >= low) & (y < low + 5)
    return x[keep], y[keep] - low


def few(x, y, seed):
    """Return ``SHOTS`` images of each class."""
    generator = torch.Generator().manual_seed(seed)
    members = [torch.where(y == c)[0] for c in range(5)]
    keep = torch.cat([m[torch.randperm(len(m), generator=generator)[:SHOTS]] for m in members])
    return x[keep], y[keep]


@functools.cache
def pretrain(seed):
    """Return a network trained on classes 0 to 4, with a fresh last layer for five others."""
    model = make_network(seed=seed)
    recipe(model, *classes("train", 0), 5, 0.1, 128, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model[-1] = nn.Linear(64, 5)
    return model


def run_tune(arm, size, epochs, lr, seed, splits):
    """Return the accuracies on classes 5 to 9 after fine-tuning a pretrained network with a few images of them."""
    x, y = few(*classes("train", 5), seed)
    model = copy.deepcopy(pretrain(seed))
    if arm == "adapted, frozen":
        model = recalibrate(model, x, batch_size=len(x))
    if arm != "unfrozen":
        model = freeze(model, affine=arm != "frozen statistics")
    recipe(model, x, y, epochs, lr, size, seed)
    result = {"arm": arm, "size": size, "epochs": epochs, "lr": lr, "seed": seed}
    result |= {split: accuracy(model, *classes(split, 5)) for split in splits}
    if arm == "unfrozen":
        fresh = recalibrate(model, x, batch_size=len(x))
        result |= {f"{split}_recalibrated": accuracy(fresh, *classes(split, 5)) for split in splits}
    return result


def run_order(norm_last, epochs, lr, seed, splits):
    """Return the accuracies with norm before or after the ReLU."""
    data, model = load(), network("BN", seed, norm_last=norm_last)
    recipe(model, *data["train"], epochs, lr, 128, seed)
    result = {"norm_last": norm_last, "epochs": epochs, "lr": lr, "seed": seed}
    return result | {split: accuracy(model, *data[split]) for split in splits}


def run_dropout(share, epochs, seed):
    """Return what dropout before Linear and batch norm does to the variance and the test accuracy."""
    data, model = load(), network("BN", seed, dropout=share)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # dropout draws from the global generator
        recipe(model, *data["train"], epochs, DROPOUT_RATE, 128, seed)
    quiet = copy.deepcopy(model)
    for k, layer in enumerate(quiet):
        if isinstance(layer, nn.Dropout):
            quiet[k] = nn.Identity()
    quiet = recalibrate(quiet, data["train"][0])
    pairs = zip(batch_norm_layers(quiet), batch_norm_layers(model), strict=True)
    return {
        "share": share,
        "epochs": epochs,
        "seed": seed,
        "variance_ratio": [(q.running_var / m.running_var).median().item() for q, m in pairs],
        "test": accuracy(model, *data["test"]),
        "test_recalibrated": accuracy(quiet, *data["test"]),
    }


def best(runs, **wanted):
    """Return the learning rate with the best mean validation accuracy among the runs that match.

    Of several equally good ones it is the one nearest to the middle of those tried, on a logarithmic scale.
    """
    found = {}
    for run in runs:
        if all(run[key] == value for key, value in wanted.items()):
            found.setdefault(run["lr"], []).append(run["validation"])
    middle = math.log(min(found) * max(found)) / 2
    return max(found, key=lambda lr: (round(sum(found[lr]) / len(found[lr]), 6), -abs(math.log(lr) - middle)))


def _call(job):
    function, *arguments = job
    return function(*arguments)


def _spread(pool, jobs, label):
    return list(tqdm(pool.map(_call, jobs), total=len(jobs), desc=label, disable=False))


def tune(pool, function, names, arms, rates, seeds, label):
    """Return the tuning runs of some arms, and the final runs with the rates that validation chose.

    ``names`` are the keys of an arm's values in a result, ``rates(arm)`` its grid, ``seeds`` those of tuning and final.
    """
    jobs = [(function, *arm, lr, seed, ["validation"]) for arm in arms for lr in rates(arm) for seed in seeds[0]]
    tuning = _spread(pool, jobs, f"{label}, tuning")
    chosen = {arm: best(tuning, **dict(zip(names, arm, strict=True))) for arm in arms}
    jobs = [(function, *arm, chosen[arm], seed, ["validation", "test"]) for arm in arms for seed in seeds[1]]
    return tuning, _spread(pool, jobs, label)


def name_protocols():
    """Return what each experiment hangs on: budgets, rates, seeds, initial weights and data."""
    weights = {"all": "He's for ReLU, biases 0; the same in all arms"}
    data = "5,000 training images of Fashion-MNIST, 1,000 validation and 2,000 test images"

    def name(unit, values, rates, tuning, final, data=data, weights=weights):
        protocol = {"budgets": {"unit": unit, "values": values}, "rates": rates}
        protocol |= {"seeds": {"tuning": tuning, "final": final}, "initial_weights": weights}
        return protocol | {"data": data}

    sizes = {f"batch size {size}": rates for size, rates in RATES.items()}
    old = {"all": "torch's, then 5 epochs on classes 0 to 4 at a rate of 0.1; torch's for the last layer"}
    shots = f"{SHOTS} training images of each of classes 5 to 9; their validation and test images"
    return {
        "sizes": name("epochs", SIZE_EPOCHS, sizes, SIZE_TUNING_SEEDS, SEEDS, f"{IMAGES} of the " + data),
        "mates": name("steps", MATES["steps"], MATES["rates"], [], SEEDS),
        "freezing": name("epochs", TUNE_EPOCHS, TUNE_RATES, TUNE_TUNING_SEEDS, TUNE_SEEDS, shots, old),
        "order": name("epochs", ORDER_EPOCHS, ORDER_RATES, ORDER_TUNING_SEEDS, ORDER_SEEDS),
        "dropout": name("epochs", DROPOUT_EPOCHS, [DROPOUT_RATE], [], SEEDS),
    }


def main():
    """Run all experiments and save all that was measured."""
    os.environ["TQDM_DISABLE"] = "1"  # in the workers
    sizes, freezing, order = ("norm", "size", "epochs"), ("arm", "size", "epochs"), ("norm_last", "epochs")
    orders = [(last, epochs) for epochs in ORDER_EPOCHS for last in (False, True)]
    mates = [(run_mates, *arm, lr, seed) for arm in MATE_ARMS for lr in MATES["rates"] for seed in SEEDS]
    dropouts = [(run_dropout, share, epochs, seed) for epochs in DROPOUT_EPOCHS for share in DROPOUTS for seed in SEEDS]
    results = {"protocol": name_protocols()}
    results["settings"] = {"images": IMAGES, "mates": MATES, "groups": GROUPS, "shots": SHOTS, "threads": 1}
    with ProcessPoolExecutor(os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        tuned = {
            "sizes": (run_size, sizes, SIZE_ARMS, lambda arm: RATES[arm[1]], (SIZE_TUNING_SEEDS, SEEDS)),
            "freezing": (run_tune, freezing, TUNE_PAIRS, lambda _: TUNE_RATES, (TUNE_TUNING_SEEDS, TUNE_SEEDS)),
            "order": (run_order, order, orders, lambda _: ORDER_RATES, (ORDER_TUNING_SEEDS, ORDER_SEEDS)),
        }
        for key, experiment in tuned.items():
            results[f"{key}_tuning"], results[key] = tune(pool, *experiment, key)
        results["mates"] = sum(_spread(pool, mates, "mates"), [])
        results["dropout"] = _spread(pool, dropouts, "dropout")
    save_results("batch_size", "python experiments/batch_size.py", results)


if __name__ == "__main__":
    main()
