"""The checks at the door of ``functional`` and ``layers``: what is refused, and with which words."""

import math
import sys
from itertools import combinations

import numpy as np

FLOATS = (np.float16, np.float32, np.float64)


def describe(value):
    """Say what was received, short enough for one line."""
    text = repr(value) if np.ndim(value) == 0 else repr(np.asarray(value).tolist())
    return text if len(text) <= 60 else text[:57] + "..."


def number(name, value, meaning, allowed):
    """Return ``value`` as a float; ``allowed(value)`` tells whether it is ``meaning``."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} must be {meaning}, got {value!r} of type {type(value).__name__}")
    if not allowed(value):  # also refuses nan: every comparison with it is false
        raise ValueError(f"{name} must be {meaning}, got {value!r}")
    return float(value)


def eps(value, training):
    """Return eps as a float > 0; as in torch, evaluation mode takes 0 as well."""
    if training:
        return number("eps", value, "a finite number > 0 in training", lambda v: 0 < v <= sys.float_info.max)
    return number("eps", value, "a finite number >= 0", lambda v: 0 <= v <= sys.float_info.max)


def momentum(value):
    """Return momentum as a float in [0, 1]."""
    return number("momentum", value, "a number in [0, 1]", lambda v: 0 <= v <= 1)


def flag(name, value):
    """Return ``value`` as a bool; 0, 1 and None are no flags."""
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
    """Return ``value`` as an ndarray of a native real dtype: float16, float32, float64, or float64 for integers."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be a masked array: batch norm would read the masked values")
    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{name} must be an array: {error}") from None
    if array.dtype.kind in "iu":
        return array.astype(np.float64)
    if array.dtype not in FLOATS:
        raise TypeError(f"{name} must be float16, float32, float64 or integers, got dtype {array.dtype}")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def batch(name, value, training=False):
    """Return a batch of shape (N, C) or (N, C, *) as a real array."""
    array = real_array(name, value)
    if array.ndim < 2:
        raise ValueError(f"{name} must have shape (N, C) or (N, C, *), got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}")
    if training and array.size == array.shape[1]:
        raise ValueError(f"{name} must have at least 2 values per channel in training, got shape {array.shape}")
    return array


def per_channel(name, value, channels, default=None):
    """Return ``value``, or ``default`` in each channel for None, as a float64 array of shape (C,)."""
    if value is None:
        return np.full(channels, default)
    array = real_array(name, value)
    if array.shape != (channels,):
        raise ValueError(f"{name} must have shape ({channels},), one value per channel, got shape {array.shape}")
    return array.astype(np.float64)


def running_arrays(mean, var, channels, training):
    """Check the two running arrays; return float64 copies, or (None, None) when a training call has none."""
    if mean is None and var is None and training:
        return None, None
    for name, array in (("running_mean", mean), ("running_var", var)):
        if array is None:
            where = "together with the other one" if training else "in evaluation mode"
            raise ValueError(f"{name} must be given {where}, got None")
        if training and not isinstance(array, np.ndarray):
            raise TypeError(f"{name} must be an ndarray, to be updated in place, got {type(array).__name__}")
        if training and array.dtype.type not in FLOATS and not isinstance(array, np.ma.MaskedArray):
            raise TypeError(f"{name} must be float16, float32 or float64 to be updated, got dtype {array.dtype}")
    copies = per_channel("running_mean", mean, channels), per_channel("running_var", var, channels)
    if (copies[1] < 0).any():
        raise ValueError(f"running_var must not be negative, got {describe(var)}")
    for name, array in (("running_mean", mean), ("running_var", var)):
        if training and not array.flags.writeable:
            raise ValueError(f"{name} must be writeable, training updates it in place, got a read-only array")
    return copies


def no_overlap(**arrays):
    """Refuse running arrays that lie in the memory of another array: the update would change both."""
    for (name, a), (other, b) in combinations(arrays.items(), 2):
        ours = name.startswith("running") or other.startswith("running")
        if ours and isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.shares_memory(a, b):
            raise ValueError(f"{name} and {other} must not overlap in memory")


def finite_numbers(name, value):
    """Refuse nan and inf where no batch can have made them."""
    if not math.isfinite(np.sum(np.abs(value))):
        raise ValueError(f"{name} must be finite, got {describe(value)}")
    return value
