"""Regularised evolution on ranks (Real et al., AAAI 2019), the search of the paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..spaces.cells import Cell
from .base import Evaluated
from .rank_search import RankSearch

_MOST_REPEATS = 1000  # evaluations without a look-up, after which the population counts as converged


class RegularizedEvolution(RankSearch):
    """Ageing evolution: the fittest of a random sample is mutated, and the oldest member dies."""

    _last_new = 0  # the length of the history when the last new architecture was looked up

    @property
    def population(self) -> list[Evaluated]:
        """The members that live: the end of the history."""
        return self.history[-self.settings.population_size :]

    @property
    def is_finished(self) -> bool:
        """True once the look-ups are used up: an architecture of unknown source accuracy cannot be chosen.

        It is also true when the population has converged, and only known architectures were asked for many times.
        """
        return self.uses_source_accuracy and (self._n_unused_queries() <= 0 or self._n_repeats() >= _MOST_REPEATS)

    def _n_repeats(self) -> int:
        """The number of evaluations since the last look-up of a new architecture."""
        return len(self.history) - self._last_new

    def tell(self, arch: Cell, source_accuracy: float | None = None) -> Evaluated:
        n_known = self.oracle.queries
        evaluated = super().tell(arch, source_accuracy)
        if self.oracle.queries > n_known:
            self._last_new = len(self.history)
        return evaluated

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore(state)
        first = {evaluated.arch: at for at, evaluated in reversed([*enumerate(self.history, 1)])}
        self._last_new = max(first.values(), default=0)

    def _propose(self) -> Cell:
        """A newcomer while the population fills, then a child."""
        n_members = len(self.history) + len(self._pending)
        if n_members < self.settings.population_size or not self.history:
            return self._newcomer()
        return self._child()

    def _newcomer(self) -> Cell:
        draws = self.space.sample(self.settings.screening, self.rng)
        return draws[int(self.fitness.source_ranks(np.array(draws)).argmin())]

    def _child(self) -> Cell:
        population = self.population
        entrants = self.rng.integers(len(population), size=self.settings.sample_size)
        parent = max((population[i] for i in entrants), key=self.merit)
        mutant = self.space.mutate(parent.arch, self.rng)
        child: tuple[Any, ...] = tuple(self.space.representatives([mutant])[0].tolist())
        return child
