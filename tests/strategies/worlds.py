"""Made-up settings that searches on ranks are tested in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from naslib_archlock.benchmarks.source_oracle import SourceOracle
from naslib_archlock.spaces.cells import Cell, cell_index
from naslib_archlock.spaces.known import TRANSBENCH101_MICRO
from naslib_archlock.strategies.base import Search, SearchSettings

SPACE = TRANSBENCH101_MICRO
seeds = st.integers(0, 2**16)
budgets = st.sampled_from([0.0, 0.5, 2.0, 10.0, 100.0])
SIGNS = st.sampled_from([1.0, -1.0])  # of the metric: accuracies, and room_layout's negative loss


class FakeFitness:
    """A fitness and a source rank that are made-up functions of the architecture."""

    def __init__(self, fitness: Callable[[np.ndarray], np.ndarray], source_rank: Callable[[np.ndarray], np.ndarray]):
        self._fitness, self._source_rank = fitness, source_rank

    def evaluate(self, archs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._fitness(archs), self._source_rank(archs)

    def source_ranks(self, archs: np.ndarray) -> np.ndarray:
        return self._source_rank(archs)

    def source_rank_at(self, pct: float) -> float:
        """Source ranks are spread over [0, 1] here."""
        return pct / 100


def numbers_by_cell(seed: int, low: float = 0.0, high: float = 1.0) -> Callable[[np.ndarray], np.ndarray]:
    """A random number for each cell; the same for the same seed."""
    values = np.random.default_rng(seed).uniform(low, high, 5**6)
    return lambda archs: values[cell_index(archs)]


class World:
    """A made-up setting: fitness, source rank and source accuracy of every cell, and a count of look-ups."""

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
