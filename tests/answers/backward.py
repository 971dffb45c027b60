"""Answers to the assignment Backward."""

from tests.answers import mutant

THREE_TERMS = """
import numpy as np


def batch_norm_backward(grad_output, x, weight, eps):
    var = x.var(axis=0)
    s = 1 / np.sqrt(var + eps)
    x_hat = (x - x.mean(axis=0)) * s
    grad_bias = grad_output.sum(axis=0)
    grad_weight = (grad_output * x_hat).sum(axis=0)
    inner = grad_output - grad_bias / len(x) - x_hat * grad_weight / len(x)
    return weight * s * inner, grad_weight, grad_bias
"""

STAGED = """
import numpy as np


def batch_norm_backward(grad_output, x, weight, eps):
    m = x.shape[0]
    mean = x.sum(axis=0) / m
    d = x - mean
    square = d**2
    var = square.sum(axis=0) / m
    root = np.sqrt(var + eps)
    inverse = 1 / root
    x_hat = d * inverse

    grad_bias = grad_output.sum(axis=0)
    grad_weight = (grad_output * x_hat).sum(axis=0)
    grad_x_hat = grad_output * weight
    grad_inverse = (grad_x_hat * d).sum(axis=0)
    grad_d = grad_x_hat * inverse
    grad_root = -grad_inverse / root**2
    grad_var = grad_root / (2 * root)
    grad_square = np.ones_like(d) * grad_var / m
    grad_d = grad_d + 2 * d * grad_square
    grad_mean = -grad_d.sum(axis=0)
    return grad_d + grad_mean / m, grad_weight, grad_bias
"""

PAPER = """
import numpy as np


def batch_norm_backward(grad_output, x, weight, eps):
    # The six equations of Ioffe and Szegedy (2015), section 3
    m = len(x)
    mu, var = np.mean(x, axis=0), np.var(x, axis=0)
    x_hat = (x - mu) / np.sqrt(var + eps)
    d_x_hat = grad_output * weight
    d_var = np.sum(d_x_hat * (x - mu) * (-0.5) * (var + eps) ** -1.5, axis=0)
    d_mu = np.sum(-d_x_hat / np.sqrt(var + eps), axis=0) + d_var * np.sum(-2 * (x - mu), axis=0) / m
    d_x = d_x_hat / np.sqrt(var + eps) + d_var * 2 * (x - mu) / m + d_mu / m
    return d_x, np.sum(grad_output * x_hat, axis=0), np.sum(grad_output, axis=0)
"""

AUTOGRAD = """
import torch


def batch_norm_backward(grad_output, x, weight, eps):
    g, x, weight = (torch.as_tensor(a).double() for a in (grad_output, x, weight))
    x, weight = x.clone().requires_grad_(), weight.clone().requires_grad_()
    bias = torch.zeros_like(weight, requires_grad=True)
    var = x.var(dim=0, correction=0)
    y = weight * (x - x.mean(dim=0)) / torch.sqrt(var + eps) + bias
    return torch.autograd.grad(y, (x, weight, bias), g)
"""

FLOAT32 = """
import numpy as np
import torch
import torch.nn.functional as F


def batch_norm_backward(grad_output, x, weight, eps):
    g, x, weight = (torch.from_numpy(np.array(a, dtype=np.float32)) for a in (grad_output, x, weight))
    leaves = [x, weight, torch.zeros_like(weight)]
    for leaf in leaves:
        leaf.requires_grad_()
    F.batch_norm(leaves[0], None, None, leaves[1], leaves[2], training=True, eps=eps).backward(g)
    return [leaf.grad.numpy() for leaf in leaves]
"""

INSIDE = """
def batch_norm_backward(grad_output, x, weight, eps):
    return gradients(grad_output, x, weight, eps)


def gradients(g, x, weight, eps):
    from torch import as_tensor, autograd, sqrt, zeros_like

    g, x, weight = (as_tensor(a).double() for a in (g, x, weight))
    leaves = [leaf.clone().requires_grad_() for leaf in (x, weight, zeros_like(weight))]
    x, weight, bias = leaves
    y = weight * (x - x.mean(dim=0)) / sqrt(x.var(dim=0, correction=0) + eps) + bias
    return autograd.grad(y, leaves, g)
"""

BESIDE = (
    """
import torch
from bnutils import batch_norm


def looked_at(x):
    return torch.autograd.grad(batch_norm(x, training=True).sum(), x)
"""
    + THREE_TERMS
)

SINGLE = """
import numpy as np


def batch_norm_backward(grad_output, x, weight, eps):
    g, x, weight = (np.array(a, dtype=np.float32) for a in (grad_output, x, weight))
    d = x - x.mean(axis=0)
    inverse = 1 / np.sqrt((d * d).mean(axis=0) + np.float32(eps))
    x_hat = d * inverse
    grad_x = weight * inverse * (g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0))
    return [grad_x, (g * x_hat).sum(axis=0), g.sum(axis=0)]
"""

JACOBIAN = """
import numpy as np


def batch_norm_backward(grad_output, x, weight, eps):
    m, features = x.shape
    grad_x, grad_weight = np.zeros((m, features)), np.zeros(features)
    for j in range(features):
        d = x[:, j] - x[:, j].mean()
        s = (d @ d / m + eps) ** -0.5
        x_hat = d * s
        jacobian = s * (np.eye(m) - np.ones((m, m)) / m - np.outer(x_hat, x_hat) / m)  # symmetric
        grad_x[:, j] = weight[j] * jacobian @ grad_output[:, j]
        grad_weight[j] = grad_output[:, j] @ x_hat
    return grad_x, grad_weight, np.ones(m) @ grad_output
"""

LOOPS = """
import math

import numpy as np


def batch_norm_backward(grad_output, x, weight, eps):
    m, features = x.shape
    grad_x, grad_weight, grad_bias = np.zeros((m, features)), np.zeros(features), np.zeros(features)
    for j in range(features):
        z, g = [float(v) for v in x[:, j]], [float(v) for v in grad_output[:, j]]
        mean = sum(z) / m
        s = 1 / math.sqrt(sum((v - mean) ** 2 for v in z) / m + eps)
        x_hat = [(v - mean) * s for v in z]
        for i in range(m):
            grad_bias[j] += g[i]
            grad_weight[j] += g[i] * x_hat[i]
        for i in range(m):
            for k in range(m):  # every sample reaches every other one
                path = (i == k) - 1 / m - x_hat[i] * x_hat[k] / m
                grad_x[i, j] += g[k] * weight[j] * s * path
    return grad_x, grad_weight, grad_bias
"""

RIGHT = {
    "one line, three terms": THREE_TERMS,
    "staged, node by node": STAGED,
    "the paper's equations": PAPER,
    "NumPy in float32": SINGLE,
    "torch used beside it, to check": BESIDE,
    "all of torch imported above it": f"from torch.nn import *\n{THREE_TERMS}",
    "explicit Jacobian": JACOBIAN,
    "loops over pairs of samples": LOOPS,
}

NO_DERIVATION = """
def batch_norm_backward(grad_output, x, weight, eps):
    return 1.0 * weight * grad_output, (grad_output * x).sum(axis=0), grad_output.sum(axis=0)
"""
BY_BNUTILS = mutant(THREE_TERMS, "(x - x.mean(axis=0)) * s\n", "batch_norm(x, training=True, eps=eps)\n").replace(
    "import numpy", "from bnutils import batch_norm\nimport numpy"
)
ROW = ".sum(axis=0, keepdims=True)"
WEIGHT = "grad_weight = (grad_output * x_hat).sum(axis=0)"
UNBIASED = mutant(JACOBIAN, "d @ d / m", "d @ d / (m - 1)")
CONCEPTS = "bias weight input deviation scale arguments"
EVERYTHING = {f"backward-{concept}" for concept in CONCEPTS.split()}

WRONG = {
    "grad_bias a mean": (
        mutant(JACOBIAN, "np.ones(m) @ grad_output", "np.ones(m) / m @ grad_output"),
        {"backward-bias"},
    ),
    "grad_bias times weight": (
        mutant(PAPER, "np.sum(grad_output, axis=0)\n", "np.sum(d_x_hat, axis=0)\n"),
        {"backward-bias"},
    ),
    "grad_bias is not summed": (mutant(JACOBIAN, "np.ones(m) @ grad_output", "grad_output"), {"backward-bias"}),
    "grad_weight a mean": (mutant(STAGED, WEIGHT, WEIGHT.replace("sum", "mean")), {"backward-weight"}),
    "grad_weight times weight": (mutant(STAGED, WEIGHT, WEIGHT + " * weight"), {"backward-weight"}),
    "grad_weight by x, not by its normalized form": (
        mutant(STAGED, WEIGHT, WEIGHT.replace("x_hat", "x")),
        {"backward-weight"},
    ),
    "grad_weight by the centred x": (mutant(STAGED, WEIGHT, WEIGHT.replace("x_hat", "d")), {"backward-weight"}),
    "grad_weight over the features": (
        mutant(STAGED, WEIGHT, "grad_weight = (grad_output * x_hat).sum() * np.ones(x.shape[1])"),
        {"backward-weight"},
    ),
    "direct term only": (
        mutant(THREE_TERMS, " - grad_bias / len(x) - x_hat * grad_weight / len(x)", ""),
        {"backward-input"},
    ),
    "mean term forgotten": (mutant(THREE_TERMS, " - grad_bias / len(x)", ""), {"backward-input"}),
    "variance term forgotten": (mutant(THREE_TERMS, " - x_hat * grad_weight / len(x)", ""), {"backward-input"}),
    "variance term with the other sign": (
        mutant(THREE_TERMS, "- x_hat * grad_weight", "+ x_hat * grad_weight"),
        {"backward-input"},
    ),
    "sums in place of means": (
        mutant(THREE_TERMS, "grad_bias / len(x) - x_hat * grad_weight / len(x)", "grad_bias - x_hat * grad_weight"),
        {"backward-input"},
    ),
    "variance term without the 2": (mutant(STAGED, "2 * d * grad_square", "d * grad_square"), {"backward-input"}),
    "mean reached by the direct road only, no sum": (
        mutant(STAGED, "grad_mean = -grad_d.sum(axis=0)", "grad_mean = -grad_d"),
        {"backward-input"},
    ),
    "no factor s": (mutant(THREE_TERMS, "weight * s * inner", "weight * inner"), {"backward-input"}),
    "means divided by m - 1": (
        mutant(THREE_TERMS, "grad_bias / len(x)", "grad_bias / (len(x) - 1)"),
        {"backward-input"},
    ),
    "unbiased variance": (mutant(THREE_TERMS, "x.var(axis=0)", "x.var(axis=0, ddof=1)"), {"backward-deviation"}),
    "unbiased variance in the forward pass": (
        mutant(UNBIASED, "np.outer(x_hat, x_hat) / m)", "np.outer(x_hat, x_hat) / (m - 1))"),
        {"backward-deviation"},
    ),
    "eps outside": (mutant(THREE_TERMS, "np.sqrt(var + eps)", "(np.sqrt(var) + eps)"), {"backward-deviation"}),
    "eps ignored": (mutant(STAGED, "var + eps", "var + 1e-5"), {"backward-deviation"}),
    "eps forgotten in grad_weight": (
        mutant(PAPER, "grad_output * x_hat, axis=0", "grad_output * (x - mu) / np.sqrt(var), axis=0"),
        {"backward-deviation"},
    ),
    "eps forgotten in the variance term": (mutant(PAPER, "(var + eps) ** -1.5", "var ** -1.5"), {"backward-deviation"}),
    "no root": (mutant(THREE_TERMS, "np.sqrt(var + eps)", "(var + eps)"), {"backward-deviation"}),
    "weight forgotten in grad_x": (mutant(THREE_TERMS, "weight * s * inner", "s * inner"), {"backward-scale"}),
    "weight in one term only": (
        mutant(THREE_TERMS, "weight * s * inner", "s * (inner + (weight - 1) * grad_output)"),
        {"backward-scale"},
    ),
    "weight squared": (mutant(STAGED, "grad_output * weight", "grad_output * weight**2"), {"backward-scale"}),
    "grad_output in place": (
        mutant(
            STAGED,
            "    grad_x_hat = grad_output * weight\n",
            "    grad_output *= weight\n    grad_x_hat = grad_output\n",
        ),
        {"backward-arguments"},
    ),
    "x in place": (
        mutant(THREE_TERMS, "    x_hat = (x - x.mean(axis=0)) * s\n", "    x -= x.mean(axis=0)\n    x_hat = x * s\n"),
        {"backward-arguments"},
    ),
    "integers stay integers": (
        mutant(JACOBIAN, "np.zeros((m, features)), np", "np.zeros_like(x), np"),
        {"backward-arguments"},
    ),
    "no integers": (
        mutant(THREE_TERMS, "x.var(axis=0)", "np.maximum(x.var(axis=0), np.finfo(x.dtype).tiny)"),
        {"backward-arguments"},
    ),
    "autograd of the formula": (AUTOGRAD, EVERYTHING),
    "autograd of torch's function in float32": (FLOAT32, EVERYTHING),
    "autograd, imported inside of a helper": (INSIDE, EVERYTHING),
    "grad_weight over the wrong axis": (
        mutant(PAPER, "np.sum(grad_output * x_hat, axis=0)", "np.sum(grad_output * x_hat, axis=1)"),
        {"backward-weight"},
    ),
    "shape (1, D)": (THREE_TERMS.replace(".sum(axis=0)", ROW), {"backward-bias", "backward-weight"}),
    "no derivation": (NO_DERIVATION, EVERYTHING - {"backward-bias"}),
    "bnutils for the forward pass": (BY_BNUTILS, EVERYTHING),
    "nothing": (
        "def batch_norm_backward(grad_output, x, weight, eps): raise NotImplementedError\n",
        EVERYTHING,
    ),
}
