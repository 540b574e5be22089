"""The cells that an audit attacks: what a search found, what scheme S finds, and random ones within the budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..benchmarks.benchmark import Benchmark
from ..benchmarks.lock_score import WithinBudget
from ..compute.seeding import stream
from ..config.sections import Config
from ..locking.schemes import get_scheme
from ..spaces.cells import Cell

FOUND, S, RANDOM = "found", "scheme S", "random"  # the roles of cells in an audit


def cells_to_attack(config: Config, benchmark: Benchmark, result: Mapping[str, Any]) -> dict[str, list[Cell]]:
    """Role -> cells: ``found``, ``scheme S`` unless that is the scheme, and ``random``.

    Random cells compute different functions. Where a table knows the accuracies, they lie within the source budget.

    Args:
        result: what ``locking.result.finish`` returned for the search.
    """
    cells = {FOUND: [tuple(result["cell"])], S: [tuple(result["s"]["cell"])]}
    if not get_scheme(config.archlock.scheme).locks:
        del cells[FOUND]
    n, rng = config.audit.random_cells, stream(config.seed, "audit")
    if n and benchmark.is_tabular:
        cells[RANDOM] = WithinBudget(benchmark, config.dataset, *config.archlock.source_budget).random(n, rng)
    elif n:
        cells[RANDOM] = benchmark.space.sample(n, rng)
    return cells
