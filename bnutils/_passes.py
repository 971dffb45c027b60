"""The arithmetic of batch norm: forward and backward, with batch statistics and with running statistics.

A batch x and a gradient g have the shape (N, C, L): samples, channels, positions. What belongs to a channel has the
shape (C,) and is float64. The batch keeps its dtype (float16: float32), which is fast; channels that do not fit into it
are done again with more room: float32 in float64, float64 times a power of two.
"""

import numpy as np

ROOM = {np.float32: np.float64(1), np.float64: np.float64(2.0**-600)}  # float32 * np.float64 is float64
ONES = {dtype: np.ones(1024, dtype) for dtype in ROOM}


def train(x, weight, bias, eps):
    """Return the output, and the mean and the biased variance of the batch."""
    d, near, rest, var = _centered(x)  # d = x - near, whose mean is rest
    mean = rest if near is None else near + rest
    scale, y = weight / np.sqrt(var + eps), np.empty_like(x) if d is x else d
    for part, d_, scale_, shift_ in _blocks([y, d], scale, bias - rest * scale):
        np.multiply(d_, scale_, out=part)
        part += shift_
    if again := _cramped([x], *((var, scale) if x.dtype.type is np.float32 else (var,))):
        s = ROOM[x.dtype.type]
        y[:, again], m, v = train(x[:, again] * s, weight[again], bias[again], eps * s * s)
        mean[again], var[again] = m / s, v / s / s
    return y, mean, var


def evaluate(x, mean, var, weight, bias, eps):
    """Return the output that the running mean and variance give: a straight line for each channel."""
    std, y = np.sqrt(var + eps), np.empty_like(x)  # x * scale loses no digits to a mean within 4 std of 0
    scale, far = weight / std, np.abs(mean / std)
    near = []
    if not far.item(far.argmax()) <= 4:  # argmax is three times as fast as max, and finds nan
        near = [np.nan_to_num((mean * (far > 4)).astype(x.dtype), posinf=0, neginf=0)]
    rest = mean - near[0] if near else mean
    for part, x_, scale_, shift_, *near_ in _blocks([y, x], scale, bias - rest * scale, *near):
        np.multiply(np.subtract(x_, *near_, out=part) if near else x_, scale_, out=part)
        part += shift_
    if x.dtype.type is np.float32 and (again := _cramped([x], scale)):
        y[:, again] = evaluate(x[:, again].astype("d"), mean[again], var[again], weight[again], bias[again], eps)
    return y


def train_backward(g, x, weight, eps):
    """Return the gradients by input, weight and bias in training mode."""
    d, _, rest, var, grad_bias, gd_sum = _centered(x, g)
    inv, count = 1.0 / np.sqrt(var + eps), x.size / len(var)
    grad_weight = (gd_sum - rest * grad_bias) * inv  # the sum of g * x̂, where x̂ = (d - rest) * inv
    slope = grad_weight * inv / count
    shift = grad_bias / count - rest * slope
    grad_input = np.empty_like(x) if d is x else d  # weight * inv * (g - (d * slope + shift))
    for part, d_, g_, slope_, shift_, scale_ in _blocks([grad_input, d, g], slope, shift, weight * inv):
        np.multiply(d_, slope_, out=part)
        part += shift_
        np.subtract(g_, part, out=part)
        part *= scale_
    if again := _cramped([x, g], *((var * var, slope) if x.dtype.type is np.float32 else (var, gd_sum))):  # g * d fits
        s = ROOM[x.dtype.type]  # of both x and g: it leaves grad_input as it is
        grad_input[:, again], w, b = train_backward(g[:, again] * s, x[:, again] * s, weight[again], eps * s * s)
        grad_weight[again], grad_bias[again] = w / s, b / s
    return grad_input, grad_weight, grad_bias


def evaluate_backward(g, x, mean, var, weight, eps):
    """Return the gradients by input, weight and bias where mean and variance are constants."""
    near, inv = np.nan_to_num(mean.astype(x.dtype), posinf=0, neginf=0), 1.0 / np.sqrt(var + eps)
    _, _, grad_bias, gd_sum = _sums(x - near[:, None], g)
    grad_weight, scale = (gd_sum - (mean - near) * grad_bias) * inv, weight * inv
    grad_input = g * scale.astype(g.dtype)[:, None]
    if x.dtype.type is np.float32 and (again := _cramped([x, g], gd_sum, scale)):
        parts = *(a[:, again].astype("d") for a in (g, x)), mean[again], var[again], weight[again]
        grad_input[:, again], grad_weight[again], grad_bias[again] = evaluate_backward(*parts, eps)
    return grad_input, grad_weight, grad_bias


def three_axes(x, dtype):
    """Return x as a contiguous array of shape (N, C, L) and that dtype, but float16 as float32."""
    x = np.ascontiguousarray(x, np.float32 if dtype.type is np.float16 else dtype)
    return x[..., None] if x.ndim == 2 else x.reshape(*x.shape[:2], np.prod(x.shape[2:], dtype=int))


def _centered(x, g=None):
    """Return d = x - near, near, the mean of d, its biased variance and, given a gradient g, the sums of g and g * d.

    They lose no digits where the mean of d is within 2 standard deviations of 0. If that of x is, near is None: d is x.
    If not, it is the mean of every 16th sample, within 4 whatever the data; shifted by the first: exact for constants.
    """
    near = _centered(x[: len(x) // 32])[1] if len(x) // 32 * x.shape[2] >= 64 else None  # a glance may save a pass
    for _ in range(2):
        d = x if near is None else x - near[:, None]
        total, squares, *of_g = _sums(d, g)
        rest, square = total / (count := x.size / x.shape[1]), squares / count
        share = (rest2 := rest * rest) / square  # 4 / 5: the mean square is mean**2 + var
        if share.item(share.argmax()) <= 0.8 or not (far := share > 0.8).any():
            break
        mean = x[0, :, 0] + (x[::16] - x[:1, :, :1]).mean(axis=(0, 2))
        near = np.where(far & np.isfinite(mean), mean, 0 if near is None else near).astype(x.dtype)
    return d, near, rest, square - rest2, *of_g


def _sums(d, g=None):
    """Return the sums of d, d * d and, given a gradient g, of g and g * d: (N, C, L) -> (C,) each, in float64.

    Only 128 samples, or 1024 positions of one sample, are added in the dtype of d.
    """
    channels, length, totals = *d.shape[1:], []
    for parts in _blocks([d] if g is None else [d, g]):
        ones = ONES[d.dtype.type][: min(len(parts[0]), 128) if length == 1 else parts[0].shape[2]]
        if length > 1:
            sums = [a for part in parts for a in (part @ ones, np.vecdot(part, parts[0]))]
        else:  # BLAS adds rows fast
            rows = [part.reshape(len(ones), -1) for part in parts]
            sums = [ones.dot(a) for row in rows for a in (row, row * rows[0])]
        sums = [a.astype(np.float64) for a in sums]
        if sums[0].shape != (channels,):
            sums = [np.add.reduce(a.reshape(-1, channels), axis=0) for a in sums]
        totals = [a + b for a, b in zip(totals, sums, strict=True)] if totals else sums
    return totals or [np.zeros(channels)] * 4


def _blocks(arrays, *values):
    """Yield the arrays block by block, each with the values per channel in their dtype, ready to compute with.

    A block stays in the cache; it has a multiple of k samples, or the rest. NumPy broadcasts slowly over short rows:
    where there are many, the values are repeated, and k samples lie side by side: (n, k, C, l).
    """
    n, channels, length = arrays[0].shape
    values = [value.astype(arrays[0].dtype)[None, :, None] for value in values]
    if length == 1 and 0 < n <= 128 and n * channels <= 2**17:  # one block
        yield *arrays, *values
        return
    width = min(length, 1024) or 1
    k = 128 if not values and length == 1 else min(n, 2**13 // (channels * width)) or 1 if values and n > 256 else 1
    step, whole = 2**17 // (channels * width * k) * k or k, n - n % k
    values = [value.repeat(width, axis=2).repeat(k, axis=0) for value in values]
    for i in [*range(0, whole, step), *[whole] * (whole < n)]:
        stop = min(i + step, whole) if i < whole else n
        for j in range(0, length, width):
            parts = [a[i:stop, :, j : j + width] for a in arrays]
            if values and k > 1:
                parts = [part.reshape(-1, min(k, stop - i), channels, part.shape[2]) for part in parts]
            yield *parts, *[value[: stop - i, :, : length - j] for value in values]


def _cramped(arrays, *values):
    """Return the channels that have to be done again with more room, because one of the values does not fit."""
    values, single = [np.abs(v) for v in values], arrays[0].dtype.type is np.float32
    if all(v.item(v.argmin()) > 1e-30 and v.item(v.argmax()) < 1e30 for v in values):
        return []
    fits = [(v > 1e-30) & (v < 1e30) if single else np.isfinite(v) for v in values]
    channels = np.flatnonzero(~np.all(fits, axis=0)).tolist()
    return [c for c in channels if single or all(np.isfinite(a[:, c]).all() for a in arrays)]  # not what was nan or inf
