"""How running times grow with the number of cells ranked, tasks, and look-ups, and with the population size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from bench_search import advance
from conftest import Measure
from inputs import config_of, random_cells, random_embeddings, random_ranker

from naslib_archlock.locking.prepare import open_benchmark, prepare
from naslib_archlock.ranker.ranker import Ranker
from naslib_archlock.spaces.known import NASBENCH201

CELLS = "cells ranked for 1 task against 128 opponents"
TASKS = "tasks that 500 cells are ranked for"
POPULATION = "population of evolution: filled, then as many children"
LOOK_UPS = "look-ups of the default search"


@pytest.mark.parametrize("n", [100, 300, 1000, 4000, 15625])
def bench_cells(measure_growth: Measure, n: int) -> None:
    """Ranks ``n`` random cells; several of them may compute the same function."""
    ranker, opponents, task = random_ranker(), random_cells(NASBENCH201, 128), random_embeddings(1)
    cells = np.random.default_rng(0).permutation(NASBENCH201.all())[:n]
    measure_growth(CELLS, n, lambda: ranker.win_rates(cells, task, opponents))


@pytest.mark.parametrize("n", [1, 3, 10, 30, 100])
def bench_tasks(measure_growth: Measure, n: int) -> None:
    ranker, opponents, cells = random_ranker(), random_cells(NASBENCH201, 128), random_cells(NASBENCH201, 500)
    tasks = random_embeddings(n)
    measure_growth(TASKS, n, lambda: ranker.win_rates(cells, tasks, opponents))


@pytest.mark.parametrize("n", [10, 30, 100, 300, 1000])
def bench_population(measure_growth: Measure, ranker_of: Callable[[str], Ranker], n: int) -> None:
    config = config_of(
        "digits", "", "archlock.strategy", "evolution", "search.population_size", n, "search.epochs", 2 * n,
        "archlock.source_queries", 2 * n,
    )  # fmt: skip
    benchmark, ranker = open_benchmark(config), ranker_of("digits")
    search = measure_growth(
        POPULATION, n, lambda search: advance(search, config),
        setup=lambda: (prepare(config, benchmark, ranker).search,),
    )  # fmt: skip
    assert len(search.history) == 2 * n


@pytest.mark.parametrize("n", [200, 400, 800, 1600, 3200, pytest.param(15625, marks=pytest.mark.slow)])
def bench_look_ups(measure_growth: Measure, tables: str, spaces: tuple[str, ...], n: int) -> None:
    """On NAS-Bench-201, whose cells are enough for all of them."""
    if "nasbench201" not in spaces:
        pytest.skip("neither tables (--tables DIR) nor NASLib's files of nasbench201 are here")
    config = config_of("nasbench201", tables, "archlock.source_queries", n, "search.epochs", n)
    benchmark = open_benchmark(config)
    search = measure_growth(
        LOOK_UPS, n, lambda search: advance(search, config), setup=lambda: (prepare(config, benchmark).search,)
    )
    assert search.oracle.queries == n
