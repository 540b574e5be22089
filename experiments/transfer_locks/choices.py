"""The cells that methods choose on the transfer benchmark, what they cost an attacker, and means over its pairs."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from experiments.common import interval, parallel
from naslib_archlock.audit.attack_cost import recovery
from naslib_archlock.benchmarks.domains_benchmark import (
    N_IMAGES,
    DomainsBenchmark,
    column,
    domains_benchmark,
    read_figures,
)
from naslib_archlock.benchmarks.source_oracle import budget_floor
from naslib_archlock.compute.parts import Workers
from naslib_archlock.config.load import load_config
from naslib_archlock.locking.prepare import prepare, run
from naslib_archlock.spaces.cells import Cell
from naslib_archlock.spaces.known import DIGITS_DOMAINS as SPACE

BUDGET_PCT, SOURCE_QUERIES, TARGET_QUERIES = 2.0, 80, 20
ATTACKED_WITH = 10  # images: what the searches and the limit go by
S, TU, TU_TRANSFER, TK = "S", "TU", "TU on transfer", "TK"
TK_SCRATCH, TK_TRANSFER = "TK + 20 on scratch", "TK + 20 on transfer"
FEWEST, RANDOM, LIMIT = "fewest weights", "random", "limit"
METHODS = (S, TU, TU_TRANSFER, TK, TK_SCRATCH, TK_TRANSFER, FEWEST, RANDOM, LIMIT)
_KEYS: dict[str, tuple[str, ...]] = {
    S: ("archlock.scheme", "s"),
    TU: ("archlock.scheme", "tu"),
    TU_TRANSFER: ("archlock.scheme", "tu", "archlock.lock_on", "transfer"),
    TK: ("archlock.scheme", "tk"),
    TK_SCRATCH: ("archlock.scheme", "tk", "archlock.target_queries", str(TARGET_QUERIES)),
    TK_TRANSFER: (
        "archlock.scheme", "tk", "archlock.target_queries", str(TARGET_QUERIES), "archlock.lock_on", "transfer",
    ),
}  # fmt: skip


@cache
def benchmark() -> DomainsBenchmark:
    return domains_benchmark(ATTACKED_WITH)


# -- the choice --------------------------------------------------------------------------------------------------------


def searched(method: str, source: str, target: str, seed: int) -> Cell:
    """The cell that a search of this package finds."""
    keys = (
        "search_space", SPACE.name, "dataset", source, "archlock.target", target, "seed", str(seed),
        "archlock.source_queries", str(SOURCE_QUERIES), "archlock.source_budget_pct", str(BUDGET_PCT),
    )  # fmt: skip
    search = prepare(load_config(None, [*keys, *_KEYS[method]]), benchmark()).search
    return run(search, SOURCE_QUERIES).best().arch


def within_budget(source: str) -> list[Cell]:
    """One cell of each function within the budget of the best that exists."""
    accuracy = [benchmark().accuracy(tuple(cell), task=source, split="val") for cell in SPACE.distinct().tolist()]
    floor = budget_floor(max(accuracy), BUDGET_PCT)
    return [tuple(cell) for cell, value in zip(SPACE.distinct().tolist(), accuracy) if value >= floor]


def chosen(method: str, source: str, target: str, seed: int) -> Cell:
    """The cell that a method chooses. The last three know the source accuracy of every cell; the limit knows all."""
    cells = within_budget(source)
    if method == FEWEST:
        return min(cells, key=lambda cell: float(SPACE.conv_weights([cell])[0]))
    if method == RANDOM:
        return cells[np.random.default_rng([seed, *map(SPACE.tasks.index, (source, target))]).integers(len(cells))]
    if method == LIMIT:
        return min(cells, key=lambda c: benchmark().accuracy(c, task=target, split="val", pretrained_on=source))
    return searched(method, source, target, seed)


# -- the attack --------------------------------------------------------------------------------------------------------


@cache
def _row_of() -> dict[int, int]:
    cells, _ = read_figures()
    return {index: row for row, index in enumerate(SPACE.index(SPACE.representatives(cells)).tolist())}


def figures(cell: Cell, name: str, split: str = "test") -> np.ndarray:
    """The accuracies of a cell in a column of the table, one for each trained network."""
    _, columns = read_figures()
    row = _row_of()[int(SPACE.index(SPACE.representatives([cell]))[0])]
    return columns[f"{name}/{split}"][row]


def curve(cell: Cell, source: str, target: str) -> np.ndarray:
    """The attacker's test accuracies, ``N_IMAGES x seeds``."""
    return np.stack([figures(cell, column(source, target, n)) for n in N_IMAGES])


def images_to_reach(of_cell: np.ndarray, level: float) -> np.ndarray:
    """The images with which each network reaches a level, at most the most that was measured; none counts as one."""
    budgets = [max(n, 1) for n in N_IMAGES]
    return np.array([min(recovery(budgets, of_seed, level), budgets[-1]) for of_seed in of_cell.T])


# -- all pairs ---------------------------------------------------------------------------------------------------------


def over_pairs(pair_results: Callable[..., list[dict[str, Any]]], workers: Workers, *arguments: Any) -> pd.DataFrame:
    """The rows of ``pair_results(source, target, *arguments)`` for all ordered pairs of domains."""
    calls = [(*pair, *arguments) for pair in itertools.permutations(SPACE.tasks, 2)]
    return pd.DataFrame([row for rows in parallel(pair_results, calls, workers) for row in rows])


def over_sources(rows: pd.DataFrame, value: str) -> dict[str, Any]:
    """The mean of a column with its interval over sources: the pairs of one source share its networks."""
    return interval(rows.groupby("source")[value].mean().tolist())
