"""What searches on ranks share. A ranker estimates the ranks of architectures on the source and on the targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..benchmarks.source_oracle import SourceOracle
from ..spaces.cells import Cell
from ..spaces.space import SearchSpace
from .base import Evaluated, Search, SearchSettings
from .rank_fitness import RankFitness


class RankSearch(Search):
    """A search on ranks. Without look-ups of accuracy, the source budget is one of source rank."""

    fitness: RankFitness

    def __init__(
        self,
        space: SearchSpace,
        fitness: RankFitness,
        oracle: SourceOracle,
        settings: SearchSettings,
        rng: np.random.Generator,
    ) -> None:
        super().__init__(space, fitness, oracle, settings, rng)
        self._judged: dict[Cell, tuple[float, float | None]] = {}  # an architecture that comes back is not ranked again

    def _judge(self, arch: Cell) -> tuple[float, float | None]:
        if arch not in self._judged:
            (fitness,), (source_rank,) = self.fitness.evaluate(np.array([arch]))
            self._judged[arch] = fitness, source_rank
        return self._judged[arch]

    def is_within_budget(self, evaluated: Evaluated) -> bool:
        if self.uses_source_accuracy:
            return super().is_within_budget(evaluated)
        return _rank_of(evaluated) <= self.fitness.source_rank_at(self.settings.source_top_pct)

    def merit(self, evaluated: Evaluated) -> tuple[bool, float]:
        if self.uses_source_accuracy or self.is_within_budget(evaluated):
            return super().merit(evaluated)
        return False, -_rank_of(evaluated)

    def source_position(self) -> int | None:
        if self.uses_source_accuracy:
            return None
        return self.fitness.source_position(self.best().source_rank or 0.0)

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore(state)
        self._judged = {e.arch: (e.fitness, e.source_rank) for e in self.history}


def _rank_of(evaluated: Evaluated) -> float:
    return np.inf if evaluated.source_rank is None else evaluated.source_rank
