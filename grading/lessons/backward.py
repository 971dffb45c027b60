"""What is told about the concepts of the assignment Backward."""

import numpy as np

from grading.lessons import Lesson
from grading.words import say


def backward(ddof=0, inverse=lambda var, eps: (var + eps) ** -0.5, grad_x=None, grad_weight=None, grad_bias=None):
    """Return a function like `batch_norm_backward`, right but for what is said here."""

    def batch_norm_backward(grad_output, x, weight, eps):
        g, x = np.asarray(grad_output, float), np.asarray(x, float)
        s = inverse(x.var(axis=0, ddof=ddof), eps)
        d = x - x.mean(axis=0)
        terms = g, g.mean(axis=0), d * s * (g * d * s).mean(axis=0)
        by_x = grad_x(weight, s, *terms) if grad_x else weight * s * (terms[0] - terms[1] - terms[2])
        by_weight = grad_weight(g, x, d * s, weight) if grad_weight else (g * d * s).sum(axis=0)
        return by_x, by_weight, grad_bias(g, weight) if grad_bias else g.sum(axis=0)

    return batch_norm_backward


def a(**changes):
    return {"batch_norm_backward": backward(**changes)}


def swapped(order=(0, 2, 1), **changes):
    """Return the function with its results in another order."""
    made = backward(**changes)

    def batch_norm_backward(*arguments):
        results = made(*arguments)
        return tuple(results[place] for place in order)

    return {"batch_norm_backward": batch_norm_backward}


RIGHT = a()
MISTAKES = {
    say("grad_bias is a mean, not a sum"): a(grad_bias=lambda g, w: g.mean(axis=0)),
    say("grad_bias is multiplied by weight"): a(grad_bias=lambda g, w: w * g.sum(axis=0)),
    say("grad_bias is not summed over the samples"): a(grad_bias=lambda g, w: g),
    say("grad_bias has shape (1, D), as with keepdims=True"): a(grad_bias=lambda g, w: g.sum(axis=0, keepdims=True)),
    say("grad_weight is a mean, not a sum"): a(grad_weight=lambda g, x, h, w: (g * h).mean(axis=0)),
    say("grad_weight is multiplied by weight"): a(grad_weight=lambda g, x, h, w: w * (g * h).sum(axis=0)),
    say("grad_weight takes x where its normalized form belongs"): a(grad_weight=lambda g, x, h, w: (g * x).sum(axis=0)),
    say("grad_weight takes x minus its mean where the normalized form belongs"): a(
        grad_weight=lambda g, x, h, w: (g * (x - x.mean(axis=0))).sum(axis=0)
    ),
    say("grad_weight is summed over the features, not over the samples"): a(
        grad_weight=lambda g, x, h, w: (g * h).sum(axis=1)
    ),
    say("grad_weight has shape (1, D), as with keepdims=True"): a(
        grad_weight=lambda g, x, h, w: (g * h).sum(axis=0, keepdims=True)
    ),
    say("grad_x has the direct term only"): a(grad_x=lambda w, s, g, m, v: w * s * g),
    say("the term of the mean is left out of grad_x"): a(grad_x=lambda w, s, g, m, v: w * s * (g - v)),
    say("the term of the variance is left out of grad_x"): a(grad_x=lambda w, s, g, m, v: w * s * (g - m)),
    say("the term of the variance has the other sign"): a(grad_x=lambda w, s, g, m, v: w * s * (g - m + v)),
    say("the terms of grad_x hold sums where means belong"): a(
        grad_x=lambda w, s, g, m, v: w * s * (g - len(g) * m - len(g) * v)
    ),
    say("the term of the variance is half as large as it should be"): a(
        grad_x=lambda w, s, g, m, v: w * s * (g - m - v / 2)
    ),
    say("grad_x is not divided by the standard deviation"): a(grad_x=lambda w, s, g, m, v: w * (g - m - v)),
    say("weight is left out of grad_x"): a(grad_x=lambda w, s, g, m, v: s * (g - m - v)),
    say("weight multiplies one term of grad_x only"): a(grad_x=lambda w, s, g, m, v: s * (w * g - m - v)),
    say("weight enters grad_x twice"): a(grad_x=lambda w, s, g, m, v: w**2 * s * (g - m - v)),
    say("the variance is divided by N - 1"): a(ddof=1),
    say("the variance is divided by N - 1, and eps is left out"): a(
        ddof=1, inverse=lambda var, eps: (var + 1e-5) ** -0.5
    ),
    say("grad_bias and grad_weight are swapped: grad_x comes first, then grad_weight, then grad_bias"): [
        swapped(),
        swapped(grad_x=lambda w, s, g, m, v: s * (g - m - v)),
    ],
    say("the three results are in the wrong order: grad_x comes first, then grad_weight, then grad_bias"): [
        swapped(order) for order in ((2, 1, 0), (1, 2, 0), (1, 0, 2), (2, 0, 1))
    ],
    say("eps stands beside the root, not under it"): a(inverse=lambda var, eps: 1 / (np.sqrt(var) + eps)),
    say("eps is left out, or is always 1e-5"): a(inverse=lambda var, eps: (var + 1e-5) ** -0.5),
    say("you divide by the variance, not by its root"): a(inverse=lambda var, eps: 1 / (var + eps)),
}
START = "g = np.array([[1.0, 2.0], [3.0, 0.0], [0.0, 5.0]])\nx = np.array([[1.0, 20.0], [3.0, 24.0], [8.0, 25.0]])\n"
ONES = START + "grad_x, grad_weight, grad_bias = batch_norm_backward(g, x, np.ones(2), 1e-8)\n"
TWOS = START + "grad_x, grad_weight, grad_bias = batch_norm_backward(g, x, np.array([2.0, -3.0]), 1e-8)\n"
LESSONS = {
    "backward-bias": Lesson(
        say("grad_bias sums grad_output over the samples."), "backward-parameters", TWOS + "grad_bias"
    ),
    "backward-weight": Lesson(
        say("grad_weight sums grad_output times the normalized x over the samples."),
        "backward-parameters",
        TWOS + "grad_weight",
    ),
    "backward-input": Lesson(
        say("grad_x has three terms: a direct one, one through the mean, one through the variance."),
        "backward-three-terms",
        ONES + "grad_x",
    ),
    "backward-deviation": Lesson(
        say(
            "grad_x and grad_weight divide by root(var + eps): eps is added to the biased variance first, "
            "and then the root is taken."
        ),
        "backward-graph",
        ONES.replace("1e-8", "10.0") + "grad_x, grad_weight",
    ),
    "backward-scale": Lesson(
        say("weight multiplies all of grad_x, for each feature its own."), "backward-three-terms", TWOS + "grad_x"
    ),
    "backward-arguments": Lesson(
        say("The arguments stay as they are, and x and weight may hold integers: the results are floats."),
        "formula-arguments",
        START + "weight = np.array([2.0, -3.0])\nbatch_norm_backward(g, x, weight, 1e-5)\n"
        "g, x, weight, batch_norm_backward(g, x.astype(int), weight.astype(int), 1e-5)",
    ),
}
