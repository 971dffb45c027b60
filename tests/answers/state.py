"""Answers to the assignment State."""

from tests.answers import mutant

PLAIN = """
import numpy as np


def update_running(running_mean, running_var, x, momentum):
    mean = (1 - momentum) * running_mean + momentum * x.mean(axis=0)
    var = (1 - momentum) * running_var + momentum * x.var(axis=0, ddof=1)
    return mean, var


class BatchNorm:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps, self.momentum = eps, momentum
        self.weight, self.bias = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)
        self.training = True

    def train(self):
        self.training = True

    def eval(self):
        self.training = False

    def __call__(self, x):
        if self.training:
            if len(x) == 1:
                raise ValueError("one row has no spread")
            mean, var = x.mean(axis=0), x.var(axis=0)
            self.running_mean, self.running_var = update_running(
                self.running_mean, self.running_var, x, self.momentum
            )
        else:
            mean, var = self.running_mean, self.running_var
        return self.weight * (x - mean) / np.sqrt(var + self.eps) + self.bias
"""

APART = """
import numpy as np


def update_running(running_mean, running_var, x, momentum):
    n = x.shape[0]
    centre = np.add.reduce(x) / n
    spread = np.einsum("ij,ij->j", x - centre, x - centre) / (n - 1)
    return running_mean + momentum * (centre - running_mean), running_var - momentum * (running_var - spread)


class Mode:
    training, evaluation = "training", "evaluation"


class BatchNorm:
    # Knows nothing of update_running; keeps its memory as sums and gives it out by properties.

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.weight = np.full(num_features, 1.0)
        self.bias = np.full(num_features, 0.0)
        self._memory = np.stack([np.zeros(num_features), np.ones(num_features)])
        self._settings = (eps, momentum)
        self.mode = Mode.training

    @property
    def running_mean(self):
        return self._memory[0]

    @running_mean.setter
    def running_mean(self, value):
        self._memory[0] = value

    @property
    def running_var(self):
        return self._memory[1]

    @running_var.setter
    def running_var(self, value):
        self._memory[1] = value

    def train(self):
        self.mode = Mode.training
        return self

    def eval(self):
        self.mode = Mode.evaluation
        return self

    def __call__(self, x):
        eps, momentum = self._settings
        if self.mode == Mode.evaluation:
            mean, var = self._memory
        else:
            n = len(x)
            if n < 2:
                raise ValueError(f"{n} rows are too few")
            mean = x.mean(0)
            var = ((x - mean) ** 2).mean(0)
            self._memory *= 1 - momentum
            self._memory += momentum * np.stack([mean, var * n / (n - 1)])
        scale = self.weight / np.sqrt(var + eps)
        return x * scale + (self.bias - mean * scale)
"""

TORCH = """
import numpy as np
import torch
import torch.nn.functional as F


def float32(array):
    return torch.tensor(np.asarray(array), dtype=torch.float32)


def update_running(running_mean, running_var, x, momentum):
    mean, var = float32(running_mean), float32(running_var)
    F.batch_norm(float32(x), mean, var, training=True, momentum=momentum)
    return mean.numpy(), var.numpy()


class BatchNorm:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.weight, self.bias = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)
        self.eps, self.momentum = eps, momentum
        self.train()

    def train(self, mode=True):
        self.training = mode
        return self

    def eval(self):
        return self.train(False)

    def __call__(self, x):
        mean, var = float32(self.running_mean), float32(self.running_var)
        y = F.batch_norm(
            float32(x), mean, var, float32(self.weight), float32(self.bias), self.training, self.momentum, self.eps
        )
        self.running_mean, self.running_var = mean.numpy(), var.numpy()
        return y.numpy()
"""

LOOPS = """
import math

import numpy as np


def moments(x):
    # Welford's running mean and sum of squares of each column, as lists
    columns = []
    for column in x.T.tolist():
        mean = squares = 0.0
        for count, value in enumerate(column, start=1):
            step = value - mean
            mean += step / count
            squares += step * (value - mean)
        columns.append((mean, squares))
    return columns


def update_running(running_mean, running_var, x, momentum):
    new_mean, new_var = [], []
    for old_mean, old_var, (mean, squares) in zip(running_mean, running_var, moments(x)):
        new_mean.append(old_mean + momentum * (mean - old_mean))
        new_var.append(old_var + momentum * (squares / (len(x) - 1) - old_var))
    return [np.array(new_mean), np.array(new_var)]


class BatchNorm:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps, self.momentum = eps, momentum
        self.weight, self.bias = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)
        self.normalize = self.by_batch

    def train(self):
        self.normalize = self.by_batch

    def eval(self):
        self.normalize = self.by_memory

    def __call__(self, x):
        return self.normalize(x)

    def by_memory(self, x):
        return self.line(x, self.running_mean, self.running_var)

    def by_batch(self, x):
        if len(x) == 1:
            raise ValueError("N = 1")
        mean, var = zip(*[(m, s / len(x)) for m, s in moments(x)])
        self.running_mean, self.running_var = update_running(self.running_mean, self.running_var, x, self.momentum)
        return self.line(x, mean, var)

    def line(self, x, mean, var):
        y = np.empty(x.shape)
        for (i, j), value in np.ndenumerate(x):
            y[i, j] = self.weight[j] * (value - mean[j]) / math.sqrt(var[j] + self.eps) + self.bias[j]
        return y
"""

RIGHT = {
    "plain, with its own update_running": PLAIN,
    "class apart from the function, properties, one scale and shift": APART,
    "torch functional in float32": TORCH,
    "loops, Welford, a method per mode": LOOPS,
}

IN_PLACE = """
    running_mean *= 1 - momentum
    running_mean += momentum * x.mean(axis=0)
    running_var *= 1 - momentum
    running_var += momentum * x.var(axis=0, ddof=1)
    return running_mean, running_var
"""
UPDATE = """
    mean = (1 - momentum) * running_mean + momentum * x.mean(axis=0)
    var = (1 - momentum) * running_var + momentum * x.var(axis=0, ddof=1)
    return mean, var
"""
BUFFERS = "self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)\n"
SHARED = """self.running_mean, self.running_var = buffers.setdefault(
            num_features, (np.zeros(num_features), np.ones(num_features))
        )
"""
REBOUND = """            self.running_mean, self.running_var = update_running(
                self.running_mean, self.running_var, x, self.momentum
            )
"""
WRITTEN = """            new = update_running(self.running_mean, self.running_var, x, self.momentum)
            self.running_mean[:], self.running_var[:] = new
"""
LAST = "self.weight * (x - mean) / np.sqrt(var + self.eps) + self.bias"
DOOR = """        if self.training:
            if len(x) == 1:
                raise ValueError("one row has no spread")
"""
REFUSED = """        if len(x) == 1:
            raise ValueError("one row has no spread")
"""
CENTRED = """        x -= mean
        return x * scale + self.bias
"""
BRANCH = """        else:
            mean, var = self.running_mean, self.running_var
        return self.weight * (x - mean) / np.sqrt(var + self.eps) + self.bias
"""
NORMALIZED_LAST = """            return self.weight * (x - mean) / np.sqrt(var + self.eps) + self.bias
        return (x - self.running_mean) / np.sqrt(self.running_var + self.eps)
"""
SWAPPED = "    return var, mean\n"
TWINS = """    made = []

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.__dict__.update(BatchNorm.made[0].__dict__ if len(BatchNorm.made) == 1 else {})
        BatchNorm.made.append(self)
        if len(BatchNorm.made) == 2:
            return
"""
IDLE = """
class BatchNorm:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.weight, self.bias = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)

    def train(self): pass

    def eval(self): pass

    def __call__(self, x):
        return 1.0 * x
"""
LOCKED = """
import torch
from torch import nn


class BatchNorm(nn.BatchNorm1d):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__(num_features, eps, momentum, dtype=torch.float64)

    def __call__(self, x):
        return super().__call__(torch.tensor(x, dtype=torch.float64))

    def __setattr__(self, name, value):
        if name.startswith("running"):
            value = torch.tensor(value, dtype=torch.float64)
        super().__setattr__(name, value)
"""
CONCEPTS = "momentum unbiased arguments training update evaluation modes one-row instances parameters"

WRONG = {
    "Keras' momentum": (mutant(PLAIN, UPDATE, "\n    momentum = 1 - momentum" + UPDATE), {"state-momentum"}),
    "Keras' momentum for the variance": (
        mutant(APART, "running_var - momentum * (running_var - spread)", "spread - momentum * (spread - running_var)"),
        {"state-momentum"},
    ),
    "the old one does not fade": (
        mutant(PLAIN, "(1 - momentum) * running_mean + momentum", "running_mean + momentum"),
        {"state-momentum"},
    ),
    "deviation in place of variance": (
        mutant(PLAIN, "x.var(axis=0, ddof=1)", "x.std(axis=0, ddof=1)"),
        {"state-momentum"},
    ),
    "biased variance": (mutant(PLAIN, "x.var(axis=0, ddof=1)", "x.var(axis=0)"), {"state-unbiased"}),
    "biased variance, class apart": (mutant(APART, "/ (n - 1)\n    return", "/ n\n    return"), {"state-unbiased"}),
    "update in place": (mutant(PLAIN, UPDATE, IN_PLACE), {"state-arguments"}),
    "running_var in place": (
        mutant(
            APART,
            "    return running_mean",
            "    running_var -= momentum * (running_var - spread)\n    return running_mean",
        ).replace("mean), running_var - momentum * (running_var - spread)", "mean), running_var"),
        {"state-arguments"},
    ),
    "layer centres the batch of the caller": (
        mutant(APART, "        return x * scale + (self.bias - mean * scale)", CENTRED),
        {"state-arguments"},
    ),
    "layer normalizes with the unbiased variance": (
        mutant(PLAIN, "x.mean(axis=0), x.var(axis=0)\n", "x.mean(axis=0), x.var(axis=0, ddof=1)\n"),
        {"state-training"},
    ),
    "training with the memory": (
        mutant(PLAIN, "        else:\n            mean, var", "        if True:\n            mean, var"),
        {"state-training"},
    ),
    "one mean and variance for all features": (
        mutant(PLAIN, "x.mean(axis=0), x.var(axis=0)\n", "x.mean(), x.var()\n"),
        {"state-training"},
    ),
    "layer stores the biased variance": (mutant(APART, "var * n / (n - 1)", "var"), {"state-update"}),
    "layer ignores its momentum": (mutant(PLAIN, "x, self.momentum", "x, 0.1"), {"state-update"}),
    "memory starts with variance 0": (mutant(PLAIN, BUFFERS, BUFFERS.replace("ones", "zeros")), {"state-update"}),
    "memory is never updated": (mutant(PLAIN, REBOUND, ""), {"state-update"}),
    "evaluation with the batch": (
        mutant(PLAIN, "mean, var = self.running_mean, self.running_var", "mean, var = x.mean(axis=0), x.var(axis=0)"),
        {"state-evaluation"},
    ),
    "evaluation updates": (mutant(PLAIN, "        else:\n", f"        else:\n{REBOUND}"), {"state-evaluation"}),
    "evaluation refuses one row": (mutant(PLAIN, DOOR, REFUSED + "        if self.training:\n"), {"state-evaluation"}),
    "no way back from evaluation": (
        mutant(PLAIN, "    def train(self):\n        self.training = True", "    def train(self):\n        pass"),
        {"state-modes"},
    ),
    "starts in evaluation": (
        mutant(PLAIN, "self.training = True\n\n    def train", "self.training = False\n\n    def train"),
        {"state-modes"},
    ),
    "one row passes": (mutant(PLAIN, 'raise ValueError("one row has no spread")', "return x"), {"state-one-row"}),
    "one row gives nan": (mutant(APART, "if n < 2:", "if n < 1:"), {"state-one-row"}),
    "memory shared by layers of one size": (
        mutant(mutant(PLAIN, BUFFERS, SHARED), REBOUND, WRITTEN) + "\n\nbuffers = {}\n",
        {"state-instances"},
    ),
    "memory in the class": (APART.replace("self._memory ", "BatchNorm._memory "), {"state-instances"}),
    "one mode for all layers": (PLAIN.replace("self.training =", "BatchNorm.training ="), {"state-instances"}),
    "evaluation without weight and bias": (mutant(PLAIN, BRANCH, NORMALIZED_LAST), {"state-parameters"}),
    "weight and bias are never used": (
        mutant(PLAIN, LAST, "(x - mean) / np.sqrt(var + self.eps)"),
        {"state-parameters"},
    ),
    "eps outside": (mutant(PLAIN, "np.sqrt(var + self.eps)", "(np.sqrt(var) + self.eps)"), {"state-parameters"}),
    "eps ignored": (mutant(PLAIN, "var + self.eps", "var + 1e-5"), {"state-parameters"}),
    "shape (1, D)": (mutant(PLAIN, UPDATE, UPDATE.replace("axis=0", "axis=0, keepdims=True")), {"state-momentum"}),
    "shape (1, D), class apart": (
        mutant(
            PLAIN, REBOUND, WRITTEN.replace("[:]", "") + "            self.running_mean = self.running_mean[None]\n"
        ),
        {"state-update"},
    ),
    "variance first": (mutant(PLAIN, "    return mean, var\n", SWAPPED), {"state-momentum"}),
    "the second layer is the first": (
        mutant(PLAIN, PLAIN[PLAIN.index("    def __init__") : PLAIN.index("        self.eps, ")], TWINS),
        {"state-instances"},
    ),
    "a layer that does nothing": (
        PLAIN.split("class BatchNorm")[0] + IDLE,
        {f"state-{c}" for c in CONCEPTS.split()} - {"state-momentum", "state-unbiased"},
    ),
    "an attribute takes the place of train()": (
        PLAIN.replace("self.training", "self.train"),
        {"state-modes"},
    ),
    "a weight that cannot be set": (PLAIN.split("class BatchNorm")[0] + LOCKED, {"state-parameters"}),
    "nothing": (
        "def update_running(running_mean, running_var, x, momentum): raise NotImplementedError\n"
        "class BatchNorm:\n"
        "    def __init__(self, num_features, eps=1e-5, momentum=0.1): raise NotImplementedError\n",
        {f"state-{c}" for c in CONCEPTS.split()},
    ),
}
