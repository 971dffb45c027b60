"""What is told about the concepts of the assignment Identity."""

import numpy as np

from grading.lessons import Lesson
from grading.words import say


def undo(weight=lambda var, eps: np.sqrt(var + eps), bias=lambda mean, weight: mean):
    """Return a function like `identity_parameters`, right but for what is said here."""

    def identity_parameters(mean, var, eps):
        found = weight(np.asarray(var, float), eps)
        return found, bias(np.asarray(mean, float), found)

    return {"identity_parameters": identity_parameters}


undo_right = undo()["identity_parameters"]


def folding(inverse=lambda var, eps: (var + eps) ** -0.5, matrix=None, shift=None, plain=False):
    """Return a function like `fold`, right but for what is said here."""

    def fold(linear_weight, linear_bias, running_mean, running_var, weight, bias, eps):
        scale = (1 if plain else weight) * inverse(np.asarray(running_var, float), eps)
        b = np.zeros(len(scale)) if linear_bias is None else linear_bias
        new = matrix(linear_weight, scale) if matrix else linear_weight * scale[:, None]
        return new, shift(b, running_mean, scale, bias) if shift else (b - running_mean) * scale + bias

    return {"fold": fold}


def hard_data(seed):
    """Return data as asked."""
    x = np.random.default_rng(seed).standard_normal((500, 2)) @ np.array([[1.0, 0.6], [0.0, 0.8]])
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    return x, z[:, ::-1] - (z[:, 0] * z[:, 1]).mean() * z


def reached(seed):
    """Return a target that a BatchNorm reaches."""
    x, _ = hard_data(seed)
    return x, 2 * x + 1


def drawn_anew(seed):
    """Return other data at each call."""
    return hard_data(None)


RIGHT = undo() | folding() | {"hard_data": hard_data}
MISTAKES = {
    say("the weight is the standard deviation plus eps"): undo(lambda var, eps: np.sqrt(var) + eps),
    say("eps is left out of the weight, or is always 1e-5"): undo(lambda var, eps: np.sqrt(var)),
    say("the weight is the variance, not its root"): undo(lambda var, eps: var + eps),
    say("the weight is 1 / root(var + eps); it must be the root itself"): undo(lambda var, eps: (var + eps) ** -0.5),
    say("only the larger one of variance and eps counts"): undo(lambda var, eps: np.sqrt(np.maximum(var, eps))),
    say("the bias comes first, and then the weight"): {"identity_parameters": lambda *a: undo_right(*a)[::-1]},
    say("the bias has the other sign"): undo(bias=lambda mean, weight: -mean),
    say("the bias is -mean / weight; it must be the mean"): undo(bias=lambda mean, weight: -mean / weight),
    say("the columns of the matrix are scaled, not its rows"): folding(matrix=lambda w, s: w * s),
    say("the matrix stays as it is"): folding(matrix=lambda w, s: 1.0 * w),
    say("the Linear comes back as it is"): folding(matrix=lambda w, s: 1.0 * w, shift=lambda b, m, s, bias: b),
    say("the weight of the BatchNorm is left out"): folding(plain=True),
    say("the running mean is added"): folding(shift=lambda b, m, s, bias: (b + m) * s + bias),
    say("the matrix is transposed"): folding(matrix=lambda w, s: (w * s[:, None]).T),
    say("the running mean is not subtracted"): folding(shift=lambda b, m, s, bias: b * s + bias),
    say("the bias of the Linear is left out"): folding(shift=lambda b, m, s, bias: bias - m * s),
    say("the bias of the Linear is not scaled"): folding(shift=lambda b, m, s, bias: b - m * s + bias),
    say("the running mean is not scaled"): folding(shift=lambda b, m, s, bias: b * s - m + bias),
    say("the bias of the BatchNorm is left out"): folding(shift=lambda b, m, s, bias: (b - m) * s),
    say("the bias of the BatchNorm is scaled, too"): folding(shift=lambda b, m, s, bias: (b - m + bias) * s),
    say("eps stands beside the root, not under it"): folding(lambda var, eps: 1 / (np.sqrt(var) + eps)),
    say("eps is left out, or is always 1e-5"): folding(lambda var, eps: (var + 1e-5) ** -0.5),
    say("the seed is not used: each seed gives the same numbers"): {"hard_data": lambda seed: hard_data(0)},
    say("the numbers are drawn anew at each call, whatever the seed"): {"hard_data": drawn_anew},
    say("each column of the target is one of x, scaled and shifted"): {"hard_data": reached},
    say("you divide by the variance, not by its root"): folding(lambda var, eps: 1 / (var + eps)),
}
UNDO = "identity_parameters(np.array([8.0, 3.0]), np.array([4.0, 9.0]), {})"
FOLD = """W, b = np.array([[1.0, 2.0], [3.0, 4.0]]), {b}
mean, var = np.array([1.0, 5.0]), np.array([4.0, 16.0])
weight, bias = np.array([2.0, 3.0]), np.array([7.0, 6.0])
"""
GIVEN = FOLD.format(b="np.array([4.0, 1.0])") + "new_weight, new_bias = fold(W, b, mean, var, weight, bias, {})\n"
DATA = "x, target = hard_data(0)\n"
MISSED = """
def missed(columns, target):
    columns, target = columns - columns.mean(axis=0), target - target.mean()
    best = np.linalg.lstsq(columns, target, rcond=None)[0]
    return ((target - columns @ best) ** 2).sum() / (target**2).sum()

"""
LESSONS = {
    "identity-undo-values": Lesson(
        say("weight is root(var + eps), and bias is the mean. Here eps is too small to be seen."),
        "identity-parameters",
        UNDO.format(1e-9),
    ),
    "identity-undo-eps": Lesson(
        say("eps is added to the variance, under the root."), "identity-parameters", UNDO.format(7.0)
    ),
    "identity-undo-arguments": Lesson(
        say("The arguments stay as they are; integers and float32 are taken, and the results are arrays of floats."),
        "formula-arguments",
        "mean, var = np.array([8.0, 3.0]), np.array([4.0, 9.0])\nidentity_parameters(mean, var, 1.0)\n"
        "mean, var, identity_parameters(mean.astype(int), var.astype(int), 1.0)",
    ),
    "identity-fold-weight": Lesson(
        say("Each row of the matrix is multiplied by weight / root(running_var + eps) of its output."),
        "linear-fold",
        GIVEN.format(1e-9) + "new_weight",
    ),
    "identity-fold-bias": Lesson(
        say("The old bias minus the running mean is scaled, then the bias of the BatchNorm is added."),
        "linear-fold",
        GIVEN.format(1e-9) + "new_bias",
    ),
    "identity-fold-eps": Lesson(
        say("eps is added to the running variance, under the root."),
        "linear-fold",
        GIVEN.format(9.0) + "new_weight, new_bias",
    ),
    "identity-fold-none": Lesson(
        say("linear_bias may be None, and counts as zeros."),
        "linear-fold",
        FOLD.format(b="None") + "fold(W, b, mean, var, weight, bias, 9.0)",
    ),
    "identity-fold-arguments": Lesson(
        say("The arguments stay as they are; integers and float32 are taken, and the results are arrays of floats."),
        "formula-arguments",
        GIVEN.format(9.0) + "floats = W, b, mean, var, weight, bias\n"
        "W, b, mean, var, weight, bias, fold(*[array.astype(int) for array in floats], 9.0)",
    ),
    "identity-hard-correlated": Lesson(
        say("The two features of x have a correlation of size 0.5 to 0.95."),
        "linear-correlation",
        DATA + "np.corrcoef(x.T)[0, 1]",
        say("a number of size 0.5 to 0.95"),
    ),
    "identity-hard-linear": Lesson(
        say("The best Linear misses at most 0.01 of the variance of each column of the target."),
        "linear-residual",
        MISSED + DATA + "missed(x, target[:, 0]), missed(x, target[:, 1])",
        say("two numbers of at most 0.01"),
    ),
    "identity-hard-batch-norm": Lesson(
        say(
            "The best BatchNorm misses at least 0.95 of the variance of each column of the target: "
            "take out of each column what a line in its own feature predicts."
        ),
        "linear-residual",
        MISSED + DATA + "missed(x[:, [0]], target[:, 0]), missed(x[:, [1]], target[:, 1])",
        say("two numbers of at least 0.95"),
    ),
    "identity-hard-seed": Lesson(
        say("The same seed gives the same numbers again, and another seed gives others."),
        "linear-residual",
        "one, again, other = hard_data(3), hard_data(3), hard_data(4)\n"
        "np.array_equal(one[0], again[0]), np.array_equal(one[1], again[1]), np.array_equal(one[0], other[0])",
        "True,\nTrue,\nFalse",
    ),
}
