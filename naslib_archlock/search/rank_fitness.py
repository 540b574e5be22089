"""What a search maximises: good ranks on the source task, bad ones on the targets (ArchLock, section 3.3)."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..errors import unknown
from ..spaces.space import SearchSpace

if TYPE_CHECKING:
    from ..ranker.pair_model import Contest
    from ..ranker.ranker import Ranker

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
    from the win rate against a fixed sample of it. A cell is so compared once (nothing is compared again when another
    joins the population), and fitness means the same at every step, in evolution and in exhaustive search.
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
        self._scheme, self._trade_off = scheme, trade_off
        self._on_source = self._on_all = ranker.contest(source[None], opponents)
        if scheme != "s":
            self._on_all = ranker.contest(np.vstack([source[None], targets]), opponents)
        self._space, self._n_distinct = space, len(space.distinct())

    def source_ranks(self, archs: np.ndarray) -> np.ndarray:
        """Estimated ranks of ``n x 6`` codes on the source, ``n``; 1 is the best."""
        return self._ranks(self._on_source, archs)[0]

    def evaluate(self, archs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Fitness and source rank of ``n x 6`` codes, ``n`` each."""
        source, *targets = self._ranks(self._on_all, archs)
        return combine(self._scheme, source, np.array(targets), self._trade_off), source

    def _ranks(self, contest: Contest, archs: np.ndarray) -> np.ndarray:
        """Estimated ranks in the space, ``tasks x n``."""
        return 1.0 + (1.0 - contest.win_rates(archs)) * (self._n_distinct - 1)

    @cached_property
    def _all_source_ranks(self) -> np.ndarray:
        """The estimate for every architecture of the space, in ascending order.

        An estimate is made of win probabilities, which are never quite 0 or 1: the best estimates are above 1.
        """
        return np.sort(self.source_ranks(self._space.distinct()))

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
        other._scheme, other._on_all = "s", self._on_source
        return other
