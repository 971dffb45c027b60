"""The checks at the door of ``functional`` and ``layers``: what is refused, and in which words."""

import sys
import warnings
from math import isfinite, ulp

import numpy as np

FLOATS = {np.dtype(name) for name in ("float16", "float32", "float64")}


def number(name, value, meaning, least, most):
    """Return ``value`` as a float if it is a real number from ``least`` to ``most``; ``meaning`` says this in words."""
    real = float(value) if isinstance(value, np.floating) else value
    if isinstance(real, bool) or not isinstance(real, (int, float, np.integer)):
        raise TypeError(f"{name} must be {meaning}, got {value!r} of type {type(value).__name__}")
    if not least <= real <= most:  # refuses nan too: every comparison with it is false
        raise ValueError(f"{name} must be {meaning}, got {value!r}")
    return float(real)


def eps(value, training):
    """Return eps as a float > 0; as in torch, evaluation mode takes 0 too."""
    least, words = (ulp(0.0), "> 0 in training") if training else (0.0, ">= 0")
    return number("eps", value, f"a finite number {words}", least, sys.float_info.max)


def momentum(value):
    """Return momentum as a float in [0, 1]."""
    return number("momentum", value, "a number in [0, 1]", 0.0, 1.0)


def flag(name, value):
    """Return ``value`` as a bool; 0, 1 and None are not flags."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def positive_int(name, value):
    """Return ``value`` as an int > 0."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be a positive int, got {value!r} of type {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{name} must be a positive int, got {value!r}")
    return int(value)


def real_array(name, value):
    """Return ``value`` as an ndarray of float16, float32 or float64; integers become float64."""
    if type(value) is np.ndarray and value.dtype in FLOATS:
        return value  # nearly always
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be a masked array, got one: the values under the mask would count")
    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{name} must be an array: {error}") from None
    native = np.dtype(np.float64) if array.dtype.kind in "iu" else array.dtype.newbyteorder("=")
    if native not in FLOATS:
        raise TypeError(f"{name} must be float16, float32, float64 or integer, got dtype {array.dtype}")
    return array.astype(native, copy=False)


def batch(name, value, least):
    """Return ``value`` as a real array of shape (N, C) or (N, C, *), with 0, 1 or 2 values per channel at least."""
    array = real_array(name, value)
    if array.ndim < 2:
        raise ValueError(f"{name} must have shape (N, C) or (N, C, *), got shape {array.shape}")
    if array.size == 0 and (least > 0 or array.shape[1] == 0):
        raise ValueError(f"{name} must not be empty, got shape {array.shape}")
    if least > 1 and array.size == array.shape[1]:
        raise ValueError(f"{name} must have at least 2 values per channel in training, got shape {array.shape}")
    return array


def per_channel(name, value, channels, default=None):
    """Return a float64 copy of ``value``, shape (C,), or ``default`` for each channel where it is None."""
    array = np.full(channels, default) if value is None else real_array(name, value)
    if array.shape != (channels,):
        raise ValueError(f"{name} must have shape ({channels},), one value per channel, got shape {array.shape}")
    return array.astype(np.float64)


def variance(name, value):
    """Return ``value`` if none of it is negative; nan may pass, an earlier batch can have left it there."""
    if value.size and not value.item(value.argmin()) >= 0 and (value < 0).any():  # argmin is fast, and finds nan first
        raise ValueError(f"{name} must not be negative, got {value.min()}")
    return value


def running(mean, var, channels, training, eps, others=None):
    """Return float64 copies of the running arrays, or (None, None) for a training call without them."""
    if training and mean is None and var is None:
        return None, None
    if mean is None or var is None:
        when = "when the other running array is" if training else "in evaluation mode"
        raise ValueError(f"running_{'mean' if mean is None else 'var'} must be given {when}, got None")
    copies = per_channel("running_mean", mean, channels), per_channel("running_var", var, channels)
    variance("running_var", copies[1])
    if eps == 0 and not copies[1].all():  # in evaluation mode
        raise ValueError(f"eps must be > 0 where running_var is 0, got {eps} and running_var {copies[1]}")
    no_overlap("running_mean", mean, {"running_var": var})
    if training:
        updatable(mean, var, others)
    return copies


def updatable(mean, var, others):
    """Refuse running arrays that training cannot update in place, or not without changing the ``others``."""
    for name, array in (("running_mean", mean), ("running_var", var)):
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
            kind = f"dtype {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
            raise TypeError(f"{name} must be an ndarray of floats, training updates it in place, got {kind}")
        if not array.flags.writeable:
            raise ValueError(f"{name} must be writeable, training updates it in place, got a read-only array")
        no_overlap(name, array, others)


def fits(name, result, *causes):
    """Warn of channels whose result is too large for its dtype: not finite, though its causes are."""
    if isfinite(result.dot(result)):  # nearly always, and fast
        return
    expected = [~np.isfinite(cause if cause.ndim == 1 else np.abs(cause).max(axis=(0, 2))) for cause in causes]
    if channels := np.flatnonzero(~np.any([np.isfinite(result), *expected], axis=0)).tolist():
        warnings.warn(f"{name} is too large for {result.dtype} in channels {channels}", RuntimeWarning, stacklevel=3)


def no_overlap(name, array, others):
    """Refuse an array that lies in the memory of another one; two that own their memory are apart."""
    for other, value in others.items():
        both = isinstance(array, np.ndarray) and isinstance(value, np.ndarray)
        apart = both and array.flags.owndata and value.flags.owndata and array is not value
        if both and not apart and np.shares_memory(array, value):
            raise ValueError(f"{name} and {other} must not overlap in memory, got arrays that do")
