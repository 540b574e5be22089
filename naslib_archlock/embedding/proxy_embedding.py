"""A task embedding from zero-cost scores: how each proxy orders a fixed set of reference cells on the task.

It needs no probe network, and no labels beyond what the proxies used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import EmbeddingError
from ..proxies.zero_cost import ZeroCostScores
from ..spaces.cells import Cell


@dataclass(frozen=True)
class ProxyEmbedding:
    """Embeds a task as the ranks that each proxy gives the reference cells, scaled to unit length.

    Attributes:
        proxies: the proxies read.
        reference: canonical representatives that every task's table must score.
    """

    proxies: tuple[str, ...]
    reference: tuple[Cell, ...]

    @property
    def dim(self) -> int:
        """Numbers in an embedding."""
        return len(self.proxies) * len(self.reference)

    def embed(self, scores: ZeroCostScores) -> np.ndarray:
        """The embedding of one task, ``dim`` float64.

        Ranks are centred, and a failed score stands in the middle, at 0.

        Raises:
            EmbeddingError: if the table lacks a reference cell, or every proxy is constant or failed.
        """
        reference = scores.take(self._rows(scores))
        ranks = np.stack([reference.ranks(proxy) for proxy in self.proxies])
        n_scored = np.maximum(1, (~np.isnan(ranks)).sum(axis=1, keepdims=True))
        centred = np.nan_to_num(ranks - (n_scored + 1) / 2)  # the mean of the ranks 1..n is (n + 1) / 2
        vector: np.ndarray = centred.ravel()
        length = np.linalg.norm(vector)
        if length == 0:
            raise EmbeddingError(f"task {scores.task!r}: every proxy is constant or failed on the reference cells")
        return vector / length

    def _rows(self, scores: ZeroCostScores) -> np.ndarray:
        """Position in the table of each reference cell."""
        row_of = first_rows(scores)
        indices = scores.space.index(self.reference).tolist()
        missing = [cell for cell, index in zip(self.reference, indices) if index not in row_of]
        if missing:
            raise EmbeddingError(
                f"the zero-cost table of {scores.space.name} task {scores.task!r} lacks {len(missing)} of the "
                f"{len(self.reference)} reference cells of this ranker (the first: {missing[0]}); score them, or train "
                "a ranker on tables that share cells with it"
            )
        return np.array([row_of[index] for index in indices])


def first_rows(scores: ZeroCostScores) -> dict[int, int]:
    """For each distinct function in a table, by ``space.index`` of its representative, its first row."""
    index = scores.space.index(scores.space.representatives(scores.cells))
    unique, first = np.unique(index, return_index=True)
    return dict(zip(unique.tolist(), first.tolist()))


def choose_reference(tables: Sequence[ZeroCostScores], size: int, rng: np.random.Generator) -> tuple[Cell, ...]:
    """Draw up to ``size`` reference cells among the distinct functions that all tables score.

    Raises: EmbeddingError: if the tables share fewer than two.
    """
    shared = set.intersection(*(set(first_rows(table)) for table in tables))
    if len(shared) < 2:
        names = ", ".join(f"{t.space.name}/{t.task}" for t in tables)
        raise EmbeddingError(f"the zero-cost tables of {names} share {len(shared)} cells; at least 2 are needed")
    chosen = np.sort(rng.permutation(np.array(sorted(shared)))[:size])
    return tuple(tuple(cell) for cell in tables[0].space.at(chosen).tolist())


def shared_proxies(tables: Sequence[ZeroCostScores]) -> tuple[str, ...]:
    """The proxies that have scores in every table, in alphabetical order. Raises: EmbeddingError: if there are none."""
    shared = set.intersection(*(set(table.scores) for table in tables))
    if not shared:
        names = ", ".join(f"{t.space.name}/{t.task}" for t in tables)
        raise EmbeddingError(f"the zero-cost tables of {names} have no proxy in common; choose others with train_tasks")
    return tuple(sorted(shared))
