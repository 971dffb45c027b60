"""The museum of bugs as mutants: its tests accept right layers, bnutils.BatchNorm among them, and kill the exhibits.

Exhibits and tests are those of the chapter: they are read from its cells with the tag ``contract``, so that the lines
that are taught are the lines that guard bnutils.
"""

import json
import sys

import numpy as np
import pytest
import torch
from conftest import ROOT

from bnutils import BatchNorm, _passes, batch_norm, layers
from bnutils.functional import batch_norm_backward


def names_of_the_chapter():
    """Return what the cells with the tag ``contract`` define; they run in a fraction of a second."""
    names = {}
    for cell in json.loads((ROOT / "chapters/museum.ipynb").read_text())["cells"]:
        if "contract" in cell["metadata"].get("tags", []):
            exec(compile("".join(cell["source"]), f"museum.ipynb, cell {cell['id']}", "exec"), names)
    return names


CHAPTER = names_of_the_chapter()
MUSEUM = CHAPTER["museum"]
TESTS = pytest.mark.parametrize("test", MUSEUM.values(), ids=lambda test: test.__name__)


class Call(torch.autograd.Function):
    """One call of a bnutils layer as a step of torch's autograd."""

    @staticmethod
    def forward(ctx, input, weight, bias, layer):
        ctx.layer = layer
        layer.weight, layer.bias = weight.numpy(), bias.numpy()
        return torch.from_numpy(layer(input.numpy()))

    @staticmethod
    def backward(ctx, grad_output):
        grad_input = ctx.layer.backward(grad_output.numpy())
        grads = grad_input, ctx.layer.grad_weight, ctx.layer.grad_bias
        return *(torch.from_numpy(grad).to(grad_output.dtype) for grad in grads), None


class OfBnutils(torch.nn.Module):
    """bnutils.BatchNorm, dressed as a layer of torch. The bookkeeping is this dress's own."""

    def __init__(self, features):
        super().__init__()
        self.layer = BatchNorm(features)
        self.eps = self.layer.eps
        self.weight = torch.nn.Parameter(torch.ones(features))
        self.bias = torch.nn.Parameter(torch.zeros(features))
        for name in ("running_mean", "running_var"):
            self.register_buffer(name, torch.from_numpy(getattr(self.layer, name)))  # shares the memory

    def forward(self, input):
        self.layer.train(self.training)
        return Call.apply(input, self.weight, self.bias, self.layer)


@TESTS
@pytest.mark.parametrize("layer_type", [CHAPTER["Norm"], torch.nn.BatchNorm1d])
def test_right_layers_keep_the_contract(layer_type, test):
    test(layer_type(3))


@TESTS
def test_bnutils_keeps_the_contract(test):
    test(OfBnutils(3))


@pytest.mark.parametrize("exhibit", MUSEUM, ids=lambda exhibit: exhibit.__name__)
def test_exhibit_is_killed_by_its_test(exhibit):
    with pytest.raises((AssertionError, RuntimeError)):
        MUSEUM[exhibit](exhibit(3))


def test_each_exhibit_has_a_test_of_its_own():
    assert len(MUSEUM) == len(set(MUSEUM.values())) == 15


# bnutils itself, broken: each mutant becomes an exhibit, and is killed by the exhibit's test


def train_by(divisor=lambda m, var, eps: np.sqrt(var + eps), axes=(0, 2), square=lambda x, mean: (x - mean) ** 2):
    """Return a mutant of ``_passes.train``: x is (N, C, L); the divisor knows the number of values m."""

    def train(x, weight, bias, eps):
        mean = x.mean(axes, keepdims=True)
        var = square(x, mean).mean(axes, keepdims=True)
        m = x.shape[0] * x.shape[2]
        y = (x - mean) / divisor(m, var, eps) * weight[:, None] + bias[:, None]
        return y.astype(x.dtype), mean.mean((0, 2)), var.mean((0, 2))

    return train


def biased_running_var(x, running_mean, running_var, weight, bias, training, momentum, eps):
    """Do as ``batch_norm``, but store the biased variance."""
    if not training:
        return batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
    running_mean[:] = (1 - momentum) * running_mean + momentum * x.mean(axis=0)
    running_var[:] = (1 - momentum) * running_var + momentum * x.var(axis=0)
    return batch_norm(x, None, None, weight, bias, training, momentum, eps)


def detached(grad_output, input, weight, running_mean, running_var, training, eps):
    """Return the gradients of bnutils with mean and variance taken for constants."""
    return batch_norm_backward(grad_output, input, weight, input.mean(axis=0), input.var(axis=0), False, eps)


class FromZero(BatchNorm):
    """A layer of bnutils whose running variance begins at zero."""

    def __init__(self, num_features):
        super().__init__(num_features)
        self.running_var[:] = 0


HERE = sys.modules[__name__]
MUTANTS = {  # exhibit: where bnutils is broken, which name, and what is put in its place
    "EpsOutside": (_passes, "train", train_by(lambda m, var, eps: np.sqrt(var) + eps)),
    "NoRoot": (_passes, "train", train_by(lambda m, var, eps: var + eps)),
    "OnePass": (_passes, "train", train_by(square=lambda x, mean: x**2 - mean**2)),
    "Unbiased": (_passes, "train", train_by(lambda m, var, eps: np.sqrt(var * m / (m - 1) + eps))),
    "BiasedRunningVar": (layers, "batch_norm", biased_running_var),
    "SwappedMomentum": (
        layers,
        "batch_norm",
        lambda x, m, v, w, b, training, momentum, eps: batch_norm(x, m, v, w, b, training, 1 - momentum, eps),
    ),
    "VarianceFromZero": (HERE, "BatchNorm", FromZero),
    "AlwaysTraining": (
        layers,
        "batch_norm",
        lambda x, m, v, w, b, training, *rest: batch_norm(x, m, v, w, b, True, *rest),
    ),
    "Detached": (layers, "batch_norm_backward", detached),
    "EachPosition": (_passes, "train", train_by(axes=(0,))),
    "SwappedAffine": (
        layers,
        "batch_norm",
        lambda x, m, v, weight, bias, *rest: batch_norm(x, m, v, bias, weight, *rest),
    ),
}
ONLY_IN_TORCH = {"ModeFromAutograd", "AttachedBuffers", "AsParameters", "NotSaved"}  # arrays know nothing of autograd


def test_all_exhibits_are_mutants_of_bnutils():
    assert MUTANTS.keys() | ONLY_IN_TORCH == {kind.__name__ for kind in MUSEUM}


@TESTS
def test_the_frame_of_the_mutants_is_right(monkeypatch, test):
    monkeypatch.setattr(_passes, "train", train_by())
    test(OfBnutils(3))


@pytest.mark.parametrize("exhibit", MUTANTS)
def test_mutant_of_bnutils_is_killed(monkeypatch, exhibit):
    test = next(test for kind, test in MUSEUM.items() if kind.__name__ == exhibit)
    test(OfBnutils(3))
    monkeypatch.setattr(*MUTANTS[exhibit])
    with pytest.raises(AssertionError):
        test(OfBnutils(3))
