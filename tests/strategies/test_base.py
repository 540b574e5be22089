"""What all searches share: asking and telling, several asks at once, look-ups, and the choice within the budget."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import SIGNS, SPACE, World, budgets, run, seeds

from naslib_archlock.benchmarks.source_oracle import SourceOracle
from naslib_archlock.errors import ConfigError, SearchError
from naslib_archlock.spaces.cells import Cell
from naslib_archlock.spaces.known import DIGITS
from naslib_archlock.strategies.base import Evaluated, Search, SearchSettings
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
    if kind is BayesianSearch:  # the exhaustive search stops if nothing fitter can be within the budget
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


# -- the choice, within the source budget ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "budget_pct", "floor"),
    [([90.0, 80.0], 2.0, 88.2), ([90.0, 80.0], 0.0, 90.0), ([-0.5, -0.8], 10.0, -0.55), ([0.4, 0.1], 5.0, 0.38),
     ([0.0, -1.0], 5.0, 0.0)],
)  # fmt: skip
def test_the_floor_by_hand(known, budget_pct, floor):
    search = World(0).search(RegularizedEvolution, 10, source_budget_pct=budget_pct)
    search.oracle.known = dict(zip(map(tuple, SPACE.distinct().tolist()), known))
    assert search.source_floor() == pytest.approx(floor)
    assert search.is_within_budget(Evaluated((0,) * 6, 0.0, 1.0, known[0]))  # the best one always is
    assert search.is_within_budget(Evaluated((0,) * 6, 0.0, 1.0, floor + 1e-9))
    assert not search.is_within_budget(Evaluated((0,) * 6, 0.0, 1.0, floor - 1e-9))
    assert not search.is_within_budget(Evaluated((0,) * 6, 0.0, 1.0, None))


def test_the_choice_by_hand():
    search = World(0).search(RegularizedEvolution, 10, source_budget_pct=10.0)
    cells = [tuple(cell) for cell in SPACE.distinct()[:5].tolist()]
    search.history = [
        Evaluated(cells[0], 1.0, 1.0, 95.0),
        Evaluated(cells[1], 2.0, 1.0, 91.0),  # the fittest within 10% of 100
        Evaluated(cells[2], 9.0, 1.0, 89.0),  # fitter, but outside
        Evaluated(cells[3], -5.0, 1.0, 100.0),
        Evaluated(cells[4], 99.0, 1.0, 50.0),  # the fittest of all, and the furthest outside
    ]
    search.oracle.known = {e.arch: e.source_val for e in search.history}
    assert search.best() == search.history[1]
    order = sorted(search.history, key=search.merit, reverse=True)
    assert [e.arch for e in order] == [cells[1], cells[0], cells[3], cells[2], cells[4]]


def test_the_first_by_hand():
    """Those within the budget by fitness, then the others by source accuracy; equals in the order of the look-ups."""
    search = World(0).search(RegularizedEvolution, 10, source_budget_pct=10.0)
    cells = [tuple(cell) for cell in SPACE.distinct()[:6].tolist()]
    judged = [(0, 1.0, 95.0), (1, 2.0, 100.0), (2, 9.0, 70.0), (1, 2.0, 100.0), (3, 1.0, 91.0), (4, 9.0, 80.0)]
    search.history = [Evaluated(cells[i], fitness, None, val) for i, fitness, val in judged]
    search.oracle.known = {e.arch: e.source_val for e in search.history}
    assert [e.arch for e in search.top(10)] == [cells[i] for i in (1, 0, 3, 4, 2)]
    assert search.top(3) == search.top(10)[:3]
    assert search.top(0) == []
    assert search.top(1) == [search.best()]


@given(seeds, budgets, SIGNS, st.sampled_from([RegularizedEvolution, ExhaustiveSearch]))
def test_the_first_are_distinct_and_in_order_of_merit(seed, budget, sign, kind):
    search = run(World(seed, sign).search(kind, 30, seed=seed, source_budget_pct=budget, screening=2), 30)
    everything = search.top(len(search.history))
    assert {e.arch for e in everything} == {e.arch for e in search.history}
    assert len({e.arch for e in everything}) == len(everything)
    assert all(search.merit(a) >= search.merit(b) for a, b in zip(everything, everything[1:]))
    assert everything[0] == search.best()


@given(seeds, budgets, SIGNS, st.integers(1, 40), st.sampled_from([RegularizedEvolution, ExhaustiveSearch]))
def test_the_choice_is_the_fittest_within_the_budget(seed, budget, sign, queries, kind):
    world = World(seed, sign)
    search = run(world.search(kind, queries, seed=seed, source_budget_pct=budget, screening=3), 30)
    best_seen = max(search.oracle.known.values())
    floor = best_seen - abs(best_seen) * budget / 100
    within = [e for e in search.history if e.source_val is not None and e.source_val >= floor]
    chosen = search.best()
    assert chosen in within
    assert chosen.fitness == max(e.fitness for e in within)
    assert chosen.source_val == world.accuracy(np.array([chosen.arch]))[0]


@given(seeds, st.integers(1, 40), SIGNS, st.sampled_from([RegularizedEvolution, ExhaustiveSearch]))
def test_without_a_budget_the_most_accurate_cell_looked_up_is_chosen(seed, queries, sign, kind):
    """That is scheme S: it gives nothing up."""
    search = run(World(seed, sign).search(kind, queries, seed=seed, source_budget_pct=0.0), 30)
    assert search.best().source_val == max(search.oracle.known.values())


@given(seeds, st.integers(0, 50), st.sampled_from([RegularizedEvolution, ExhaustiveSearch]))
def test_an_architecture_is_looked_up_once_and_never_more_than_allowed(seed, queries, kind):
    world = World(seed)
    search = run(world.search(kind, queries, seed=seed, screening=2), 60)
    assert len(world.asked) == len(set(world.asked)) == search.oracle.queries <= queries
    assert search.oracle.known == {arch: world.look_up(arch) for arch in search.oracle.known}
    if queries == 0:
        assert all(e.source_val is None for e in search.history)


def test_a_state_does_not_change_with_the_search():
    search = run(World(0).search(RegularizedEvolution, 0), 5)
    state = search.state()
    text = json.dumps(state)
    run(search, 5)
    assert json.dumps(state) == text


@pytest.mark.parametrize(
    "settings", [{"population_size": 0}, {"sample_size": 0}, {"screening": 0}, {"source_budget_pct": -1.0}]
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        SearchSettings(**settings)
