"""Student's interval, compared with SciPy's and computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from naslib_archlock.compute.intervals import half_width


@pytest.mark.parametrize("n", [2, 3, 10, 100])
def test_it_is_the_interval_of_scipy(n):
    values = np.random.default_rng(n).normal(5, 2, n)
    low, high = stats.t.interval(0.95, n - 1, values.mean(), stats.sem(values))
    assert values.mean() - half_width(values) == pytest.approx(low)
    assert values.mean() + half_width(values.tolist()) == pytest.approx(high)


def test_two_values_by_hand():
    """The standard error of 0 and 2 is 1, and 97.5% of a t with one degree of freedom lie below 12.706."""
    assert half_width([0.0, 2.0]) == pytest.approx(12.706, abs=1e-3)


def test_equal_values_have_no_width():
    assert half_width([4.0, 4.0, 4.0]) == 0.0


@pytest.mark.parametrize("values", [[], [4.0], [1.0, float("nan")]])
def test_too_little_to_say(values):
    assert math.isnan(half_width(values))
