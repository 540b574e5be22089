from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naslib_archlock.benchmarks.source_oracle import SourceOracle
from naslib_archlock.errors import ConfigError
from naslib_archlock.spaces.cell_space import CellSpace
from naslib_archlock.spaces.cells import Cell, cell_index
from naslib_archlock.spaces.known import TRANSBENCH101_MACRO, TRANSBENCH101_MICRO
from naslib_archlock.strategies.base import Evaluated, Search, SearchSettings
from naslib_archlock.strategies.evolution import RegularizedEvolution
from naslib_archlock.strategies.exhaustive import ExhaustiveSearch

SPACE = TRANSBENCH101_MICRO
seeds = st.integers(0, 2**16)
budgets = st.sampled_from([0.0, 0.5, 2.0, 10.0, 100.0])
SIGNS = st.sampled_from([1.0, -1.0])  # the sign of the metric: accuracies, and room_layout's negative loss


class FakeFitness:
    """A fitness and a source rank that are made-up functions of the architecture."""

    def __init__(self, fitness: Callable[[np.ndarray], np.ndarray], source_rank: Callable[[np.ndarray], np.ndarray]):
        self._fitness, self._source_rank = fitness, source_rank

    def evaluate(self, archs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._fitness(archs), self._source_rank(archs)

    def source_ranks(self, archs: np.ndarray) -> np.ndarray:
        return self._source_rank(archs)

    def source_rank_at(self, pct: float) -> float:
        """Here, source ranks are spread over [0, 1]."""
        return pct / 100


class SmallSpace(CellSpace):
    """Some 30 cells of the TransNAS space, few enough for brute force."""

    def distinct(self) -> np.ndarray:
        return SPACE.distinct()[5::29]


SMALL = SmallSpace("small", 4, TRANSBENCH101_MICRO._notation, ())


def numbers_by_cell(seed: int, low: float = 0.0, high: float = 1.0) -> Callable[[np.ndarray], np.ndarray]:
    """A random number for each cell; a seed always gives the same numbers."""
    values = np.random.default_rng(seed).uniform(low, high, 5**6)
    return lambda archs: values[cell_index(archs)]


class World:
    """A made-up setting: fitness, source rank and source accuracy of every cell, and a count of queries."""

    def __init__(self, seed: int, sign: float = 1.0, source_rank_is_true: bool = False) -> None:
        self.fitness = numbers_by_cell(seed)
        self.accuracy = numbers_by_cell(seed + 10**6, *sorted((sign * 40.0, sign * 60.0)))
        rank = (lambda archs: -self.accuracy(archs)) if source_rank_is_true else numbers_by_cell(seed + 2 * 10**6)
        self.fake = FakeFitness(self.fitness, rank)
        self.asked: list[Cell] = []

    def look_up(self, arch: Cell) -> float:
        self.asked.append(arch)
        return float(self.accuracy(np.array([arch]))[0])

    def search(self, kind: type[Search], queries: int, space=SPACE, seed: int = 0, **settings: Any) -> Search:
        oracle = SourceOracle(self.look_up, queries)
        return kind(space, self.fake, oracle, SearchSettings(**settings), np.random.default_rng(seed))


def run(search: Search, steps: int) -> Search:
    for _ in range(steps):
        search.step()
    return search


# -- the source budget -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "budget_pct", "floor"),
    [([90.0, 80.0], 2.0, 88.2), ([90.0, 80.0], 0.0, 90.0), ([-0.5, -0.8], 10.0, -0.55), ([0.4, 0.1], 5.0, 0.38),
     ([0.0, -1.0], 5.0, 0.0)],
)  # fmt: skip
def test_the_floor_by_hand(known, budget_pct, floor):
    search = World(0).search(RegularizedEvolution, 10, source_budget_pct=budget_pct)
    search.oracle.known = dict(zip(map(tuple, SPACE.distinct().tolist()), known))
    assert search.source_floor() == pytest.approx(floor)
    assert search.is_within_budget(Evaluated((0,) * 6, 0.0, 1.0, known[0]))  # the best one is always within
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
    """Cells within the budget come first, by fitness, then the others by source accuracy; ties keep their order."""
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
    """Scheme S does this, because it gives up no source accuracy."""
    search = run(World(seed, sign).search(kind, queries, seed=seed, source_budget_pct=0.0), 30)
    assert search.best().source_val == max(search.oracle.known.values())


# -- look-ups ----------------------------------------------------------------------------------------------------------


@given(seeds, st.integers(0, 50), st.sampled_from([RegularizedEvolution, ExhaustiveSearch]))
def test_an_architecture_is_looked_up_once_and_never_more_than_allowed(seed, queries, kind):
    world = World(seed)
    search = run(world.search(kind, queries, seed=seed, screening=2), 60)
    assert len(world.asked) == len(set(world.asked)) == search.oracle.queries <= queries
    assert search.oracle.known == {arch: world.look_up(arch) for arch in search.oracle.known}
    if queries == 0:
        assert all(e.source_val is None for e in search.history)


def test_evolution_ends_with_its_look_ups():
    world = World(0)
    search = run(world.search(RegularizedEvolution, 12), 100)
    assert search.is_finished
    assert search.oracle.queries == 12
    assert all(e.source_val is not None for e in search.history)
    before = search.state()
    search.step()
    assert search.state() == before


@given(seeds, st.sampled_from([RegularizedEvolution, ExhaustiveSearch]), st.sampled_from([1.0, 10.0, 60.0]))
def test_without_look_ups_the_fittest_of_the_best_by_source_rank_is_chosen(seed, kind, top_pct):
    search = run(World(seed).search(kind, 0, seed=seed, source_top_pct=top_pct, screening=5), 40)
    within = [e for e in search.history if e.source_rank <= top_pct / 100]
    expected = max(within, key=lambda e: e.fitness) if within else min(search.history, key=lambda e: e.source_rank)
    assert search.best() == expected
    assert not search.uses_source_accuracy


def test_an_oracle_answers_nothing_new_once_exhausted():
    oracle = SourceOracle(lambda arch: 1.0 + sum(arch), 1)
    assert oracle.validation_accuracy((1,) * 6) == 7
    assert oracle.validation_accuracy((2,) * 6) is None
    assert oracle.validation_accuracy((1,) * 6) == 7
    assert oracle.queries == 1
    with pytest.raises(ConfigError, match="must not be negative"):
        SourceOracle(lambda arch: 1.0, -1)


# -- exhaustive search -------------------------------------------------------------------------------------------------


@given(seeds, budgets, SIGNS)
def test_exhaustive_search_equals_brute_force(seed, budget, sign):
    """With all queries and a source rank that finds the best cell, it finds the fittest cell within the budget."""
    world = World(seed, sign, source_rank_is_true=True)
    search = world.search(ExhaustiveSearch, len(SMALL.distinct()), SMALL, source_budget_pct=budget)
    search.step()
    archs = SMALL.distinct()
    accuracy = world.accuracy(archs)
    within = accuracy >= accuracy.max() - abs(accuracy.max()) * budget / 100
    expected = archs[within][world.fitness(archs[within]).argmax()]
    assert search.best().arch == tuple(expected.tolist())


@given(seeds, budgets, st.integers(1, 30))
def test_exhaustive_search_looked_at_everything_fitter_that_it_could(seed, budget, queries):
    world = World(seed)
    search = world.search(ExhaustiveSearch, queries, SMALL, source_budget_pct=budget)
    search.step()
    chosen = search.best()
    fitter = SMALL.distinct()[world.fitness(SMALL.distinct()) > chosen.fitness]
    for arch in map(tuple, fitter.tolist()):
        if arch in search.oracle.known:
            assert search.oracle.known[arch] < search.source_floor()
        else:
            assert search.oracle.is_exhausted


def test_exhaustive_search_without_look_ups_takes_the_fittest_of_the_best_by_source_rank():
    world = World(3)
    search = run(world.search(ExhaustiveSearch, 0), 3)
    archs = SPACE.distinct()
    archs = archs[world.fake.evaluate(archs)[1] <= 0.1]
    assert search.best().arch == tuple(archs[world.fitness(archs).argmax()].tolist())
    assert search.is_finished
    assert not world.asked


def test_exhaustive_search_is_over_after_one_step():
    search = run(World(0).search(ExhaustiveSearch, 20), 1)
    before = search.state()
    search.step()
    assert search.state() == before


# -- evolution ---------------------------------------------------------------------------------------------------------


def closeness(arch: Cell) -> Callable[[np.ndarray], np.ndarray]:
    """The number of edges that agree with ``arch``: a fitness that a search can climb."""
    return lambda archs: (np.asarray(archs) == np.array(arch)).sum(axis=1).astype(float)


@pytest.mark.parametrize("seed", range(5))
def test_evolution_climbs_a_known_fitness(seed):
    goal = (3, 2, 3, 2, 3, 2)
    world = World(seed)
    world.fake = FakeFitness(closeness(goal), lambda archs: np.zeros(len(archs)))
    search = run(world.search(RegularizedEvolution, 0, seed=seed, screening=1), 120)
    first, last = search.history[:10], list(search.population)
    assert search.best().fitness > max(e.fitness for e in first)
    assert np.mean([e.fitness for e in last]) > np.mean([e.fitness for e in first]) + 1
    random_cells = np.array(SPACE.sample(120, np.random.default_rng(seed)))
    assert np.mean([e.fitness for e in search.history]) > closeness(goal)(random_cells).mean() + 0.5


@given(seeds, st.sampled_from([SPACE, TRANSBENCH101_MACRO]))
def test_children_are_mutants_of_the_population_and_the_oldest_dies(seed, space):
    search = World(seed).search(RegularizedEvolution, 0, space, seed=seed, population_size=4, screening=2)
    for step in range(15):
        population = list(search.population)
        search.step()
        assert list(search.population) == search.history[-4:]
        if step < 4:
            continue
        child = search.history[-1].arch
        related = [space.representatives(space.neighbours(parent.arch)).tolist() for parent in population]
        assert any(list(child) in mutants for mutants in related)


@given(seeds, SIGNS)
def test_the_winner_of_a_tournament_has_the_child(seed, sign):
    """In a tournament of all members, a member within the budget beats fitter ones outside."""
    world = World(seed, sign)
    search = run(world.search(RegularizedEvolution, 50, seed=seed, population_size=4, sample_size=200, screening=1), 4)
    within = [e for e in search.population if e.source_val >= search.source_floor()]
    winner = max(within, key=lambda e: e.fitness)
    search.step()
    child = search.history[-1].arch
    assert list(child) in SPACE.representatives(SPACE.neighbours(winner.arch)).tolist()


@given(seeds)
def test_newcomers_are_the_best_on_the_source_of_those_screened(seed):
    world = World(seed)
    search = world.search(RegularizedEvolution, 0, seed=seed, screening=8)
    search.step()
    screened = np.array(SPACE.sample(8, np.random.default_rng(seed)))
    assert search.history[0].arch == tuple(screened[world.fake.evaluate(screened)[1].argmin()].tolist())


@given(seeds)
def test_every_architecture_judged_is_a_canonical_representative(seed):
    search = run(World(seed).search(RegularizedEvolution, 0, seed=seed, population_size=3), 20)
    archs = np.array([e.arch for e in search.history])
    np.testing.assert_array_equal(SPACE.representatives(archs), archs)
    assert all(type(code) is int for e in search.history for code in e.arch)


def test_seeds_search_differently_and_each_the_same_again():
    histories = [run(World(0).search(RegularizedEvolution, 20, seed=seed), 20).history for seed in (0, 0, 1)]
    assert histories[0] == histories[1] != histories[2]


@pytest.mark.parametrize(
    "settings", [{"population_size": 0}, {"sample_size": 0}, {"screening": 0}, {"source_budget_pct": -1.0}]
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        SearchSettings(**settings)


# -- interruption ------------------------------------------------------------------------------------------------------


@given(seeds, st.integers(0, 25), st.sampled_from([0, 15, 100]))
def test_a_restored_evolution_goes_on_as_if_never_interrupted(seed, at, queries):
    whole = run(World(seed).search(RegularizedEvolution, queries, seed=seed, population_size=5), 25)
    first = run(World(seed).search(RegularizedEvolution, queries, seed=seed, population_size=5), at)
    saved = json.loads(json.dumps(first.state()))
    world = World(seed)
    second = world.search(RegularizedEvolution, queries, seed=seed + 1, population_size=5)
    second.restore(saved)
    assert second.history == first.history
    run(second, 25 - at)
    assert second.history == whole.history
    assert list(second.population) == list(whole.population)
    assert second.oracle.known == whole.oracle.known
    assert second.best() == whole.best()
    assert second.state() == whole.state()
    assert not set(world.asked) & set(first.oracle.known)  # known cells are not queried again


def test_a_restored_exhaustive_search_is_over():
    first = run(World(0).search(ExhaustiveSearch, 20), 1)
    world = World(0)
    second = world.search(ExhaustiveSearch, 20)
    second.restore(json.loads(json.dumps(first.state())))
    run(second, 2)
    assert second.history == first.history
    assert second.best() == first.best()
    assert not world.asked


def test_a_state_does_not_change_with_the_search():
    search = run(World(0).search(RegularizedEvolution, 0), 5)
    state = search.state()
    text = json.dumps(state)
    run(search, 5)
    assert json.dumps(state) == text
