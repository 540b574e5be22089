"""Regularised evolution on ranks (Real et al., AAAI 2019), the search of the paper."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..spaces.cells import Cell
from .base import Evaluated, RankSearch


class RegularizedEvolution(RankSearch):
    """Ageing evolution: the fittest of a random sample is mutated, and the oldest member dies."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.population: deque[Evaluated] = deque(maxlen=self.settings.population_size)
        self._judged: dict[Cell, tuple[float, float | None]] = {}  # a cell that comes back is not compared again

    @property
    def is_finished(self) -> bool:
        """True once the look-ups are used up: a cell whose source accuracy stays unknown cannot be chosen."""
        return self.uses_source_accuracy and self.oracle.is_exhausted

    def step(self) -> None:
        """Add one architecture: a newcomer while the population fills, then a child."""
        if self.is_finished:
            return
        arch = self._newcomer() if len(self.population) < self.settings.population_size else self._child()
        if arch not in self._judged:
            (fitness,), (source_rank,) = self.fitness.evaluate(np.array([arch]))
            self._judged[arch] = fitness, source_rank
        self.population.append(self._record(arch, *self._judged[arch]))

    def _newcomer(self) -> Cell:
        draws = self.space.sample(self.settings.screening, self.rng)
        return draws[int(self.fitness.source_ranks(np.array(draws)).argmin())]

    def _child(self) -> Cell:
        entrants = self.rng.integers(len(self.population), size=self.settings.sample_size)
        parent = max((self.population[i] for i in entrants), key=self.merit)
        mutant = self.space.mutate(parent.arch, self.rng)
        return tuple(self.space.representatives([mutant])[0].tolist())

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore(state)
        self.population.clear()
        self.population.extend(self.history)  # its last members, as the population is the end of the history
        self._judged = {e.arch: (e.fitness, e.source_rank) for e in self.history}
