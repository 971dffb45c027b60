"""Values pass between grader and worker as they are; forged bytes do nothing but raise."""

import json
import os
import struct
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from grading.wire import Handle, Tensor, WireError, decode, encode, receive, send

DTYPES = st.sampled_from(["?", "i1", "i4", "i8", "u1", "u8", "f2", "f4", "f8", ">f8"])
ARRAYS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, min_side=0))
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(PLAIN | ARRAYS, lambda inner: st.lists(inner).map(tuple), max_leaves=6)


def same(a, b):
    if isinstance(a, np.ndarray):
        return (
            a.dtype.newbyteorder("=") == b.dtype and a.shape == b.shape and a.tobytes() == b.astype(a.dtype).tobytes()
        )
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and (a == b or a != a)


@given(VALUES)
def test_values_come_back_as_they_are(value):
    assert same(value, decode(encode(value)))


def test_tensors_handles_and_dicts_keep_their_kind():
    tensor, handle, table = decode(encode((Tensor(np.ones(2)), Handle(3), {"a": np.zeros(1)})))
    assert isinstance(tensor, Tensor)
    assert isinstance(handle, Handle)
    assert handle == 3
    assert list(table) == ["a"]


@pytest.mark.parametrize("value", [object(), np.array([object()]), np.array(["a"]), b"bytes", {1, 2}])
def test_other_values_are_refused(value):
    with pytest.raises(TypeError):
        encode(value)


@given(st.binary(max_size=200))
def test_random_bytes_are_no_message(message):
    with pytest.raises(WireError):
        decode(message)


def message_of(head, data=b""):
    text = json.dumps(head).encode()
    return struct.pack("<I", len(text)) + text + data


@pytest.mark.parametrize(
    "message",
    [
        message_of({"value": {"array": 0, "tensor": False}, "arrays": [["<f8", [10**12]]]}),
        message_of({"value": {"array": 0, "tensor": False}, "arrays": [["<f8", [-1]]]}),
        message_of({"value": {"array": 0, "tensor": False}, "arrays": [["|O", [1]]]}, b"12345678"),
        message_of({"value": {"array": 5, "tensor": False}, "arrays": []}),
        message_of({"value": {"int": "9" * 5000}, "arrays": []}),
        message_of({"value": None, "arrays": []}, b"more"),
        message_of([]),
        struct.pack("<I", 2**31),
        struct.pack("<I", 20_002) + b"[" * 20_000 + b"{}",
    ],
)
def test_forged_messages_are_refused(message):
    with pytest.raises(WireError):
        decode(message)


def test_a_message_that_does_not_come_is_not_waited_for():
    reading, writing = os.pipe()
    with pytest.raises(TimeoutError):
        receive(reading, 0.05)
    os.write(writing, struct.pack("<Q", 2**40))
    with pytest.raises(WireError, match="1099511627776 bytes"):
        receive(reading, 1)
    os.close(writing)
    with pytest.raises(EOFError):
        receive(reading, 1)
    os.close(reading)


def test_large_arrays_pass_a_pipe():
    reading, writing = os.pipe()
    big = np.arange(500_000.0)
    thread = threading.Thread(target=send, args=(writing, big))
    thread.start()
    assert np.array_equal(receive(reading, 30), big)
    thread.join()
    os.close(reading)
    os.close(writing)
