"""Searches that are driven from outside: what they ask for, what they take, and several asks at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naslib_archlock.benchmarks.source_oracle import SourceOracle
from naslib_archlock.errors import ConfigError, SearchError
from naslib_archlock.spaces.cells import Cell
from naslib_archlock.spaces.known import DIGITS
from naslib_archlock.strategies.base import Search, SearchSettings
from naslib_archlock.strategies.bayesian import BayesianSearch
from naslib_archlock.strategies.evolution import RegularizedEvolution
from naslib_archlock.strategies.exhaustive import ExhaustiveSearch
from naslib_archlock.strategies.fitness import ExpectedFitness

KINDS = (BayesianSearch, RegularizedEvolution, ExhaustiveSearch)
N_QUERIES = 40
ACCURACY = np.random.default_rng(7).uniform(50, 60, DIGITS.index_size)


class MadeUpRanks(ExpectedFitness):
    """A fitness that also knows source ranks, as searches on ranks want it."""

    def evaluate(self, archs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.of(archs), self.source_ranks(archs)

    def source_ranks(self, archs: np.ndarray) -> np.ndarray:
        return -ACCURACY[DIGITS.index(archs)]

    def source_rank_at(self, pct: float) -> float:
        return float(np.percentile(self.source_ranks(DIGITS.distinct()), pct))


def accuracy(arch: Cell) -> float:
    return float(ACCURACY[DIGITS.index([arch])[0]])


def new_search(kind: type[Search], queries: int = N_QUERIES, seed: int = 0) -> Search:
    fitness = MadeUpRanks(DIGITS, np.random.default_rng(1).standard_normal(len(DIGITS.distinct())))
    oracle = SourceOracle(accuracy, queries)
    return kind(DIGITS, fitness, oracle, SearchSettings(screening=3), np.random.default_rng(seed))


@pytest.mark.parametrize("kind", KINDS)
def test_asking_and_telling_one_by_one_is_stepping(kind):
    by_steps, driven = new_search(kind), new_search(kind)
    for _ in range(10 * N_QUERIES):
        by_steps.step()
    while not driven.is_finished:
        arch = driven.ask()
        told = driven.tell(arch, accuracy(arch))
        assert told == driven.history[-1]
    assert driven.history == by_steps.history
    assert driven.best() == by_steps.best()
    assert driven.state() == by_steps.state()


@settings(max_examples=20)
@given(st.sampled_from(KINDS), st.integers(0, 100), st.integers(1, 30))
def test_several_asks_at_once_stay_within_the_look_ups(kind, seed, at_once):
    """And are different architectures, unless a search wants one again; whatever the order they are told in."""
    search, rng = new_search(kind, seed=seed), np.random.default_rng(seed)
    while not search.is_finished:
        asked = []
        while len(asked) < at_once and not search.is_finished:
            asked.append(search.ask())
        if kind is not RegularizedEvolution:
            assert len(set(asked)) == len(asked)
        for i in rng.permutation(len(asked)):
            search.tell(asked[i], accuracy(asked[i]))
    assert len(search.oracle.known) <= N_QUERIES
    if kind is not ExhaustiveSearch:  # which stops where nothing fitter can be within the budget
        assert len(search.oracle.known) == N_QUERIES
    assert search.is_within_budget(search.best())


@pytest.mark.parametrize("kind", KINDS)
def test_a_finished_search_asks_for_nothing(kind):
    search = new_search(kind, queries=5)
    while not search.is_finished:
        search.step()
    with pytest.raises(SearchError, match="finished: it asked for .* look at is_finished"):
        search.ask()


def test_what_was_not_asked_for_is_not_taken():
    search = new_search(BayesianSearch)
    arch = search.ask()
    with pytest.raises(SearchError, match="was not asked for"):
        search.tell((0,) * 6, 50.0)
    search.tell(arch, 50.0)
    with pytest.raises(SearchError, match="told before"):
        search.tell(arch, 50.0)


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_an_accuracy_is_a_finite_number(value):
    search = new_search(BayesianSearch)
    arch = search.ask()
    with pytest.raises(SearchError, match="finite number is needed"):
        search.tell(arch, value)
    search.tell(arch, 50.0)  # it may be told again


def test_an_architecture_keeps_the_first_accuracy_that_it_was_told():
    oracle = SourceOracle(accuracy, 1)
    assert oracle.record((1,) * 6, 50.0) == 50.0
    assert oracle.record((1,) * 6, 70.0) == 50.0
    with pytest.raises(ConfigError, match="used up"):
        oracle.record((2,) * 6, 50.0)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_asked_for_and_not_told_is_forgotten_with_the_process(kind):
    search = new_search(kind)
    for _ in range(3):
        arch = search.ask()
        search.tell(arch, accuracy(arch))
    search.ask()
    resumed = new_search(kind)
    resumed.restore(search.state())
    assert resumed.history == search.history
    while not resumed.is_finished:
        arch = resumed.ask()
        resumed.tell(arch, accuracy(arch))
    assert 3 < len(resumed.oracle.known) <= N_QUERIES
