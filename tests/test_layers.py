"""Batch norm as a layer: its state against torch's, what backward remembers, copies, the door, and folding."""

import copy
import pickle

import numpy as np
import pytest
import torch

from bnutils import BatchNorm, batch_norm, fold_batch_norm

pytestmark = pytest.mark.filterwarnings("error")

SHAPES = [(8, 3), (5, 3, 4), (4, 3, 2, 5)]


def draw(shape, seed=0):
    """Return a batch (mean about 5, std 3) and a gradient."""
    rng = np.random.default_rng(seed)
    return 5 + 3 * rng.standard_normal(shape), rng.standard_normal(shape)


def pair(ndim, **options):
    """Return our layer of three features and torch's, with the same weight and bias, neither 1 nor 0."""
    ours = BatchNorm(3, **options)
    theirs = (torch.nn.BatchNorm1d if ndim < 4 else torch.nn.BatchNorm2d)(3, dtype=torch.float64, **options)
    if ours.affine:
        ours.weight, ours.bias = np.array([0.5, -2.0, 3.0]), np.array([1.0, 2.0, -3.0])
        theirs.weight.data, theirs.bias.data = torch.tensor(ours.weight), torch.tensor(ours.bias)
    return ours, theirs


def assert_same_step(ours, theirs, shape, seed=0):
    """Go forward and backward through both layers; compare outputs, gradients and buffers."""
    x, grad = draw(shape, seed)
    t = torch.tensor(x, requires_grad=True)
    theirs.zero_grad()
    y = theirs(t)
    y.backward(torch.tensor(grad))
    np.testing.assert_allclose(ours(x), y.detach().numpy(), atol=1e-13)
    np.testing.assert_allclose(ours.backward(grad), t.grad.numpy(), atol=1e-13)
    pairs = [
        (ours.grad_weight, getattr(theirs.weight, "grad", None)),
        (ours.grad_bias, getattr(theirs.bias, "grad", None)),
    ]
    names = ("running_mean", "running_var", "num_batches_tracked")
    for a, b in pairs + [(getattr(ours, name), getattr(theirs, name)) for name in names]:
        if b is None:
            assert a is None
        else:
            np.testing.assert_allclose(a, b.numpy(), atol=1e-12)


def state(bn):
    """Return all that a layer holds, arrays as bytes."""
    seen = bn._seen and tuple(pickle.dumps(a) for a in bn._seen)
    return {k: v.tobytes() if isinstance(v, np.ndarray) else v for k, v in vars(bn).items()} | {"_seen": seen}


@pytest.mark.parametrize("options", [{}, {"momentum": 0.3, "eps": 0.1}, {"momentum": None}, {"momentum": 0.0}])
@pytest.mark.parametrize("switches", [{}, {"affine": False}, {"track_running_stats": False}])
@pytest.mark.parametrize("shape", SHAPES)
def test_training_evaluating_and_training_again_equals_torch(shape, switches, options):
    ours, theirs = pair(len(shape), **switches, **options)
    for seed, training in enumerate([True, False, True, True, False]):  # evaluation after exactly one step
        ours.train(training)
        theirs.train(training)
        assert_same_step(ours, theirs, shape, seed)


def test_the_initial_state_is_that_of_torch():
    bn = BatchNorm(2)
    np.testing.assert_array_equal((bn.weight, bn.bias), ([1, 1], [0, 0]))
    np.testing.assert_array_equal((bn.running_mean, bn.running_var), ([0, 0], [1, 1]))
    assert (bn.num_features, bn.eps, bn.momentum, bn.affine, bn.track_running_stats) == (2, 1e-5, 0.1, True, True)
    assert (bn.num_batches_tracked, bn.training, bn.grad_weight, bn.grad_bias) == (0, True, None, None)
    x = draw((4, 2))[0]
    np.testing.assert_allclose(bn.eval()(x), x / np.sqrt(1 + 1e-5), rtol=1e-15)


def test_evaluation_changes_no_state():
    bn = BatchNorm(3)
    bn(draw((8, 3))[0])
    bn.eval()
    before = state(bn)
    bn(draw((8, 3), seed=1)[0])
    assert {k for k, v in state(bn).items() if v != before[k]} == {"_seen"}


def test_without_momentum_the_running_mean_is_the_mean_of_all_batch_means():
    bn = BatchNorm(3, momentum=None)
    batches = [draw((8, 3), seed)[0] for seed in range(5)]
    for x in batches:
        bn(x)
    np.testing.assert_allclose(bn.running_mean, np.mean([x.mean(axis=0) for x in batches], axis=0))
    np.testing.assert_allclose(bn.running_var, np.mean([x.var(axis=0, ddof=1) for x in batches], axis=0))


def test_without_running_statistics_evaluation_uses_the_batch():
    bn = BatchNorm(3, track_running_stats=False)
    x = draw((8, 3))[0]
    np.testing.assert_array_equal(bn(x), bn.eval()(x))
    assert bn.running_mean is bn.running_var is bn.num_batches_tracked is None
    with pytest.raises(ValueError, match="input must have at least 2 values per channel"):
        bn(x[:1])


def test_train_and_eval_return_the_layer():
    bn = BatchNorm(3)
    assert bn.eval() is bn
    assert bn.training is False
    assert bn.train() is bn
    assert bn.training is True
    assert bn.train(False).training is False


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_output_and_gradient_have_the_dtype_of_the_input_and_the_layer_stays_in_float64(dtype):
    x, grad = (a.astype(dtype) for a in draw((8, 3)))
    bn = BatchNorm(3)
    assert bn(x).dtype == bn.backward(grad).dtype == dtype
    arrays = (bn.weight, bn.bias, bn.running_mean, bn.running_var, bn.grad_weight, bn.grad_bias)
    assert {a.dtype for a in arrays} == {np.dtype(np.float64)}


@pytest.mark.parametrize("training", [True, False])
def test_backward_remembers_the_forward_call_whatever_is_changed_afterwards(training):
    x, grad = draw((8, 3))
    bn, _ = pair(2)
    bn(x)
    bn.train(training)
    bn(x)
    expected = bn.backward(grad), bn.grad_weight, bn.grad_bias
    x[:] = bn.weight[:] = bn.running_mean[:] = bn.running_var[:] = 7
    bn.eps, bn.training = 3.0, not training
    for a, b in zip((bn.backward(grad), bn.grad_weight, bn.grad_bias), expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_backward_replaces_the_gradients_of_the_call_before():
    x, grad = draw((8, 3))
    bn = BatchNorm(3)
    bn(x)
    bn.backward(grad)
    first = bn.grad_weight
    bn.backward(2 * grad)
    np.testing.assert_allclose(bn.grad_weight, 2 * first, rtol=1e-12)


def test_weight_and_bias_may_be_assigned_in_any_real_form():
    x = draw((8, 3))[0]
    bn = BatchNorm(3)
    bn.weight, bn.bias = [1, 2, 3], np.float32([0.5, 0.5, 0.5])
    np.testing.assert_array_equal(bn(x), batch_norm(x, None, None, [1.0, 2.0, 3.0], [0.5] * 3, True))


def test_two_layers_share_nothing():
    one, other = BatchNorm(3), BatchNorm(3)
    before = state(other)
    one(draw((8, 3))[0])
    one.weight[:] = one.bias[:] = 7
    assert state(other) == before


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda bn: pickle.loads(pickle.dumps(bn))])
def test_a_copy_equals_the_layer_and_then_goes_its_own_way(duplicate):
    x, grad = draw((8, 3))
    bn, _ = pair(2, momentum=None)
    bn(x)
    twin = duplicate(bn)
    assert state(twin) == state(bn)
    np.testing.assert_array_equal(twin.backward(grad), bn.backward(grad))
    before = state(bn)
    twin(x)
    twin.weight[:] = 0
    assert state(bn) == before


BAD_LAYERS = [
    (dict(num_features=0), ValueError, "num_features must be a positive int, got 0"),
    (dict(num_features=-3), ValueError, "num_features must be a positive int, got -3"),
    (dict(num_features=3.0), TypeError, "num_features must be a positive int, got 3.0 of type float"),
    (dict(num_features=True), TypeError, "num_features must be a positive int, got True of type bool"),
    (dict(num_features=None), TypeError, "num_features must be a positive int, got None of type NoneType"),
    (dict(eps=0), ValueError, "eps must be a finite number > 0 in training, got 0"),
    (dict(eps=np.nan), ValueError, "eps must be a finite number > 0 in training, got nan"),
    (dict(eps="1e-5"), TypeError, "eps must be a finite number > 0 in training, got '1e-5' of type str"),
    (dict(momentum=2), ValueError, r"momentum must be a number in \[0, 1\], got 2"),
    (dict(momentum=False), TypeError, r"momentum must be a number in \[0, 1\], got False of type bool"),
    (dict(affine=1), TypeError, "affine must be True or False, got 1"),
    (dict(track_running_stats="no"), TypeError, "track_running_stats must be True or False, got 'no'"),
]


@pytest.mark.parametrize(("changed", "error", "message"), BAD_LAYERS)
def test_a_bad_layer_is_refused(changed, error, message):
    with pytest.raises(error, match=message):
        BatchNorm(**(dict(num_features=3) | changed))


def test_num_features_may_be_a_numpy_integer():
    assert BatchNorm(np.int64(3)).weight.shape == (3,)


X = draw((8, 3))[0]
REFUSED = [  # the attributes that are set before, the input, the error and its message
    ({}, X[:1], ValueError, r"input must have at least 2 values per channel in training, got shape \(1, 3\)"),
    ({}, X[:0], ValueError, r"input must not be empty, got shape \(0, 3\)"),
    ({}, X[:, :2], ValueError, r"input must have 3 channels on axis 1, got shape \(8, 2\)"),
    ({}, X[0], ValueError, r"input must have shape \(N, C\) or \(N, C, \*\), got shape \(3,\)"),
    ({}, X > 0, TypeError, "input must be .* got dtype bool"),
    ({}, np.ma.array(X), TypeError, "input must not be a masked array"),
    ({"weight": np.ones(2)}, X, ValueError, r"weight must have shape \(3,\).* got shape \(2,\)"),
    ({"bias": np.array([1j] * 3)}, X, TypeError, "bias must be .* got dtype complex128"),
    ({"running_var": np.array([1, 1, -1.0])}, X, ValueError, "running_var must not be negative, got -1.0"),
    ({"running_mean": np.broadcast_to(0.0, 3)}, X, ValueError, "running_mean must be writeable"),
    ({"running_var": None}, X, ValueError, "running_var must be given when the other running array is, got None"),
    (
        {"running_mean": None, "training": False},
        X,
        ValueError,
        "running_mean must be given in evaluation mode, got None",
    ),
    ({"training": 1}, X, TypeError, "training must be True or False, got 1"),
    ({"training": 0}, X, TypeError, "training must be True or False, got 0"),
    ({"momentum": 7.0}, X, ValueError, r"momentum must be a number in \[0, 1\], got 7.0"),
    ({"eps": 0.0}, X, ValueError, "eps must be a finite number > 0 in training, got 0.0"),
]


@pytest.mark.parametrize(("attributes", "x", "error", "message"), REFUSED)
def test_a_forward_call_that_is_refused_changes_nothing(attributes, x, error, message):
    bn = BatchNorm(3)
    bn(X + 1)
    for name, value in attributes.items():
        setattr(bn, name, value)
    before = state(bn)
    with pytest.raises(error, match=message):
        bn(x)
    assert state(bn) == before


def test_backward_before_forward_is_refused():
    with pytest.raises(ValueError, match="backward must follow a call of forward"):
        BatchNorm(3).backward(X)


def test_a_gradient_of_another_shape_is_refused_and_changes_nothing():
    bn = BatchNorm(3)
    bn(X)
    bn.backward(X)
    before = state(bn)
    with pytest.raises(ValueError, match=r"grad_output must have the shape of the input, \(8, 3\), got shape \(7, 3\)"):
        bn.backward(X[1:])
    assert state(bn) == before


@pytest.mark.parametrize("mode", [0, None, "eval"])
def test_train_takes_only_a_bool(mode):
    bn = BatchNorm(3)
    with pytest.raises(TypeError, match="mode must be True or False, got"):
        bn.train(mode)
    assert bn.training is True


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 4), (2, 3, 0)])
def test_an_empty_batch_in_evaluation_goes_forward_and_backward_as_in_torch(shape):
    ours, theirs = pair(len(shape))
    ours.eval(), theirs.eval()
    assert_same_step(ours, theirs, shape)
    assert ours(np.zeros(shape)).shape == ours.backward(np.zeros(shape)).shape == shape


def test_a_layer_normalizes_values_of_1e200_and_warns_of_its_running_variance():
    x, grad = draw((8, 3))
    small, large = BatchNorm(3, eps=1e-300), BatchNorm(3)
    with pytest.warns(RuntimeWarning, match=r"running_var is too large for float64 in channels \[0, 1, 2\]"):
        np.testing.assert_allclose(large(1e200 * x), small(x), atol=1e-13)
    np.testing.assert_allclose(1e200 * large.backward(grad), small.backward(grad), atol=1e-13)
    np.testing.assert_allclose(large.running_mean / 1e200, small.running_mean, rtol=1e-13)


def test_an_eps_of_0_where_the_running_variance_is_0_is_refused():
    bn = BatchNorm(3).eval()
    bn.eps = bn.running_var[1] = 0.0
    for call in (lambda: bn(X), lambda: fold_batch_norm(np.ones((3, 4)), None, bn)):
        with pytest.raises(ValueError, match="eps must be > 0 where running_var is 0, got 0.0"):
            call()


# Folding


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("with_bias", [True, False])
def test_the_folded_linear_equals_linear_then_batch_norm(with_bias, affine, dtype):
    rng = np.random.default_rng(0)
    w, b = rng.standard_normal((3, 4)).astype(dtype), rng.standard_normal(3).astype(dtype) if with_bias else None
    bn = BatchNorm(3, eps=0.1, affine=affine)
    if affine:
        bn.weight, bn.bias = rng.standard_normal((2, 3))
    bn(5 + 2 * rng.standard_normal((8, 3)))
    bn.eval()
    x = rng.standard_normal((5, 4))
    weight, bias = fold_batch_norm(w, b, bn)
    assert weight.dtype == bias.dtype == dtype
    atol = 4e-6 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(x @ weight.T + bias, bn(x @ w.T + (0 if b is None else b)), atol=atol)


@pytest.mark.parametrize(
    ("weight", "bias", "bn", "error", "message"),
    [
        (np.ones((3, 4)), None, torch.nn.BatchNorm1d(3), TypeError, "bn must be a bnutils.BatchNorm, got BatchNorm1d"),
        (np.ones((3, 4)), None, BatchNorm(3), ValueError, "bn must be in evaluation mode, .* got training=True"),
        (
            np.ones((3, 4)),
            None,
            BatchNorm(3, track_running_stats=False).eval(),
            ValueError,
            "bn must .* with running statistics, got training=False, track_running_stats=False",
        ),
        (
            np.ones((4, 3)),
            None,
            BatchNorm(3).eval(),
            ValueError,
            r"linear_weight must have shape \(3, in_features\), got",
        ),
        (np.ones(3), None, BatchNorm(3).eval(), ValueError, r"linear_weight must have shape .* got shape \(3,\)"),
        (np.ones((3, 4)), np.ones(4), BatchNorm(3).eval(), ValueError, r"linear_bias must have shape \(3,\)"),
        (np.ones((3, 4), bool), None, BatchNorm(3).eval(), TypeError, "linear_weight must be .* got dtype bool"),
    ],
)
def test_what_cannot_be_folded_is_refused(weight, bias, bn, error, message):
    with pytest.raises(error, match=message):
        fold_batch_norm(weight, bias, bn)
