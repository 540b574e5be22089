"""The search of the paper's released script (ArchLock, ICLR 2024; github.com/Tongzhou0101/ArchLock), step by step.

It is regularised evolution with a floor on the source accuracy:

1. A step looks up architectures until one reaches the floor. While the population fills, they are drawn at random.
   Later they are mutants of one parent, and after ``_MOST_MUTANTS`` of these they are drawn at random again. Every
   look-up counts.
2. The parent is the fittest of a sample of the population. Fitness is the position on the targets minus ``trade_off``
   times the position on the source. Positions are counted within the population, by pairwise comparisons.
3. The fittest architectures of the history are kept, with positions counted among them. The fittest one is the result.

The script itself ends with the kept architecture of the lowest true accuracy on the target. That choice is no part of
the search here (``locking.final_pick``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..spaces.cells import Cell
from .base import Evaluated
from .rank_search import RankSearch

_MOST_MUTANTS = 16  # of one parent, before an architecture is drawn at random instead
_MOST_REJECTED = 10_000  # architectures in a row below the floor, after which the search gives up


class PaperSearch(RankSearch):
    """The released script's search. The history also holds the architectures below the floor.

    Attributes:
        accepted: the architectures that reached the floor, in order.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.accepted: list[Evaluated] = []
        self._n_rejected = 0  # architectures below the floor since the last step ended
        self._parent: Cell | None = None  # of the child that is being looked for

    @property
    def n_steps(self) -> int:
        return len(self.accepted)

    @property
    def is_finished(self) -> bool:
        return self._n_unused_queries() <= 0 or self._n_rejected >= _MOST_REJECTED

    def source_floor(self) -> float:
        return self.settings.source_floor

    def step(self, told: Callable[[], object] = lambda: None) -> None:
        n_before = self.n_steps
        while not self.is_finished and self.n_steps == n_before:
            super().step(told)

    def tell(self, arch: Cell, source_accuracy: float | None = None) -> Evaluated:
        evaluated = super().tell(arch, source_accuracy)
        if self._note(evaluated):
            self._parent = None
        return evaluated

    def _note(self, evaluated: Evaluated) -> bool:
        """Note an architecture; returns whether it reached the floor, which ends a step."""
        if not self.is_within_budget(evaluated):
            self._n_rejected += 1
            return False
        self.accepted.append(evaluated)
        self._n_rejected = 0
        return True

    def _propose(self) -> Cell:
        if self.n_steps < self.settings.population_size or self._n_rejected >= _MOST_MUTANTS:
            return self._drawn_from(self.space.all())
        if self._parent is None:
            self._parent = self._tournament(self.accepted[-self.settings.population_size :])
        return self._drawn_from(np.array(self.space.neighbours(self._parent)))

    def _drawn_from(self, archs: np.ndarray) -> Cell:
        return tuple(archs[int(self.rng.integers(len(archs)))].tolist())

    def _judge(self, arch: Cell) -> tuple[float, float | None]:
        """The ranks in the whole space, for the record. Below the floor, nothing is ranked, as that takes most time."""
        if self.oracle.known[arch] < self.source_floor():
            return -np.inf, None
        return super()._judge(arch)

    def _tournament(self, population: Sequence[Evaluated]) -> Cell:
        """The fittest of a sample of the population, drawn with replacement."""
        fitness = self.fitness.among(_archs(population))
        entrants = self.rng.integers(len(population), size=self.settings.sample_size)
        return population[max(entrants, key=lambda i: fitness[i])].arch

    def top(self, n: int) -> list[Evaluated]:
        """The kept architectures, the fittest first, each once; then the others, as in every search."""
        first = dict.fromkeys(self._kept())
        return list(dict.fromkeys([*first, *super().top(len(self.history))]))[:n]

    def _kept(self) -> list[Evaluated]:
        """The fittest of the history, the fittest first; whenever there are too many, the least fit is dropped."""
        kept: list[Evaluated] = []
        for evaluated in self.accepted:
            kept.append(evaluated)
            if len(kept) > self.settings.history_size:
                kept = self._fittest_first(kept)[: self.settings.history_size]
        return self._fittest_first(kept) if kept else []

    def _fittest_first(self, some: list[Evaluated]) -> list[Evaluated]:
        order = np.argsort(-self.fitness.among(_archs(some)), kind="stable")
        return [some[i] for i in order]

    def finalists(self) -> list[Evaluated]:
        return list(dict.fromkeys(self._kept()))

    def state(self) -> dict[str, Any]:
        return {**super().state(), "parent": self._parent}

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore(state)
        self.accepted, self._n_rejected = [], 0
        for evaluated in self.history:
            self._note(evaluated)
        parent = state.get("parent")
        self._parent = None if parent is None else tuple(parent)


def _archs(some: Sequence[Evaluated]) -> np.ndarray:
    return np.array([evaluated.arch for evaluated in some])
