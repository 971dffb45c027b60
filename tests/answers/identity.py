"""Answers to the assignment Identity: undo, fold, and the data on which Linear wins."""

from tests.answers import mutant

VECTORISED = """
import numpy as np


def identity_parameters(mean, var, eps):
    weight = np.sqrt(var + eps)
    return weight, mean.astype(weight.dtype)


def fold(linear_weight, linear_bias, running_mean, running_var, weight, bias, eps):
    scale = weight / np.sqrt(running_var + eps)
    if linear_bias is None:
        linear_bias = np.zeros(len(scale))
    new_weight = linear_weight * scale[:, None]
    new_bias = (linear_bias - running_mean) * scale + bias
    return new_weight, new_bias


def hard_data(seed):
    rng = np.random.default_rng(seed)
    shared, own = rng.standard_normal((500, 1)), rng.standard_normal((500, 2))
    x = 0.8 * shared + 0.6 * own
    x_hat = (x - x.mean(0)) / x.std(0)
    r = (x_hat[:, 0] * x_hat[:, 1]).mean()
    target = x_hat[:, ::-1] - r * x_hat
    return x, target
"""

TORCH_FLOAT32 = """
import torch
from torch import nn
from torch.nn.utils import fuse_linear_bn_eval


def tensor(array):
    return torch.tensor(array, dtype=torch.float32)


def identity_parameters(mean, var, eps):
    return torch.sqrt(tensor(var) + eps).numpy(), tensor(mean).numpy()


def fold(linear_weight, linear_bias, running_mean, running_var, weight, bias, eps):
    outputs, inputs = linear_weight.shape
    linear = nn.Linear(inputs, outputs, bias=linear_bias is not None)
    norm = nn.BatchNorm1d(outputs, eps=eps)
    with torch.no_grad():
        linear.weight.copy_(tensor(linear_weight))
        if linear_bias is not None:
            linear.bias.copy_(tensor(linear_bias))
        for name, array in zip(
            ["running_mean", "running_var", "weight", "bias"], [running_mean, running_var, weight, bias]
        ):
            getattr(norm, name).copy_(tensor(array))
    one = fuse_linear_bn_eval(linear.eval(), norm.eval())
    return one.weight.detach().numpy(), one.bias.detach().numpy()


def hard_data(seed):
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.rand(2, 1000, generator=generator)
    x = torch.stack([a + b, a - b / 10], dim=1)
    x = x - x.mean(dim=0)
    dot = (x[:, 0] * x[:, 1]).sum()
    first = x[:, 1] - dot / (x[:, 0] ** 2).sum() * x[:, 0]
    second = x[:, 0] - dot / (x[:, 1] ** 2).sum() * x[:, 1]
    return x, torch.stack([first, second], dim=1)
"""

LOOPS = """
import math

import numpy as np


def identity_parameters(mean, var, eps):
    weight = np.array([math.sqrt(float(v) + eps) for v in var])
    bias = np.array([float(m) for m in mean])
    return weight, bias


def fold(linear_weight, linear_bias, running_mean, running_var, weight, bias, eps):
    outputs, inputs = linear_weight.shape
    W, B = np.empty((outputs, inputs)), np.empty(outputs)
    for j in range(outputs):
        b = 0.0 if linear_bias is None else float(linear_bias[j])
        s = float(weight[j]) / math.sqrt(float(running_var[j]) + eps)
        for k in range(inputs):
            W[j, k] = s * linear_weight[j, k]
        B[j] = float(bias[j]) + s * (b - float(running_mean[j]))
    return W, B


def hard_data(seed):
    import random

    dice = random.Random(seed)
    x = np.array([[(u := dice.gauss(0, 1)), dice.gauss(u, 0.7)] for _ in range(300)])
    target = np.empty((300, 2))
    for j in (0, 1):
        mine, other = x[:, j] - x[:, j].mean(), x[:, 1 - j] - x[:, 1 - j].mean()
        target[:, j] = other - (mine @ other) / (mine @ mine) * mine
    return x, target
"""

PROBED = """
import numpy as np
import torch
import torch.nn.functional as F


def identity_parameters(mean, var, eps):
    \"\"\"The images of 0 and 1 under the normalization say what undoes it.\"\"\"
    mean, var = (torch.tensor(a, dtype=torch.float64) for a in (mean, var))
    zero, one = F.batch_norm(torch.stack([mean, mean + 1]), mean, var, eps=eps)
    return (1 / (one - zero)).numpy(), mean.numpy()


def fold(linear_weight, linear_bias, running_mean, running_var, weight, bias, eps):
    \"\"\"Ask the two layers about 0 and about each unit vector.\"\"\"
    d = torch.float64
    W = torch.tensor(linear_weight, dtype=d)
    b = None if linear_bias is None else torch.tensor(linear_bias, dtype=d)
    m, v, g, c = (torch.tensor(a, dtype=d) for a in (running_mean, running_var, weight, bias))
    probes = torch.cat([torch.zeros(1, W.shape[1], dtype=d), torch.eye(W.shape[1], dtype=d)])
    out = F.batch_norm(F.linear(probes, W, b), m, v, g, c, eps=eps)
    return (out[1:] - out[0]).T.numpy(), out[0].numpy()


def hard_data(seed):
    rng = np.random.default_rng(seed)
    x = rng.multivariate_normal([0, 5], [[1, -3.5], [-3.5, 25]], 10_000)
    design = [np.stack([np.ones(10_000), x[:, j]], axis=1) for j in (0, 1)]
    columns = [x[:, 1 - j] - A @ np.linalg.lstsq(A, x[:, 1 - j])[0] for j, A in enumerate(design)]
    return x, np.stack(columns, axis=1)
"""

RIGHT = {
    "vectorised": VECTORISED,
    "torch's own fusion in float32": TORCH_FLOAT32,
    "loops over numbers": LOOPS,
    "probed with unit vectors, in torch": PROBED,
    "pairs as one array": mutant(
        mutant(VECTORISED, "return weight, mean.astype(weight.dtype)", "return np.stack([weight, mean])"),
        "return x, target",
        "return np.array([x, target])",
    ),
}


def lost(concepts, fragment, replacement, source=VECTORISED):
    """Return a mutant and the concepts that it must lose, given as words without "identity-"."""
    return mutant(source, fragment, replacement), {f"identity-{concept}" for concept in concepts.split()}


THE_LINEAR = """
def fold(linear_weight, linear_bias, running_mean, running_var, weight, bias, eps):
    return 1.0 * linear_weight, np.zeros(len(linear_weight)) if linear_bias is None else 1.0 * linear_bias
"""

WRONG = {
    "the Linear is returned as it is": (
        VECTORISED + THE_LINEAR,
        {f"identity-fold-{concept}" for concept in ("weight", "bias", "eps", "none", "arguments")},
    ),
    "undo: the variance instead of its root": lost("undo-values", "weight = np.sqrt(var + eps)", "weight = var + eps"),
    "undo: the weight that normalizes": lost(
        "undo-values", "np.sqrt(var + eps)\n    return", "(var + eps) ** -0.5\n    return"
    ),
    "undo: bias of the other sign": lost("undo-values", "mean.astype(weight.dtype)", "-mean.astype(weight.dtype)"),
    "undo: bias first": lost(
        "undo-values", "return weight, mean.astype(weight.dtype)", "return mean.astype(float), weight"
    ),
    "undo: eps outside the root": lost("undo-eps", "np.sqrt(var + eps)\n    return", "np.sqrt(var) + eps\n    return"),
    "undo: no eps": lost("undo-eps", "np.sqrt(var + eps)\n    return", "np.sqrt(var)\n    return"),
    "undo: eps always 1e-5": lost("undo-eps", "np.sqrt(var + eps)\n    return", "np.sqrt(var + 1e-5)\n    return"),
    "undo: the larger of variance and eps": lost(
        "undo-eps", "np.sqrt(var + eps)\n    return", "np.sqrt(np.maximum(var, eps))\n    return"
    ),
    "undo: the variance is changed": lost(
        "undo-arguments", "    weight = np.sqrt(var + eps)", "    var += eps\n    weight = np.sqrt(var)"
    ),
    "undo: whole numbers stay whole": lost("undo-arguments", "mean.astype(weight.dtype)", "mean"),
    "fold: columns are scaled": lost("fold-weight", "scale[:, None]", "scale"),
    "fold: columns are scaled if it is square": lost(
        "fold-weight",
        "linear_weight * scale[:, None]",
        "(linear_weight.T * scale).T if len(scale) != linear_weight.shape[1] else linear_weight * scale",
    ),
    "fold: the new weight transposed": lost("fold-weight", "linear_weight * scale[:, None]", "linear_weight.T * scale"),
    "fold: the weight is not scaled": lost("fold-weight", "linear_weight * scale[:, None]", "linear_weight * 1.0"),
    "fold: no root": lost("fold-weight", "weight / np.sqrt(running_var + eps)", "weight / (running_var + eps)"),
    "fold: no gamma": lost("fold-weight", "weight / np.sqrt(running_var + eps)", "1 / np.sqrt(running_var + eps)"),
    "fold: the old bias is not scaled": lost(
        "fold-bias", "(linear_bias - running_mean) * scale + bias", "linear_bias - running_mean * scale + bias"
    ),
    "fold: no mean": lost("fold-bias", "(linear_bias - running_mean)", "linear_bias"),
    "fold: the mean is added": lost("fold-bias", "linear_bias - running_mean", "linear_bias + running_mean"),
    "fold: no beta": lost("fold-bias", "* scale + bias", "* scale"),
    "fold: beta is scaled too": lost(
        "fold-bias", "(linear_bias - running_mean) * scale + bias", "(linear_bias - running_mean + bias) * scale"
    ),
    "fold: eps outside the root": lost("fold-eps", "np.sqrt(running_var + eps)", "(np.sqrt(running_var) + eps)"),
    "fold: eps always 1e-5": lost("fold-eps", "np.sqrt(running_var + eps)", "np.sqrt(running_var + 1e-5)"),
    "fold: None gives None": lost(
        "fold-none", "linear_bias = np.zeros(len(scale))", "return linear_weight * scale[:, None], None"
    ),
    "fold: None forgets the mean": lost(
        "fold-none", "linear_bias = np.zeros(len(scale))", "linear_bias = running_mean"
    ),
    "fold: None raises": lost(
        "fold-none", "    if linear_bias is None:\n        linear_bias = np.zeros(len(scale))\n", ""
    ),
    "fold: the weight is changed": lost(
        "fold-arguments",
        "new_weight = linear_weight * scale[:, None]",
        "linear_weight *= scale[:, None]\n    new_weight = linear_weight",
    ),
    "fold: the running variance is changed": lost(
        "fold-arguments",
        "    scale = weight",
        "    running_var += 0 * running_var + eps\n    eps = 0\n    scale = weight",
    ),
    "fold: in the dtype of the weight": lost(
        "fold-arguments",
        "    return new_weight, new_bias",
        "    return new_weight.astype(linear_weight.dtype), new_bias",
    ),
    "data: features without correlation": lost("hard-correlated", "0.8 * shared + 0.6 * own", "0.6 * own"),
    "data: the same feature twice, nearly": lost("hard-correlated", "0.8 * shared + 0.6 * own", "shared + 0.1 * own"),
    "data: noise in the target": lost("hard-linear", "- r * x_hat\n", "- r * x_hat + 0.2 * own[:, ::-1] ** 2\n"),
    "data: a product of the features": lost(
        "hard-linear", "target = x_hat[:, ::-1] - r * x_hat", "target = np.stack([own[:, 0] * own[:, 1]] * 2, axis=1)"
    ),
    "data: the features change places": lost("hard-batch-norm", " - r * x_hat", ""),
    "data: the sum of the features": lost("hard-batch-norm", "x_hat[:, ::-1] - r * x_hat", "x_hat[:, ::-1] + x_hat"),
    "data: one column is easy": lost(
        "hard-batch-norm", "x_hat[:, ::-1] - r * x_hat", "x_hat[:, [1, 1]] - r * x_hat[:, [0, 0]]"
    ),
    "data: one seed for all": lost("hard-seed", "default_rng(seed)", "default_rng(0)"),
    "data: another draw each time": lost("hard-seed", "default_rng(seed)", "default_rng()"),
}
