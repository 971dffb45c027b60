"""What is told about the concepts of the assignment Forward."""

import numpy as np

from grading.lessons import Lesson
from grading.words import say


def forward(
    axes, ddof=0, centred=True, inverse=lambda var, eps: (var + eps) ** -0.5, affine=None, one_row=True, shifted=False
):
    """Return a function like `batch_norm_train`, or `batch_norm_2d`, right but for what is said here."""

    def batch_norm(x, weight, bias, eps):
        if one_row and x.ndim == 2 and len(x) < 2:
            raise ValueError
        x = x.astype(float)
        per_feature = (-1,) + (1,) * (x.ndim - 2)
        weight, bias = np.reshape(weight, per_feature), np.reshape(bias, per_feature)
        mean = x.mean(axis=axes, keepdims=True) if centred else 0.0
        var = ((x - x.mean(axis=axes, keepdims=True)) ** 2).sum(axis=axes, keepdims=True)
        var = var / (x.size / var.size - ddof) if centred else (x**2).mean(axis=axes, keepdims=True)
        factor = inverse(var, eps)
        d = x if shifted else x - mean
        return affine(d, factor, weight, bias) if affine else weight * d * factor + bias

    return batch_norm


def both(**changes):
    """Return the two functions with the same mistake."""
    return {"batch_norm_train": forward(0, **changes), "batch_norm_2d": forward((0, 2, 3), **changes)}


def images(**changes):
    return {"batch_norm_2d": forward(**changes)}


def columns(inverse=lambda var, eps: (var + eps) ** -0.5):
    """Return a function that takes weight and bias for those of the last axis."""

    def batch_norm_2d(x, weight, bias, eps):
        channels = x.shape[1]
        return weight * forward((0, 2, 3), inverse=inverse)(x, np.ones(channels), np.zeros(channels), eps) + bias

    return batch_norm_2d


def one_pass(x, weight, bias, eps):
    if len(x) < 2:
        raise ValueError
    mean = x.mean(axis=0)
    var = np.maximum((x * x).mean(axis=0) - mean**2, 0)
    return weight * (x - mean) / np.sqrt(var + eps) + bias


RIGHT = both()
MISTAKES = {
    say("the variance is divided by N - 1"): both(ddof=1),
    say("you divide by the variance, not by its root"): both(inverse=lambda var, eps: 1 / (var + eps)),
    say("you multiply by the root"): both(inverse=lambda var, eps: (var + eps) ** 0.5),
    say("eps stands beside the root, not under it"): both(inverse=lambda var, eps: 1 / (np.sqrt(var) + eps)),
    say("eps is left out, or is always 1e-5"): both(inverse=lambda var, eps: (var + 1e-5) ** -0.5),
    say("eps is squared"): both(inverse=lambda var, eps: (var + eps**2) ** -0.5),
    say("eps replaces a variance that is smaller than eps; it should be added to every variance"): both(
        inverse=lambda var, eps: np.maximum(var, eps) ** -0.5
    ),
    say("the variance is the mean of the squares minus the square of the mean, which loses its digits in float32"): {
        "batch_norm_train": one_pass
    },
    say("the mean is not subtracted at all, neither from x nor inside the variance"): both(centred=False),
    say("the mean is not subtracted"): both(shifted=True),
    say("one mean and one variance are taken for all features"): {"batch_norm_train": forward(None)},
    say("each row is normalized by itself (axis=1), and not each feature (axis=0)"): {"batch_norm_train": forward(1)},
    say("nothing is normalized: the values are only multiplied and shifted"): both(
        affine=lambda d, f, w, b: w * d + b, centred=False
    ),
    say("weight and bias are swapped"): both(affine=lambda d, f, w, b: b * d * f + w),
    say("bias is left out"): both(affine=lambda d, f, w, b: w * d * f),
    say("weight is left out"): both(affine=lambda d, f, w, b: d * f + b),
    say("weight and bias are left out"): both(affine=lambda d, f, w, b: d * f),
    say("bias is added before weight multiplies"): both(affine=lambda d, f, w, b: w * (d * f + b)),
    say("bias is added before the division"): both(affine=lambda d, f, w, b: w * (d + b) * f),
    say("the first weight is used for all features"): both(affine=lambda d, f, w, b: w.flat[0] * d * f + b),
    say("one row is not refused"): both(one_row=False),
    say("each pixel is a feature of its own (axis=0)"): images(axes=0),
    say("each image is normalized by itself (axis=(2, 3))"): images(axes=(2, 3)),
    say("the last axis is taken for the channels (axis=(0, 1, 2))"): images(axes=(0, 1, 2)),
    say("all channels share one mean and one variance"): images(axes=None),
    say("weight and bias are applied along the last axis, not along the channels: give them shape (C, 1, 1)"): {
        "batch_norm_2d": columns()
    },
    say(
        "weight and bias are applied along the last axis, not along the channels (give them shape (C, 1, 1)), "
        "and eps is not used as it should be"
    ): [
        {"batch_norm_2d": columns(lambda var, eps: 1 / (np.sqrt(var) + eps))},
        {"batch_norm_2d": columns(lambda var, eps: (var + 1e-5) ** -0.5)},
    ],
}
SMALL = "x = np.array([[1.0, 20.0], [3.0, 24.0], [8.0, 25.0]])\n"
PHOTOS = "x = np.array([[[[1.0, 3.0]], [[10.0, 30.0]]], [[[5.0, 9.0]], [[20.0, 80.0]]]])  # (2, 2, 1, 2)\n"
LESSONS = {
    "forward-formula": Lesson(
        say("Each feature has its own mean, and its own variance, which is divided by N; its root divides."),
        "formula-biased",
        SMALL + "batch_norm_train(x, np.ones(2), np.zeros(2), 1e-8)",
    ),
    "forward-eps": Lesson(
        say("eps is the argument of that name, and is added to the variance under the root."),
        "formula-eps",
        "x = np.array([[1.0], [5.0]])  # variance 4\nbatch_norm_train(x, np.ones(1), np.zeros(1), 5.0)",
    ),
    "forward-weight-bias": Lesson(
        say("What is normalized is multiplied by weight, then bias is added, for each feature its own two."),
        "formula-output",
        SMALL + "batch_norm_train(x, np.array([2.0, -1.0]), np.array([10.0, 5.0]), 1e-8)",
    ),
    "forward-arguments": Lesson(
        say(
            "x, weight and bias stay as they are, integers and float32 give floats, "
            "and nothing is kept from call to call."
        ),
        "formula-arguments",
        SMALL + "ones, zeros = np.ones(2), np.zeros(2)\n"
        "batch_norm_train(x, ones, zeros, 1e-5)\n"
        "whole = [array.astype(int) for array in (x, ones, zeros)]\n"
        "x, batch_norm_train(-x, ones, zeros, 1e-5), batch_norm_train(*whole, 1e-5)",
        more=PHOTOS + "ones, zeros = np.ones(2), np.zeros(2)\nbatch_norm_2d(x, ones, zeros, 1e-5)\n"
        "whole = [array.astype(int) for array in (x, ones, zeros)]\nx, batch_norm_2d(*whole, 1e-5)",
    ),
    "forward-one-row": Lesson(
        say("A batch of one row raises ValueError."),
        "clinic-13",
        "x = np.array([[7.0, 1.0]])\nbatch_norm_train(x, np.ones(2), np.zeros(2), 1e-5)",
    ),
    "forward-offset": Lesson(
        say("Float32 with a mean of some thousand: first the mean, then the mean of the squared deviations from it."),
        "formula-cancellation",
        "x = np.array([[5000], [5001], [5002], [5001]], np.float32)\n"
        "one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)\nbatch_norm_train(x, one, zero, 1e-5)",
    ),
    "forward-2d-axes": Lesson(
        say("A channel is a feature: its mean and variance go over all images and all of their pixels."),
        "formula-axis",
        PHOTOS + "batch_norm_2d(x, np.ones(2), np.zeros(2), 1e-8)",
    ),
    "forward-2d-channels": Lesson(
        say("Each channel has its own weight and bias, and eps stands under the root."),
        "formula-axis",
        PHOTOS + "batch_norm_2d(x, np.array([2.0, -1.0]), np.array([10.0, 5.0]), 40.0)",
    ),
}
