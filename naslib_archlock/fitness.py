"""What a search maximises: good ranks on the source task, bad ones on the targets (ArchLock, section 3.3)."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .errors import unknown
from .spaces import SearchSpace

if TYPE_CHECKING:
    from .ranker import Ranker

SCHEMES = ("s", "tk", "tu")
_TIE = 1e-3  # estimates of ranks this close are equal: rounding depends on how many tasks are computed at once


def combine(scheme: str, source_rank: np.ndarray, target_ranks: np.ndarray, trade_off: float) -> np.ndarray:
    """Fitness from ranks, 1 being the best rank.

    S: ``-rank_S``. TK: ``rank_T - trade_off * rank_S``, the mean over the targets where there are several. TU: the
    same over simulated targets.

    Args: source_rank: ``n``; target_ranks: ``targets x n``, ignored by S; trade_off: the paper's lambda.
    Raises: UnknownNameError: for another scheme.
    """
    if scheme not in SCHEMES:
        raise unknown("scheme", scheme, SCHEMES)
    if scheme == "s":
        return -source_rank
    difference: np.ndarray = target_ranks.mean(axis=0) - trade_off * source_rank
    return difference


class Fitness:
    """Fitness of architectures under one scheme.

    Departure from the paper: a rank is not counted among the current population but estimated for the whole space,
    from the win rate against a fixed sample of it. A cell is so compared once, and fitness means the same at every
    step, in evolution and in exhaustive search.
    """

    def __init__(
        self,
        ranker: Ranker,
        space: SearchSpace,
        scheme: str,
        source: np.ndarray,
        targets: np.ndarray,
        trade_off: float,
        opponents: np.ndarray,
    ) -> None:
        """Args: source: ``dim`` numbers; targets: ``n_targets x dim``, empty for S; opponents: ``m x 6`` codes."""
        ranker.check_space(space)
        self._ranker, self._scheme, self._trade_off, self._opponents = ranker, scheme, trade_off, opponents
        self._tasks = np.vstack([source[None], targets]) if scheme != "s" else source[None]
        self._space, self._n_distinct = space, len(space.distinct())

    def ranks(self, archs: np.ndarray) -> np.ndarray:
        """Estimated ranks of ``n x 6`` codes in the space, ``tasks x n``, the source first; 1 is the best."""
        rates = self._ranker.win_rates(archs, self._tasks, self._opponents)
        return 1.0 + (1.0 - rates) * (self._n_distinct - 1)

    def evaluate(self, archs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Fitness and source rank of ``n x 6`` codes, ``n`` each."""
        ranks = self.ranks(np.asarray(archs))
        return combine(self._scheme, ranks[0], ranks[1:], self._trade_off), ranks[0]

    @cached_property
    def _all_source_ranks(self) -> np.ndarray:
        """The estimate for every architecture of the space, in ascending order.

        An estimate is made of win probabilities, which are never quite 0 or 1: the best estimates are above 1.
        """
        return np.sort(self.on_source_alone().ranks(self._space.distinct())[0])

    def source_rank_at(self, pct: float) -> float:
        """The estimate of the last of the best ``pct`` % of the space by source rank."""
        n = len(self._all_source_ranks)
        return float(self._all_source_ranks[max(1, int(n * pct / 100)) - 1]) + _TIE

    def source_position(self, source_rank: float) -> int:
        """From an estimate to the place among all architectures of the space, from 1."""
        return int(np.searchsorted(self._all_source_ranks, source_rank - _TIE)) + 1

    def on_source_alone(self) -> Fitness:
        """The fitness under scheme S, by the same ranker, source and opponents."""
        other = copy.copy(self)
        other._scheme, other._tasks = "s", self._tasks[:1]
        return other
