"""Measure where batch norm has limits: small batches, batch mates, fine-tuning, order; write results/batch_size.json.

Run `python experiments/batch_size.py` in the root of the repository; about six minutes on one core. Learning rates are
chosen on the validation images, with seeds of their own; the test images are for the final runs.
"""

import copy

import torch
from torch import nn

from bnutils.data import save_results
from bnutils.training import accuracy, batch_norm_layers, fashion_tensors, make_network, recalibrate, train

TUNING_SEEDS, SEEDS = (50, 51), (1, 2, 3, 4, 5)
ARMS = ("BN", "LN", "GN", "none")
IMAGES, EPOCHS = 1280, 3  # the last epoch with a tenth of the rate
RATES = {  # batch size to learning rates
    2: (0.003, 0.01, 0.03),
    4: (0.003, 0.01, 0.03, 0.1),
    8: (0.01, 0.03, 0.1, 0.3),
    16: (0.03, 0.1, 0.3, 1.0),
    64: (0.03, 0.1, 0.3, 1.0),
}
SIZE_ARMS = [(norm, size) for size in RATES for norm in ARMS]
MATES = {"steps": 300, "batch_size": 128, "lr": 0.1}  # tasks in which the batch mates matter
MATE_ARMS = (
    ("neighbour", "BN in groups"),
    ("neighbour", "LN"),
    ("one class each", "BN in groups"),
    ("one class each", "BN"),
    ("one class each", "LN"),
    ("two classes", "BN"),
    ("two classes", "LN"),
)
GROUPS = {"neighbour": 2, "one class each": 16}  # samples that share their statistics in the arm "BN in groups"
SHOTS, TUNE_EPOCHS = 16, 10  # fine-tuning: images of each new class
TUNE_RATES, TUNE_SIZES = (0.003, 0.01, 0.03, 0.1), (2, 4, 8, 16)
TUNE_ARMS = ("unfrozen", "frozen statistics", "frozen", "adapted, frozen")
TUNE_PAIRS = [(arm, size) for size in TUNE_SIZES for arm in TUNE_ARMS]
DROPOUTS = (0.1, 0.5)


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
    """Train with a constant rate, and in the last epoch with a tenth of it."""
    train(model, x, y, epochs=epochs - 1, lr=lr, batch_size=batch_size, seed=seed)
    train(model, x, y, epochs=1, lr=lr / 10, batch_size=batch_size, seed=seed + 1000)


def run_size(norm, size, lr, seed, data, splits):
    """Return the accuracies after training with batches of ``size``."""
    x, y = data["train"]
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))[:IMAGES]
    model = network(norm, seed)
    recipe(model, x[order], y[order], EPOCHS, lr, size, seed)
    result = {"norm": norm, "size": size, "lr": lr, "seed": seed}
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
        groups = z.view(-1, self.size, z.shape[1])  # (groups, size, C)
        mean, var = groups.mean(dim=1, keepdim=True), groups.var(dim=1, keepdim=True, correction=0)
        return self.weight * ((groups - mean) / (var + self.eps).sqrt()).view_as(z) + self.bias


def draw(y, task, generator):
    """Return the indices of one batch and its targets; each task has its own company for a sample.

    "neighbour": mixed classes, in pairs, and the target is the class of the *other* one of the pair.
    "one class each": ten groups of 16, each of one class. "two classes": 64 images of each of two classes.
    """
    if task == "neighbour":
        index = torch.randperm(len(y), generator=generator)[: MATES["batch_size"]]
        return index, y[index.view(-1, 2).flip(1).flatten()]
    chosen = range(10) if task == "one class each" else torch.randperm(10, generator=generator)[:2]
    size = GROUPS[task] if task == "one class each" else MATES["batch_size"] // 2
    members = [torch.where(y == c)[0] for c in chosen]
    index = torch.cat([m[torch.randperm(len(m), generator=generator)[:size]] for m in members])
    return index, y[index]


def share(model, x, y, task, generator):
    """Return the accuracy in training mode over 20 batches like those of training."""
    batches = [draw(y, task, generator) for _ in range(20)]
    return sum(accuracy(model, x[index], target, training=True) for index, target in batches) / len(batches)


def run_mates(task, norm, seed, data):
    """Return the test accuracies after training on batches of this company."""
    model, generator, (x, y) = network(norm, seed), torch.Generator().manual_seed(seed), data["train"]
    for layer in model:
        if isinstance(layer, GroupedBatchNorm1d):
            layer.size = GROUPS[task]
    optimizer = torch.optim.SGD(model.parameters(), lr=MATES["lr"])
    for _ in range(MATES["steps"]):
        index, target = draw(y, task, generator)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[index]), target).backward()
        optimizer.step()
    x_test, y_test = data["test"]
    index = torch.randperm(len(y_test), generator=generator)
    target = y_test[index.view(-1, 2).flip(1).flatten() if task == "neighbour" else index]
    return {
        "task": task,
        "norm": norm,
        "seed": seed,
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


def classes(data, split, low):
    """Return the images of the five classes from ``low`` on, and their labels 0 to 4."""
    x, y = data[split]
    keep = (y >= low) & (y < low + 5)
    return x[keep], y[keep] - low


def few(x, y, seed):
    """Return ``SHOTS`` images of each class."""
    generator = torch.Generator().manual_seed(seed)
    members = [torch.where(y == c)[0] for c in range(5)]
    keep = torch.cat([m[torch.randperm(len(m), generator=generator)[:SHOTS]] for m in members])
    return x[keep], y[keep]


def pretrain(seed, data):
    """Return a network trained on classes 0 to 4, with a fresh last layer for five others."""
    model = make_network(seed=seed)
    recipe(model, *classes(data, "train", 0), 5, 0.1, 128, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model[-1] = nn.Linear(64, 5)
    return model


def run_tune(model, arm, size, lr, seed, data, splits):
    """Return the accuracies on classes 5 to 9 after fine-tuning the pretrained ``model`` with a few images of them."""
    x, y = few(*classes(data, "train", 5), seed)
    model = copy.deepcopy(model)
    if arm == "adapted, frozen":
        model = recalibrate(model, x, batch_size=len(x))
    if arm != "unfrozen":
        model = freeze(model, affine=arm != "frozen statistics")
    recipe(model, x, y, TUNE_EPOCHS, lr, size, seed)
    result = {"arm": arm, "size": size, "lr": lr, "seed": seed}
    result |= {split: accuracy(model, *classes(data, split, 5)) for split in splits}
    if arm == "unfrozen":
        fresh = recalibrate(model, x, batch_size=len(x))
        result |= {f"{split}_recalibrated": accuracy(fresh, *classes(data, split, 5)) for split in splits}
    return result


def run_order(norm_last, seed, data):
    """Return the test accuracy with norm before or after the ReLU."""
    model = network("BN", seed, norm_last=norm_last)
    recipe(model, *data["train"], 5, 0.1, 128, seed)
    return {"norm_last": norm_last, "seed": seed, "test": accuracy(model, *data["test"])}


def run_dropout(share, seed, data):
    """Return what dropout before Linear and batch norm does to the variance and the test accuracy."""
    model = network("BN", seed, dropout=share)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # dropout draws from the global generator
        recipe(model, *data["train"], 5, 0.1, 128, seed)
    quiet = copy.deepcopy(model)
    for k, layer in enumerate(quiet):
        if isinstance(layer, nn.Dropout):
            quiet[k] = nn.Identity()
    quiet = recalibrate(quiet, data["train"][0])
    pairs = zip(batch_norm_layers(quiet), batch_norm_layers(model), strict=True)
    return {
        "share": share,
        "seed": seed,
        "variance_ratio": [(q.running_var / m.running_var).median().item() for q, m in pairs],
        "test": accuracy(model, *data["test"]),
        "test_recalibrated": accuracy(quiet, *data["test"]),
    }


def best(runs, **wanted):
    """Return the learning rate with the best mean validation accuracy among the runs that match."""
    found = {}
    for run in runs:
        if all(run[key] == value for key, value in wanted.items()):
            found.setdefault(run["lr"], []).append(run["validation"])
    return max(found, key=lambda lr: sum(found[lr]) / len(found[lr]))


def sweep_sizes(data):
    """Return the tuning runs and the final runs over batch sizes and norms."""
    tuning = [
        run_size(norm, size, lr, seed, data, ["validation"])
        for norm, size in SIZE_ARMS
        for lr in RATES[size]
        for seed in TUNING_SEEDS
    ]
    both = ["validation", "test"]
    final = [
        run_size(norm, size, best(tuning, norm=norm, size=size), seed, data, both)
        for norm, size in SIZE_ARMS
        for seed in SEEDS
    ]
    return tuning, final


def sweep_tuning(data):
    """Return the tuning runs and the final runs of fine-tuning."""
    models = {seed: pretrain(seed, data) for seed in TUNING_SEEDS + SEEDS}
    tuning = [
        run_tune(models[seed], arm, size, lr, seed, data, ["validation"])
        for arm, size in TUNE_PAIRS
        for lr in TUNE_RATES
        for seed in TUNING_SEEDS
    ]
    both = ["validation", "test"]
    final = [
        run_tune(models[seed], arm, size, best(tuning, arm=arm, size=size), seed, data, both)
        for arm, size in TUNE_PAIRS
        for seed in SEEDS
    ]
    return tuning, final


if __name__ == "__main__":
    torch.set_num_threads(1)
    data = fashion_tensors(folder="")
    sizes_tuning, sizes = sweep_sizes(data)
    freezing_tuning, freezing = sweep_tuning(data)
    settings = {
        "images": IMAGES,
        "epochs": EPOCHS,
        "mates": MATES,
        "groups": GROUPS,
        "shots": SHOTS,
        "tune_epochs": TUNE_EPOCHS,
    }
    results = {
        "settings": settings,
        "sizes_tuning": sizes_tuning,
        "sizes": sizes,
        "mates": [run_mates(*arm, seed, data) for arm in MATE_ARMS for seed in SEEDS],
        "freezing_tuning": freezing_tuning,
        "freezing": freezing,
        "order": [run_order(last, seed, data) for last in (False, True) for seed in SEEDS],
        "dropout": [run_dropout(share, seed, data) for share in DROPOUTS for seed in SEEDS],
    }
    save_results("batch_size", "python experiments/batch_size.py", results)
