"""Checks of the assignment "Train the note's network, then settle a question".

What a network computes is asked of the network itself, or worked out from the arrays of its state_dict; so the checks
of training and accuracy do not mind which network the student has built.
"""

from contextlib import suppress

import numpy as np
import torch
import torch.nn.functional as F

from grading.checks import close, close_to_any
from grading.student import StudentError
from grading.wire import Tensor
from grading.words import say

ASKED = ["make_network", "count_parameters", "train_epoch", "accuracy"]
SECONDS = 10.0  # for one call, since the first optimizer of a process imports for some
WIDTHS = [784, 128, 128, 128, 64, 10]
BATCH = 128


# The network, taken apart.


def layers(state):
    """Return the Linear layers of a network and, for each, the BatchNorm after it or None, as dicts of arrays.

    A layer is what shares a name up to the last dot. The layers are in the order of the forward pass, or, as a class
    may have them, first all Linear and then all BatchNorm.
    """
    groups = {}
    for name, array in state.items():
        prefix, _, last = name.rpartition(".")
        groups.setdefault(prefix, {})[last] = np.asarray(array)
    linears, norms, place = [], [], {}
    for group in groups.values():
        if "running_mean" in group:
            place[len(norms)] = len(linears) - 1
            norms.append(group)
        elif np.ndim(group.get("weight")) == 2:
            linears.append(group)
    if len(norms) > 1 and len(set(place.values())) == 1:
        place = {k: k for k in place}
    behind = {linear: norms[k] for k, linear in place.items()}
    return linears, [behind.get(k) for k in range(len(linears))]


def parameters(state):
    """Return the arrays of a network that are trained, by name."""
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    return {name: array for name, array in state.items() if name.rpartition(".")[2] not in buffers}


def batches_counted(state):
    """Return the counts of all BatchNorm layers."""
    counts = [int(array) for name, array in state.items() if name.endswith("num_batches_tracked")]
    assert counts, say("the network of make_network has no BatchNorm that counts its batches")
    return counts


def forward(state, x, training):
    """Return the logits of torch's layers with these arrays, in float64; running statistics in ``state`` move."""
    linears, norms = layers(state)
    h = torch.from_numpy(x.reshape(len(x), -1).astype(np.float64))
    for k, (linear, norm) in enumerate(zip(linears, norms, strict=True)):
        h = h @ torch.from_numpy(linear["weight"].astype(np.float64)).T
        if "bias" in linear:
            h = h + torch.from_numpy(linear["bias"].astype(np.float64))
        if norm is not None:
            names = ("running_mean", "running_var", "weight", "bias")
            arrays = [torch.from_numpy(norm[name].astype(np.float64)) if name in norm else None for name in names]
            h = F.batch_norm(h, *arrays, training=training, momentum=0.1, eps=1e-5)
            norm["running_mean"][...], norm["running_var"][...] = arrays[0].numpy(), arrays[1].numpy()
        if k < len(linears) - 1:
            h = h.relu()
    return h.numpy()


# What the checks ask with.


def photos(rng, count, mean=0.0, spread=1.0):
    """Draw images of the shape and the type of the bundled ones."""
    return (mean + spread * rng.standard_normal((count, 28, 28))).astype(np.float32)


def labels_for(rng, count):
    return rng.integers(0, 10, count)


OURS = """
layers = [torch.nn.Flatten()]
for inputs, outputs in [(784, 32), (32, 16)]:
    layers += [torch.nn.Linear(inputs, outputs, bias=False), torch.nn.BatchNorm1d(outputs), torch.nn.ReLU()]
torch.nn.Sequential(*layers, torch.nn.Linear(16, 10))
"""


def own_network(student):
    """Return a new network of the student, and a function that gives photos the shape that it takes.

    Where it does not take them as they are, they are laid flat, so that this mistake costs its own points only.
    """
    net = student.new("make_network")
    flat = not takes(net, as_they_are)
    return net, laid_flat if flat else as_they_are


def network(student):
    """Return a network to be trained and measured: the student's, or ours where his cannot be.

    So a network that does not run, or has no BatchNorm, costs its own points only, and not those of the two functions.
    """
    with suppress(StudentError):
        net = student.new("make_network")
        for shaped in (as_they_are, laid_flat):
            if takes(net, shaped) and any(name.endswith("num_batches_tracked") for name in student.state(net)):
                return net, shaped
    return student.make(f"import torch\n{OURS}"), as_they_are


def takes(net, shaped):
    """Return whether a network takes photos in this shape, however many they are."""
    net.do("eval")
    try:
        return all(np.shape(net(shaped(np.zeros((n, 28, 28), np.float32)))) == (n, 10) for n in (2, 3, 128))
    except StudentError:
        return False
    finally:
        with suppress(StudentError):
            net.do("train")


def as_they_are(x):
    return Tensor(x)


def laid_flat(x):
    return Tensor(x.reshape(len(x), -1))


def cross_entropy(logits, labels):
    return F.cross_entropy(torch.from_numpy(logits.astype(np.float64)), torch.from_numpy(labels)).item()


# The network.


def shape(student, rng):
    net = student.new("make_network")
    got = net(Tensor(photos(rng, 5)))
    assert np.shape(got)[:1] == (5,), say("5 photos of 28 x 28: the answer has shape {0}, not 5 rows", np.shape(got))
    assert np.ndim(got) == 2, say("5 photos of 28 x 28: the answer has shape {0}, not 5 rows", np.shape(got))


def widths(student, rng):
    linears, _ = layers(student.state(student.new("make_network")))
    got = [linear["weight"].shape[::-1] for linear in linears]
    want = list(zip(WIDTHS[:-1], WIDTHS[1:], strict=True))
    assert len(got) == len(want), say("make_network has {0} Linear layers, not {1}", len(got), len(want))
    for number, (g, w) in enumerate(zip(got, want, strict=True), start=1):
        assert g == w, say("Linear {0} goes from {1} to {2}, not from {3} to {4}", number, g[0], g[1], w[0], w[1])


def norms_in_place(student, rng):
    linears, norms = layers(student.state(student.new("make_network")))
    assert linears, say("make_network has no Linear layer")
    *hidden, last = norms
    assert last is None, say("there is a BatchNorm after the last Linear, on the logits")
    for number, (linear, norm) in enumerate(zip(linears, hidden, strict=False), start=1):
        assert norm is not None, say("there is no BatchNorm after Linear {0}", number)
        features, outputs = len(norm["running_mean"]), len(linear["weight"])
        assert features == outputs, say(
            "the BatchNorm after Linear {0} has {1} features, not {2}", number, features, outputs
        )


def biases(student, rng):
    linears, _ = layers(student.state(student.new("make_network")))
    assert linears, say("make_network has no Linear layer")
    for number, linear in enumerate(linears[:-1], start=1):
        assert "bias" not in linear, say("Linear {0} has a bias", number)
    assert "bias" in linears[-1], say("the last Linear has no bias")


def computes(student, rng):
    """The logits, and how the running statistics move, are those of torch's layers with their defaults."""
    net, shaped = own_network(student)
    x = photos(rng, 64, mean=rng.uniform(0.5, 1), spread=rng.uniform(1, 3))
    state = student.state(net)
    close(net(shaped(x)), forward(state, x, True), say("logits of 64 photos in training mode"), atol=1e-3)
    for name, array in student.state(net).items():
        if "running" in name:
            close(array, state[name], say("{0} after one batch in training mode", name), rtol=1e-4, atol=1e-4)
    net.do("eval")
    x = photos(rng, 16)
    close(
        net(shaped(x)), forward(student.state(net), x, False), say("logits of 16 photos in evaluation mode"), atol=1e-3
    )


def counted(student, rng):
    net, _ = network(student)
    want = sum(array.size for array in parameters(student.state(net)).values())
    got = student.call("count_parameters", net)
    assert type(got) is int, say("count_parameters returns a {0}, not an int", type(got).__name__)
    assert got == want, say("count_parameters returns {0} for a network with {1} trained numbers", got, want)


# Training.


def trains_in_training_mode(student, rng):
    """Whatever the mode before, the BatchNorm layers count their batches and move their statistics."""
    for method in ("train", "eval"):
        net, shaped = network(student)
        net.do(method)
        before = student.state(net)
        student.call("train_epoch", net, shaped(photos(rng, 256, mean=1)), Tensor(labels_for(rng, 256)), 0.1)
        after = student.state(net)
        what = say("train_epoch on 256 photos, the network in {0}() mode before", method)
        for old, new in zip(batches_counted(before), batches_counted(after), strict=True):
            assert new > old, say("{0}: a BatchNorm has seen no batch in training mode", what)
        for name in after:
            if "running" in name:
                assert not np.array_equal(before[name], after[name]), say("{0}: {1} has not moved", what, name)


def steps_downhill(student, rng):
    """k small steps of gradient descent of size lr lower the loss by the squared way divided by k lr.

    All batches hold the same photos, also those of another size. The loss is that of the student's own network, in the
    mode in which he trains.
    """
    lr = float(rng.uniform(0.003, 0.008))
    net, shaped = network(student)
    x, y = photos(rng, BATCH // 2), labels_for(rng, BATCH // 2)

    def loss(method):
        net.do(method)
        return cross_entropy(net(shaped(x)), y)

    start = {method: loss(method) for method in ("train", "eval")}
    net.do("train")
    before = student.state(net)
    student.call("train_epoch", net, shaped(np.concatenate([x] * 4)), Tensor(np.concatenate([y] * 4)), lr)
    after = student.state(net)
    fall = {method: start[method] - loss(method) for method in ("eval", "train")}
    ways = [after[name].astype(np.float64) - array for name, array in parameters(before).items()]
    way = sum((w**2).sum() for w in ways)
    what = say("train_epoch on 256 photos, lr {0}", f"{lr:.4f}")
    assert way > 0, say("{0}: no weight has moved", what)
    counted = batches_counted(after)[0] - batches_counted(before)[0]
    steps = counted or 2
    ratio = fall["train" if counted else "eval"] / (way / (steps * lr))
    assert 0.85 < ratio < 1.15, say(
        "{0}: {1} steps of plain SGD on the mean cross-entropy, each with its own gradient, lower the loss by {2} "
        "on the way that your weights have gone; it has fallen by {3}",
        what,
        steps,
        f"{way / (steps * lr):.2g}",
        f"{fall['train' if counted else 'eval']:.2g}",
    )


def takes_whole_batches(student, rng):
    """A rest of one photo would raise, and a rest of many would be a batch more."""
    for count in (BATCH, 2 * BATCH + 1, 2 * BATCH + 100):
        net, shaped = network(student)
        before = batches_counted(student.state(net))
        student.call("train_epoch", net, shaped(photos(rng, count)), Tensor(labels_for(rng, count)), 0.01)
        after = batches_counted(student.state(net))
        passed = {new - old for old, new in zip(before, after, strict=True)} - {0}  # 0: not in training mode
        assert passed <= {count // BATCH}, say(
            "train_epoch on {0} photos: {1} batches have passed, not {2} of {3}",
            count,
            max(passed),
            count // BATCH,
            BATCH,
        )


# Accuracy.


def known(student, rng, count):
    """Return a network in evaluation mode, photos, its classes for them in both modes, and the shape that it takes."""
    net, shaped = network(student)
    for _ in range(3):  # so that the running statistics are those of no batch
        net(shaped(photos(rng, 64, mean=0.5, spread=2.0)))
    x, classes = shaped(photos(rng, count)), {}
    for method in ("train", "eval"):
        net.do(method)
        classes[method] = np.argmax(net(x), axis=1)
    return net, x, classes, shaped


def counts_right_answers(student, rng):
    """In evaluation mode, or, where that is the mistake, in training mode."""
    for count in (150, 300):
        net, x, classes, _ = known(student, rng, count)
        wrong = rng.random(count) < rng.uniform(0.2, 0.8)
        labels = np.where(wrong, (classes["eval"] + rng.integers(1, 10, count)) % 10, classes["eval"])
        got = student.call("accuracy", net, x, Tensor(labels))
        wants = [np.mean(classes[method] == labels) for method in ("eval", "train")]
        close_to_any(
            got, wants, say("accuracy on {0} photos, {1} of them with the network's label", count, count - wrong.sum())
        )


def evaluates(student, rng):
    """The answer for a network in training mode is that for the same network in evaluation mode."""
    net, x, classes, shaped = known(student, rng, 200)
    want = student.call("accuracy", net, x, Tensor(classes["eval"]))
    net.do("train")
    before = student.state(net)
    got = student.call("accuracy", net, x, Tensor(classes["eval"]))
    after = student.state(net)
    assert type(got) is not float or np.isclose(got, want), say(
        "accuracy is {1} for a network that was in training mode before, but {0} for the same in evaluation mode",
        f"{want:.3g}",
        f"{got:.3g}",
    )
    close(got, want, say("accuracy, the network in train() mode before, compared with eval() mode before"))
    for name in before:
        assert np.array_equal(before[name], after[name]), say("accuracy has changed {0} of the network", name)
    net.do("train")
    try:
        student.call("accuracy", net, shaped(photos(rng, 1)), Tensor(classes["eval"][:1]))
    except StudentError as error:
        raise AssertionError(
            say("accuracy on one photo, the network in train() mode before: {0}", error.args[0])
        ) from None


def keeps_the_mode(student, rng):
    net, x, classes, _ = known(student, rng, 200)
    for method, mode in (("train", True), ("eval", False)):
        net.do(method)
        student.call("accuracy", net, x, Tensor(classes["eval"]))
        found = net.get("training")
        assert found is mode, say(
            "the network was in {0}() mode, and after accuracy net.training is {1}", method, found
        )


CONCEPTS = {
    "project-shape": [shape],
    "project-widths": [widths],
    "project-norms": [norms_in_place],
    "project-bias": [biases],
    "project-forward": [computes],
    "project-count": [counted],
    "project-training-mode": [trains_in_training_mode],
    "project-step": [steps_downhill],
    "project-batches": [takes_whole_batches],
    "project-accuracy": [counts_right_answers],
    "project-evaluation-mode": [evaluates],
    "project-mode-kept": [keeps_the_mode],
}
