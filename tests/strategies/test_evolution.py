from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import SIGNS, SPACE, FakeFitness, World, run, seeds

from naslib_archlock.spaces.cells import Cell
from naslib_archlock.spaces.known import TRANSBENCH101_MACRO
from naslib_archlock.strategies.evolution import RegularizedEvolution


def closeness(arch: Cell) -> Callable[[np.ndarray], np.ndarray]:
    """Number of edges that agree with ``arch``: a fitness with a slope to climb."""
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
    """Of a tournament of all: a member within the budget beats fitter ones outside."""
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


def test_evolution_ends_with_its_look_ups():
    world = World(0)
    search = run(world.search(RegularizedEvolution, 12), 100)
    assert search.is_finished
    assert search.oracle.queries == 12
    assert all(e.source_val is not None for e in search.history)
    before = search.state()
    search.step()
    assert search.state() == before


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
    assert not set(world.asked) & set(first.oracle.known)  # what was looked up is not looked up again


@pytest.mark.parametrize("seed", range(3))
def test_a_population_that_has_converged_ends_the_search(seed):
    """Otherwise ``while not search.is_finished`` would never end: all neighbours of the fittest are known."""
    search = World(seed).search(RegularizedEvolution, 1000, seed=seed, screening=1)
    while not search.is_finished:
        search.tell(search.ask(), 50.0)
        assert len(search.history) < 100_000
    assert search.oracle.queries < 1000
    resumed = World(seed).search(RegularizedEvolution, 1000, seed=seed, screening=1)
    resumed.restore(search.state())
    assert resumed.is_finished
