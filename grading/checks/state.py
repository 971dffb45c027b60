"""Assignment State: `update_running(running_mean, running_var, x, momentum)` and the class `BatchNorm`.

Each check makes layers of sizes of its own, and leaves them in training mode, so that layers that share what they
should not share are found by one check only.
"""

from contextlib import contextmanager, nullcontext, suppress

import numpy as np
import torch
from torch import nn

from grading.checks import (
    ask,
    batch,
    checkerboard,
    close,
    close_to_any,
    first_that_passes,
    flat,
    has_shape,
    parts,
    raises,
    unchanged,
)
from grading.student import StudentError
from grading.words import say

ASKED = ["update_running", "BatchNorm"]

NAMES = ("running_mean", "running_var")


def by_torch(mean, var, batches, momentum):
    """Return the running mean and variance that torch has after these batches."""
    layer = nn.BatchNorm1d(len(mean), momentum=momentum, dtype=torch.float64)
    layer.running_mean.copy_(torch.from_numpy(mean))
    layer.running_var.copy_(torch.from_numpy(var))
    for x in batches:
        layer(torch.from_numpy(x))
    return layer.running_mean.numpy(), layer.running_var.numpy()


# update_running


def updated(student, mean, var, x, momentum):
    """Return the two arrays that the student's update_running gives; their shape is asked by one check only."""
    what = say("update_running, x of shape {0}, momentum {1}", x.shape, f"{momentum:.3g}")
    new = [flat(part) for part in parts(ask(student, "update_running", mean, var, x, momentum), 2, what)]
    for array, name in zip(new, NAMES, strict=True):
        has_shape(array, mean.shape, say("{0}: the new {1}", what, name))
    return new


def weight_of_the_new(student, rng):
    """In so large a batch nobody can see by what the squares are divided."""
    for momentum in (rng.uniform(0.05, 0.4), rng.uniform(0.6, 0.95), 0.0, 1.0):
        x, mean, var = batch(rng, 3000, 3), rng.uniform(-20, 20, 3), rng.uniform(25, 400, 3)
        what = say("update_running, x of shape {0}", x.shape)
        got = parts(ask(student, "update_running", mean, var, x, momentum), 2, what)
        for array, want, name in zip(got, by_torch(mean, var, [x], momentum), NAMES, strict=True):
            close(
                array,
                want,
                say("update_running, momentum {0}, x of shape {1}: {2}", f"{momentum:.3g}", x.shape, name),
                2e-3,
                2e-3,
            )


def unbiased(student, rng):
    """Compare with the student's own answer for the same rows a thousand times, whatever he makes of momentum."""
    zeros = np.zeros(3)
    for n in (2, 5):
        x = batch(rng, n, 3)
        few, many = (updated(student, zeros, zeros, rows, 0.5) for rows in (x, np.tile(x, (1000, 1))))
        ratio = n / (n - 1) * (1 - 1 / (1000 * n))

        def check(place, n=n, few=few, many=many, ratio=ratio):
            what = say("update_running, momentum 0.5, running_var 0, {0} rows", n)
            assert (many[place] > 0).all(), say("{0}, each a thousand times: running_var is not positive", what)
            what = say("{0}: running_var, divided by what you give for the same rows a thousand times", what)
            wants = [np.full(3, ratio), np.full(3, ratio**0.5)]  # who keeps the deviation loses momentum
            close_to_any(few[place] / many[place], wants, what, 2e-3, 0)

        first_that_passes(lambda place=place: check(place) for place in (1, 0))  # who returns them swapped, momentum


def leaves_arguments_alone(student, rng):
    def call(running_mean, running_var, x):
        student.call("update_running", running_mean, running_var, x, 0.3)

    arrays = {"running_mean": rng.uniform(1, 2, 3), "running_var": rng.uniform(1, 2, 3), "x": batch(rng, 6, 3)}
    unchanged(call, "update_running", **arrays)


def takes_integers_and_float32(student, rng):
    x = rng.integers(-9, 9, (6, 2))
    x[0] = 10
    mean, var = np.array([0.5, -3]), np.array([1.5, 2])
    want = updated(student, mean, var, x.astype(float), 0.3)
    for dtype in (np.int64, np.float32):
        what = say("update_running, x of dtype {0}", np.dtype(dtype))
        for got, float64, name in zip(updated(student, mean, var, x.astype(dtype), 0.3), want, NAMES, strict=True):
            close(got, float64, say("{0}, against your answer for float64: {1}", what, name), 1e-4, 1e-4)


# BatchNorm


@contextmanager
def layer(student, size, *arguments):
    """Make a layer, set its weight to 1, its bias to 0 and its mode to training, and leave it in training mode."""
    made = student.new("BatchNorm", size, *arguments)
    try:
        with suppress(StudentError):  # who has a weight that cannot be set loses state-parameters
            made.set("weight", np.ones(size))
            made.set("bias", np.zeros(size))
        switch(made, "train")
        yield made
    finally:
        with suppress(StudentError):
            made.do("train")


def switch(made, mode):
    """Switch a layer, or a new one to training, where it is already: who has no train() loses state-modes."""
    with suppress(StudentError) if mode == "train" else nullcontext():
        made.do(mode)


def feed(made, x):
    """Return a layer's answer to a copy of x."""
    return made(x.copy())


def running(made):
    """Return the running mean and variance of a layer; their shape is asked by one check only."""
    size, arrays = len(made.get("weight")), [flat(made.get(name)) for name in NAMES]
    for name, array in zip(NAMES, arrays, strict=True):
        has_shape(array, (size,), name)
    return arrays


def does_something(student, size, rng):
    """Check that a new layer answers with other values than it gets, or remembers something of them."""
    made, x = student.new("BatchNorm", size), batch(rng, 6, size)
    before, y, after = running(made), feed(made, x), running(made)
    moved = any(np.any(now != old) for now, old in zip(after, before, strict=True))
    assert moved or not np.array_equal(y, x), say(
        "BatchNorm({0}) returns x as it is, and remembers nothing of it", size
    )


def remember(made, mean, var):
    """Give a layer a running mean and variance."""
    made.set("running_mean", mean)
    made.set("running_var", var)


def layers_too(student, rng):
    """The same two contracts for BatchNorm, if it answers at all: if not, other concepts are lost."""
    try:
        with layer(student, 15) as made:
            for mode in ("eval", "train"):
                made.do(mode)
                feed(made, batch(rng, 6, 15))
    except StudentError:
        return
    does_something(student, 18, rng)
    with layer(student, 16) as made:
        for mode in ("train", "eval"):
            made.do(mode)
            x = batch(rng, 6, 16)
            unchanged(lambda x: made(x), say("BatchNorm after {0}()", mode), x=x)
            answers = []
            for dtype in (np.float64, np.int64, np.float32):
                remember(made, np.arange(16.0), np.arange(25.0, 41))
                answers.append(made(np.rint(x).astype(dtype)))
                what = say(
                    "BatchNorm after {0}(), x of dtype {1}, against your answer for float64", mode, np.dtype(dtype)
                )
                close(answers[-1], answers[0], what, 1e-4, 1e-4)


def training_output(student, rng):
    with layer(student, 3) as made:
        for n in (6, 3, 2):
            x = batch(rng, n, 3)
            want = nn.BatchNorm1d(3, dtype=torch.float64)(torch.from_numpy(x)).detach().numpy()
            close(feed(made, x), want, say("BatchNorm(3) in training mode, x of shape {0}", x.shape), 1e-4, 1e-4)


def training_update(student, rng):
    for size, arguments in [(5, (1e-5, rng.uniform(0.2, 0.4))), (6, ())]:
        momentum = arguments[1] if arguments else 0.1
        batches = [batch(rng, n, size) for n in (4, 3, 7)]
        with layer(student, size, *arguments) as made:
            for x in batches:
                feed(made, x)
            got = running(made)
            shapes = [np.shape(made.get(name)) for name in NAMES]
        start = np.zeros(size), np.ones(size)
        own = student.call("update_running", *start, batches[0], momentum) if shapes != [(size,)] * 2 else None
        if own is not None and [np.shape(part) for part in own] != shapes:  # else it is his function's mistake
            raise AssertionError(say("BatchNorm({0}): {1} has shape {2}, not {3}", size, NAMES[0], shapes[0], (size,)))
        both = [by_torch(*start, batches, momentum), *by_own_function(student, start, batches, momentum)]
        what = say("BatchNorm({0}), momentum {1}, after three batches in training mode", size, f"{momentum:.3g}")
        for k, name in enumerate(NAMES):
            close_to_any(got[k], [pair[k] for pair in both], say("{0}: {1}", what, name), 1e-4, 1e-4)


def by_own_function(student, start, batches, momentum):
    """Return what the student's update_running makes of the batches, in a list; an empty list if nothing.

    Who builds on it should not lose the points of the class for a mistake in update_running.
    """
    mean, var = start
    try:
        for x in batches:
            mean, var = updated(student, mean, var, x, momentum)
    except (StudentError, AssertionError):
        return []
    return [(mean, var)] if (mean != start[0]).all() and (var != start[1]).all() else []


def evaluation(student, rng):
    with layer(student, 7) as made:
        mean, var = rng.uniform(-20, 20, 7), rng.uniform(25, 400, 7)
        remember(made, mean, var)
        made.do("eval")
        for n in (5, 1):
            x = batch(rng, 5, 7)[:n]
            t = nn.BatchNorm1d(7, dtype=torch.float64).eval()
            t.running_mean.copy_(torch.from_numpy(mean))
            t.running_var.copy_(torch.from_numpy(var))
            what = say("BatchNorm(7) after eval(), running statistics given, x of shape {0}", x.shape)
            close(feed(made, x), t(torch.from_numpy(x)).detach().numpy(), what, 1e-4, 1e-4)
        for name, now, given in zip(NAMES, running(made), (mean, var), strict=True):
            close(now, given, say("BatchNorm(7): {0} after two calls in evaluation mode", name))


def modes(student, rng):
    """Compare the layer with itself, whatever it computes and keeps: new, and after eval() and train()."""
    does_something(student, 19, rng)
    x, *memory = batch(rng, 6, 9), rng.uniform(-20, 20, 9), rng.uniform(25, 400, 9)
    made, answers, moved = student.new("BatchNorm", 9), [], []
    try:
        for switches in ([], ["eval", "train"]):
            for switch in switches:
                made.do(switch)
            remember(made, *memory)
            answers.append(feed(made, x))
            has_shape(answers[-1], x.shape, "BatchNorm(9)")
            moved.append(any(np.any(now != given) for now, given in zip(running(made), memory, strict=True)))
    finally:
        with suppress(StudentError):
            made.do("train")
    what = say("BatchNorm(9) after eval() and train(), against the new layer")
    close(answers[1], answers[0], say("{0}: the same batch", what), 1e-4, 1e-4)
    assert moved[1] == moved[0], say("{0}: a batch changes the running statistics in one of the two cases only", what)


def one_row_is_refused(student, rng):
    with layer(student, 10) as made:
        for when in (say("a new layer"), say("a layer that has seen a batch")):
            x = rng.standard_normal((1, 10))
            raises(
                "ValueError",
                lambda x=x: made(x),
                say("BatchNorm(10) in training mode, {0}, x of shape {1}", when, x.shape),
            )
            feed(made, batch(rng, 4, 10))


def instances(student, rng):
    x, other, *memory = batch(rng, 6, 12), batch(rng, 6, 12), rng.uniform(-20, 20, 12), rng.uniform(25, 400, 12)
    what = say("BatchNorm(12), two layers")
    with layer(student, 12) as first:
        new = running(first)
        feed(first, x)
        trained = running(first)
        with layer(student, 12) as second:
            for name, now, start in zip(NAMES, running(second), new, strict=True):
                close(now, start, say("{0}: {1} of the second, new, when the first has seen a batch", what, name))
            feed(second, other)
            for name, now, old in zip(NAMES, running(first), trained, strict=True):
                close(now, old, say("{0}: {1} of the first, when the second is made and has seen a batch", what, name))
            remember(second, *memory)
            want = feed(second, other)
            first.do("eval")
            remember(second, *memory)
            close(
                feed(second, other),
                want,
                say("{0}: the answer of the second, after eval() of the first", what),
                1e-4,
                1e-4,
            )
    does_something(student, 20, rng)


def weight_and_bias(student, rng):
    made = student.new("BatchNorm", 13)
    for name, value in (("weight", 1), ("bias", 0)):
        close(made.get(name), np.full(13, value), say("BatchNorm(13), new: {0}", name))
    with layer(student, 14) as made:
        weight, bias = rng.uniform(-3, 3, 14), rng.uniform(-3, 3, 14)
        for mode in ("train", "eval"):
            x = batch(rng, 6, 14)
            switch(made, mode)
            remember(made, x.mean(axis=0) + 1, x.var(axis=0))
            made.set("weight", np.ones(14))
            made.set("bias", np.zeros(14))
            what = say("BatchNorm(14) after {0}()", mode)
            plain = feed(made, x)
            has_shape(plain, x.shape, what)
            assert plain.std() > 1e-3, say(
                "{0}, weight 1 and bias 0: the answer is {1} everywhere", what, f"{plain.flat[0]:.3g}"
            )
            made.set("weight", weight)
            made.set("bias", bias)
            remember(made, x.mean(axis=0) + 1, x.var(axis=0))
            what = say("{0}, against weight * (your answer for weight 1 and bias 0) + bias", what)
            close(feed(made, x), weight * plain + bias, what, 1e-4, 1e-4)


def eps(student, rng):
    """As in the assignment Forward; the memory holds the statistics of the batch, so both modes give the same."""
    s, x = checkerboard(rng, 2000, 4)
    value = s**2 * rng.uniform(0.5, 2)
    with layer(student, 4, value) as made:
        for mode in ("train", "eval"):
            switch(made, mode)
            remember(made, np.zeros(4), np.full(4, s**2))
            what = say("BatchNorm(4, {0}) after {1}(), mean 0 and variance {2}", f"{value:.3g}", mode, f"{s**2:.3g}")
            close_to_any(feed(made, x), [x / np.sqrt(s**2 + value), x / (s**2 + value)], what, 2e-3, 2e-3)


CONCEPTS = {  # first what looks for things that are shared, in a new process
    "state-instances": [instances],
    "state-momentum": [weight_of_the_new],
    "state-unbiased": [unbiased],
    "state-arguments": [leaves_arguments_alone, takes_integers_and_float32, layers_too],
    "state-training": [training_output],
    "state-update": [training_update],
    "state-evaluation": [evaluation],
    "state-modes": [modes],
    "state-one-row": [one_row_is_refused],
    "state-parameters": [weight_and_bias, eps],
}
