"""Values to bytes and back, between the grader and the worker: numbers, texts, tuples, arrays. No pickle.

A message is the length of its head, a head of JSON, and the bytes of its arrays. The head names each array's dtype and
shape. What comes from a worker is not trusted: `decode` checks all of it, and makes nothing but plain values.

Source: the dtype strings are those of numpy's array interface, https://numpy.org/doc/stable/reference/arrays.interface.html
"""

import json
import math
import os
import select
import struct
import time

import numpy as np

LARGEST_HEAD, LARGEST_MESSAGE = 2**20, 2**27  # bytes
DTYPES = {np.dtype(code).str for code in ("?", *"bhilqBHILQ", "e", "f", "d")}


class Tensor(np.ndarray):
    """An array that is to arrive as a tensor of torch: ``Tensor(array)``."""

    def __new__(cls, array):
        return np.asarray(array).view(cls)


class Handle(int):
    """The number of an object that stays in the worker."""


class WireError(ValueError):
    """The bytes are no message."""


def encode(value):
    """Return the bytes of a value.

    TypeError if it holds anything but numbers, texts, tuples, dicts and arrays; WireError if it is too large.
    """
    arrays = []

    def plain(value):
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, Handle):
            return {"handle": int(value)}
        if isinstance(value, int | float):  # numpy.float64 is a float
            return {"int": str(int(value))} if isinstance(value, int) else float(value)
        if isinstance(value, np.generic):
            return plain(value.item())
        if isinstance(value, np.ndarray):
            array = np.array(value, order="C", copy=None, subok=False)
            if array.dtype.newbyteorder("=").str not in DTYPES:
                raise TypeError(f"an array of dtype {array.dtype}")
            arrays.append(array.astype(array.dtype.newbyteorder("="), copy=False))
            return {"array": len(arrays) - 1, "tensor": isinstance(value, Tensor)}
        if isinstance(value, tuple | list):
            return [plain(v) for v in value]
        if isinstance(value, dict):
            return {"dict": [[str(k), plain(v)] for k, v in value.items()]}
        raise TypeError(f"a value of type {type(value).__name__}")

    tree = plain(value)
    if (size := sum(a.nbytes for a in arrays)) > LARGEST_MESSAGE:
        raise WireError(f"{size} bytes of arrays are more than {LARGEST_MESSAGE}")
    head = json.dumps({"value": tree, "arrays": [[a.dtype.str, a.shape] for a in arrays]}).encode()
    return b"".join([struct.pack("<I", len(head)), head, *(a.tobytes() for a in arrays)])


def decode(message):
    """Return the value of a message; WireError for any other bytes."""
    try:
        (length,) = struct.unpack_from("<I", message)
        if length > LARGEST_HEAD:
            raise WireError(f"a head of {length} bytes")
        head = json.loads(message[4 : 4 + length])
        arrays, position = [], 4 + length
        for dtype, shape in head["arrays"]:
            if dtype not in DTYPES or not all(type(n) is int and n >= 0 for n in shape):
                raise WireError(f"an array of dtype {dtype!r} and shape {shape!r}")
            count = math.prod(shape)
            array = np.frombuffer(message, dtype, count, position).reshape(shape)
            arrays.append(array.copy())
            position += array.nbytes
        if position != len(message):
            raise WireError("bytes that belong to no array")
        return _value(head["value"], arrays)
    except WireError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, struct.error) as error:
        raise WireError(f"{type(error).__name__}: {error}") from None


def _value(tree, arrays):
    if isinstance(tree, list):
        return tuple(_value(branch, arrays) for branch in tree)
    if not isinstance(tree, dict):
        return tree
    if "array" in tree:
        array = arrays[tree["array"]]
        return Tensor(array) if tree["tensor"] else array
    if "dict" in tree:
        return {key: _value(branch, arrays) for key, branch in tree["dict"]}
    return Handle(tree["handle"]) if "handle" in tree else int(tree["int"])


def send(pipe, value):
    """Write a value to the file descriptor of a pipe."""
    message = encode(value)
    rest = memoryview(struct.pack("<Q", len(message)) + message)
    while rest:
        rest = rest[os.write(pipe, rest) :]


def receive(pipe, seconds=None):
    """Read a value from the file descriptor of a pipe; EOFError at its end, TimeoutError when it takes too long."""
    end = None if seconds is None else time.monotonic() + seconds
    (length,) = struct.unpack("<Q", _read(pipe, 8, end))
    if length > LARGEST_MESSAGE:
        raise WireError(f"a message of {length} bytes")
    return decode(_read(pipe, length, end))


def _read(pipe, count, end):
    parts = []
    while count:
        if end is not None and not select.select([pipe], [], [], max(0.0, end - time.monotonic()))[0]:
            raise TimeoutError
        parts.append(os.read(pipe, min(count, 2**20)))
        if not parts[-1]:
            raise EOFError
        count -= len(parts[-1])
    return b"".join(parts)
