"""What repeated runs say: an interval for their mean, and whether a chosen rate lies at the end of its grid."""

import math

import numpy as np

# Student's t, two-sided 95 %, for 1 to 30 degrees of freedom; `tests/test_intervals.py` computes them anew
T95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
T95 += (2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042)


def mean_interval(values):
    """Return the mean of some runs, or of the differences of some pairs of runs, and what to add and subtract.

    Parameters
    ----------
    values : array, shape (n,), 2 <= n <= 31
        One number for each seed, in any unit.

    Returns
    -------
    mean, half : float
        ``mean - half`` to ``mean + half`` holds the true mean with 95 % confidence, if the values are about normal:
        ``half`` is the t quantile of n - 1 degrees of freedom times the standard error.

    Raises
    ------
    ValueError
        For another shape, another n, or a value that is not finite.

    Source: Student (1908), The probable error of a mean, Biometrika 6.

    >>> mean, half = mean_interval([1.0, 2.0, 3.0])
    >>> round(mean, 2), round(half, 2)  # 4.303 * 1 / sqrt(3)
    (2.0, 2.48)
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or not 2 <= len(values) <= len(T95) + 1:
        raise ValueError(f"values must have shape (n,) with 2 <= n <= {len(T95) + 1}, got shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"values must be finite, got {values}")
    error = values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean()), float(T95[len(values) - 2] * error)


def name_rate(rate, grid):
    """Return a chosen learning rate as text, with a star where it is the smallest or the largest that was tried.

    Parameters
    ----------
    rate : float
        One of the grid.
    grid : iterable of float
        The rates among which it was chosen.

    Raises
    ------
    ValueError
        If the rate is not in the grid.

    >>> name_rate(0.1, [0.03, 0.1, 0.3]), name_rate(0.3, [0.03, 0.1, 0.3])
    ('0.1', '0.3*')
    """
    grid = sorted(grid)
    if rate not in grid:
        raise ValueError(f"rate must be one of {grid}, got {rate!r}")
    return f"{rate:g}" + ("*" if rate in (grid[0], grid[-1]) else "")
