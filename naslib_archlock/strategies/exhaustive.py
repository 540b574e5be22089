"""Exhaustive search on ranks, for spaces that a ranker can rank as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from ..spaces.cells import Cell
from .base import Evaluated
from .rank_search import RankSearch


class ExhaustiveSearch(RankSearch):
    """Ranks every distinct architecture, then spends the look-ups on the fittest, all in one step.

    The fittest of all are mostly bad on the source, too. So a first share of the look-ups goes to the best by source
    rank, from which the budget is measured. The others go, in equal parts, to the fittest of all, of the better half by
    source rank, of the better quarter, and so on.
    """

    SHARE_FOR_BEST = 0.25
    in_one_step = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._begin()

    def _begin(self) -> None:
        self._evaluated: dict[Cell, Evaluated] = {}
        self._asked: set[Cell] = set()
        self._order = self._in_order()
        self._upcoming: list[Cell] = []  # at most one: what ``_order`` gave when it was asked whether it is at its end

    @property
    def is_finished(self) -> bool:
        if not self._upcoming:
            self._upcoming = list(islice(self._order, 1))
        return not self._upcoming

    def _propose(self) -> Cell:
        return self._upcoming.pop(0)

    def _take_back(self, arch: Cell) -> None:
        super()._take_back(arch)
        self._upcoming.insert(0, arch)

    def _judge(self, arch: Cell) -> tuple[float, float | None]:
        return self._judged[arch]

    def tell(self, arch: Cell, source_accuracy: float | None = None) -> Evaluated:
        evaluated = super().tell(arch, source_accuracy)
        self._evaluated[evaluated.arch] = evaluated
        return evaluated

    def _in_order(self) -> Iterator[Cell]:
        """Yield the architectures to evaluate; which ones come next depends on what was told about the last ones."""
        archs = [tuple(row) for row in self.space.distinct().tolist()]
        fitness, source_rank = self.fitness.evaluate(np.array(archs))
        self._judged = dict(zip(archs, zip(fitness.tolist(), source_rank.tolist())))
        by_fitness = np.argsort(-fitness, kind="stable")

        def walk(order: np.ndarray, quota: int) -> Iterator[Cell]:
            """Yield the first ``quota`` new ones in an order, up to the first that is within the budget."""
            for arch in (archs[i] for i in order.tolist()):
                if arch not in self._asked:
                    if quota == 0:
                        return
                    self._asked.add(arch)
                    yield arch
                    quota -= 1
                if arch in self._evaluated and self.is_within_budget(self._evaluated[arch]):
                    return

        if not self.uses_source_accuracy:
            yield from walk(by_fitness, quota=len(archs))
            return
        share = self.SHARE_FOR_BEST if self.settings.source_budget_pct > 0 else 1.0
        n_first = max(1, round(share * self.oracle.max_queries))
        by_source = np.argsort(source_rank, kind="stable")
        for arch in (archs[i] for i in by_source[:n_first].tolist()):
            self._asked.add(arch)
            yield arch
        n_levels = max(1, int(np.log2(len(archs) / n_first)) + 1)
        for level in range(n_levels):
            better_part = np.isin(by_fitness, by_source[: len(archs) >> level])
            yield from walk(by_fitness[better_part], self._n_left() // (n_levels - level))
        yield from walk(by_fitness, self._n_left())  # the look-ups that the levels did not need

    def _n_left(self) -> int:
        """Look-ups that no architecture was asked for with. Each is asked for once, so this is their number."""
        return self.oracle.max_queries - len(self._asked)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a state by asking for the same architectures again, with the answers that are known."""
        super().restore(state)
        self._begin()
        self.oracle.known = {}  # The budget is measured from the best accuracy known when each was asked for.
        for evaluated in self.history:
            if self.is_finished or self._propose() != evaluated.arch:
                raise ValueError(f"the state holds {evaluated.arch}, which this search does not ask for")
            self._evaluated[evaluated.arch] = evaluated
            if evaluated.source_val is not None:
                self.oracle.record(evaluated.arch, evaluated.source_val)
