"""The arithmetic of batch norm: forward and backward, with batch statistics and with running statistics.

A batch x and a gradient g have the shape (N, C, L): samples, channels, positions. What belongs to a channel has the
shape (C,) and is float64. The batch keeps its dtype (float16: float32), which is fast; channels whose products do not
fit into it are done again with more room: float32 in float64, float64 times a power of two, which the result is free of.
"""

from math import prod

import numpy as np

ROOM = {np.float32: np.float64(1), np.float64: np.float64(2.0**-600)}  # float32 * np.float64 is float64


def train(x, weight, bias, eps):
    """Return the output, and the mean and the biased variance of the batch."""
    near = _near_mean(x)
    rest, square = _sums(x, near) / (x.size // len(near))  # of x - near
    mean, var = near + rest, square - rest * rest  # biased
    y = evaluate(x, mean, var, weight, bias, eps)
    if (again := _cramped(var, x)) is not None:
        s = ROOM[x.dtype.type]
        y[:, again], m, v = train(x[:, again] * s, weight[again], bias[again], eps * s * s)
        mean[again], var[again] = m / s, v / s / s
    return y, mean, var


def evaluate(x, mean, var, weight, bias, eps):
    """Return the output that the running mean and variance give: a straight line for each channel."""
    near = _finite(mean.astype(x.dtype))
    scale = weight / np.sqrt(var + eps)
    y = np.empty_like(x)
    for block, near_, scale_, shift_ in _blocks(x, near, scale, bias - (mean - near) * scale):
        part = np.subtract(x[block], near_, out=y[block])
        part *= scale_
        part += shift_
    if x.dtype == np.float32 and (again := _cramped(scale, x)) is not None:
        y[:, again] = evaluate(_double(x, again), mean[again], var[again], weight[again], bias[again], eps)
    return y


def train_backward(g, x, weight, eps):
    """Return the gradients by input, weight and bias in training mode."""
    near = _near_mean(x)
    count = x.size // len(near)
    rest, square, g_mean, gd_mean = _sums(x, near, g) / count
    var = square - rest * rest  # biased
    inv = 1 / np.sqrt(var + eps)
    gx_mean = (gd_mean - rest * g_mean) * inv  # the mean of g * x̂, where x̂ = (x - near - rest) * inv
    grad_weight, grad_bias = gx_mean * count, g_mean * count
    slope = inv * gx_mean
    grad_input = np.empty_like(x)  # weight * inv * (g - g_mean - x̂ * gx_mean)
    for block, near_, slope_, shift_, scale_ in _blocks(x, near, slope, g_mean - rest * slope, weight * inv):
        part = np.subtract(x[block], near_, out=grad_input[block])
        part *= slope_
        part += shift_
        np.subtract(g[block], part, out=part)
        part *= scale_
    if (again := _cramped((var * var, slope) if x.dtype == np.float32 else (var, gd_mean), x, g)) is not None:
        s = ROOM[x.dtype.type]  # of both: grad_input does not change
        grad_input[:, again], w, b = train_backward(g[:, again] * s, x[:, again] * s, weight[again], eps * s * s)
        grad_weight[again], grad_bias[again] = w / s, b / s
    return grad_input, grad_weight, grad_bias


def evaluate_backward(g, x, mean, var, weight, eps):
    """Return the gradients by input, weight and bias where mean and variance are constants."""
    near = _finite(mean.astype(x.dtype))
    _, _, grad_bias, gd = _sums(x, near, g)
    inv = 1 / np.sqrt(var + eps)
    scale, grad_weight = weight * inv, (gd - (mean - near) * grad_bias) * inv
    grad_input = np.empty_like(g)
    for block, scale_ in _blocks(g, scale):
        np.multiply(g[block], scale_, out=grad_input[block])
    if x.dtype == np.float32 and (again := _cramped((gd, scale), x)) is not None:
        grad_input[:, again], grad_weight[again], grad_bias[again] = evaluate_backward(
            _double(g, again), _double(x, again), mean[again], var[again], weight[again], eps
        )
    return grad_input, grad_weight, grad_bias


# What the four share


def three_axes(x):
    """Return x as a contiguous array of shape (N, C, L), float16 as float32."""
    dtype = np.float64 if x.dtype == np.float64 else np.float32
    return np.ascontiguousarray(x, dtype).reshape(*x.shape[:2], prod(x.shape[2:]))


def _near_mean(x):
    """Return a number near the mean of each channel, in the dtype of x.

    Sums of ``x - near`` do not lose digits to an offset. The mean of every 16th sample is within 4 standard deviations
    of the mean, whatever the data. Its sum is shifted by the first value, so a constant channel gets its constant.
    """
    d = x[::16] - x[:1, :, :1]
    return _finite(x[0, :, 0] + np.add.reduce(d, axis=(0, 2)) / (d.size // d.shape[1]))


def _sums(x, near, g=None):
    """Return the sums of d = x - near and of d * d and, given a gradient g, of g and of g * d: (2, C) or (4, C)."""
    sums = np.zeros((2 if g is None else 4, x.shape[1]))
    for block, near_ in _blocks(x, near):
        part = x[block] - near_
        sums[0] += _sum(part)
        sums[1] += _sum(part, part)
        if g is not None:
            sums[2] += _sum(g[block])
            sums[3] += _sum(g[block], part)
    return sums


def _blocks(x, *values):
    """Yield slices of x, each with the values per channel in the dtype of x, ready to compute with.

    A block stays in the cache from the first step to the last. NumPy broadcasts slowly, so the values are repeated to
    the shape of a block, if there is more than one.
    """
    n, channels, length = x.shape
    width = min(length, 1024)
    step = 2**16 // (channels * width or 1) or 1
    values = [value.astype(x.dtype)[None, :, None] for value in values]  # (1, C, 1)
    if n > step or length > width:
        values = [value.repeat(width, axis=2).repeat(step, axis=0) for value in values]
    for i in range(0, n, step):
        for j in range(0, length, width):
            yield np.s_[i : i + step, :, j : j + width], *[value[: n - i, :, : length - j] for value in values]


def _sum(a, b=None):
    """Sum a, or a * b, over samples and positions: (n, C, l) -> (C,), in float64.

    Only 32 samples, or 1024 positions of one sample, are added in the dtype of a.
    """
    n, channels, length = a.shape
    if length > 1:
        rows = a @ np.ones(length, a.dtype) if b is None else np.vecdot(a, b)
        return rows.sum(axis=0, dtype=np.float64)
    k = min(n, 32)
    most = n - n % k
    tall = a[:most].reshape(k, -1)
    rows = np.ones(k, a.dtype) @ tall if b is None else np.einsum("ij,ij->j", tall, b[:most].reshape(k, -1))
    total = np.add.reduce(rows.reshape(-1, channels), axis=0, dtype=np.float64)
    return total if most == n else total + _sum(a[most:], b if b is None else b[most:])


def _finite(near):
    """Return the array with 0 in the place of nan and inf."""
    near[~np.isfinite(near)] = 0
    return near


def _cramped(values, *arrays):
    """Return the channels in which a value says that there is not enough room, or None if there is enough in all."""
    values = np.abs(values)
    if arrays[0].dtype == np.float32:
        fits = (values > 1e-30) & (values < 1e30)
    else:
        fits = np.isfinite(values)
    if np.count_nonzero(fits) == fits.size:
        return None
    again = ~fits.reshape(-1, fits.shape[-1]).all(axis=0)
    if arrays[0].dtype == np.float64:
        for a in arrays:
            again[again] = np.isfinite(a[:, again]).all(axis=(0, 2))
    return again if again.any() else None


def _double(x, channels):
    """Return some channels in float64."""
    return x[:, channels].astype(np.float64)
