"""Answers to the assignment Forward."""

from tests.answers import mutant

VECTORISED = """
import numpy as np


def normalize(x, axes, eps):
    mean = x.mean(axis=axes, keepdims=True)
    var = x.var(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(var + eps)


def batch_norm_train(x, weight, bias, eps):
    if len(x) < 2:
        raise ValueError("one row has no spread")
    return weight * normalize(x, 0, eps) + bias


def batch_norm_2d(x, weight, bias, eps):
    weight, bias = weight[:, None, None], bias[:, None, None]
    return weight * normalize(x, (0, 2, 3), eps) + bias
"""

ROWS = """
import numpy as np


def batch_norm_train(x, weight, bias, eps):
    n, d = x.shape
    if n == 1:
        raise ValueError("x has one row")
    mean = x.sum(axis=0) / n
    centred = x - mean
    var = (centred**2).sum(axis=0) / n
    return centred / np.sqrt(var + eps) * weight + bias


def batch_norm_2d(x, weight, bias, eps):
    n, c, h, w = x.shape
    rows = x.transpose(0, 2, 3, 1).reshape(-1, c)
    return batch_norm_train(rows, weight, bias, eps).reshape(n, h, w, c).transpose(0, 3, 1, 2)
"""

LOOPS = """
import math

import numpy as np


def batch_norm_train(x, weight, bias, eps):
    n, d = x.shape
    if n < 2:
        raise ValueError("at least two rows")
    y = np.zeros((n, d))
    for j in range(d):
        column = [float(v) for v in x[:, j]]
        mean = sum(column) / n
        var = sum((v - mean) ** 2 for v in column) / n
        for i in range(n):
            y[i, j] = weight[j] * (column[i] - mean) / math.sqrt(var + eps) + bias[j]
    return y


def batch_norm_2d(x, weight, bias, eps):
    y = np.zeros(x.shape)
    for c in range(x.shape[1]):
        channel = x[:, c].reshape(-1, 1)
        y[:, c] = batch_norm_train(channel, weight[c : c + 1], bias[c : c + 1], eps).reshape(x[:, c].shape)
    return y
"""

EINSUM = """
import numpy as np


def affine(d, weight, bias, eps, m):
    scale = weight / np.sqrt(np.einsum("ncp,ncp->c", *[d.reshape(*d.shape[:2], -1)] * 2) / m + eps)
    return np.einsum("nc...,c->nc...", d, scale) + bias.reshape(-1, *[1] * (d.ndim - 2))


def batch_norm_train(x, weight, bias, eps):
    x = np.asarray(x, dtype=np.float64)
    n = len(x)
    if n == 1:
        raise ValueError("N = 1")
    centring = np.eye(n) - np.ones((n, n)) / n
    return affine(centring @ x, weight, bias, eps, n)


def batch_norm_2d(x, weight, bias, eps):
    x = np.asarray(x, dtype=np.float64)
    m = x.size // x.shape[1]
    d = x - np.einsum("nchw->c", x)[:, None, None] / m
    return affine(d, weight, bias, eps, m)
"""

WELFORD = """
import numpy as np


def welford(rows):
    mean, squares = np.zeros(rows.shape[1]), np.zeros(rows.shape[1])
    for count, row in enumerate(rows, start=1):
        step = row - mean
        mean = mean + step / count
        squares = squares + step * (row - mean)
    return mean, squares / len(rows)


def batch_norm_train(x, weight, bias, eps):
    if x.shape[0] == 1:
        raise ValueError("one sample")
    mean, var = welford(x)
    scale = weight * (var + eps) ** -0.5
    return x * scale + (bias - mean * scale)


def batch_norm_2d(x, weight, bias, eps):
    flat = np.swapaxes(x, 0, 1).reshape(x.shape[1], -1).T
    mean, var = welford(flat)
    scale = weight / np.sqrt(var + eps)
    shift = bias - mean * scale
    return x * scale.reshape(1, -1, 1, 1) + shift.reshape(1, -1, 1, 1)
"""

TORCH_FLOAT32 = """
import torch
import torch.nn.functional as F


def batch_norm_train(x, weight, bias, eps):
    x, weight, bias = (torch.as_tensor(a).float() for a in (x, weight, bias))
    return F.batch_norm(x, None, None, weight, bias, training=True, eps=eps)  # refuses one row itself


batch_norm_2d = batch_norm_train
"""

TORCH_MODULE = """
import numpy as np
import torch
from torch import nn


def run(kind, x, weight, bias, eps):
    layer = kind(x.shape[1], eps=eps, dtype=torch.float64)
    layer.weight.data = torch.from_numpy(np.array(weight, dtype=float))
    layer.bias.data = torch.from_numpy(np.array(bias, dtype=float))
    return layer(torch.from_numpy(np.array(x, dtype=float))).detach().numpy()


def batch_norm_train(x, weight, bias, eps):
    return run(nn.BatchNorm1d, x, weight, bias, eps)


def batch_norm_2d(x, weight, bias, eps):
    return run(nn.BatchNorm2d, x, weight, bias, eps)
"""

RIGHT = {
    "vectorised over any axes": VECTORISED,
    "images as rows": ROWS,
    "loops over plain numbers": LOOPS,
    "centring matrix and einsum": EINSUM,
    "Welford's running sums, one scale and shift": WELFORD,
    "torch functional in float32": TORCH_FLOAT32,
    "torch modules in float64": TORCH_MODULE,
}

CACHE = """
seen = {}


def normalize(x, axes, eps):
    mean, var = seen.setdefault(x.shape, (x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)))
"""
IN_PLACE = """
    x -= x.mean(axis=0)
    x /= np.sqrt(x.var(axis=0) + eps)
    return weight * x + bias
"""
FOLDED = """    scale = weight / np.sqrt(var + eps)
    bias -= mean * scale
    return x * scale + bias
"""
SUM = "(centred**2).sum(axis=0) / n"
ONE_PASS = "np.maximum((x * x).sum(axis=0) / n - mean**2, 0)"
LAST = "weight * normalize(x, 0, eps) + bias"
STATISTICS = """
def normalize(x, axes, eps):
    mean = x.mean(axis=axes, keepdims=True)
    var = x.var(axis=axes, keepdims=True)
"""
NOTHING = """
def batch_norm_train(x, weight, bias, eps):
    if len(x) < 2:
        raise ValueError("one row")
    return 1.0 * weight * x + bias
"""
OWN_ROWS = "def batch_norm_2d" + ROWS.split("def batch_norm_2d")[1]  # built on batch_norm_train, whatever that does
BY_WIDTH = "    mean, var = seen.setdefault(x.shape[1], (mean, var))\n    centred = x - mean\n    return centred"
OVER_FEATURES = """    mean, var = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
    return weight * (x - mean) / np.sqrt(var + eps) + bias
"""
MIXED = """
def batch_norm_2d(x, weight, bias, eps):
    y = np.zeros_like(x)
    for c in range(x.shape[1]):
        y[:, c] = weight[c] * (x[:, c] - x[:, c].mean()) / np.sqrt(x[:, c].var() + eps) + bias[c]
    return y
"""
BUILT = "    return centred / np.sqrt(var + eps) * weight + bias"
CONCEPTS = "formula eps weight-bias arguments one-row offset 2d-axes 2d-channels"

WRONG = {
    "unbiased variance": (mutant(ROWS, SUM, "centred.var(axis=0, ddof=1)"), {"forward-formula"}),
    "no root": (mutant(ROWS, "np.sqrt(var + eps)", "(var + eps)"), {"forward-formula"}),
    "one mean and one variance for all features": (
        mutant(VECTORISED, "normalize(x, 0, eps)", "normalize(x, None, eps)"),
        {"forward-formula"},
    ),
    "over the features": (mutant(VECTORISED, "normalize(x, 0, eps)", "normalize(x, 1, eps)"), {"forward-formula"}),
    "mean not subtracted": (mutant(ROWS, "return centred / ", "return x / "), {"forward-formula"}),
    "eps outside": (mutant(ROWS, "np.sqrt(var + eps)", "(np.sqrt(var) + eps)"), {"forward-eps"}),
    "eps outside, in both functions": (
        mutant(VECTORISED, "np.sqrt(var + eps)", "(np.sqrt(var) + eps)"),
        {"forward-eps"},
    ),
    "eps ignored": (mutant(ROWS, "var + eps", "var + 1e-5"), {"forward-eps"}),
    "eps only where the variance is smaller": (
        mutant(ROWS, "np.sqrt(var + eps)", "np.sqrt(np.maximum(var, eps))"),
        {"forward-eps"},
    ),
    "weight and bias swapped": (
        mutant(VECTORISED, LAST, "bias * normalize(x, 0, eps) + weight"),
        {"forward-weight-bias"},
    ),
    "bias ignored": (mutant(VECTORISED, LAST, "weight * normalize(x, 0, eps)"), {"forward-weight-bias"}),
    "weight times bias, too": (
        mutant(VECTORISED, LAST, "weight * (normalize(x, 0, eps) + bias)"),
        {"forward-weight-bias"},
    ),
    "one weight for all features": (
        mutant(VECTORISED, "return weight * normalize(x, 0, eps)", "return weight[0] * normalize(x, 0, eps)"),
        {"forward-weight-bias"},
    ),
    "in place": (
        mutant(VECTORISED, "    return weight * normalize(x, 0, eps) + bias\n", IN_PLACE),
        {"forward-arguments"},
    ),
    "the mean added to the bias of the caller": (
        mutant(ROWS, "    return centred / np.sqrt(var + eps) * weight + bias", FOLDED),
        {"forward-arguments"},
    ),
    "no integers": (
        mutant(TORCH_FLOAT32, "torch.as_tensor(a).float() for a", "torch.as_tensor(a) for a"),
        {"forward-arguments"},
    ),
    "integers stay integers": (mutant(LOOPS, "y = np.zeros((n, d))", "y = np.zeros_like(x)"), {"forward-arguments"}),
    "statistics of the first batch of a shape": (mutant(VECTORISED, STATISTICS, CACHE), {"forward-arguments"}),
    "one row passes": (mutant(ROWS, "n == 1", "n == 0"), {"forward-one-row"}),
    "one row raises another error": (
        mutant(ROWS, 'ValueError("x has one row")', 'ZeroDivisionError("x")'),
        {"forward-one-row"},
    ),
    "one pass": (mutant(ROWS, SUM, ONE_PASS), {"forward-offset"}),
    "one pass in float32": (
        mutant(mutant(ROWS, SUM, ONE_PASS), "    mean = ", "    x = x.astype(np.float32)\n    mean = "),
        {"forward-offset"},
    ),
    "images: each pixel a feature": (
        mutant(VECTORISED, "normalize(x, (0, 2, 3), eps)", "normalize(x, 0, eps)"),
        {"forward-2d-axes"},
    ),
    "images: each image for itself": (
        mutant(VECTORISED, "normalize(x, (0, 2, 3), eps)", "normalize(x, (2, 3), eps)"),
        {"forward-2d-axes"},
    ),
    "images: channels last": (
        mutant(VECTORISED, "normalize(x, (0, 2, 3), eps)", "normalize(x, (0, 1, 2), eps)"),
        {"forward-2d-axes"},
    ),
    "images: back without transposing": (
        mutant(ROWS, ".reshape(n, h, w, c).transpose(0, 3, 1, 2)", ".reshape(n, c, h, w)"),
        {"forward-2d-axes", "forward-2d-channels"},
    ),
    "images: a weight per column": (
        mutant(VECTORISED, "    weight, bias = weight[:, None, None], bias[:, None, None]\n", ""),
        {"forward-2d-channels"},
    ),
    "images: one weight for all": (
        mutant(VECTORISED, "weight, bias = weight[:, None, None]", "weight, bias = weight[0]"),
        {"forward-2d-channels"},
    ),
    "images: eps outside": (
        mutant(
            VECTORISED,
            "return weight * normalize(x, (0, 2, 3), eps) + bias",
            "mean, std = x.mean((0, 2, 3), keepdims=True), x.std((0, 2, 3), keepdims=True)\n"
            "    return weight * (x - mean) / (std + eps) + bias",
        ),
        {"forward-2d-channels"},
    ),
    "images: integers stay integers": (ROWS.split("def batch_norm_2d")[0] + MIXED, {"forward-arguments"}),
    "no normalization": (NOTHING + OWN_ROWS, {f"forward-{c}" for c in CONCEPTS.split() if c != "one-row"}),
    "bias inside of the bracket": (
        mutant(ROWS, BUILT, "    return weight * (centred + bias) / np.sqrt(var + eps)"),
        {"forward-weight-bias"},
    ),
    "bias forgotten": (mutant(ROWS, BUILT, BUILT.removesuffix(" + bias")), {"forward-weight-bias"}),
    "one weight for all rows": (mutant(ROWS, "* weight + bias", "* weight[0] + bias"), {"forward-weight-bias"}),
    "eps squared": (mutant(ROWS, "var + eps", "var + eps**2"), {"forward-eps"}),
    "rows over the features": (mutant(ROWS, BUILT + "\n", OVER_FEATURES), {"forward-formula"}),
    "root of the mean square": (mutant(ROWS, "centred = x - mean", "centred = x"), {"forward-formula"}),
    "statistics of the first batch of a width": (
        "seen = {}\n" + mutant(ROWS, BUILT.split(" /")[0], BY_WIDTH),
        {"forward-arguments"},
    ),
    "images missing": (VECTORISED.split("def batch_norm_2d")[0], {"forward-2d-axes", "forward-2d-channels"}),
    "nothing": (
        "def batch_norm_train(x, weight, bias, eps): raise NotImplementedError\n"
        "def batch_norm_2d(x, weight, bias, eps): raise NotImplementedError\n",
        {f"forward-{c}" for c in CONCEPTS.split()},
    ),
}
