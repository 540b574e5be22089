from __future__ import annotations

import json
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from naslib_archlock.benchmarks.source_oracle import SourceOracle, budget_floor
from naslib_archlock.spaces.cell_features import features
from naslib_archlock.spaces.cell_space import CellSpace
from naslib_archlock.spaces.cells import Cell, cell_index
from naslib_archlock.spaces.known import TRANSBENCH101_MACRO, TRANSBENCH101_MICRO
from naslib_archlock.spaces.space import SearchSpace
from naslib_archlock.strategies import bayesian, surrogate
from naslib_archlock.strategies.base import SearchSettings
from naslib_archlock.strategies.bayesian import BayesianSearch, _Scale, expected_improvement, share_for_best
from naslib_archlock.strategies.fitness import ExpectedFitness

SPACE = TRANSBENCH101_MICRO
N_START = bayesian._LEAST_RANDOM
QUERIES = 60  # the random start, then the queries for the best source, then the queries for the lock
seeds = st.integers(0, 2**16)
budgets = st.sampled_from([0.0, 0.5, 2.0, 10.0, 100.0])
SIGNS = st.sampled_from([1.0, -1.0])  # the sign of the metric: accuracies, and room_layout's negative loss


class Part(CellSpace):
    """Some functions of the TransNAS space, with all cells that compute them."""

    def __init__(self, functions: np.ndarray) -> None:
        super().__init__("part", 4, TRANSBENCH101_MICRO._notation, ())
        self._functions = functions

    def distinct(self) -> np.ndarray:
        return self._functions

    def cells(self) -> set[Cell]:
        """The cells that compute one of the functions."""
        is_one = np.isin(cell_index(self.representatives(self.all())), cell_index(self._functions))
        return {tuple(cell) for cell in self.all()[is_one].tolist()}


SMALL = Part(SPACE.distinct()[5::29])  # 30 functions of 179 cells


def function_of(space: SearchSpace, archs: np.ndarray) -> np.ndarray:
    """The rows of ``space.distinct()`` of architectures."""
    return np.searchsorted(cell_index(space.distinct()), cell_index(space.representatives(archs)))


class World:
    """A made-up setting: a fitness of every function, an accuracy of every cell, and a record of the queries."""

    def __init__(self, seed: int, sign: float = 1.0, space: SearchSpace = SMALL) -> None:
        rng = np.random.default_rng(seed)
        self.space = space
        self.fitness = rng.standard_normal(len(space.distinct()))
        self.accuracy = rng.uniform(*sorted((sign * 40.0, sign * 60.0)), 5**6)
        self.asked: list[Cell] = []

    def look_up(self, arch: Cell) -> float:
        self.asked.append(arch)
        return float(self.accuracy[cell_index(arch)[0]])

    def search(self, queries: int = QUERIES, seed: int = 0, budget: float = 2.0) -> BayesianSearch:
        oracle, rng = SourceOracle(self.look_up, queries), np.random.default_rng(seed)
        fitness = ExpectedFitness(self.space, self.fitness)
        return BayesianSearch(self.space, fitness, oracle, SearchSettings(source_budget_pct=budget), rng)


class Landscape(World):
    """A smooth world: accuracy and fitness depend on the wiring, and oppose each other."""

    def __init__(self, seed: int, space: SearchSpace = SPACE, noise: float = 0.0) -> None:
        super().__init__(seed, 1.0, space)
        rng = np.random.default_rng(seed)
        values = features(space.distinct())
        scaled = (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-9)
        quality = -((scaled - rng.standard_normal(scaled.shape[1])) ** 2).sum(axis=1)
        quality /= quality.std()
        other = scaled @ rng.standard_normal(scaled.shape[1])
        self.of_function = 90 + 4 * quality
        self.fitness = other / other.std() - quality
        everything = space.all()
        usable = np.isin(cell_index(space.representatives(everything)), cell_index(space.distinct()))
        self.accuracy[cell_index(everything[usable])] = self.of_function[function_of(space, everything[usable])]
        self.accuracy += noise * rng.standard_normal(len(self.accuracy))


def run(search: BayesianSearch, steps: int = QUERIES) -> BayesianSearch:
    for _ in range(steps):
        search.step()
    return search


# -- expected improvement ----------------------------------------------------------------------------------------------


@given(st.floats(-3, 3), st.floats(0.05, 3), st.floats(-3, 3))
def test_expected_improvement_against_monte_carlo(mean, std, best):
    draws = mean + std * np.random.default_rng(0).standard_normal(200_000)
    gains = np.maximum(draws - best, 0)
    error = gains.std() / len(gains) ** 0.5
    found = expected_improvement(np.array([mean]), np.array([std]), best)[0]
    assert found == pytest.approx(gains.mean(), abs=5 * error + 1e-4)


def test_expected_improvement_at_its_ends():
    one = np.ones(1)
    assert expected_improvement(3 * one, 1e-6 * one, 1.0)[0] == pytest.approx(2)  # certain
    assert expected_improvement(-30 * one, one, 1.0)[0] == pytest.approx(0)  # nearly impossible
    assert expected_improvement(one, 2 * one, 1.0)[0] == pytest.approx(2 / (2 * np.pi) ** 0.5)  # as likely as not
    better, surer = np.linspace(-2, 2, 9), np.linspace(0.1, 3, 9)
    assert (np.diff(expected_improvement(better, np.ones(9), 0.0)) > 0).all()
    assert (np.diff(expected_improvement(np.zeros(9) - 1, surer, 0.0)) > 0).all()


# -- look-ups ----------------------------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(seeds, budgets, SIGNS, st.integers(1, QUERIES))
def test_a_cell_is_looked_up_once_and_never_more_than_allowed(seed, budget, sign, queries):
    world = World(seed, sign)
    search = run(world.search(queries, seed, budget))
    assert len(world.asked) == len(set(world.asked)) == search.oracle.queries == len(search.history) == queries
    assert [e.arch for e in search.history] == world.asked
    assert set(world.asked) <= SMALL.cells()
    for judged in search.history:
        assert all(type(code) is int for code in judged.arch)
        assert judged.source_val == world.accuracy[cell_index(judged.arch)[0]]
        assert judged.fitness == world.fitness[function_of(SMALL, np.array([judged.arch]))[0]]
        assert judged.source_rank is None
    assert search.is_finished
    before = search.state()
    search.step()
    assert search.state() == before


@settings(max_examples=25)
@given(seeds, budgets, SIGNS, st.integers(1, QUERIES))
def test_the_choice_is_the_fittest_within_the_budget_of_the_best_seen(seed, budget, sign, queries):
    search = run(World(seed, sign).search(queries, seed, budget))
    floor = budget_floor(max(e.source_val for e in search.history), budget)
    within = [e for e in search.history if e.source_val >= floor]
    assert search.best() in within
    assert search.best().fitness == max(e.fitness for e in within)


@given(seeds)
def test_it_starts_at_random_with_different_functions(seed):
    """The start does not depend on accuracies and fitness."""
    starts = [[e.arch for e in run(World(s, space=SPACE).search(N_START, seed), N_START).history] for s in (0, 1)]
    assert starts[0] == starts[1]
    assert len(set(function_of(SPACE, np.array(starts[0])).tolist())) == N_START


def test_every_function_may_be_in_the_start():
    """Every function can be in the start of some seed."""
    first = [World(0).search(1, seed) for seed in range(300)]
    functions = {int(function_of(SMALL, np.array([run(s, 1).history[0].arch]))[0]) for s in first}
    assert functions == set(range(30))


@pytest.mark.parametrize(("queries", "n_random"), [(5, 10), (20, 10), (100, 10), (150, 15), (200, 20), (1000, 20)])
def test_a_tenth_of_the_look_ups_are_random_at_first(queries, n_random):
    assert len(World(0, space=SPACE).search(queries)._start) == n_random


@pytest.mark.parametrize("queries", [1, 3, N_START - 1, N_START])
def test_fewer_look_ups_than_the_start(queries):
    search = run(World(0).search(queries))
    assert len(search.history) == queries
    assert [e.arch for e in search.history] == [e.arch for e in run(World(0).search()).history[:queries]]


def test_without_look_ups_it_is_over():
    world = World(0)
    search = world.search(0)
    assert search.is_finished
    search.step()
    assert search.history == world.asked == []


@pytest.mark.parametrize("n_functions", [2, 3, 5, N_START - 1, N_START, N_START + 1])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_more_look_ups_than_cells(n_functions, sign):
    """All cells are then queried, also with fewer functions than a start needs."""
    space = Part(SPACE.distinct()[200 :: 1 + 600 // n_functions][:n_functions])
    world, cells = World(1, sign, space), space.cells()
    assert n_functions <= len(cells) < 100
    search = run(world.search(1000), len(cells) + 5)
    assert search.is_finished
    assert not search.oracle.is_exhausted
    assert set(world.asked) == cells
    assert len(world.asked) == len(cells)
    accuracies = world.accuracy[cell_index(list(cells))]
    assert search.source_floor() == pytest.approx(budget_floor(accuracies.max(), 2.0))


@pytest.mark.parametrize("value", [0.0, 50.0, -3.5, 1e-12])
@pytest.mark.parametrize("budget", [0.0, 2.0])
def test_where_all_are_equally_accurate_the_fittest_is_found(value, budget):
    world = World(2)
    world.accuracy[:] = value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search = run(world.search(budget=budget))
    assert len(search.history) == QUERIES
    assert search.best().fitness == world.fitness.max()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_unit_of_the_accuracies_does_not_matter(sign):
    """A budget is in % of the best accuracy, so each step is the same in another unit."""
    world, other = World(3, sign), World(3, sign)
    other.accuracy = other.accuracy / 4
    assert [e.arch for e in run(world.search()).history] == [e.arch for e in run(other.search()).history]


def test_a_plan_names_each_function_once_while_there_are_others():
    search = run(Landscape(0, noise=1.0).search())
    functions = function_of(SPACE, np.array([e.arch for e in search.history]))
    for start in range(N_START, QUERIES, bayesian._BATCH):
        planned = functions[start : start + bayesian._BATCH]
        assert len(set(planned.tolist())) == len(planned)


def test_no_cell_of_the_disconnected_function_is_looked_up():
    world = World(0, space=SPACE)
    search = run(world.search())
    connected = set(cell_index(SPACE.distinct()).tolist())
    assert set(cell_index(SPACE.representatives([e.arch for e in search.history])).tolist()) <= connected


# -- what it is for ----------------------------------------------------------------------------------------------------


def test_it_finds_the_most_accurate_function_far_sooner_than_by_chance():
    """On average, 14 of 870 functions are better than the best of 60 random ones."""
    n_better = []
    for seed in range(8):
        landscape = Landscape(seed)
        landscape.fitness = np.zeros(len(landscape.fitness))
        search = run(landscape.search(60, seed, budget=0.0), 60)
        n_better.append(int((landscape.of_function > search.best().source_val).sum()))
    assert np.mean(n_better) < 5
    assert np.median(n_better) < 3


@pytest.mark.parametrize("budget", [2.0, 5.0])
def test_it_finds_fitter_locks_than_by_chance(budget):
    """On average, 10 functions within the budget are fitter than the fittest of 80 random ones."""
    n_fitter, n_outside = [], 0
    for seed in range(8):
        landscape = Landscape(seed)
        chosen = run(landscape.search(80, seed, budget), 80).best()
        floor = budget_floor(landscape.of_function.max(), budget)  # of all functions, queried or not
        n_outside += chosen.source_val < floor
        n_fitter.append(int((landscape.fitness[landscape.of_function >= floor] > chosen.fitness).sum()))
    assert np.mean(n_fitter) < 4
    assert n_outside <= 2


def test_with_all_to_give_away_the_fittest_of_all_is_found():
    landscape = Landscape(0)
    fittest = landscape.fitness[landscape.of_function >= 0].max()  # a budget of 100% ends at an accuracy of 0
    assert run(landscape.search(120, budget=100.0), 120).best().fitness == fittest


@pytest.mark.parametrize("budget", [1.0, 2.0, 5.0, 20.0])
def test_at_first_it_looks_for_accuracy_alone(budget):
    """Searches with opposite fitness take the same path until the share of queries for the best is used."""
    one, other = Landscape(1), Landscape(1)
    other.fitness = -other.fitness
    paths = [[e.arch for e in run(world.search(80, budget=budget), 80).history] for world in (one, other)]
    parted = next(i for i, (a, b) in enumerate(zip(*paths)) if a != b)
    n_first = min(int(np.ceil(share_for_best(budget) * 80)), 80 - bayesian._BATCH)
    assert n_first <= parted < n_first + 2 * bayesian._BATCH


def test_a_smaller_budget_leaves_more_look_ups_for_the_best():
    assert [share_for_best(pct) for pct in (0.0, 2.0, 5.0, 50.0)] == pytest.approx([1.0, 0.9, 0.75, 0.75])


def test_a_fitness_that_is_the_same_for_all_leaves_a_search_for_accuracy():
    """Scheme S does this, with any budget."""
    landscape = Landscape(2)
    landscape.fitness = np.zeros(len(landscape.fitness))
    search = run(landscape.search(80, budget=0.0), 80)
    assert search.best().source_val == max(search.oracle.known.values())
    later = [e.source_val for e in search.history[int(0.75 * 80) :]]
    assert np.median(later) > np.median([e.source_val for e in search.history[:N_START]])


def test_networks_of_one_function_are_looked_up_again_where_chance_decides():
    """The best of all is often the luckiest of several cells with one function, and the budget is measured from it."""
    landscape = Landscape(3, noise=1.0)
    landscape.fitness = np.zeros(len(landscape.fitness))
    search = run(landscape.search(120, budget=0.0), 120)
    functions = function_of(SPACE, np.array([e.arch for e in search.history]))
    again = np.flatnonzero(np.bincount(functions, minlength=870) > 1)
    assert len(again) > 0
    assert np.mean(landscape.of_function[again]) > np.quantile(landscape.of_function, 0.75)


def test_it_also_searches_what_is_no_cell():
    """It searches for accuracy only: the accuracy grows with the number of plain modules."""
    archs = TRANSBENCH101_MACRO.distinct()
    world = World(0, space=TRANSBENCH101_MACRO)
    world.fitness = np.zeros(len(archs))
    world.accuracy[cell_index(archs)] = 50 + (archs == 1).sum(axis=1) - 0.5 * archs[:, 0]
    search = run(world.search(60, budget=0.0), 60)
    accuracy = world.accuracy[cell_index(archs)]
    assert np.mean(accuracy > search.best().source_val) < 0.005


# -- random numbers, and interruption ----------------------------------------------------------------------------------


def test_a_seed_gives_the_same_path_and_another_another():
    paths = [run(World(0).search(seed=seed)).history for seed in (0, 0, 1)]
    assert paths[0] == paths[1] != paths[2]


def test_neither_global_random_numbers_nor_threads_matter():
    paths = []
    for seed, threads in ((0, 1), (1, 2)):
        np.random.seed(seed)
        with threadpool_limits(threads):
            paths.append(run(Landscape(0).search()).history)
    assert paths[0] == paths[1]


def saved(search: BayesianSearch) -> dict:
    return json.loads(json.dumps(search.state()))


@settings(max_examples=25)
@given(seeds, st.integers(0, QUERIES), st.integers(0, QUERIES), budgets, SIGNS)
def test_a_restored_search_goes_on_as_if_never_interrupted(seed, first, second, budget, sign):
    """The search is interrupted twice, anywhere: in the start, between two plans, or within a plan."""
    whole = run(World(seed, sign).search(seed=seed, budget=budget))
    search = World(seed, sign).search(seed=seed, budget=budget)
    for at in sorted((first, second)):
        run(search, at - len(search.history))
        state, world = saved(search), World(seed, sign)
        known = dict(search.oracle.known)
        search = world.search(seed=seed, budget=budget)
        search.restore(state)
        assert search.oracle.known == known
    run(search)
    assert search.history == whole.history
    assert search.oracle.known == whole.oracle.known
    assert search.best() == whole.best()
    assert search.state() == whole.state()
    assert not set(world.asked) & set(known)  # known cells are not queried again


@pytest.mark.parametrize("at", range(N_START - 1, N_START + 2 * bayesian._BATCH + 2))
def test_a_restored_search_on_a_whole_space(at):
    def fresh() -> BayesianSearch:
        return Landscape(0).search(N_START + 3 * bayesian._BATCH)

    whole, search = run(fresh()), fresh()
    search.restore(saved(run(fresh(), at)))
    assert run(search).history == whole.history


@pytest.mark.parametrize("at", [29, 31, 62, 90, 104])
def test_a_restored_search_of_many_look_ups(monkeypatch, at):
    """Where the model is no longer the process itself."""
    monkeypatch.setattr(surrogate, "MOST_EXACT", 30)
    monkeypatch.setattr(surrogate, "_LEARNT_ANEW", 50)

    def fresh() -> BayesianSearch:
        return Landscape(0, noise=1.0).search(110)

    whole, search = run(fresh(), 110), fresh()
    search.restore(saved(run(fresh(), at)))
    assert run(search, 110).history == whole.history


def test_a_search_of_many_look_ups_finds_what_the_process_itself_would_lead_to(monkeypatch):
    n_better = {}
    for most in (30, 10**6):
        monkeypatch.setattr(surrogate, "MOST_EXACT", most)
        n_better[most] = 0
        for seed in range(4):
            landscape = Landscape(seed)
            chosen = run(landscape.search(100, seed), 100).best()
            within = landscape.of_function >= budget_floor(landscape.of_function.max(), 2.0)
            n_better[most] += int((landscape.fitness[within] > chosen.fitness).sum())
    assert n_better[30] <= n_better[10**6] + 4


def test_the_cost_of_a_step_does_not_grow_with_the_look_ups(monkeypatch):
    """No model is fitted to, nor solved for, more than a number of them, however many were made."""
    sizes = []

    def counted(matrix, **options):
        sizes.append(len(matrix))
        return cholesky(matrix, **options)

    cholesky = surrogate.cholesky
    monkeypatch.setattr(surrogate, "cholesky", counted)
    monkeypatch.setattr(surrogate, "MOST_EXACT", 30)
    monkeypatch.setattr(surrogate, "N_FEATURES", 40)
    monkeypatch.setattr(surrogate, "MOST_FITTED", 40)
    assert len(run(Landscape(0, noise=1.0).search(300), 300).history) == 300
    assert max(sizes) == 40


def test_a_state_may_be_restored_more_than_once():
    """A state may be restored into a search that has continued since, as a checkpoint is loaded."""
    search = World(0).search()
    state = saved(run(search, N_START + 7))
    whole = list(run(search).history)
    search.restore(state)
    assert run(search).history == whole


def test_a_state_does_not_change_with_the_search():
    search = run(World(0).search(), N_START + 2)
    state = search.state()
    text = json.dumps(state)
    run(search, 5)
    assert json.dumps(state) == text


def interrupted(look_up: Callable[[Cell], float], at: int) -> Callable[[Cell], float]:
    """A function that raises KeyboardInterrupt in the middle of a query."""
    n = 0

    def stop(arch: Cell) -> float:
        nonlocal n
        n += 1
        if n == at:
            raise KeyboardInterrupt
        return look_up(arch)

    return stop


@pytest.mark.parametrize("at", [1, N_START, N_START + 1, N_START + 3])
def test_a_step_that_was_cut_short_is_made_again(at):
    whole, world = run(World(0).search()), World(0)
    search = world.search()
    search.oracle = SourceOracle(interrupted(world.look_up, at), QUERIES)
    with pytest.raises(KeyboardInterrupt):
        run(search)
    assert len(search.history) == at - 1
    assert run(search).history == whole.history


# -- the scale of the model --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("best", "budget_pct", "one_budget_below"),
    [(100.0, 2.0, 98.0), (50.0, 4.0, 48.0), (-0.5, 2.0, -0.51), (100.0, 0.0, 99.0), (0.0, 2.0, -1.0)],
)
def test_what_is_one_budget_below_the_best_is_log_2_below_it(best, budget_pct, one_budget_below):
    """The budget counts as 1% at least; from a best of 0, one unit takes its place."""
    scale = _Scale(np.array([one_budget_below, best, best - 10]), budget_pct)
    assert scale.best == best
    np.testing.assert_allclose(scale.warp(np.array([best, one_budget_below, best + 1])), [0, -np.log(2), 0], atol=1e-12)


# -- a budget in rank percentiles --------------------------------------------------------------------------------------


def percentile_search(world: Landscape, points: float) -> BayesianSearch:
    settings = SearchSettings(source_budget_percentile=points)
    fitness = ExpectedFitness(world.space, world.fitness)
    return BayesianSearch(
        world.space, fitness, SourceOracle(world.look_up, QUERIES), settings, np.random.default_rng(0)
    )


@pytest.mark.parametrize("points", [2.0, 10.0, 30.0])
def test_the_floor_is_where_the_accuracies_have_that_percentile(points):
    """The search knows some accuracies and predicts the others, so its floor is nearly the true one."""
    world = Landscape(0)
    search = run(percentile_search(world, points))
    true_floor = np.quantile(world.accuracy[cell_index(SPACE.all())], 1 - points / 100)
    spread = world.accuracy[cell_index(SPACE.all())].std()
    assert search.source_floor() == pytest.approx(true_floor, abs=0.1 * spread)
    assert search.is_within_budget(search.best())


def test_no_points_to_give_up_leave_the_best():
    search = run(percentile_search(Landscape(0), 1e-9))
    assert search.source_floor() == pytest.approx(search.oracle.best)
    assert search.best().source_val == search.oracle.best


def test_all_points_to_give_up_leave_every_architecture():
    search = run(percentile_search(Landscape(0), 100.0))
    assert all(search.is_within_budget(evaluated) for evaluated in search.history)
