import copy
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from bnutils.training import (
    accuracy,
    batch_norm_layers,
    fashion_tensors,
    make_conv_network,
    make_network,
    predict,
    recalibrate,
    train,
)


@pytest.fixture(scope="module")
def tensors():
    return fashion_tensors()


@pytest.fixture
def blobs():
    """256 points of ten well separated classes, as 28 x 28 images."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(256) % 10
    return torch.randn(256, 28, 28, generator=generator) + y[:, None, None], y


def states_equal(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def test_training_pixels_have_mean_zero_and_deviation_one(tensors):
    x, y = tensors["train"]
    assert x.dtype == torch.float32
    assert y.dtype == torch.int64
    assert abs(x.mean().item()) < 1e-4
    assert abs(x.std().item() - 1) < 1e-4


def test_all_splits_are_shifted_and_scaled_alike(tensors):
    darkest = {x.min().item() for x, _ in tensors.values()}
    assert len(darkest) == 1  # grey value 0 is the same number everywhere


@pytest.mark.parametrize(("batch_norm", "parameters"), [(True, 142_858), (False, 142_410)])
def test_the_network_of_the_note_has_its_number_of_parameters(batch_norm, parameters):
    # 784*128 + 2*128*128 + 128*64 weights, 64*10 + 10 in the last Linear, then 2*448 of batch norm or 448 biases
    assert sum(p.numel() for p in make_network(batch_norm).parameters()) == parameters


def test_a_linear_before_batch_norm_has_no_bias_and_the_last_one_has():
    linears = [layer for layer in make_network() if isinstance(layer, nn.Linear)]
    assert [layer.bias is None for layer in linears] == [True] * 4 + [False]
    assert isinstance(make_network()[-1], nn.Linear)
    assert len(batch_norm_layers(make_network())) == 4


def test_both_networks_start_from_the_same_seeded_weights_and_leave_the_global_generator_alone():
    before = torch.random.get_rng_state()
    a, b = make_network(seed=1), make_network(seed=1)
    assert torch.equal(before, torch.random.get_rng_state())
    assert states_equal(a.state_dict(), b.state_dict())
    assert not torch.equal(a[1].weight, make_network(seed=2)[1].weight)
    assert torch.equal(a[1].weight, make_network(batch_norm=False, seed=1)[1].weight)


def test_a_width_of_zero_is_refused():
    with pytest.raises(ValueError, match=r"hidden must hold positive ints, got \(128, 0\)"):
        make_network(hidden=(128, 0))


@pytest.mark.parametrize(("batch_norm", "parameters"), [(True, 9_122), (False, 9_098)])
def test_the_convolutional_network_has_its_number_of_parameters(batch_norm, parameters):
    # 9*8 + 9*8*16 weights, 16*7*7*10 + 10 in the Linear, then 2*24 of batch norm or 24 biases
    assert sum(p.numel() for p in make_conv_network(batch_norm).parameters()) == parameters


@pytest.mark.parametrize(("stages", "size"), [(0, 28), (1, 14), (2, 7), (3, 4), (4, 2), (5, 1), (6, 1)])
def test_each_stage_halves_the_map_and_one_pixel_stays_one_pixel(stages, size):
    model = make_conv_network(channels=(3,) * stages)
    maps = model[:-2](torch.zeros(2, 28, 28))
    assert maps.shape == (2, 3 if stages else 1, size, size)
    assert model(torch.zeros(2, 28, 28)).shape == (2, 10)


def test_the_convolutional_network_has_its_layers_in_the_order_of_the_book():
    stage = [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
    model = make_conv_network()
    assert [type(layer) for layer in model] == [nn.Unflatten, *stage, *stage, nn.Flatten, nn.Linear]
    assert [type(layer) for layer in make_conv_network(False)[1:3]] == [nn.Conv2d, nn.ReLU]
    assert [model[k].bias is None for k in (1, 4, 8)] == [True, True, False]
    assert [make_conv_network(False)[k].bias is None for k in (1, 3, 6)] == [False] * 3


def test_the_convolutional_network_reads_rows_as_rows():
    x = torch.arange(2 * 28 * 28.0).reshape(2, 28, 28)
    model = make_conv_network()
    assert torch.equal(model[0](x)[:, 0], x)


def test_both_convolutional_networks_start_from_the_same_seeded_weights_and_leave_the_global_generator_alone():
    before = torch.random.get_rng_state()
    a, b = make_conv_network(seed=1), make_conv_network(seed=1)
    assert torch.equal(before, torch.random.get_rng_state())
    assert states_equal(a.state_dict(), b.state_dict())
    assert not torch.equal(a[1].weight, make_conv_network(seed=2)[1].weight)
    assert torch.equal(a[1].weight, make_conv_network(batch_norm=False, seed=1)[1].weight)


@pytest.mark.parametrize("channels", [(8, 0), (8, 1.5)])
def test_channels_that_cannot_be_are_refused(channels):
    with pytest.raises(ValueError, match=r"channels must hold positive ints, got \(8, "):
        make_conv_network(channels=channels)


def test_the_convolutional_network_learns_fashion_mnist(tensors):
    model = make_conv_network(seed=11)
    train(model, *tensors["train"], epochs=2, seed=11)
    assert accuracy(model, *tensors["validation"]) > 0.7


def test_training_is_plain_sgd_and_depends_on_the_seed_only(blobs):
    x, y = blobs
    model = make_network(hidden=(16,))
    losses = train(model, x, y, epochs=2, lr=0.1, batch_size=100, seed=3)
    assert len(losses) == 4  # 256 // 100 batches in each of two epochs: the smaller rest is dropped
    again = make_network(hidden=(16,))
    assert train(again, x, y, epochs=2, lr=0.1, batch_size=100, seed=3) == losses
    assert states_equal(model.state_dict(), again.state_dict())
    assert train(make_network(hidden=(16,)), x, y, epochs=2, batch_size=100, seed=4) != losses


def test_one_step_moves_against_the_gradient(blobs):
    x, y = blobs
    model = make_network(batch_norm=False, hidden=(8,))
    weight = model[1].weight.detach().clone()
    loss = nn.functional.cross_entropy(model(x), y)
    gradient = torch.autograd.grad(loss, model[1].weight)[0]
    assert train(model, x, y, lr=0.5, batch_size=256)[0] == pytest.approx(loss.item(), rel=1e-5)
    torch.testing.assert_close(model[1].weight.detach(), weight - 0.5 * gradient)


def test_frozen_parameters_stay(blobs):
    model = make_network(hidden=(16,))
    model[1].weight.requires_grad_(False)
    before = model[1].weight.clone()
    train(model, *blobs)
    assert torch.equal(model[1].weight, before)


def test_on_step_is_called_after_each_step_and_may_switch_the_mode(blobs):
    steps = []
    model = make_network(hidden=(16,))
    plain = train(copy.deepcopy(model), *blobs, epochs=2)
    assert train(model, *blobs, epochs=2, on_step=lambda step, m: steps.append((step, m.eval().training))) == plain
    assert steps == [(step, False) for step in range(1, len(plain) + 1)]


@pytest.mark.parametrize("function", [train, lambda model, x, y, batch_size: recalibrate(model, x, batch_size)])
@pytest.mark.parametrize("batch_size", [0, 257])
def test_an_impossible_batch_size_is_refused(blobs, function, batch_size):
    with pytest.raises(ValueError, match=f"batch_size must lie between 1 and the 256 samples of x, got {batch_size}"):
        function(make_network(hidden=(8,)), *blobs, batch_size=batch_size)


@pytest.mark.parametrize("lr", [0, -1.0, float("nan"), float("inf")])
def test_an_impossible_lr_is_refused(blobs, lr):
    with pytest.raises(ValueError, match="lr must be a finite number > 0, got"):
        train(make_network(hidden=(8,)), *blobs, lr=lr)


@pytest.mark.parametrize(("disable", "shown"), [("", True), ("1", False)])
def test_the_progress_bar_is_silent_in_the_built_book(disable, shown):
    script = (
        "import torch; from bnutils.training import make_network, train;"
        "train(make_network(hidden=(4,)), torch.zeros(8, 28, 28), torch.arange(8), batch_size=8, progress=True)"
    )
    environment = os.environ | {"TQDM_DISABLE": disable}  # tqdm reads it when it is imported
    run = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert ("epochs" in run.stderr) == shown


def test_there_is_no_progress_bar_unless_asked_for(blobs, capfd):
    train(make_network(hidden=(8,)), *blobs)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("training", [True, False])
def test_predict_leaves_the_model_as_it_was(blobs, training):
    model = make_network(hidden=(16,)).train()
    before = copy.deepcopy(model.state_dict())
    logits = predict(model, blobs[0], training=training, batch_size=100)
    assert logits.shape == (256, 10)
    assert not logits.requires_grad
    assert model.training
    assert states_equal(before, model.state_dict())


def test_predict_normalizes_with_the_statistics_that_the_mode_says(blobs):
    x, _ = blobs
    model = make_network(hidden=(16,))
    expected = copy.deepcopy(model).train()(x[:100]).detach()
    torch.testing.assert_close(predict(model, x, training=True, batch_size=100)[:100], expected)
    torch.testing.assert_close(predict(model, x), copy.deepcopy(model).eval()(x).detach())


def test_accuracy_is_the_share_of_right_labels():
    x = torch.eye(4)
    assert accuracy(nn.Identity(), x, torch.tensor([0, 1, 2, 0])) == 0.75


def test_recalibration_averages_over_the_batches_and_keeps_all_else(blobs):
    x, y = blobs
    model = make_network(hidden=(16,))
    train(model, x, y, batch_size=64)
    before = copy.deepcopy(model.state_dict())
    fresh = recalibrate(model, x, batch_size=100)
    assert states_equal(before, model.state_dict())
    assert not fresh.training
    assert fresh[2].momentum == model[2].momentum
    z = [model[:2](batch).detach() for batch in (x[:100], x[100:200])]
    torch.testing.assert_close(fresh[2].running_mean, (z[0].mean(0) + z[1].mean(0)) / 2, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(fresh[2].running_var, (z[0].var(0) + z[1].var(0)) / 2, rtol=1e-4, atol=1e-5)


def test_the_recipe_of_the_book_learns_fashion_mnist(tensors):
    accuracies = {}
    for batch_norm in (True, False):
        model = make_network(batch_norm, seed=11)
        train(model, *tensors["train"], epochs=4, lr=0.1, seed=11)
        train(model, *tensors["train"], epochs=1, lr=0.01, seed=12)
        accuracies[batch_norm] = accuracy(model, *tensors["validation"])
    assert accuracies[True] > 0.8
    assert np.isclose(accuracies[False], accuracies[True], atol=0.2)
