"""Checks of the assignment "Undo BatchNorm, fold it, and find what it cannot do"."""

import numpy as np

from grading.checks import ask, close, close_to_any, parts, unchanged
from grading.words import say

ASKED = ["identity_parameters", "fold", "hard_data"]
NO_EPS = 1e-9  # next to variances from 1 on, nobody sees where it stands


# The parameters that undo a normalization.


def undo(student, mean, var, eps):
    """Return the student's weight and bias."""
    return parts(
        ask(student, "identity_parameters", mean, var, eps), 2, say("identity_parameters, {0} features", len(mean))
    )


def undo_values(student, rng):
    for features in (1, 2, 7):
        mean, var = rng.uniform(-9, 9, features), rng.uniform(1, 9, features)
        weight, bias = undo(student, mean, var, NO_EPS)
        close(weight, np.sqrt(var), say("weight for var {0} and a tiny eps", row(var)))
        close(bias, mean, say("bias for mean {0}", row(mean)))


def undo_eps(student, rng):
    """eps beside the variance is a larger variance: (var, eps) and (var + eps, nothing) have one answer."""
    for eps, largest in ((rng.uniform(0.5, 4), 4), (rng.uniform(1e-3, 1e-2), 1e-2), (1e-5, 1e-5)):
        mean, var = rng.uniform(-1, 1, 4), rng.uniform(0, largest, 4)
        var[0] = 0
        got, want = (undo(student, mean, v, e) for v, e in ((var, eps), (var + eps, NO_EPS * eps)))
        what = say("identity_parameters for var {0} and eps {1}", row(var), f"{eps:.3g}")
        scale = np.sqrt(var + eps)
        close(got[0] / scale, want[0] / scale, say("{0}, in units of the right weight", what), atol=1e-4)
        without = undo(student, mean, var + NO_EPS * eps, NO_EPS * eps)
        assert differ(got, without), say("{0}: the same answer as without eps", what)


def undo_arguments(student, rng):
    mean, var = rng.uniform(-9, 9, 3), rng.uniform(1, 9, 3)

    def call(mean, var):
        return student.call("identity_parameters", mean, var, 0.5)

    unchanged(call, "identity_parameters", mean=mean.copy(), var=var.copy())
    kinds_agree(lambda *given: undo(student, *given, 0.5), [mean, var], "identity_parameters")


# A Linear and a BatchNorm in one Linear.


def linear_and_norm(rng, outputs, inputs):
    """Draw all arguments of `fold` but eps."""
    w, b = rng.uniform(0.5, 2, (outputs, inputs)) * rng.choice([-1, 1], (outputs, inputs)), rng.uniform(1, 3, outputs)
    mean, var = rng.uniform(-3, -1, outputs), rng.uniform(1, 9, outputs)
    weight, bias = rng.uniform(0.3, 3, outputs) * rng.choice([-1, 1], outputs), rng.uniform(-3, 3, outputs)
    return [w, b, mean, var, weight, bias]


def folded(student, given, eps):
    """Return the student's weight and bias."""
    return parts(ask(student, "fold", *given, eps), 2, say("fold, linear_weight of shape {0}", given[0].shape))


def fold_weight(student, rng):
    for outputs, inputs in ((3, 2), (2, 5), (3, 3), (1, 4), (4, 1)):
        given = linear_and_norm(rng, outputs, inputs)
        w, _, _, var, weight, _ = given
        want = w * (weight / np.sqrt(var))[:, None]
        close(
            folded(student, given, NO_EPS)[0],
            want,
            say("weight of fold for {0} outputs and {1} inputs", outputs, inputs),
        )


def fold_bias(student, rng):
    """The bias that belongs to the right scale, or to the scale that the student's own weight shows."""
    for size in (1, 3, 4):
        given = linear_and_norm(rng, size, size)
        w, b, mean, var, weight, bias = given
        new_weight, new_bias = folded(student, given, NO_EPS)
        scales = [weight / np.sqrt(var)]
        if isinstance(new_weight, np.ndarray) and new_weight.shape == w.shape:
            scales.append(np.diag(new_weight).astype(np.float64) / np.diag(w))
        wants = [bias + scale * (b - mean) for scale in scales]
        close_to_any(new_bias, wants, say("bias of fold for {0} outputs", size), rtol=1e-4, atol=1e-4)


def fold_eps(student, rng):
    for eps, largest in ((rng.uniform(0.5, 4), 4), (rng.uniform(1e-3, 1e-2), 1e-2), (1e-5, 1e-5)):
        given = linear_and_norm(rng, 3, 3)
        given[3] = rng.uniform(0, largest, 3)
        given[3][0] = 0
        grown = [a + eps * (k == 3) for k, a in enumerate(given)]
        tiny = [a + NO_EPS * eps * (k == 3) for k, a in enumerate(given)]
        got, want = folded(student, given, eps), folded(student, grown, NO_EPS * eps)
        what = say(
            "fold for running_var {0} and eps {1}, compared with fold for running_var + eps",
            row(given[3]),
            f"{eps:.3g}",
        )
        for g, w, name in zip(got, want, ("weight", "bias"), strict=True):
            scale = np.abs(w).max()
            close(g / scale, w / scale, say("{0} of {1}, largest value 1", name, what), atol=1e-4)
        without = folded(student, tiny, NO_EPS * eps)
        assert differ(got, without), say(
            "fold for running_var {0} and eps {1}: eps changes nothing", row(given[3]), f"{eps:.3g}"
        )


def folds(student, rng):
    """Check that something is folded at all: the rest is nothing worth for a function that only returns the Linear."""
    given = linear_and_norm(rng, 3, 3)
    other = [*given[:3], given[3] + 1, 2 * given[4], given[5]]
    assert differ(folded(student, given, 0.5), folded(student, other, 0.5)), say("fold does not look at the BatchNorm")


def fold_without_bias(student, rng):
    given = linear_and_norm(rng, 3, 3)
    zeros = [*given[:1], np.zeros(3), *given[2:]]
    none = [*given[:1], None, *given[2:]]
    got, want = folded(student, none, 0.5), folded(student, zeros, 0.5)
    for g, w, name in zip(got, want, ("weight", "bias"), strict=True):
        close(g, w, say("{0} of fold for linear_bias None, compared with zeros", name))


def fold_arguments(student, rng):
    names = ["linear_weight", "linear_bias", "running_mean", "running_var", "weight", "bias"]
    given = linear_and_norm(rng, 3, 3)

    def call(**arrays):
        return student.call("fold", *arrays.values(), 0.5)

    unchanged(call, "fold", **dict(zip(names, map(np.copy, given), strict=True)))
    kinds_agree(lambda *arrays: folded(student, arrays, 0.5), given, "fold")


# Data on which Linear wins.


def data(student, seed):
    """Return the student's x and target, in float64."""
    what = say("hard_data({0})", seed)
    found = parts(ask(student, "hard_data", seed), 2, what)
    for name, array in zip(("x", "target"), found, strict=True):
        assert type(array) is np.ndarray, say("{0}: {1} is no array", what, name)
        assert array.shape[1:] == (2,), say("{0}: {1} has shape {2}, not (N, 2)", what, name, array.shape)
        assert 100 <= len(array) <= 10_000, say("{0}: {1} has {2} rows, not 100 to 10,000", what, name, len(array))
        assert np.isfinite(array).all(), say("{0}: {1} holds nan or infinity", what, name)
    x, target = (array.astype(np.float64) for array in found)
    assert len(x) == len(target), say("{0}: x has {1} rows and target {2}", what, len(x), len(target))
    return x, target


def missed(columns, target):
    """Return the share of the target's variance that the best weighted sum of the columns and a shift misses."""
    columns, target = (a - a.mean(axis=0) for a in (columns, target))
    energy = (target**2).sum()
    assert energy > 0, say("a column of the target is constant")
    solution = np.linalg.lstsq(columns, target, rcond=None)[0]
    return ((target - columns @ solution) ** 2).sum() / energy


def seeds(rng):
    return [int(seed) for seed in rng.choice(10_000, 3, replace=False)]


def hard_correlated(student, rng):
    for seed in seeds(rng):
        x = data(student, seed)[0]
        size = abs(np.corrcoef(x.T)[0, 1]) if x.std(axis=0).min() > 0 else 0.0
        assert 0.5 <= size <= 0.95, say(
            "hard_data({0}): the correlation of x has size {1}, not 0.5 to 0.95", seed, f"{size:.3f}"
        )


def hard_linear(student, rng):
    for seed in seeds(rng):
        x, target = data(student, seed)
        for j in range(2):
            share = missed(x, target[:, j])
            assert share <= 0.01, say(
                "hard_data({0}): the best Linear misses {1} of target {2}, over 0.01", seed, f"{share:.3f}", j
            )


def hard_batch_norm(student, rng):
    for seed in seeds(rng):
        x, target = data(student, seed)
        for j in range(2):
            share = missed(x[:, [j]], target[:, j])
            assert share >= 0.95, say(
                "hard_data({0}): the best BatchNorm misses {1} of target {2}, below 0.95", seed, f"{share:.3f}", j
            )


def hard_seed(student, rng):
    first, second = seeds(rng)[:2]
    a, other, again = (data(student, seed) for seed in (first, second, first))
    same = all(map(np.array_equal, a, again))
    assert same, say("hard_data({0}), called twice: the numbers differ", first)
    assert not np.array_equal(a[0], other[0]), say("hard_data({0}) and hard_data({1}): the same x", first, second)


def kinds_agree(call, given, name):
    """Check that float32 and integers are taken as the same numbers in float64 are, and give floats."""
    whole = [np.round(4 * array) for array in given]
    for dtype in (np.float32, np.int64):
        for got, want in zip(call(*(array.astype(dtype) for array in whole)), call(*whole), strict=True):
            close(got, want, say("{0} for {1}, compared with float64", name, np.dtype(dtype)), rtol=1e-4, atol=1e-4)


def differ(one, other):
    """Return whether two pairs of arrays differ somewhere by more than a thousandth."""
    return not all(np.allclose(a, b, rtol=1e-3, atol=0) for a, b in zip(one, other, strict=True))


def row(array):
    """Return a vector as a short text."""
    return "[" + ", ".join(f"{v:.3g}" for v in array) + "]"


CONCEPTS = {
    "identity-undo-values": [undo_values],
    "identity-undo-eps": [undo_eps],
    "identity-undo-arguments": [undo_arguments],
    "identity-fold-weight": [fold_weight],
    "identity-fold-bias": [fold_bias],
    "identity-fold-eps": [fold_eps],
    "identity-fold-none": [folds, fold_without_bias],
    "identity-fold-arguments": [folds, fold_arguments],
    "identity-hard-correlated": [hard_correlated],
    "identity-hard-linear": [hard_linear],
    "identity-hard-batch-norm": [hard_batch_norm],
    "identity-hard-seed": [hard_seed],
}
