"""The museum of bugs as mutants: its tests accept right layers, bnutils.BatchNorm among them, and kill the exhibits.

Exhibits and tests are those of the chapter: they are read from its cells with the tag ``contract``, so that the lines
that are taught are the lines that guard bnutils.
"""

import json

import pytest
import torch
from conftest import ROOT

from bnutils import BatchNorm, batch_norm, layers
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


def detached(grad_output, input, weight, running_mean, running_var, training, eps):
    """Return the gradients of bnutils with mean and variance taken for constants."""
    return batch_norm_backward(grad_output, input, weight, input.mean(axis=0), input.var(axis=0), False, eps)


MUTANTS = {  # bnutils itself, broken: what is put in the place of which function, and the exhibit that it becomes
    "weight and bias swapped": (
        "batch_norm",
        lambda x, m, v, weight, bias, *rest: batch_norm(x, m, v, bias, weight, *rest),
        "SwappedAffine",
    ),
    "momentum swapped": (
        "batch_norm",
        lambda x, m, v, w, b, training, momentum, eps: batch_norm(x, m, v, w, b, training, 1 - momentum, eps),
        "SwappedMomentum",
    ),
    "training for ever": (
        "batch_norm",
        lambda x, m, v, w, b, training, *rest: batch_norm(x, m, v, w, b, True, *rest),
        "AlwaysTraining",
    ),
    "eps missing": (
        "batch_norm",
        lambda x, m, v, w, b, training, momentum, eps: batch_norm(x, m, v, w, b, training, momentum, 1e-12),
        "EpsOutside",
    ),
    "statistics detached": ("batch_norm_backward", detached, "Detached"),
}


@pytest.mark.parametrize(("function", "mutant", "exhibit"), MUTANTS.values(), ids=MUTANTS.keys())
def test_mutant_of_bnutils_is_killed(monkeypatch, function, mutant, exhibit):
    test = next(test for kind, test in MUSEUM.items() if kind.__name__ == exhibit)
    test(OfBnutils(3))
    monkeypatch.setattr(layers, function, mutant)
    with pytest.raises(AssertionError):
        test(OfBnutils(3))
