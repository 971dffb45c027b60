"""What is asked of an answer, by concept: one module for each assignment.

Each module has CONCEPTS, from the grade_id of a test cell to its checks, and SECONDS where a call may take longer than
most. A check ``check(student, rng)`` draws its inputs from ``rng``, asks the student's code, and raises AssertionError
with one line for the student: what was tried, and what is wrong with the answer. References are torch and autograd in
float64, never `bnutils`.

A check is blind to the mistakes that belong to other concepts, so that one mistake costs the points of one concept.
Most are blind because they compare the student's answer with his own answer to a related question.
"""

import numpy as np

from grading.student import StudentError
from grading.words import say


def close(got, want, what, rtol=1e-5, atol=1e-5):
    """Check that an answer is a float array (or, for a scalar, a number) with the shape and the finite values ``want``.

    The tolerances are those of ``np.allclose``; the default accepts answers of float32 near 1.
    """
    want = np.asarray(want, dtype=np.float64)
    scalar = want.ndim == 0 and type(got) in (int, float)
    assert scalar or type(got) is np.ndarray, say("{0}: expected an array, got {1}", what, kind_of(got))
    got = np.asarray(got)
    assert got.shape == want.shape, say("{0}: expected shape {1}, got shape {2}", what, want.shape, got.shape)
    assert scalar or got.dtype.kind == "f", say("{0}: expected floats, got dtype {1}", what, got.dtype)
    got = got.astype(np.float64)
    assert np.isfinite(got).all(), say("{0}: the answer holds nan or infinity", what)
    off = np.abs(got - want) - rtol * np.abs(want)
    if (off > atol).any():
        at = np.unravel_index(off.argmax(), off.shape)
        values = f"{want[at]:.6g}", f"{got[at]:.6g}"
        if not at:
            raise AssertionError(say("{0}: expected {1}, got {2}", what, *values))
        raise AssertionError(say("{0}: expected {1} at {3}, got {2}", what, *values, [int(i) for i in at]))


def close_to_any(got, wants, what, rtol=1e-5, atol=1e-5):
    """Check that an answer is close to one of several; the message is about the first."""
    try:
        close(got, wants[0], what, rtol, atol)
    except AssertionError:
        for want in wants[1:]:
            try:
                return close(got, want, what, rtol, atol)
            except AssertionError:
                pass
        raise


def has_shape(got, shape, what):
    """Check that an answer is an array of floats; its values are not looked at."""
    close(got, np.zeros(shape), what, atol=np.inf)


def raises(kind, call, what):
    """Check that a call without arguments raises the error of this name, like ``"ValueError"``."""
    try:
        call()
    except StudentError as error:
        if error.type != kind:
            raise AssertionError(say("{0}: expected {1}, got {2}", what, kind, error.args[0])) from None
    else:
        raise AssertionError(say("{0}: expected {1}, got an answer", what, kind))


def unchanged(call, what, **arrays):
    """Check that ``call(**arrays)`` leaves its arrays as they were; what it returns is not looked at."""
    before = {name: array.copy() for name, array in arrays.items()}
    call(**arrays)
    for name, array in arrays.items():
        assert np.array_equal(array, before[name]), say("{0}: the argument {1} has been changed", what, name)


def ask(student, name, *arguments):
    """Call a function of the student with copies of the arrays, so that it cannot change ours."""
    return student.call(name, *map(copied, arguments))


def parts(got, count, what):
    """Check that an answer is a tuple of so many parts, or one array of them, and return it as a tuple."""
    if type(got) is np.ndarray and got.shape[:1] == (count,):
        got = tuple(got)
    if type(got) is not tuple or len(got) != count:
        raise AssertionError(say("{0}: expected {1} arrays, got {2}", what, count, kind_of(got)))
    return got


def flat(array):
    """Return an array of shape (1, D) as one of shape (D,): to keep the axis is one mistake, and costs one concept."""
    return array[0] if type(array) is np.ndarray and array.ndim == 2 and len(array) == 1 else array


def first_that_passes(checks):
    """Run checks without arguments until one passes; what the first has to say counts if none does."""
    said = None
    for check in checks:
        try:
            return check()
        except (AssertionError, StudentError) as error:
            said = said or error
    raise said


def copied(value):
    """Return a copy of an array, and anything else as it is."""
    return value.copy() if isinstance(value, np.ndarray) else value


def kind_of(value):
    """Say what an answer is."""
    if type(value) is tuple:
        return say("{0} values", len(value))
    return "None" if value is None else say("a {0}", type(value).__name__)


def batch(rng, *shape, axis=0):
    """Draw a batch whose features have a random mean, within 20, and a standard deviation from 5 to 20."""
    per_feature = [1 if k in np.atleast_1d(axis) else n for k, n in enumerate(shape)]
    x = rng.standard_normal(shape)
    x = (x - x.mean(axis=axis, keepdims=True)) / x.std(axis=axis, keepdims=True)
    return x * rng.uniform(5, 20, per_feature) + rng.uniform(-20, 20, per_feature)


def checkerboard(rng, *shape):
    """Draw a batch of +s and -s whose mean is 0 and whose standard deviation is s, along every axis; return s, too."""
    s = rng.uniform(2, 4)
    return s, s * (-1.0) ** np.indices(shape).sum(axis=0)
