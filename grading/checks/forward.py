"""Assignment Forward: `batch_norm_train(x, weight, bias, eps)` and `batch_norm_2d(x, weight, bias, eps)`."""

import numpy as np
import torch
import torch.nn.functional as F

from grading.checks import (
    ask,
    batch,
    checkerboard,
    close,
    close_to_any,
    first_that_passes,
    has_shape,
    raises,
    unchanged,
)
from grading.student import StudentError
from grading.words import say

ASKED = ["batch_norm_train", "batch_norm_2d"]

TINY = 1e-8  # an eps that cannot be seen beside a variance of 25 or more, wherever it stands


def expected(x, eps):
    """Return the answers that a check accepts which gives weight 1 and bias 1: torch's, and those with a lost bias."""
    t = torch.from_numpy(x)
    x_hat = F.batch_norm(t, None, None, training=True, eps=eps).numpy()
    return [x_hat + 1, x_hat, x_hat - 1]


def with_ones(student, name, x, eps, bias=1):
    """Return the student's answer for weight 1 and bias 1; it is the same if he has mixed them up."""
    ones = np.ones(x.shape[1], x.dtype)
    return ask(student, name, x, ones, bias * ones, eps)


def agrees(student, name, x, eps, wants, what, *tolerances):
    """Check the answer for weight 1 and bias 0, or, as those may be another concept's mistake, for bias 1."""
    first_that_passes(
        lambda bias=bias: close_to_any(with_ones(student, name, x, eps, bias), wants, what, *tolerances)
        for bias in (0, 1)
    )


def normalizes(student, rng):
    """Check that batch_norm_train is a normalization at all: the rest is nothing worth for a function that is none.

    Three times the input must not give three times the output. The two have other widths, for who keeps something.
    """
    spreads = []
    for k, d in [(1, 7), (3, 11)]:
        x = k * rng.standard_normal((60, d))
        answer = with_ones(student, "batch_norm_train", x, TINY)
        has_shape(answer, x.shape, say("batch_norm_train, x of shape {0}", x.shape))
        spreads.append(answer.std(axis=0).mean())
    assert spreads[0] > 1e-3, say(
        "batch_norm_train does not normalize: values with standard deviation 1 come out with {0}", f"{spreads[0]:.3g}"
    )
    assert abs(spreads[1] / spreads[0] - 3) > 0.6, say(
        "batch_norm_train does not normalize: values with three times the standard deviation come out with it"
    )


# batch_norm_train


def formula(student, rng):
    for n, d in [(7, 3), (5, 5), (2, 4), (31, 14)]:
        x = batch(rng, n, d)
        agrees(
            student,
            "batch_norm_train",
            x,
            TINY,
            expected(x, TINY),
            say("batch_norm_train, x of shape {0}", x.shape),
            1e-4,
            1e-4,
        )


def eps_under_the_root(student, rng):
    """In so large a batch nobody can see by what the squares are divided; and a forgotten root is not this concept."""
    for n, d, unit in [(2000, 8, 1), (2400, 10, 1e-3)]:
        s, x = checkerboard(rng, n, d)
        s, x, eps = unit * s, unit * x, (unit * s) ** 2 * rng.uniform(0.5, 2)
        what = say("batch_norm_train, values +{0} and -{0} in equal number, eps {1}", f"{s:.4f}", f"{eps:.3g}")
        without_root = [x / (s**2 + eps) + bias for bias in (1, 0, -1)]
        agrees(student, "batch_norm_train", x, eps, expected(x, eps) + without_root, what, 2e-3, 2e-3)


def weight_and_bias(student, rng):
    for n, d in [(6, 3), (4, 4)]:
        x, weight, bias = batch(rng, n, d), rng.uniform(-3, 3, d), rng.uniform(-3, 3, d)
        weight[1] = 0
        follows_weight_and_bias(student, "batch_norm_train", x, weight, bias)
    normalizes(student, rng)


def follows_weight_and_bias(student, name, x, weight, bias, others=()):
    """Check an answer against the student's own for weight 1 and bias 0, or against some others."""
    what = say("{0}, x of shape {1}", name, x.shape)
    plain = ask(student, name, x, np.ones(len(weight)), np.zeros(len(weight)), 1e-5)
    has_shape(plain, x.shape, what)
    assert plain.std() > 1e-3, say(
        "{0}, weight 1 and bias 0: the answer is {1} everywhere", what, f"{plain.flat[0]:.3g}"
    )
    per_channel = (1, -1) + (1,) * (x.ndim - 2)
    want = weight.reshape(per_channel) * plain + bias.reshape(per_channel)
    got = ask(student, name, x, weight, bias, 1e-5)
    what = say("{0}, against weight * (your answer for weight 1 and bias 0) + bias", what)
    close_to_any(got, [want, *others], what, 1e-5, 1e-4)


def leaves_arguments_alone(student, rng):
    def call(x, weight, bias):
        student.call("batch_norm_train", x, weight, bias, 1e-5)

    arrays = {"x": batch(rng, 8, 12), "weight": rng.uniform(1, 2, 12), "bias": rng.uniform(1, 2, 12)}
    unchanged(call, "batch_norm_train", **arrays)


def takes_integers_and_float32(student, rng):
    x = rng.permuted(np.arange(-9, 9).reshape(9, 2), axis=0)
    takes_dtypes(student, "batch_norm_train", x, np.array([2, -3]), np.array([1, 4]))


def takes_dtypes(student, name, x, weight, bias):
    """Check answers for integers and float32 against the student's own for float64."""
    want = ask(student, name, x.astype(float), weight.astype(float), bias.astype(float), 1e-5)
    for dtype in (np.int64, np.float32):
        what = say("{0}, x, weight and bias of dtype {1}", name, np.dtype(dtype))
        try:
            got = ask(student, name, x.astype(dtype), weight.astype(dtype), bias.astype(dtype), 1e-5)
        except StudentError as error:
            raise AssertionError(say("{0}: {1}", what, error.args[0])) from None
        close(got, want, say("{0}, against your answer for float64", what), 1e-4, 1e-4)


def remembers_nothing(student, rng):
    x = batch(rng, 5, 6)
    first, second = (with_ones(student, "batch_norm_train", sign * x, TINY, 0) for sign in (1, -1))
    what = say("batch_norm_train, first with x, then with -x: the normalized values should only change their signs")
    has_shape(first, x.shape, what)
    has_shape(second, x.shape, what)
    both = first + second  # 0, or twice the bias where it is taken for the weight
    close(both, np.full(x.shape, both[0, 0]), what, 1e-3, 1e-3)
    normalizes(student, rng)


def images_too(student, rng):
    """The same two contracts for batch_norm_2d, if it answers at all: if not, other concepts are lost."""
    x, weight, bias = rng.integers(-9, 9, (3, 2, 3, 2)), np.array([2, -3]), np.array([1, 4])
    x[0, :, 0] = [0, 9]
    arrays = {"x": x.astype(float), "weight": weight.astype(float), "bias": bias.astype(float)}
    try:
        ask(student, "batch_norm_2d", *arrays.values(), 1e-5)
    except StudentError:
        return

    def call(x, weight, bias):
        student.call("batch_norm_2d", x, weight, bias, 1e-5)

    unchanged(call, "batch_norm_2d", **arrays)
    takes_dtypes(student, "batch_norm_2d", x, weight, bias)


def one_row_is_refused(student, rng):
    for d in (1, 3):
        x, ones = rng.standard_normal((1, d)), np.ones(d)
        raises(
            "ValueError",
            lambda x=x, ones=ones: ask(student, "batch_norm_train", x, ones, ones, 1e-5),
            say("batch_norm_train, x of shape {0}", x.shape),
        )


def offset_in_float32(student, rng):
    """Compare with the student's own answer without the offset, up to a constant for each feature.

    Who does not centre has lost the formula already: a small offset tells, which no arithmetic spoils.
    """
    normalizes(student, rng)
    x = rng.standard_normal((32, 16))
    near, shifted = (with_ones(student, "batch_norm_train", z, 1e-5) for z in (x, x + 3))
    if not np.allclose(near - near.mean(axis=0), shifted - shifted.mean(axis=0), 0, 0.02):
        return
    offset = np.float32(rng.integers(4000, 6000))
    x = x.astype(np.float32) + offset
    far, near = (with_ones(student, "batch_norm_train", values, 1e-5) for values in (x, x - offset))
    what = say("batch_norm_train, float32 with standard deviation 1, with mean {0} against mean 0", f"{offset:.0f}")
    for answer in (far, near):
        has_shape(answer, x.shape, what)
    far, near = (answer - answer.mean(axis=0) for answer in (far.astype(float), near.astype(float)))
    close(far, near, what, 0, 0.02)


# batch_norm_2d


def by_own_rows(student, rng, x, weight, bias, eps):
    """Return what batch_norm_train of the student makes of all pixels as rows, in a list; an empty list if nothing.

    Who builds on it should not lose the points of batch_norm_2d for a mistake in batch_norm_train. It has to normalize.
    """
    n, c, h, w = x.shape
    rows = np.moveaxis(x, 1, -1).reshape(-1, c)
    try:
        normalizes(student, rng)
        answer = ask(student, "batch_norm_train", rows, weight, bias, eps)
        has_shape(answer, rows.shape, "")
    except (StudentError, AssertionError):
        return []
    return [np.moveaxis(answer.reshape(n, h, w, c), -1, 1)]


def images_agree(student, rng, x, eps, what, *tolerances):
    """Check batch_norm_2d for weight 1 and bias 0 or 1."""
    ones = np.ones(x.shape[1])
    own = [rows for bias in (0, 1) for rows in by_own_rows(student, rng, x, ones, bias * ones, eps)]
    agrees(student, "batch_norm_2d", x, eps, expected(x, eps) + own, what, *tolerances)


def axes(student, rng):
    for n, c, h, w in [(2, 3, 5, 3), (3, 4, 4, 4), (1, 2, 2, 2)]:  # c == w: weights along w do no harm here
        x = batch(rng, n, c, h, w, axis=(0, 2, 3))
        images_agree(student, rng, x, TINY, say("batch_norm_2d, x of shape {0}", x.shape), 1e-4, 1e-4)


def eps_of_images(student, rng):
    s, x = checkerboard(rng, 32, 2, 8, 8)
    eps = s**2 * rng.uniform(0.5, 2)
    what = say("batch_norm_2d, values +{0} and -{0} in equal number, eps {1}", f"{s:.4f}", f"{eps:.3g}")
    images_agree(student, rng, x, eps, what, 0, 2e-3)


def a_weight_per_channel(student, rng):
    for n, c, h, w in [(2, 3, 4, 2), (4, 4, 4, 4)]:
        x = batch(rng, n, c, h, w, axis=(0, 2, 3))
        weight, bias = rng.uniform(-3, 3, (2, c))
        own = by_own_rows(student, rng, x, weight, bias, 1e-5)
        follows_weight_and_bias(student, "batch_norm_2d", x, weight, bias, own)


CONCEPTS = {  # first what looks for things that are kept, in a new process
    "forward-arguments": [remembers_nothing, leaves_arguments_alone, takes_integers_and_float32, images_too],
    "forward-formula": [formula],
    "forward-eps": [eps_under_the_root],
    "forward-weight-bias": [weight_and_bias],
    "forward-one-row": [one_row_is_refused],
    "forward-offset": [offset_in_float32],
    "forward-2d-axes": [axes],
    "forward-2d-channels": [a_weight_per_channel, eps_of_images],
}
CELLS = {images_too: "forward-2d-channels"}  # the test cell below the function that a check asks, if not its own
