"""Rank percentiles: the position of an architecture among all of its space."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from naslib_archlock.benchmarks.lock_score import LockScale
from naslib_archlock.benchmarks.rank_percentiles import fall_pct, rank_percentiles
from naslib_archlock.benchmarks.table import find_table, read_table
from naslib_archlock.spaces.known import NASBENCH201


def test_the_worst_has_0_and_the_best_100():
    assert rank_percentiles(np.array([3.0, -1.0, 7.0, 5.0, 4.0])).tolist() == [25, 0, 100, 75, 50]


def test_equal_figures_share_the_mean_of_their_positions():
    assert rank_percentiles(np.array([1.0, 2.0, 2.0, 2.0, 9.0])).tolist() == [0, 50, 50, 50, 100]
    assert rank_percentiles(np.full(4, 3.0)).tolist() == [50] * 4


def test_alone_in_a_space_is_best():
    assert rank_percentiles(np.array([3.0])).tolist() == [100]


@given(st.lists(st.integers(-5, 5), min_size=2, max_size=40))
def test_they_are_the_ranks_of_scipy(figures):
    expected = 100 * (rankdata(figures) - 1) / (len(figures) - 1)
    np.testing.assert_allclose(rank_percentiles(np.array(figures, dtype=float)), expected)


@pytest.mark.parametrize(("percentile", "reference", "fall"), [(40, 80, 50), (90, 80, -12.5), (0, 50, 100)])
def test_a_fall_is_in_percent_of_the_reference(percentile, reference, fall):
    assert fall_pct(percentile, reference) == fall


def test_a_fall_from_0_has_no_percentage():
    assert fall_pct(3.0, 0.0) is None


def test_the_limit_on_the_real_tables(shared_data):
    """A budget of 2% leaves no architecture of NAS-Bench-201 that is worse than this on a target, in the mean."""
    benchmark = read_table(find_table(shared_data, NASBENCH201), NASBENCH201)
    pairs = itertools.permutations(("cifar10", "cifar100", "ImageNet16-120"), 2)
    limits = [LockScale(benchmark, *pair, 2.0).limit_percentile for pair in pairs]
    assert np.mean(limits) == pytest.approx(83.8, abs=0.05)
