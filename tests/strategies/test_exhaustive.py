from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from worlds import SIGNS, SPACE, World, budgets, run, seeds

from naslib_archlock.spaces.cell_space import CellSpace
from naslib_archlock.spaces.known import TRANSBENCH101_MICRO
from naslib_archlock.strategies.exhaustive import ExhaustiveSearch


class SmallSpace(CellSpace):
    """Some 30 cells of the TransNAS space, to compare with brute force."""

    def distinct(self) -> np.ndarray:
        return SPACE.distinct()[5::29]


SMALL = SmallSpace("small", 4, TRANSBENCH101_MICRO._notation, ())


@given(seeds, budgets, SIGNS)
def test_exhaustive_search_equals_brute_force(seed, budget, sign):
    """With all look-ups and a source rank that finds the best cell: the fittest of all cells within the budget."""
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


def test_a_restored_exhaustive_search_is_over():
    first = run(World(0).search(ExhaustiveSearch, 20), 1)
    world = World(0)
    second = world.search(ExhaustiveSearch, 20)
    second.restore(json.loads(json.dumps(first.state())))
    run(second, 2)
    assert second.history == first.history
    assert second.best() == first.best()
    assert not world.asked
