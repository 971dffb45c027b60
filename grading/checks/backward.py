"""Assignment Backward: `batch_norm_backward(grad_output, x, weight, eps)`."""

import ast
import builtins
from itertools import product

import numpy as np
import torch

from grading.answers import statements_of
from grading.checks import ask, batch, close, close_to_any, flat, has_shape, parts, unchanged
from grading.checks.forward import TINY
from grading.words import Said, say

ASKED = ["batch_norm_backward"]

NAMES = ("grad_x", "grad_weight", "grad_bias")
USES = say("batch_norm_backward uses {0}, but part 2 asks for NumPy only")
FORBIDDEN = {"autograd", "bnutils", "jax", "tensorflow", "torch"}  # libraries that would do the derivation


def in_numpy(student, rng):
    """Look at what the answer imports; an import that the function does not use has not come along.

    But ``from torch import *`` always has; it counts where a name is used that comes from nowhere else.
    """
    nodes = list(ast.walk(ast.parse(student.answer)))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    origins = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    names += [node.module or "" for node in origins if node.names[0].name != "*" or is_short_of_names(student.answer)]
    used = sorted(FORBIDDEN & {name.split(".")[0] for name in names})
    assert not used, Said(USES, ", ".join(used))


def is_short_of_names(code):
    """Return whether code uses a name that it does not bind itself."""
    statements = statements_of(code)
    bound, used = (frozenset().union(*(getattr(s, which) for s in statements)) for which in ("binds", "uses"))
    return bool(used - bound - set(dir(builtins)))


def gradients(student, *arguments):
    """Return the student's three gradients for arguments that are copied."""
    return parts(
        ask(student, "batch_norm_backward", *arguments), 3, say("batch_norm_backward, {0}", shapes(arguments[1]))
    )


def shapes(x):
    return say("grad_output and x of shape {0}", x.shape)


def by_autograd(g, x, eps, correction=0):
    """Return the gradients by x and by a weight of 1, as torch differentiates the formula of the forward pass."""
    z, weight = torch.tensor(x, requires_grad=True), torch.ones(x.shape[1], dtype=torch.float64, requires_grad=True)
    z_hat = (z - z.mean(dim=0)) / torch.sqrt(z.var(dim=0, correction=correction) + eps)
    (weight * z_hat).backward(torch.from_numpy(g))
    return z.grad.numpy(), weight.grad.numpy()


def inverses(x, eps):
    """Return what the deviations are multiplied with: rightly, with the unbiased variance, and without the root."""
    variances = x.var(axis=0) + eps, x.var(axis=0, ddof=1) + eps
    return [variance**power for power in (-0.5, -1) for variance in variances]


def three_terms(g, x, inverse, mean=1, variance=1):
    """Return the three terms as sum, with factors of the second and the third, which some answers forget."""
    x_hat = (x - x.mean(axis=0)) * inverse
    return inverse * (g - mean * g.mean(axis=0) - variance * x_hat * (g * x_hat).mean(axis=0))


def sums(g, x, inverse):
    """Return all sums of the three terms in which the second and the third may be missing or have the other sign."""
    return [three_terms(g, x, inverse, *factors) for factors in product((1, 0, -1), repeat=2)]


def grad_bias(student, rng):
    for n, d in [(5, 3), (4, 4)]:
        g, x, weight = rng.standard_normal((n, d)), batch(rng, n, d), rng.uniform(1, 3, d)
        got = gradients(student, g, x, weight, TINY)[2]
        t = torch.zeros(d, dtype=torch.float64, requires_grad=True)
        (torch.from_numpy(x) + t).backward(torch.from_numpy(g))
        close(got, t.grad.numpy(), say("grad_bias, {0}", shapes(x)), 1e-4, 1e-4)


def grad_weight(student, rng):
    """By which root one divides is another concept."""
    for n, d in [(5, 3), (4, 4), (2, 3)]:
        g, x, weight = rng.standard_normal((n, d)), batch(rng, n, d), rng.uniform(1.5, 3, d)
        got = gradients(student, g, x, weight, TINY)[1]
        others = [(g * (x - x.mean(axis=0)) * inverse).sum(axis=0) for inverse in inverses(x, TINY)]
        close_to_any(got, [by_autograd(g, x, TINY)[1], *others], say("grad_weight, {0}", shapes(x)), 1e-4, 1e-4)


def grad_x(student, rng):
    """Here weight is 1; by which root one divides is another concept."""
    for n, d in [(6, 3), (4, 4), (9, 2)]:
        g, x = rng.standard_normal((n, d)) + 1, batch(rng, n, d)
        g += x / 10  # so that each of the three terms counts
        got = gradients(student, g, x, np.ones(d), TINY)[0]
        wants = [by_autograd(g, x, TINY, correction)[0] for correction in (0, 1)]
        wants += [three_terms(g, x, inverse) for inverse in inverses(x, TINY)]
        close_to_any(got, wants, say("grad_x, weight 1, {0}", shapes(x)), 1e-4, 1e-5)


def deviation(student, rng):
    """Look at grad_x and grad_weight when eps is as large as the variance, in so far as they are what they should be.

    A grad_x that is no sum of the three terms, or a grad_weight that is not proportional to the right one, has lost
    another concept already.
    """
    g, x, ones = rng.standard_normal((5, 3)) + 1, batch(rng, 5, 3), np.ones(3)
    g += x / 10
    var = x.var(axis=0)
    eps = rng.uniform(40, 90)
    without, got = (list(map(flat, gradients(student, g, x, ones, e))) for e in (TINY, eps))
    what = say("eps {0}, variances {1}, weight 1, {2}", f"{eps:.3g}", ", ".join(f"{v:.3g}" for v in var), shapes(x))
    has_shape(got[0], x.shape, say("grad_x, {0}", what))
    judged = 0
    known = [by_autograd(g, x, TINY, 1)[0], *(s for inverse in inverses(x, TINY) for s in sums(g, x, inverse))]
    if any(np.allclose(without[0], want, 1e-4, 1e-5) for want in known):
        close_to_any(got[0], sums(g, x, (var + eps) ** -0.5), say("grad_x, {0}", what), 1e-4, 1e-5)
        judged += 1
    share = without[1] / by_autograd(g, x, TINY)[1] if np.shape(without[1]) == (3,) else np.zeros(3)
    if np.abs(share).min() > 0.01 and np.ptp(share) < 1e-3 * np.abs(share).max():
        want = without[1] * np.sqrt(var / (var + eps))
        close(got[1], want, say("grad_weight, {0}, against your answer for a tiny eps", what), 1e-4, 1e-4)
        judged += 1
    assert judged, say("{0}: neither grad_x nor grad_weight can be judged", what)


def depends_on_x(student, rng):
    """Check that grad_x is a derivation at all: the rest is nothing worth for a function that does not look at x."""
    g, ones = rng.standard_normal((6, 5)), np.ones(5)
    one, other = (gradients(student, g, batch(rng, 6, 5), ones, 1e-5)[0] for _ in range(2))
    assert not np.array_equal(one, other), say("grad_x is the same for any x of shape (6, 5)")


def weight_in_grad_x(student, rng):
    for n, d in [(5, 3), (4, 4)]:
        g, x, weight = 10 * rng.standard_normal((n, d)), batch(rng, n, d), rng.uniform(-3, 3, d)
        weight[0] = 0
        what = say("grad_x, {0}", shapes(x))
        plain = gradients(student, g, x, np.ones(d), 1e-5)[0]
        has_shape(plain, x.shape, what)
        assert np.abs(plain).max() > 1e-3, say("{0}, weight 1: grad_x is 0 everywhere", what)
        got = gradients(student, g, x, weight, 1e-5)[0]
        close(got, weight * plain, say("{0}, against weight * (your answer for weight 1)", what), 1e-4, 1e-4)


def leaves_arguments_alone(student, rng):
    def call(grad_output, x, weight):
        student.call("batch_norm_backward", grad_output, x, weight, 1e-5)

    arrays = {"grad_output": rng.standard_normal((6, 3)), "x": batch(rng, 6, 3), "weight": rng.uniform(1, 2, 3)}
    unchanged(call, "batch_norm_backward", **arrays)


def takes_integers_and_float32(student, rng):
    g, x = rng.standard_normal((6, 2)), rng.permutation(np.arange(-30, 30, 5)).reshape(6, 2)
    weight = np.array([2, -3])
    want = gradients(student, g, x.astype(float), weight.astype(float), 1e-5)
    for floats, dtype in [(np.float64, np.int64), (np.float32, np.float32)]:
        got = gradients(student, g.astype(floats), x.astype(dtype), weight.astype(dtype), 1e-5)
        for array, float64, name in zip(got, want, NAMES, strict=True):
            what = say("{0}, x and weight of dtype {1}, against your answer for float64", name, np.dtype(dtype))
            close(flat(array), flat(float64), what, 1e-4, 1e-4)


CONCEPTS = {
    "backward-bias": [in_numpy, grad_bias],
    "backward-weight": [in_numpy, grad_weight],
    "backward-input": [in_numpy, grad_x],
    "backward-deviation": [in_numpy, deviation],
    "backward-scale": [in_numpy, depends_on_x, weight_in_grad_x],
    "backward-arguments": [in_numpy, depends_on_x, leaves_arguments_alone, takes_integers_and_float32],
}
