"""The arithmetic of batch norm: forward and backward, with batch statistics and with running statistics.

A batch x and a gradient g have the shape (N, C, L): samples, channels, positions. What belongs to a channel has the
shape (C,) and is float64. The batch keeps its dtype (float16: float32), which is fast; channels whose products do not
fit into float32 are done again in float64.
"""

from itertools import product

import numpy as np


def train(x, weight, bias, eps):
    """Return the output, and the mean and the biased variance of the batch."""
    near = _near_mean(x)
    y, (rest, square) = _subtract(x, near)  # y = x - near, whose mean is rest
    mean, var = near + rest, square - rest**2  # biased
    scale = weight / np.sqrt(var + eps)
    y *= _as(x, scale)
    y += _as(x, bias - rest * scale)
    again = _outside_float32(x, var, scale)
    if again.any():
        y[:, again], mean[again], var[again] = train(_double(x, again), weight[again], bias[again], eps)
    return y, mean, var


def evaluate(x, mean, var, weight, bias, eps):
    """Return the output that the running mean and variance give: a straight line for each channel."""
    near = _finite(mean, x.dtype)
    scale = weight / np.sqrt(var + eps)
    y = x - _as(x, near)
    y *= _as(x, scale)
    y += _as(x, bias - (mean - near) * scale)
    again = _outside_float32(x, scale)
    if again.any():
        y[:, again] = evaluate(_double(x, again), mean[again], var[again], weight[again], bias[again], eps)
    return y


def train_backward(g, x, weight, eps):
    """Return the gradients by input, weight and bias in training mode."""
    d, (rest, square, g_mean, gd_mean) = _subtract(x, _near_mean(x), g)
    var = square - rest**2  # biased
    inv = 1 / np.sqrt(var + eps)
    gx_mean = (gd_mean - rest * g_mean) * inv  # the mean of g * x̂, where x̂ = (d - rest) * inv
    count = x.size // len(inv)
    grad_weight, grad_bias = gx_mean * count, g_mean * count
    # grad_input = weight * inv * (g - g_mean - x̂ * gx_mean)
    d *= _as(x, -inv * gx_mean)
    d += g
    d += _as(x, rest * inv * gx_mean - g_mean)
    d *= _as(x, weight * inv)
    again = _outside_float32(x, var**2, inv * gx_mean)  # var**2, since g * d has to fit too
    if again.any():
        d[:, again], grad_weight[again], grad_bias[again] = train_backward(
            _double(g, again), _double(x, again), weight[again], eps
        )
    return d, grad_weight, grad_bias


def evaluate_backward(g, x, mean, var, weight, eps):
    """Return the gradients by input, weight and bias where mean and variance are constants."""
    near = _finite(mean, x.dtype)
    _, (_, _, g_mean, gd_mean) = _subtract(x, near, g)
    inv = 1 / np.sqrt(var + eps)
    count = x.size // len(inv)
    grad_weight, grad_bias = (gd_mean - (mean - near) * g_mean) * inv * count, g_mean * count
    grad_input = g * _as(x, weight * inv)
    again = _outside_float32(x, gd_mean, weight * inv)
    if again.any():
        grad_input[:, again], grad_weight[again], grad_bias[again] = evaluate_backward(
            _double(g, again), _double(x, again), mean[again], var[again], weight[again], eps
        )
    return grad_input, grad_weight, grad_bias


# What the four share


def three_axes(x):
    """Return x as a contiguous array of shape (N, C, L), float16 as float32."""
    return np.ascontiguousarray(x, np.promote_types(x.dtype, np.float32)).reshape(*x.shape[:2], -1)


def _near_mean(x):
    """Return a number near the mean of each channel, which the dtype of x holds exactly.

    Sums of ``x - near`` do not lose digits to an offset. The mean of every 16th sample is within 4 standard deviations
    of the mean, whatever the data. Its sum is shifted by the first value, so a constant channel gets its constant.
    """
    first = x[0, :, 0].astype(np.float64)
    _, (rest, _) = _subtract(x[::16], first)
    return _finite(first + rest, x.dtype)


def _subtract(x, near, g=None):
    """Return d = x - near, (N, C, L), and the means of d, d * d and, given a gradient g, of g and g * d, each (C,).

    A block at a time: it stays in the cache, and the sums within it are short.
    """
    n, channels, length = x.shape
    d, near = np.empty_like(x), _as(x, near)
    sums = np.zeros((2 if g is None else 4, channels))
    step = min(1024, max(1, 2**18 // (channels * min(length, 1024))))
    for i, j in product(range(0, n, step), range(0, length, 1024)):
        block = np.s_[i : i + step, :, j : j + 1024]
        part = np.subtract(x[block], near, out=d[block])
        sums[:2] += _sum(part), _sum(part, part)
        if g is not None:
            sums[2:] += _sum(g[block]), _sum(g[block], part)
    return d, sums / (n * length)


def _sum(a, b=None):
    """Sum a, or a * b, over samples and positions by matrix products: (n, C, l) -> (C,), in float64.

    Only 32 samples, or 1024 positions of one sample, are added in the dtype of a.
    """
    n, channels, length = a.shape
    if length > 1:
        rows = a @ np.ones(length, a.dtype) if b is None else np.vecdot(a, b)
        return rows.sum(axis=0, dtype=np.float64)
    a = a if b is None else a * b
    most = n - n % 32
    rows = np.ones(32, a.dtype) @ a[:most].reshape(32, -1)
    return rows.reshape(-1, channels).sum(axis=0, dtype=np.float64) + a[most:, :, 0].sum(axis=0, dtype=np.float64)


def _as(x, value):
    """Return a value per channel with the dtype of x and an axis for the positions: (C,) -> (C, 1)."""
    return value.astype(x.dtype)[:, None]


def _finite(mean, dtype):
    """Round to ``dtype``; 0 for what it cannot hold."""
    near = mean.astype(dtype).astype(np.float64)
    return np.where(np.isfinite(near), near, 0.0)


def _outside_float32(x, *values):
    """Say for each channel of a float32 batch whether one of the values is too large or too small to compute with."""
    fits = [(np.abs(v) > 1e-30) & (np.abs(v) < 1e30) for v in values]
    return ~np.all(fits, axis=0) & (x.dtype == np.float32)


def _double(x, channels):
    """Return some channels in float64."""
    return x[:, channels].astype(np.float64)
