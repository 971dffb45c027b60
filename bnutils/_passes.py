"""The arithmetic of batch norm: forward and backward, with batch statistics and with running statistics.

A batch x and a gradient g have the shape (N, C, L): samples, channels, positions. What belongs to a channel has the
shape (C,) and is float64. The batch keeps its dtype (float16: float32), which is fast; channels that do not fit into it
are done again with more room: float32 in float64, float64 times a power of two.
"""

from math import prod

import numpy as np

ROOM = {np.float32: np.float64(1), np.float64: np.float64(2.0**-600)}  # float32 * np.float64 is float64


def train(x, weight, bias, eps):
    """Return the output, and the mean and the biased variance of the batch."""
    near = _near_mean(x)
    y, (rest, square) = _subtract(x, near)  # y = x - near, whose mean is rest
    mean, var = near + rest, square - rest**2  # biased
    scale = weight / np.sqrt(var + eps)
    for part, scale_, shift_ in _blocks([y], scale, bias - rest * scale):
        part *= scale_
        part += shift_
    if again := _cramped([x], *((var, scale) if x.dtype == np.float32 else (var,))):
        s = ROOM[x.dtype.type]
        y[:, again], m, v = train(x[:, again] * s, weight[again], bias[again], eps * s * s)
        mean[again], var[again] = m / s, v / s / s
    return y, mean, var


def evaluate(x, mean, var, weight, bias, eps):
    """Return the output that the running mean and variance give: a straight line for each channel."""
    near, scale, y = _finite(mean.astype(x.dtype)), weight / np.sqrt(var + eps), np.empty_like(x)
    for part, x_, near_, scale_, shift_ in _blocks([y, x], near, scale, bias - (mean - near) * scale):
        np.subtract(x_, near_, out=part)
        part *= scale_
        part += shift_
    if x.dtype == np.float32 and (again := _cramped([x], scale)):
        y[:, again] = evaluate(x[:, again].astype("d"), mean[again], var[again], weight[again], bias[again], eps)
    return y


def train_backward(g, x, weight, eps):
    """Return the gradients by input, weight and bias in training mode."""
    d, (rest, square, g_mean, gd_mean) = _subtract(x, _near_mean(x), g)
    var = square - rest**2  # biased
    inv = 1 / np.sqrt(var + eps)
    gx_mean = (gd_mean - rest * g_mean) * inv  # the mean of g * x̂, where x̂ = (d - rest) * inv
    count = x.size // len(inv)
    grad_weight, grad_bias, slope = gx_mean * count, g_mean * count, gx_mean * inv
    # grad_input = weight * inv * (g - g_mean - x̂ * gx_mean)
    for part, g_, slope_, shift_, scale_ in _blocks([d, g], slope, g_mean - rest * slope, weight * inv):
        part *= slope_
        part += shift_
        np.subtract(g_, part, out=part)
        part *= scale_
    if again := _cramped([x, g], *((var**2, slope) if x.dtype == np.float32 else (var, gd_mean))):  # g * d has to fit
        s = ROOM[x.dtype.type]  # of both x and g: it leaves grad_input as it is
        d[:, again], w, b = train_backward(g[:, again] * s, x[:, again] * s, weight[again], eps * s * s)
        grad_weight[again], grad_bias[again] = w / s, b / s
    return d, grad_weight, grad_bias


def evaluate_backward(g, x, mean, var, weight, eps):
    """Return the gradients by input, weight and bias where mean and variance are constants."""
    near, inv = _finite(mean.astype(x.dtype)), 1 / np.sqrt(var + eps)
    grad_input, (_, _, g_mean, gd_mean) = _subtract(x, near, g)
    scale, count = weight * inv, x.size // len(inv)
    grad_weight, grad_bias = (gd_mean - (mean - near) * g_mean) * inv * count, g_mean * count
    for part, g_, scale_ in _blocks([grad_input, g], scale):
        np.multiply(g_, scale_, out=part)
    if x.dtype == np.float32 and (again := _cramped([x, g], gd_mean, scale)):
        parts = *(a[:, again].astype("d") for a in (g, x)), mean[again], var[again], weight[again]
        grad_input[:, again], grad_weight[again], grad_bias[again] = evaluate_backward(*parts, eps)
    return grad_input, grad_weight, grad_bias


def three_axes(x):
    """Return x as a contiguous array of shape (N, C, L), float16 as float32."""
    return np.ascontiguousarray(x, np.promote_types(x.dtype, "f")).reshape(*x.shape[:2], prod(x.shape[2:]))


def _near_mean(x):
    """Return a number near the mean of each channel, in the dtype of x.

    Sums of ``x - near`` do not lose digits to an offset. The mean of every 16th sample is within 4 standard deviations
    of the mean, whatever the data. Its sum is shifted by the first value, so a constant channel gets its constant.
    """
    d = x[::16] - x[:1, :, :1]
    return _finite(x[0, :, 0] + np.add.reduce(d, axis=(0, 2)) / (d.size // d.shape[1]))


def _subtract(x, near, g=None):
    """Return d = x - near, (N, C, L), and the means of d, d * d and, given a gradient g, of g and g * d, each (C,)."""
    d, sums = np.empty_like(x), np.zeros((2 if g is None else 4, x.shape[1]))
    for part, x_, g_, near_ in _blocks([d, x, d if g is None else g], near):
        np.subtract(x_, near_, out=part)
        for total, pair in zip(sums, [(part,), (part, part), (g_,), (g_, part)], strict=False):
            total += _sum(*pair)
    return d, sums / (x.size // x.shape[1] or 1)


def _blocks(arrays, *values):
    """Yield the arrays block by block, each with the values per channel in their dtype, ready to compute with.

    A block stays in the cache. NumPy broadcasts slowly: the values are repeated to its shape, if there are several.
    """
    n, channels, length = arrays[0].shape
    width = min(length, 1024) or 1
    step = 2**17 // (channels * width) or 1
    values = [value.astype(arrays[0].dtype)[None, :, None] for value in values]  # (1, C, 1)
    if n > step or length > width:
        values = [value.repeat(width, axis=2).repeat(step, axis=0) for value in values]
    for i in range(0, n, step):
        for j in range(0, length, width):
            block = np.s_[i : i + step, :, j : j + width]
            yield *[a[block] for a in arrays], *[value[: n - i, :, : length - j] for value in values]


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
    rows = np.add.reduce(tall, axis=0) if b is None else np.einsum("ij,ij->j", tall, b[:most].reshape(k, -1))
    total = np.add.reduce(rows.reshape(-1, channels), axis=0, dtype=np.float64)
    return total if most == n else total + _sum(a[most:], b if b is None else b[most:])


def _finite(near):
    """Return the array with 0 in the place of nan and inf."""
    near[~np.isfinite(near)] = 0
    return near


def _cramped(arrays, *values):
    """Return the channels that have to be done again with more room, because one of the values does not fit."""
    values, single = np.abs(values), arrays[0].dtype == np.float32
    fits = (values > 1e-30) & (values < 1e30) if single else np.isfinite(values)
    channels = sorted({i % fits.shape[1] for i in np.flatnonzero(~fits).tolist()})
    return [c for c in channels if single or all(np.isfinite(a[:, c]).all() for a in arrays)]  # not what was nan or inf
