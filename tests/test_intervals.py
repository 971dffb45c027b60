"""The interval of a mean is Student's; a rate at the end of its grid is named as such."""

import math

import numpy as np
import pytest

from bnutils.intervals import T95, mean_interval, name_rate


def share_within(t, degrees):
    """Return how much of Student's distribution lies between -t and t, by summing its density."""
    x = (np.arange(400_000) + 0.5) * (t / 400_000)
    norm = math.exp(math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)) / math.sqrt(degrees * math.pi)
    return 2 * norm * np.sum((1 + x**2 / degrees) ** (-(degrees + 1) / 2)) * (t / 400_000)


@pytest.mark.parametrize("degrees", range(1, len(T95) + 1))
def test_quantile_leaves_five_percent_outside(degrees):
    assert share_within(T95[degrees - 1], degrees) == pytest.approx(0.95, abs=6e-5)  # three digits of t


def test_interval_of_normal_values_holds_their_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    runs = [mean_interval(rng.normal(3.0, 2.0, 6)) for _ in range(4000)]
    assert np.mean([abs(mean - 3) < half for mean, half in runs]) == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize("values", [[1.0], [[1.0, 2.0]], np.zeros(32), [1.0, math.nan]])
def test_what_has_no_interval_is_refused(values):
    with pytest.raises(ValueError, match="values must"):
        mean_interval(values)


def test_rate_at_either_end_of_its_grid_has_a_star_and_a_foreign_one_is_refused():
    assert [name_rate(rate, (0.1, 0.3, 1)) for rate in (0.1, 0.3, 1)] == ["0.1*", "0.3", "1*"]
    with pytest.raises(ValueError, match=r"rate must be one of \[0.1, 0.3\], got 3"):
        name_rate(3, [0.3, 0.1])
