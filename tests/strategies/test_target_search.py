from __future__ import annotations

import json

import numpy as np
import pytest
from test_bayesian import SPACE, Landscape, function_of

from naslib_archlock.benchmarks.source_oracle import SourceOracle
from naslib_archlock.benchmarks.target_oracle import TargetOracle
from naslib_archlock.spaces.cell_features import features
from naslib_archlock.spaces.cells import Cell
from naslib_archlock.strategies import target_search
from naslib_archlock.strategies.base import SearchSettings
from naslib_archlock.strategies.bayesian import BayesianSearch, share_for_best
from naslib_archlock.strategies.fitness import ExpectedFitness
from naslib_archlock.strategies.target_search import TargetSearch

QUERIES, TARGET_QUERIES = 60, 12
N_FOR_BEST = share_for_best(2.0) * QUERIES  # at the budget of ``target_search`` below


class TwoTasks(Landscape):
    """A landscape with targets. Half of their accuracies is as the target model expects, and half depends on wiring."""

    def __init__(self, seed: int = 0, n_targets: int = 1) -> None:
        super().__init__(seed)
        rng = np.random.default_rng(seed + 1)
        wiring = features(self.space.distinct())
        scaled = (wiring - wiring.mean(axis=0)) / (wiring.std(axis=0) + 1e-9)
        surprise = rng.standard_normal((n_targets, wiring.shape[1])) @ scaled.T
        self.on_targets = 50 - self.fitness / self.fitness.std() + surprise / surprise.std(axis=1, keepdims=True)
        self.asked_of_target: list[Cell] = []

    def target_accuracy(self, target: int, arch: Cell) -> float:
        self.asked_of_target.append(arch)
        return float(self.on_targets[target, function_of(self.space, np.array([arch]))[0]])

    def target_search(
        self, queries: int = TARGET_QUERIES, source_queries: int = QUERIES, targets_by: str = "mean", pct: float = 2.0
    ) -> TargetSearch:
        look_ups = {
            f"target {i}": lambda arch, i=i: self.target_accuracy(i, arch)  # type: ignore[misc]
            for i in range(len(self.on_targets))
        }
        return TargetSearch(
            self.space,
            ExpectedFitness(self.space, self.fitness),
            SourceOracle(self.look_up, source_queries),
            SearchSettings(source_budget_pct=pct, targets_by=targets_by),
            np.random.default_rng(0),
            TargetOracle(look_ups, queries),
        )


def run(search: BayesianSearch) -> BayesianSearch:
    while not search.is_finished:
        search.step()
    return search


@pytest.mark.parametrize("n_targets", [1, 3])
def test_each_look_up_is_counted_made_once_and_lies_within_the_budget(n_targets):
    world = TwoTasks(n_targets=n_targets)
    search = world.target_search()
    run(search)
    n_archs = TARGET_QUERIES // n_targets
    assert len(world.asked_of_target) == search.target_queries == n_archs * n_targets
    assert len(set(world.asked_of_target)) == len(search.targets.known) == n_archs
    # the budget is that of the best source accuracy at the time, which may have risen later
    assert min(search.oracle.known[arch] for arch in search.targets.known) >= 0.9 * search.oracle.best
    first = next(i for i, arch in enumerate(search.oracle.known) if arch in search.targets.known)
    assert first < N_FOR_BEST  # what the source search found is looked up first


def test_no_target_is_looked_up_before_the_best_source_accuracy_was_searched_for():
    world = TwoTasks()
    search = world.target_search()
    for _ in range(int(N_FOR_BEST)):
        search.step()
        assert not world.asked_of_target
    run(search)
    assert world.asked_of_target


def test_the_choice_is_the_lowest_target_accuracy_within_the_budget():
    world = TwoTasks()
    search = run(world.target_search())
    within = [e for e in search.history if search.is_within_budget(e) and e.arch in search.targets.known]
    assert len(within) > 2
    best = min(within, key=lambda e: search.targets.known[e.arch])
    assert search.best() == best
    order = [search.targets.known[e.arch] for e in search.top(len(within))]
    assert order == sorted(order)
    others = search.top(len(search.history))[len(within) :]
    assert others == [e for e in BayesianSearch.top(search, len(search.history)) if e not in within]


def test_look_ups_of_the_target_make_better_locks():
    """What the target model does not know, the look-ups tell."""
    budget, gains = 5.0, []
    for seed in range(5):
        world = TwoTasks(seed)
        plain = BayesianSearch(
            world.space,
            ExpectedFitness(world.space, world.fitness),
            SourceOracle(world.look_up, QUERIES),
            SearchSettings(source_budget_pct=budget),
            np.random.default_rng(0),
        )
        with_look_ups = world.target_search(20, pct=budget)
        found, expected = (world.target_accuracy(0, run(search).best().arch) for search in (with_look_ups, plain))
        gains.append(expected - found)
    assert np.mean(gains) > 0.5
    assert np.mean(np.array(gains) >= 0) >= 0.8


def test_the_model_of_the_target_is_the_gaussian_process_with_basis_functions():
    """Section 2.7 of Rasmussen and Williams, computed in the space of weights and functions at once."""
    search = run(TwoTasks().target_search())
    n = len(search.history)
    belief = search._belief(n)
    mean, std = search._target_posterior(belief, n)
    trend = search._trend(belief)
    rows = function_of(SPACE, np.array(list(search.targets.known)))
    scaled = search._source.points / search._kernel(n).length_scale
    distance = ((scaled[:, None, :] - scaled[None, rows, :]) ** 2).sum(axis=2)
    basis = np.column_stack([np.ones(len(trend)), trend])
    prior = np.diag([target_search._CONSTANT, target_search._TREND, target_search._TREND])
    covariance = np.exp(-distance / 2) + basis @ prior @ basis[rows].T
    noisy = covariance[rows] + target_search._NOISE * np.eye(len(rows))
    accuracies = np.array(list(search.targets.known.values()))[:, 0]
    y = (accuracies - accuracies.mean()) / accuracies.std()
    expected = trend[:, 0] + covariance @ np.linalg.solve(noisy, y - trend[rows, 0])
    variance = 1 + np.einsum("ij,jk,ik->i", basis, prior, basis)
    variance -= np.einsum("ij,jk,ik->i", covariance, np.linalg.inv(noisy), covariance)
    np.testing.assert_allclose(mean, expected, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(std, np.sqrt(variance), rtol=1e-5)


def test_without_look_ups_the_mean_is_the_target_models():
    search = TwoTasks().target_search()
    for _ in range(30):
        search.step()
    belief = search._belief(30)
    mean, _ = search._target_posterior(belief, 30)
    assert np.corrcoef(mean, -search._fitness)[0, 1] == pytest.approx(1)


def test_several_targets_count_by_their_mean_or_by_the_best_fitting_one():
    world = TwoTasks(n_targets=2)
    by_mean, by_worst = (world.target_search(targets_by=by) for by in ("mean", "worst"))
    for search in (by_mean, by_worst):
        search.targets.known = {(3,) * 6: (1.0, 9.0), (2,) * 6: (2.0, 5.0), (1,) * 6: (3.0, 1.0)}
    scaled = np.array([[-1, 1], [0, 0], [1, -1]]) * 1.5**0.5
    np.testing.assert_allclose(by_mean._of_targets(), scaled.mean(axis=1), atol=1e-12)
    np.testing.assert_allclose(by_worst._of_targets(), scaled.max(axis=1), atol=1e-12)


def test_equal_accuracies_on_a_target_say_nothing():
    search = TwoTasks().target_search()
    search.targets.known = {(3,) * 6: (4.0,), (2,) * 6: (4.0,)}
    np.testing.assert_array_equal(search._of_targets(), [0, 0])


@pytest.mark.parametrize("stop", [5, 44, 45, 47, 51, 59])
def test_a_resumed_search_finds_the_same(stop):
    whole = run(TwoTasks().target_search())
    search = TwoTasks().target_search()
    for _ in range(stop):
        search.step()
    state = json.loads(json.dumps(search.state()))
    resumed = TwoTasks().target_search()
    resumed.restore(state)
    run(resumed)
    assert resumed.history == whole.history
    assert resumed.targets.known == whole.targets.known
    assert resumed.best() == whole.best()


def test_all_look_ups_are_used_where_the_budget_has_enough_architectures():
    world = TwoTasks()
    search = run(world.target_search(queries=10_000, pct=5.0))
    within = {e.arch for e in search.history if search.is_within_budget(e)}
    assert within <= set(search.targets.known)
    assert search.targets.queries < 10_000
