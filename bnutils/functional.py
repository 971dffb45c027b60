"""Batch norm as functions of NumPy arrays, with the names and conventions of ``torch.nn.functional``.

Inside, every batch has the shape (N, C, L): samples, channels, positions. What belongs to a channel has the shape (C,) and
is float64. The batch itself stays in its own dtype, float16 in float32; channels that float32 cannot square (values
beyond 1e15 or below 1e-15) are computed once more in float64.
"""

import numpy as np

from bnutils import _checks


def batch_norm(
    input, running_mean=None, running_var=None, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5
):
    x = _checks.batch("input", input, _checks.flag("training", training))
    channels = x.shape[1]
    eps = _checks.eps(eps, training)
    momentum = _checks.momentum(momentum)
    weight_ = _checks.per_channel("weight", weight, channels, default=1.0)
    bias_ = _checks.per_channel("bias", bias, channels, default=0.0)
    mean, var = _checks.running_arrays(running_mean, running_var, channels, training)
    _checks.no_overlap(running_mean=running_mean, running_var=running_var, input=input, weight=weight, bias=bias)

    with np.errstate(all="ignore"):  # nan and inf go through in silence, as in torch
        z = _three_axes(x)
        near, rest, var_ = _statistics(z) if training else (*_split(mean, z.dtype), var)
        scale = weight_ / np.sqrt(var_ + eps)
        y = _affine(z, near, scale, bias_ - rest * scale)
        output = y.reshape(x.shape).astype(x.dtype, copy=False)
        if training and running_mean is not None:
            n = x.size // channels
            running_mean[...] = (1 - momentum) * mean + momentum * (near + rest)
            running_var[...] = (1 - momentum) * var + momentum * var_ * n / (n - 1)  # unbiased
    return output


def batch_norm_backward(grad_output, input, weight=None, running_mean=None, running_var=None, training=True, eps=1e-5):
    x = _checks.batch("input", input, _checks.flag("training", training))
    grad = _checks.batch("grad_output", grad_output)
    if grad.shape != x.shape:
        raise ValueError(f"grad_output must have the shape of input, {x.shape}, got shape {grad.shape}")
    channels = x.shape[1]
    eps = _checks.eps(eps, training)
    weight = _checks.per_channel("weight", weight, channels, default=1.0)
    with np.errstate(all="ignore"):
        z = _three_axes(x)
        g = _three_axes(grad)
        dtype = np.result_type(z, g)
        z, g = z.astype(dtype, copy=False), g.astype(dtype, copy=False)
        if training:
            near, rest, var = _statistics(z)
        else:
            mean, var = _checks.running_arrays(running_mean, running_var, channels, training)
            near, rest = _split(mean, z.dtype)
        dz, grad_weight, grad_bias = _backward(g, z, near, rest, 1 / np.sqrt(var + eps), weight, training)
        return dz.reshape(x.shape).astype(x.dtype, copy=False), grad_weight, grad_bias


def batch_statistics(input):
    x = _checks.batch("input", input)
    with np.errstate(all="ignore"):
        near, rest, var = _statistics(_three_axes(x))
    return near + rest, var


def identity_parameters(mean, var, eps=1e-5):
    mean, var = _checks.real_array("mean", mean), _checks.real_array("var", var)
    if mean.ndim != 1 or mean.shape != var.shape:
        raise ValueError(f"mean and var must both have shape (C,), got {mean.shape} and {var.shape}")
    if (var < 0).any():
        raise ValueError(f"var must not be negative, got {_checks.describe(var)}")
    eps = _checks.eps(eps, training=False)
    return np.sqrt(var.astype(np.float64) + eps), mean.astype(np.float64)


def fold_batch_norm(linear_weight, linear_bias, bn):
    if bn.training or bn.running_mean is None:
        raise ValueError("bn must be in evaluation mode with running statistics: call bn.eval() first")
    w = _checks.real_array("linear_weight", linear_weight).astype(np.float64)
    channels = bn.num_features
    if w.ndim != 2 or w.shape[0] != channels:
        raise ValueError(f"linear_weight must have shape ({channels}, in_features), got shape {w.shape}")
    b = _checks.per_channel("linear_bias", linear_bias, channels, default=0.0)
    weight = _checks.per_channel("weight", bn.weight, channels, default=1.0)
    bias = _checks.per_channel("bias", bn.bias, channels, default=0.0)
    mean, var = _checks.running_arrays(bn.running_mean, bn.running_var, channels, training=False)
    scale = weight / np.sqrt(var + bn.eps)
    return w * scale[:, None], (b - mean) * scale + bias


def _three_axes(x):
    """Return x as a contiguous (N, C, L) array, float16 as float32."""
    dtype = np.promote_types(x.dtype, np.float32)
    return np.ascontiguousarray(x, dtype).reshape(*x.shape[:2], -1)


def _split(mean, dtype):
    """Split a float64 mean into what ``dtype`` holds and the small rest."""
    near = mean.astype(dtype).astype(np.float64)
    near[~np.isfinite(near)] = 0
    return near, mean - near


def _statistics(x):
    """Return near, rest and the biased variance of each channel; the mean is near + rest."""
    first = x[0, :, 0].astype(np.float64)  # shifted by it, a constant channel is exactly 0
    some = _centered(x[::16], first)
    count = x.size // x.shape[1]
    near = first + _sum(some) / (some.size // x.shape[1])
    near, _ = _split(near, x.dtype)
    d = _centered(x, near)
    rest, square = _sum(d) / count, _sum(d, d) / count
    var = square - rest**2
    wide = _beyond_float32(x, var)
    if wide.any():
        near[wide], rest[wide], var[wide] = _statistics(x[:, wide].astype(np.float64))
    return near, rest, var


def _affine(x, near, scale, offset):
    """Return (x - near) * scale + offset."""
    y = _centered(x, near)
    y *= scale[:, None].astype(x.dtype)
    y += offset[:, None].astype(x.dtype)
    wide = _beyond_float32(x, scale)
    if wide.any():
        y[:, wide] = _affine(x[:, wide].astype(np.float64), near[wide], scale[wide], offset[wide])
    return y


def _backward(g, x, near, rest, inv, weight, training):
    count = x.size // x.shape[1]
    d = _centered(x, near)
    grad_bias = _sum(g)
    grad_weight = (_sum(g, d) - rest * grad_bias) * inv
    scale = weight * inv
    if training:
        slope = -scale * inv * grad_weight / count
        offset = -scale * grad_bias / count - rest * slope
        d *= slope[:, None].astype(x.dtype)
        d += offset[:, None].astype(x.dtype)
        d += g * scale[:, None].astype(x.dtype)
    else:
        d = g * scale[:, None].astype(x.dtype)
    wide = _beyond_float32(x, 1 / inv**2) | _beyond_float32(x, _sum(g, g) / count)
    if wide.any():
        d[:, wide], grad_weight[wide], grad_bias[wide] = _backward(
            g[:, wide].astype(np.float64),
            x[:, wide].astype(np.float64),
            near[wide],
            rest[wide],
            inv[wide],
            weight[wide],
            training,
        )
    return d, grad_weight, grad_bias


def _centered(x, near):
    return x - near[:, None].astype(x.dtype)


def _beyond_float32(x, value):
    if x.dtype != np.float32:
        return np.zeros(value.shape, bool)
    return ~((np.abs(value) > 1e-30) & (np.abs(value) < 1e30))


def _sum(a, b=None):
    """Sum a, or a * b, over samples and positions: (N, C, L) -> (C,). Runs of 256 samples in the dtype, these in float64."""
    n, channels, length = a.shape
    total = np.zeros(channels)
    ones = np.ones(length if length > 1 else min(n, 256), a.dtype)
    for i in range(0, n, 256):
        run = a[i : i + 256]
        if length > 1:
            total += np.vecdot(run, ones if b is None else b[i : i + 256]).sum(axis=0, dtype=np.float64)
        else:
            run = run[:, :, 0] if b is None else (run * b[i : i + 256])[:, :, 0]
            total += ones[: len(run)] @ run
    return total
