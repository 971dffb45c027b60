"""Batch norm as functions: against torch, against float64 and longer, by its laws, and at the door."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import bnutils
from bnutils import BatchNorm, batch_norm, batch_norm_backward, batch_statistics, identity_parameters

pytestmark = pytest.mark.filterwarnings("error")  # nan, inf and overflow must pass in silence
settings.register_profile("bnutils", max_examples=25, deadline=None, derandomize=True)
settings.load_profile("bnutils")

SHAPES = [(2, 1), (8, 3), (1, 3, 4), (33, 3), (5, 3, 4), (4, 3, 2, 5), (2, 3, 2, 2, 2), (1100, 2), (3, 2, 5000)]
TOLERANCE = {np.float16: 4e-3, np.float32: 4e-6, np.float64: 1e-13}


def draw(shape, dtype=np.float64, seed=0):
    """Return a batch (mean about 5, std 3), a gradient, weight, bias, running mean and variance, all different."""
    rng = np.random.default_rng(seed)
    x, grad = 5 + 3 * rng.standard_normal(shape), rng.standard_normal(shape)
    weight, bias, mean = rng.standard_normal((3, shape[1]))
    return x.astype(dtype), grad.astype(dtype), weight, bias, mean, rng.uniform(0.5, 2, shape[1])


def by_torch(x, grad, weight, bias, mean, var, training, eps=1e-5):
    """Return output, three gradients and both running arrays of torch, computed in float64."""
    tensors = [torch.tensor(np.array(a, np.float64), requires_grad=True) for a in (x, weight, bias)]
    buffers = torch.tensor(mean), torch.tensor(var)
    y = torch.nn.functional.batch_norm(tensors[0], *buffers, *tensors[1:], training=training, momentum=0.3, eps=eps)
    y.backward(torch.tensor(np.array(grad, np.float64)))
    return [a.detach().numpy() for a in (y, *(t.grad for t in tensors), *buffers)]


def by_ours(x, grad, weight, bias, mean, var, training, eps=1e-5):
    """Return the same six from ours."""
    mean, var = mean.copy(), var.copy()
    gradients = batch_norm_backward(grad, x, weight, mean, var, training, eps)
    y = batch_norm(x, mean, var, weight, bias, training, 0.3, eps)
    return [y, *gradients, mean, var]


def exact(x, eps=1e-5):
    """Return the normalized batch, computed with the longest floats there are."""
    x = x.astype(np.longdouble)
    axes = (0, *range(2, x.ndim))
    d = x - x.mean(axis=axes, keepdims=True)
    return d / np.sqrt((d * d).mean(axis=axes, keepdims=True) + eps)


def assert_close(ours, theirs, dtype=np.float64):
    """Compare arrays up to the rounding of the dtype, relative to the largest value of each array."""
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        assert np.abs(a - b).max() <= TOLERANCE[dtype] * max(1, np.abs(b).max())


# Against torch


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", SHAPES)
def test_values_gradients_and_running_arrays_equal_torch(shape, dtype, training):
    data = draw(shape, dtype)
    assert_close(by_ours(*data, training), by_torch(*data, training), dtype)


@pytest.mark.parametrize("eps", [1e-12, 1e-3, 1.0])
@pytest.mark.parametrize("training", [True, False])
def test_every_eps_equals_torch(training, eps):
    data = draw((8, 3))
    data[0][:, 1] *= 1e-3  # eps counts here, and its place under the root
    assert_close(by_ours(*data, training, eps), by_torch(*data, training, eps))


def test_the_defaults_are_those_of_torch():
    x, grad, *_, mean, var = draw((8, 3))
    t = torch.tensor(x, requires_grad=True)
    y = torch.nn.functional.batch_norm(t, torch.tensor(mean), torch.tensor(var))
    np.testing.assert_allclose(batch_norm(x, mean, var), y.detach().numpy(), atol=1e-14)
    y = torch.nn.functional.batch_norm(t, None, None, training=True)
    y.backward(torch.tensor(grad))
    np.testing.assert_allclose(batch_norm(x, training=True), y.detach().numpy(), atol=1e-14)
    np.testing.assert_allclose(batch_norm_backward(grad, x)[0], t.grad.numpy(), atol=1e-14)


@pytest.mark.parametrize("training", [True, False])
def test_weight_and_bias_can_be_given_one_without_the_other(training):
    x, grad, weight, bias, mean, var = draw((8, 3))
    one, zero = np.ones(3), np.zeros(3)
    np.testing.assert_array_equal(
        batch_norm(x, mean.copy(), var.copy(), weight, None, training),
        batch_norm(x, mean.copy(), var.copy(), weight, zero, training),
    )
    np.testing.assert_array_equal(
        batch_norm(x, mean.copy(), var.copy(), bias=bias, training=training),
        batch_norm(x, mean.copy(), var.copy(), one, bias, training),
    )


@pytest.mark.parametrize("training", [True, False])
def test_nan_and_inf_pass_as_in_torch_and_stay_in_their_channel(training):
    x, grad, weight, bias, mean, var = draw((8, 5), np.float32)
    x[0, 0], x[0, 1], x[3, 2], x[2, 3], x[5, 3] = np.nan, np.inf, -np.inf, np.inf, -np.inf
    ours = by_ours(x, grad, weight, bias, mean, var, training)
    theirs = by_torch(x, grad, weight, bias, mean, var, training)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)  # nan where nan, inf where inf
    clean = by_ours(np.nan_to_num(x, posinf=0, neginf=0), grad, weight, bias, mean, var, training)
    np.testing.assert_array_equal(ours[0][:, 4], clean[0][:, 4])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_running_arrays_may_hold_nan_and_inf(value):
    x, _, weight, bias, mean, var = draw((8, 3))
    for array in (mean, var):
        array[1] = value
        theirs = torch.nn.functional.batch_norm(*map(torch.tensor, (x, mean, var, weight, bias)))
        np.testing.assert_allclose(batch_norm(x, mean, var, weight, bias), theirs.numpy(), atol=1e-14)


# Accuracy


@pytest.mark.parametrize("order", ["as drawn", "sorted", "outlier first", "outliers every 16"])
@pytest.mark.parametrize("shape", [(8, 3), (1000, 3), (65536, 2), (64, 2, 28, 28), (2, 2, 50_000)])
def test_an_offset_of_ten_thousand_costs_no_digits(shape, order):
    x = (1e4 + np.random.default_rng(1).standard_normal(shape)).astype(np.float32)
    if order == "sorted":
        x.sort(axis=0)
    elif order == "outlier first":
        x[0] = 3e6
    elif order == "outliers every 16":
        x[::16] = 0
    y = exact(x)
    error = np.abs(batch_norm(x, training=True) - y) / np.maximum(1, np.abs(y))  # an outlier has |y| up to 256
    assert error.max() < 4e-6
    mean, var = x.mean(axis=0, dtype=np.float64).reshape(shape[1], -1).mean(axis=1), np.ones(shape[1])
    in_evaluation = batch_norm(x, mean, var)
    scaled = (x - mean.reshape(-1, *[1] * (x.ndim - 2))) / np.sqrt(1 + 1e-5)
    assert (np.abs(in_evaluation - scaled) / np.maximum(1, np.abs(scaled))).max() < 1e-6


@pytest.mark.parametrize("n", [100, 128, 1000, 4096])
@pytest.mark.parametrize("offset", [1.9, 2.1, 3.9, 4.1, 100])
def test_an_offset_of_some_standard_deviations_costs_no_digits(offset, n):
    x = (offset + np.random.default_rng(0).standard_normal((n, 100))).astype(np.float32)
    assert np.abs(batch_norm(x, training=True) - exact(x)).max() < 3e-6
    in_evaluation = batch_norm(x, np.full(100, offset), np.ones(100))
    assert np.abs(in_evaluation - (x.astype(float) - offset) / np.sqrt(1 + 1e-5)).max() < 1e-6


def test_the_rounding_of_a_channel_does_not_depend_on_the_others():
    x = np.random.default_rng(0).standard_normal((4096, 3)).astype(np.float32)
    shifted = x + np.float32([0, 0, 1000])
    for training in (True, False):
        y, other = (batch_norm(z, z.mean(axis=0), np.ones(3), training=training) for z in (x, shifted))
        np.testing.assert_array_equal(y[:, :2], other[:, :2])


def test_an_offset_costs_no_digits_backward():
    x, grad, weight, bias, mean, var = draw((4096, 3), np.float32)
    x = (1e4 + x).astype(np.float32)
    mean += 1e4
    for training in (True, False):
        ours, theirs = (f(x, grad, weight, bias, mean, var, training) for f in (by_ours, by_torch))
        for a, b in zip(ours, theirs, strict=True):
            assert np.abs(a - b).max() < 4e-6 * np.abs(b).max()


def test_variance_is_not_a_difference_of_squares():
    x = 1e8 + np.random.default_rng(0).standard_normal((8, 3))
    assert np.abs(batch_norm(x, training=True) - exact(x)).max() < 1e-7  # x itself is known to 1.5e-8
    assert np.abs(batch_statistics(x)[1] - x.astype(np.longdouble).var(axis=0)).max() < 1e-14


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
@pytest.mark.parametrize("shape", [(2, 1), (7, 1), (1000, 1), (3, 1, 5), (6, 1, 28, 28)])
def test_a_constant_feature_becomes_exactly_zero(shape, dtype):
    for constant in (10000.1, 1 / 3, -1e-7, 6e4):
        for eps in (1e-5, 1e-100):
            x = np.full(shape, constant).astype(dtype)
            assert (batch_norm(x, training=True, eps=eps) == 0).all()
            assert (batch_norm(x, training=True, eps=eps, weight=[3], bias=[0.5]) == 0.5).all()


@pytest.mark.parametrize("eps", [1e-5, 1e-70])
@pytest.mark.parametrize("scale", [1e-30, 1e-19, 1e-15, 1e-8, 1e8, 1e15, 1e19, 1e30])
def test_tiny_and_huge_values_stay_finite_and_right(scale, eps):
    x = np.random.default_rng(0).standard_normal((64, 3))
    x[:, 0] *= scale
    x[:, 2] *= -scale
    x = x.astype(np.float32)  # the middle channel is an ordinary one
    _, grad, weight, bias, mean, _ = draw((64, 3), np.float32)
    var = x.var(axis=0, dtype=np.float64)
    assert np.abs(batch_norm(x, training=True, eps=eps) / exact(x, eps) - 1).max() < 3e-4  # near 0, too
    for training in (True, False):
        ours = by_ours(x, grad, weight, bias, scale * mean, var, training, eps)
        theirs = by_torch(x, grad, weight, bias, scale * mean, var, training, eps)
        for a, b in zip(ours, theirs, strict=True):
            axes = (0,) if a.ndim == 2 else ()
            assert np.isfinite(a).all()
            assert (np.abs(a - b).max(axis=axes) <= 1e-5 * np.abs(b).max(axis=axes)).all()


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_tiny_and_huge_gradients_are_right(scale):
    x, grad, weight, bias, mean, var = draw((64, 3), np.float32)
    for training in (True, False):
        ours = batch_norm_backward((grad * scale).astype(np.float32), x, weight, mean, var, training)
        theirs = batch_norm_backward(grad.astype(np.float64), x.astype(np.float64), weight, mean, var, training)
        for a, b in zip(ours, theirs, strict=True):
            assert np.abs(a / scale - b).max() < 1e-5 * np.abs(b).max()


def test_factors_and_sums_beyond_float32_are_right_in_evaluation():
    zero, one = [0.0], [1.0]
    assert (batch_norm(np.full((2, 1), 3, np.float32), [3.0], zero, eps=1e-100) == 0).all()  # 0 times 1e50
    tiny, huge = np.full((2, 1), 1e-30, np.float32), np.full((2, 1), 1e30, np.float32)
    np.testing.assert_allclose(batch_norm(tiny, zero, zero, eps=1e-80), 1e10, rtol=1e-6)  # 1e-30 times 1e40
    grad_input, grad_weight, _ = batch_norm_backward(huge, huge, None, zero, one, training=False)
    np.testing.assert_allclose(grad_input, 1e30, rtol=1e-5)
    np.testing.assert_allclose(grad_weight, 2e60, rtol=1e-5)


@pytest.mark.parametrize("scale", [1e150, 1e160, 1e200, 1e300, 1e-200])
def test_values_whose_squares_do_not_fit_into_float64_are_right(scale):
    x, grad, weight, bias, *_ = draw((64, 3))
    huge = x * [1, scale, 1]
    eps = 1e-300
    expected = exact(huge.astype(np.longdouble), eps).astype(float) * weight + bias
    np.testing.assert_allclose(batch_norm(huge, None, None, weight, bias, True, eps=eps), expected, atol=1e-12)
    ours, plain = (batch_norm_backward(grad, z, weight, eps=eps) for z in (huge, x))
    if scale > 1:  # 1e-200 is far below the root of eps
        np.testing.assert_allclose(ours[0] * [1, scale, 1], plain[0], atol=1e-12)
        np.testing.assert_allclose(ours[1:], plain[1:], atol=1e-12)
        for a, b in zip(batch_norm_backward(grad * scale, huge, weight, eps=eps), plain, strict=True):
            np.testing.assert_allclose(a / scale, b / ([1, scale, 1] if b.ndim == 2 else 1), atol=1e-12)
    mean, var = np.array([0, scale, 0]), np.ones(3)
    ours, theirs = (f(huge, grad, weight, bias, mean, var, False) for f in (by_ours, by_torch))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_nan_and_inf_beside_values_of_1e200_stay_in_their_channel():
    x = np.full((4, 3), 1e200) * [[1], [2], [3], [5]]
    x[0, 0], x[1, 1] = np.nan, np.inf
    y, grad_input = batch_norm(x, training=True), batch_norm_backward(x, x)[0]
    assert np.isnan(y[:, :2]).all()
    assert np.isnan(grad_input[:, :2]).all()
    np.testing.assert_allclose(y[:, 2], exact(x[:, 2:])[:, 0].astype(float), rtol=1e-12)


def test_a_result_too_large_for_its_dtype_is_never_silent():
    x, one = np.array([[1e200, 1], [-1e200, 2]]), np.ones(2)
    with pytest.warns(RuntimeWarning, match=r"var is too large for float64 in channels \[0\]"):
        np.testing.assert_array_equal(batch_statistics(x)[1], [np.inf, 0.25])
    with pytest.warns(RuntimeWarning, match=r"running_var is too large for float64 in channels \[0\]"):
        batch_norm(x, np.zeros(2), np.ones(2), training=True)
    running = np.zeros(2, np.float32), np.ones(2, np.float32)
    with pytest.warns(RuntimeWarning, match=r"running_mean is too large for float32 in channels \[0\]"):
        batch_norm(np.array([[1e100, 1], [1e100, 2]]), *running, training=True)
    with pytest.warns(RuntimeWarning, match=r"grad_weight is too large for float64 in channels \[0\]"):
        batch_norm_backward(x, x, one, one, 2 * one, training=False)
    with pytest.warns(RuntimeWarning, match="overflow"):
        batch_norm(x, one, 2 * one, 1e150 * one)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 4), (2, 3, 0), (0, 3, 2, 2)])
def test_an_empty_batch_in_evaluation_is_as_in_torch(shape, dtype):
    _, _, weight, bias, mean, var = draw((8, 3))
    empty = np.zeros(shape, dtype)
    ours = by_ours(empty, empty, weight, bias, mean, var, False)
    for a, b in zip(ours, by_torch(empty, empty, weight, bias, mean, var, False), strict=True):
        np.testing.assert_array_equal(a, b)
    assert ours[0].shape == ours[1].shape == shape
    assert ours[0].dtype == ours[1].dtype == dtype


def test_float16_is_computed_in_float32():
    x, grad, weight, bias, mean, var = draw((1000, 3), np.float16)
    x[:] = 500 + 100 * (x - 5)  # its squares do not fit into float16
    ours, theirs = (f(x, grad, weight, bias, mean, var, True) for f in (by_ours, by_torch))
    np.testing.assert_allclose(ours[0], theirs[0], rtol=5e-4, atol=2e-6)  # rounded once, at the end
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-3, atol=1e-6)
    assert ours[0].dtype == ours[1].dtype == np.float16


# Dtypes, memory


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", ">f8", "i4", "u1"])
def test_output_and_gradient_have_the_floating_dtype_of_the_input(dtype, training):
    x, grad, weight, _, mean, var = draw((8, 3), dtype)
    expected = np.dtype(dtype[-2:]) if "f" in dtype else np.float64
    assert batch_norm(x, mean, var, training=training).dtype == expected
    for grad_dtype in (np.float16, np.float64):
        gradients = batch_norm_backward(grad.astype(grad_dtype), x, weight, mean, var, training)
        assert [g.dtype for g in gradients] == [expected, np.float64, np.float64]


def test_integers_are_computed_in_float64():
    x = np.random.default_rng(0).integers(0, 256, (8, 3), dtype=np.uint8)
    assert np.abs(batch_norm(x, training=True) - exact(x)).max() < 1e-14
    assert np.abs(batch_norm(x.tolist(), training=True) - exact(x)).max() < 1e-14


@pytest.mark.parametrize("running", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_running_arrays_keep_their_own_dtype(dtype, running):
    x, *_, mean, var = draw((8, 3), dtype)
    ours = mean.astype(running), var.astype(running)
    batch_norm(x, *ours, training=True)
    batch_mean, batch_var = x.astype(float).mean(axis=0), x.astype(float).var(axis=0, ddof=1)
    assert ours[0].dtype == ours[1].dtype == running
    assert_close(
        ours, (0.9 * mean + 0.1 * batch_mean, 0.9 * var + 0.1 * batch_var), running if running != np.float64 else dtype
    )


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "layout",
    [np.asfortranarray, lambda x: np.repeat(x, 2, axis=1)[:, ::2], lambda x: x[::-1, ::-1][::-1, ::-1].T.copy().T],
)
def test_the_layout_in_memory_does_not_matter(layout, training):
    for shape in [(40, 3), (40, 3, 4, 5)]:
        data = draw(shape, np.float32)
        strange = [layout(a) for a in data[:2]]
        for a in strange:
            a.flags.writeable = False
        for a, b in zip(by_ours(*strange, *data[2:], training), by_ours(*data, training), strict=True):
            np.testing.assert_array_equal(a, b)


def test_negative_strides_are_read_in_their_order():
    x = draw((8, 3))[0]
    np.testing.assert_array_equal(batch_norm(x[::-1], training=True), batch_norm(x[::-1].copy(), training=True))


@pytest.mark.parametrize("training", [True, False])
def test_no_argument_but_the_running_arrays_is_modified_or_returned(training):
    data = draw((8, 3))
    before = [a.copy() for a in data]
    x, grad, weight, bias, mean, var = data
    results = [
        batch_norm(x, mean, var, weight, bias, training),
        *batch_norm_backward(grad, x, weight, mean, var, training),
    ]
    changed = [not np.array_equal(a, b) for a, b in zip(data, before, strict=True)]
    assert changed == [False] * 4 + [training] * 2
    assert not any(np.shares_memory(a, b) for a in results for b in data)


def test_running_arrays_can_be_views():
    x, *_, mean, var = draw((8, 3))
    both = np.stack([mean, var], axis=1)  # interleaved, yet without a byte in common
    batch_norm(x, both[:, 0], both[:, 1], training=True)
    batch_norm(x, mean, var, training=True)
    np.testing.assert_array_equal(both, np.stack([mean, var], axis=1))


# Statistics, identity


@pytest.mark.parametrize("shape", SHAPES)
def test_batch_statistics_are_the_mean_and_the_biased_variance(shape):
    x = draw(shape)[0]
    axes = (0, *range(2, len(shape)))
    assert_close(batch_statistics(x), (x.mean(axis=axes), x.var(axis=axes)))


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_batch_statistics_of_float32_reach_beyond_float32(scale):
    x = (scale * np.random.default_rng(0).standard_normal((8, 2))).astype(np.float32)
    np.testing.assert_allclose(batch_statistics(x)[1], x.var(axis=0, dtype=np.float64), rtol=1e-12)


def test_one_value_has_the_variance_zero():
    mean, var = batch_statistics([[3.0, 4.0]])
    np.testing.assert_array_equal((mean, var), ([3, 4], [0, 0]))


@pytest.mark.parametrize("shape", SHAPES)
def test_with_identity_parameters_the_output_is_the_input(shape):
    x = draw(shape)[0]
    weight, bias = identity_parameters(*batch_statistics(x), eps=0.1)
    assert np.abs(batch_norm(x, None, None, weight, bias, True, eps=0.1) - x).max() < 1e-13


@pytest.mark.parametrize("eps", [0, 0.1])
def test_identity_parameters_of_a_constant_channel_give_the_constant_back(eps):
    weight, bias = identity_parameters([5.0], [0.0], eps)
    np.testing.assert_array_equal((weight, bias), ([np.sqrt(eps)], [5]))
    assert (batch_norm(np.full((4, 1), 5.0), None, None, weight, bias, True) == 5).all()


# Laws


batches = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=4, min_side=2, max_side=5),
    elements=st.floats(-1000, 1000).map(lambda v: round(v, 3)),
)
seeds = st.integers(0, 1000)


@given(batches)
def test_the_output_has_mean_0_and_variance_just_below_1(x):
    mean, var = batch_statistics(batch_norm(x, training=True, eps=0.01))
    true = batch_statistics(x)[1]
    np.testing.assert_allclose(mean, 0, atol=1e-12)
    np.testing.assert_allclose(var, true / (true + 0.01), atol=1e-12)


@given(batches, st.floats(-100, 100), st.sampled_from([0.5, 2.0, 8.0, -4.0]))
def test_shift_does_nothing_and_scale_only_changes_the_sign(x, shift, scale):
    y = batch_norm(x, training=True, eps=0.01)
    np.testing.assert_allclose(batch_norm(x + shift, training=True, eps=0.01), y, atol=1e-10)
    np.testing.assert_allclose(
        batch_norm(scale * x, training=True, eps=0.01 * scale**2), np.sign(scale) * y, atol=1e-12
    )


@given(batches, seeds)
def test_a_permuted_batch_gives_the_permuted_output(x, seed):
    order = np.random.default_rng(seed).permutation(len(x))
    np.testing.assert_allclose(batch_norm(x[order], training=True), batch_norm(x, training=True)[order], atol=1e-9)


@given(batches, seeds)
def test_each_channel_is_on_its_own(x, seed):
    _, grad, weight, bias, *_ = draw(x.shape, seed=seed)
    y, gx = batch_norm(x, None, None, weight, bias, True), batch_norm_backward(grad, x, weight)[0]
    for j in range(x.shape[1]):
        one = np.s_[:, j : j + 1]
        y_j = batch_norm(x[one], None, None, weight[j : j + 1], bias[j : j + 1], True)
        np.testing.assert_allclose(y_j, y[one], atol=1e-12)
        np.testing.assert_allclose(batch_norm_backward(grad[one], x[one], weight[j : j + 1])[0], gx[one], atol=1e-9)


@given(batches, seeds)
def test_the_gradient_does_not_see_shifts_and_hardly_scales(x, seed):
    _, grad, weight, *_ = draw(x.shape, seed=seed)
    eps, axes = 1.0, (0, *range(2, x.ndim))
    grad_input, grad_weight, grad_bias = batch_norm_backward(grad, x, weight, eps=eps)
    x_hat, var = batch_norm(x, training=True, eps=eps), batch_statistics(x)[1]
    np.testing.assert_allclose(grad_input.sum(axis=axes), 0, atol=1e-10)
    along = weight * grad_weight * eps / (var + eps) ** 1.5  # 0 without eps
    np.testing.assert_allclose((grad_input * x_hat).sum(axis=axes), along, atol=1e-9)
    np.testing.assert_allclose(grad_weight, (grad * x_hat).sum(axis=axes), atol=1e-9)
    np.testing.assert_allclose(grad_bias, grad.sum(axis=axes), atol=1e-9)


@pytest.mark.parametrize("training", [True, False])
def test_the_gradient_is_the_slope_of_the_loss(training):
    x, grad, weight, bias, mean, var = draw((5, 2, 3))

    def loss(x, weight, bias):
        return (grad * batch_norm(x, mean.copy(), var.copy(), weight, bias, training)).sum()

    arguments = [x, weight, bias]
    for k, gradient in enumerate(batch_norm_backward(grad, x, weight, mean, var, training)):
        for at in np.ndindex(gradient.shape):
            step = np.zeros(gradient.shape)
            step[at] = 1e-5
            up, down = (arguments[:k] + [arguments[k] + s] + arguments[k + 1 :] for s in (step, -step))
            assert abs((loss(*up) - loss(*down)) / 2e-5 - gradient[at]) < 1e-7


@given(batches, seeds, st.floats(-3, 3))
def test_evaluation_mode_is_affine_and_treats_each_sample_alone(x, seed, t):
    other, _, weight, bias, mean, var = draw(x.shape, seed=seed)
    f = lambda z: batch_norm(z, mean, var, weight, bias)  # noqa: E731
    np.testing.assert_allclose(f(t * x + (1 - t) * other), t * f(x) + (1 - t) * f(other), atol=1e-9)
    np.testing.assert_array_equal(f(x[:1]), f(x)[:1])


@given(st.floats(0, 1), st.integers(1, 6), seeds)
def test_running_statistics_have_a_closed_form(a, steps, seed):
    rng = np.random.default_rng(seed)
    batches = 3 + 2 * rng.standard_normal((steps, 4, 2))
    mean, var = rng.standard_normal(2), rng.uniform(1, 2, 2)
    shares = np.array(
        [a * (1 - a) ** (steps - 1 - k) for k in range(steps)]
    )  # of batch k; (1 - a)**steps is of the start
    expected = (
        (1 - a) ** steps * mean + shares @ batches.mean(axis=1),
        (1 - a) ** steps * var + shares @ batches.var(axis=1, ddof=1),
    )
    for x in batches:
        batch_norm(x, mean, var, training=True, momentum=a)
    np.testing.assert_allclose((mean, var), expected, atol=1e-12)


# At the door


class Unreadable:
    """Something that no array can be made of."""


X = np.arange(24.0).reshape(8, 3)
REFUSED = [  # what is changed in a good call of batch_norm, the error, and what its message says
    (dict(input=X[:1]), ValueError, r"input must have at least 2 values per channel in training, got shape \(1, 3\)"),
    (dict(input=X[:1, :, None, None]), ValueError, r"input must have at least 2 values .* got shape \(1, 3, 1, 1\)"),
    (dict(input=X[:0]), ValueError, r"input must not be empty, got shape \(0, 3\)"),
    (dict(input=np.zeros((2, 3, 0))), ValueError, r"input must not be empty, got shape \(2, 3, 0\)"),
    (dict(input=np.zeros((2, 0))), ValueError, r"input must not be empty, got shape \(2, 0\)"),
    (dict(input=X[0]), ValueError, r"input must have shape \(N, C\) or \(N, C, \*\), got shape \(3,\)"),
    (dict(input=1.0), ValueError, r"input must have shape .* got shape \(\)"),
    (dict(input=[[1, 2, 3], [4, 5]]), ValueError, "input must be an array"),
    (dict(input=X[:, :2]), ValueError, r"weight must have shape \(2,\), one value per channel, got shape \(3,\)"),
    (dict(input=X > 3), TypeError, "input must be float16, float32, float64 or integer, got dtype bool"),
    (dict(input=X + 1j), TypeError, "input must be .* got dtype complex128"),
    (dict(input=X.astype(object)), TypeError, "input must be .* got dtype object"),
    (dict(input=X.astype(str)), TypeError, "input must be .* got dtype <U"),
    (dict(input=X.astype("M8[s]")), TypeError, "input must be .* got dtype datetime64"),
    (dict(input=None), TypeError, "input must be .* got dtype object"),
    (dict(input=Unreadable()), TypeError, "input must be .* got dtype object"),
    (dict(input=np.ma.masked_less(X, 3)), TypeError, "input must not be a masked array"),
    (dict(weight=np.ones(2)), ValueError, r"weight must have shape \(3,\), one value per channel, got shape \(2,\)"),
    (dict(weight=np.ones((3, 1))), ValueError, r"weight must have shape \(3,\).* got shape \(3, 1\)"),
    (dict(weight=2.0), ValueError, r"weight must have shape \(3,\).* got shape \(\)"),
    (dict(weight=[True] * 3), TypeError, "weight must be .* got dtype bool"),
    (dict(bias=np.ones(4)), ValueError, r"bias must have shape \(3,\).* got shape \(4,\)"),
    (dict(bias=[1j] * 3), TypeError, "bias must be .* got dtype complex128"),
    (dict(bias=np.ma.array([1.0] * 3)), TypeError, "bias must not be a masked array"),
    (dict(running_mean=None), ValueError, "running_mean must be given when the other running array is, got None"),
    (dict(running_var=None), ValueError, "running_var must be given when the other running array is, got None"),
    (dict(running_mean=None, training=False), ValueError, "running_mean must be given in evaluation mode, got None"),
    (dict(running_var=None, training=False), ValueError, "running_var must be given in evaluation mode, got None"),
    (dict(running_mean=np.zeros(2)), ValueError, r"running_mean must have shape \(3,\).* got shape \(2,\)"),
    (dict(running_var=np.ones((1, 3))), ValueError, r"running_var must have shape \(3,\).* got shape \(1, 3\)"),
    (dict(running_mean=[0.0] * 3), TypeError, "running_mean must be an ndarray of floats, .* got list"),
    (dict(running_var=np.ones(3, int)), TypeError, "running_var must be an ndarray of floats, .* got dtype int"),
    (dict(running_var=np.ma.array([1.0] * 3)), TypeError, "running_var must not be a masked array"),
    (dict(running_mean=np.zeros(3, complex)), TypeError, "running_mean must be .* got dtype complex128"),
    (dict(running_var=np.array([1.0, -0.5, 1.0])), ValueError, "running_var must not be negative, got -0.5"),
    (dict(running_var=np.array([1, -0.5, 1]), training=False), ValueError, "running_var must not be negative"),
    (dict(running_mean=np.broadcast_to(0.0, 3)), ValueError, "running_mean must be writeable"),
    (dict(running_var=np.broadcast_to(1.0, 3)), ValueError, "running_var must be writeable"),
    (dict(training=1), TypeError, "training must be True or False, got 1"),
    (dict(training=None), TypeError, "training must be True or False, got None"),
    (dict(training="train"), TypeError, "training must be True or False, got 'train'"),
    (dict(momentum=-0.1), ValueError, r"momentum must be a number in \[0, 1\], got -0.1"),
    (dict(momentum=1.5), ValueError, r"momentum must be a number in \[0, 1\], got 1.5"),
    (dict(momentum=np.nan), ValueError, r"momentum must be a number in \[0, 1\], got nan"),
    (dict(momentum=None), TypeError, r"momentum must be a number in \[0, 1\], got None of type NoneType"),
    (dict(momentum=True), TypeError, r"momentum must be a number in \[0, 1\], got True of type bool"),
    (dict(momentum="0.1"), TypeError, r"momentum must be a number in \[0, 1\], got '0.1' of type str"),
    (dict(eps=0.0), ValueError, "eps must be a finite number > 0 in training, got 0.0"),
    (dict(eps=-1e-5), ValueError, "eps must be a finite number > 0 in training, got -1e-05"),
    (dict(eps=np.inf), ValueError, "eps must be a finite number > 0 in training, got inf"),
    (dict(eps=np.float32(np.inf)), ValueError, r"eps must be a finite number > 0 in training, got np.float32\(inf\)"),
    (dict(eps=np.float32(0)), ValueError, r"eps must be a finite number > 0 in training, got np.float32\(0.0\)"),
    (dict(eps=np.bool_(True)), TypeError, "eps must be a finite number > 0 in training, got np.True_ of type bool"),
    (dict(eps=np.nan), ValueError, "eps must be a finite number > 0 in training, got nan"),
    (dict(eps=10**400), ValueError, "eps must be a finite number > 0 in training, got 1000"),
    (
        dict(eps=0, training=False, running_var=np.array([1.0, 0, 1])),
        ValueError,
        r"eps must be > 0 where running_var is 0, got 0.0 and running_var \[1. 0. 1.\]",
    ),
    (dict(input=np.zeros((0, 0)), training=False), ValueError, r"input must not be empty, got shape \(0, 0\)"),
    (dict(eps=-1.0, training=False), ValueError, "eps must be a finite number >= 0, got -1.0"),
    (dict(eps=np.nan, training=False), ValueError, "eps must be a finite number >= 0, got nan"),
    (dict(eps=True), TypeError, "eps must be a finite number > 0 in training, got True of type bool"),
    (dict(eps=None), TypeError, "eps must be a finite number > 0 in training, got None of type NoneType"),
    (dict(eps=[1e-5]), TypeError, "eps must be a finite number > 0 in training, got .* of type list"),
    (dict(eps=1e-5j), TypeError, "eps must be a finite number > 0 in training, got .* of type complex"),
]


@pytest.mark.parametrize(("changed", "error", "message"), REFUSED)
def test_a_bad_call_is_refused_by_name_and_value_and_changes_nothing(changed, error, message):
    good = dict(input=X.copy(), running_mean=np.zeros(3), running_var=np.ones(3), weight=np.ones(3), bias=np.zeros(3))
    call = good | dict(training=True) | changed
    before = [np.array(call[name]) for name in good if isinstance(call[name], np.ndarray)]
    with pytest.raises(error, match=message):
        batch_norm(**call)
    after = [call[name] for name in good if isinstance(call[name], np.ndarray)]
    assert all(np.asarray(a).tobytes() == b.tobytes() for a, b in zip(after, before, strict=True))


@pytest.mark.parametrize("other", ["running_var", "weight", "bias", "input"])
def test_running_arrays_must_not_overlap_with_other_arrays(other):
    call = dict(input=X.copy(), running_mean=np.zeros(3), running_var=np.ones(3), weight=np.ones(3), bias=np.zeros(3))
    call["running_mean"] = call[other] if call[other].ndim == 1 else call[other][2]
    before = call["running_mean"].copy()
    with pytest.raises(ValueError, match=f"running_mean and {other} must not overlap in memory"):
        batch_norm(**call, training=True)
    np.testing.assert_array_equal(call["running_mean"], before)
    buffer = np.ones(4)
    with pytest.raises(ValueError, match="running_mean and running_var must not overlap in memory"):
        batch_norm(X, buffer[:3], buffer[1:])


def test_one_value_per_channel_is_enough_in_evaluation_and_two_positions_in_training():
    assert batch_norm(X[:1], np.zeros(3), np.ones(3)).shape == (1, 3)
    assert batch_norm(X[:2].T.reshape(1, 3, 2), training=True).shape == (1, 3, 2)


def test_evaluation_takes_read_only_arrays_lists_integers_and_an_eps_of_0():
    np.testing.assert_array_equal(batch_norm(X, np.broadcast_to(1.0, 3), [4, 4, 4], eps=0), (X - 1) / 2)


def test_numpy_scalars_are_numbers_and_flags():
    y = batch_norm(X, training=np.True_, momentum=np.float32(0.5), eps=np.float64(1e-5))
    np.testing.assert_array_equal(y, batch_norm(X, training=True))
    assert batch_norm(X, training=True, momentum=1, eps=np.int64(1)).shape == X.shape


BACKWARD_REFUSED = [
    (
        dict(grad_output=X[:4]),
        ValueError,
        r"grad_output must have the shape of the input, \(8, 3\), got shape \(4, 3\)",
    ),
    (dict(grad_output=X[:, :, None]), ValueError, r"grad_output must have the shape .* got shape \(8, 3, 1\)"),
    (dict(grad_output=X > 0), TypeError, "grad_output must be .* got dtype bool"),
    (dict(grad_output=np.ma.array(X)), TypeError, "grad_output must not be a masked array"),
    (dict(input=X[:1], grad_output=X[:1]), ValueError, "input must have at least 2 values per channel in training"),
    (dict(input=X[:0], grad_output=X[:0]), ValueError, "input must not be empty"),
    (dict(weight=np.ones(2)), ValueError, r"weight must have shape \(3,\).* got shape \(2,\)"),
    (dict(eps=0), ValueError, "eps must be a finite number > 0 in training, got 0"),
    (dict(training=0), TypeError, "training must be True or False, got 0"),
    (dict(training=False), ValueError, "running_mean must be given in evaluation mode, got None"),
    (
        dict(training=False, running_mean=np.zeros(3), running_var=np.zeros(3), eps=0),
        ValueError,
        "eps must be > 0 where running_var is 0",
    ),
    (dict(grad_output=X[:0]), ValueError, r"grad_output must not be empty, got shape \(0, 3\)"),
    (
        dict(training=False, running_mean=np.zeros(3), running_var=-np.ones(3)),
        ValueError,
        "running_var must not be neg",
    ),
]


@pytest.mark.parametrize(("changed", "error", "message"), BACKWARD_REFUSED)
def test_a_bad_backward_call_is_refused_by_name_and_value(changed, error, message):
    with pytest.raises(error, match=message):
        batch_norm_backward(**(dict(grad_output=X, input=X) | changed))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([1.0], [-1.0]), ValueError, "var must not be negative, got -1.0"),
        (([1.0, 2.0], [1.0]), ValueError, r"mean must have shape \(1,\).* got shape \(2,\)"),
        (([[1.0]], [[1.0]]), ValueError, r"var must have shape \(C,\), got shape \(1, 1\)"),
        (([1j], [1.0]), TypeError, "mean must be .* got dtype complex128"),
        (([1.0], [1.0], -1), ValueError, "eps must be a finite number >= 0, got -1"),
    ],
)
def test_bad_statistics_have_no_identity_parameters(arguments, error, message):
    with pytest.raises(error, match=message):
        identity_parameters(*arguments)


def test_bnutils_offers_the_functions_without_importing_torch():
    assert {f.__name__ for f in (batch_norm, batch_norm_backward, batch_statistics)} <= set(bnutils.__all__)
    assert {f.__name__ for f in (identity_parameters, bnutils.fold_batch_norm, BatchNorm)} <= set(bnutils.__all__)
    subprocess.run([sys.executable, "-c", "import bnutils, sys; sys.exit('torch' in sys.modules)"], check=True)


def test_no_module_of_bnutils_imports_in_a_circle():
    home = Path(bnutils.__file__).parent
    files = {".".join(f.relative_to(home.parent).with_suffix("").parts): f for f in home.rglob("*.py")}
    modules = {name.removesuffix(".__init__"): ast.parse(file.read_text()) for name, file in files.items()}
    graph = {}
    for name, tree in modules.items():
        nodes = list(ast.walk(tree))  # in functions, too
        full = {f"{node.module}.{a.name}" for node in nodes if isinstance(node, ast.ImportFrom) for a in node.names}
        full |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        graph[name] = {f if f in modules else f.rpartition(".")[0] for f in full} & modules.keys()
    assert graph["bnutils.layers"] >= {"bnutils.functional", "bnutils._checks"}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle
