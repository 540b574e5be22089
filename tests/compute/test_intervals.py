"""Student's interval, compared with SciPy's and computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from naslib_archlock.compute.intervals import (
    accuracy_interval,
    difference_interval,
    difference_within,
    half_width,
    interval_within,
)


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


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (34, 48), (10, 10), (500, 1000)])
def test_an_accuracy_has_the_interval_of_wilson(hits, n):
    wanted = stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert accuracy_interval(100 * hits / n, n) == pytest.approx((100 * wanted.low, 100 * wanted.high), abs=1e-9)


def test_a_difference_by_newcombe():
    """His table of examples (1998, table II, method 10): 56/70 against 48/80."""
    a, b = 5600 / 70, 4800 / 80
    low, high = difference_interval(a, b, accuracy_interval(a, 70), accuracy_interval(b, 80))
    assert (low, high) == pytest.approx((5.24, 33.39), abs=0.01)
    assert difference_interval(b, a, accuracy_interval(b, 80), accuracy_interval(a, 70)) == pytest.approx((-high, -low))


def test_the_interval_of_a_mean_holds_no_impossible_figure():
    for values in ([1.0, 60.0], [99.0, 100.0, 70.0], [0.0, 0.0, 30.0], [-40.0, 99.0]):
        low, high = interval_within(values)
        assert low <= np.mean(values) <= high <= 100
        assert low >= 0 or min(values) < 0
    assert interval_within([50.0, 50.0]) == pytest.approx((50.0, 50.0))
    assert np.isnan(interval_within([50.0])).all()


def test_the_interval_of_a_difference_is_cut_off_where_accuracies_cannot_lie():
    assert difference_within([5.0, 56.0]) == (-100.0, 100.0)
    assert difference_within([90.0, 99.0, 80.0])[1] == 100.0
    values = [1.0, 2.0, 4.0]
    low, high = difference_within(values)
    assert (low + high) / 2 == pytest.approx(np.mean(values))
    assert (high - low) / 2 == pytest.approx(half_width(values))
    assert difference_within([150.0, 10.0])[1] > 150  # of explained variances, which have no lowest value
    assert np.isnan(difference_within([4.0])).all()


def test_far_from_the_ends_it_is_nearly_students():
    values = [49.0, 50.0, 51.0]
    low, high = interval_within(values)
    assert (high - low) / 2 == pytest.approx(half_width(values), rel=0.01)
