"""Exhaustive search on ranks, for spaces that a ranker can rank as a whole."""

from __future__ import annotations

import numpy as np

from .base import Evaluated, RankSearch


class ExhaustiveSearch(RankSearch):
    """Ranks every distinct architecture, then spends the look-ups on the fittest, all in one step.

    The fittest of all are mostly bad on the source, too. So a first share of the look-ups goes to the best by source
    rank, from which the budget is measured; the others go, in equal parts, to the fittest of all, of the better half by
    source rank, of the better quarter, and so on.
    """

    SHARE_FOR_BEST = 0.25

    @property
    def is_finished(self) -> bool:
        return bool(self.history)

    def step(self) -> None:
        if self.is_finished:
            return
        archs = [tuple(row) for row in self.space.distinct().tolist()]
        fitness, source_rank = self.fitness.evaluate(np.array(archs))
        by_fitness = np.argsort(-fitness, kind="stable")
        seen: dict[int, Evaluated] = {}

        def walk(order: np.ndarray, quota: int) -> None:
            """Look up the first ``quota`` new ones in an order, up to the first that is within the budget."""
            for i in order.tolist():
                if i not in seen:
                    if quota == 0:
                        return
                    seen[i] = self._record(archs[i], fitness[i], source_rank[i])
                    quota -= 1
                if self.is_within_budget(seen[i]):
                    return

        if not self.uses_source_accuracy:
            walk(by_fitness, quota=len(archs))
            return
        share = self.SHARE_FOR_BEST if self.settings.source_budget_pct > 0 else 1.0
        n_first = max(1, round(share * self.oracle.max_queries))
        by_source = np.argsort(source_rank, kind="stable")
        for i in by_source[:n_first].tolist():
            seen[i] = self._record(archs[i], fitness[i], source_rank[i])
        n_levels = max(1, int(np.log2(len(archs) / n_first)) + 1)
        for level in range(n_levels):
            better_part = np.isin(by_fitness, by_source[: len(archs) >> level])
            walk(by_fitness[better_part], self.oracle.remaining // (n_levels - level))
        walk(by_fitness, self.oracle.remaining)  # what the levels did not need
