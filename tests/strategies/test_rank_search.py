from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import SPACE, World, run, seeds

from naslib_archlock.strategies.base import Evaluated
from naslib_archlock.strategies.evolution import RegularizedEvolution
from naslib_archlock.strategies.exhaustive import ExhaustiveSearch


@given(seeds, st.sampled_from([RegularizedEvolution, ExhaustiveSearch]), st.sampled_from([1.0, 10.0, 60.0]))
def test_without_look_ups_the_fittest_of_the_best_by_source_rank_is_chosen(seed, kind, top_pct):
    search = run(World(seed).search(kind, 0, seed=seed, source_top_pct=top_pct, screening=5), 40)
    within = [e for e in search.history if e.source_rank <= top_pct / 100]
    expected = max(within, key=lambda e: e.fitness) if within else min(search.history, key=lambda e: e.source_rank)
    assert search.best() == expected
    assert not search.uses_source_accuracy


def test_without_look_ups_the_order_is_by_fitness_and_outside_the_budget_by_source_rank():
    search = World(0).search(RegularizedEvolution, 0, source_top_pct=10.0)
    cells = [tuple(cell) for cell in SPACE.distinct()[:5].tolist()]
    judged = [(1.0, 0.05), (9.0, 0.5), (2.0, 0.1), (8.0, 0.3), (99.0, None)]  # the last was ranked by nobody
    search.history = [Evaluated(cell, fitness, rank, None) for cell, (fitness, rank) in zip(cells, judged)]
    assert [e.arch for e in search.top(5)] == [cells[i] for i in (2, 0, 3, 1, 4)]
    assert [search.is_within_budget(e) for e in search.history] == [True, False, True, False, False]


@pytest.mark.parametrize("queries", [0, 10])
def test_the_place_of_the_choice_on_the_source_is_asked_for_where_no_accuracy_is_known(queries):
    world = World(0)
    world.fake.source_position = lambda rank: round(100 * rank)
    search = run(world.search(RegularizedEvolution, queries), 5)
    expected = None if queries else round(100 * search.best().source_rank)
    assert search.source_position() == expected


def test_an_architecture_that_comes_back_is_not_ranked_again():
    """Nor after a restart: the ranker is what takes the time."""
    world, arch = World(0), tuple(SPACE.distinct()[7].tolist())
    ranked = []
    original = world.fake.evaluate

    def evaluate(archs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        ranked.extend(map(tuple, archs.tolist()))
        return original(archs)

    world.fake.evaluate = evaluate
    search = world.search(RegularizedEvolution, 0)
    search._propose = lambda: arch
    run(search, 3)
    resumed = world.search(RegularizedEvolution, 0)
    resumed.restore(json.loads(json.dumps(search.state())))
    resumed._propose = lambda: arch
    run(resumed, 1)
    assert ranked == [arch]
    assert len(set(resumed.history)) == 1
    assert len(resumed.history) == 4
