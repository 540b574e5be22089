"""The paper's fitness: good ranks on the source task, bad ones on the targets (ArchLock, section 3.3)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..spaces.space import SearchSpace
from .fitness import MEAN, fit_to_targets

if TYPE_CHECKING:
    from ..ranker.pair_model import Contest
    from ..ranker.ranker import Ranker

_TIE = 1e-3  # estimates of ranks this close are equal: rounding depends on how many tasks are computed at once

# From source ranks, ``n``, and target ranks, ``targets x n``, to fitness, ``n``.
Combine = Callable[[np.ndarray, np.ndarray], np.ndarray]


def good_on_source(source_rank: np.ndarray, target_ranks: np.ndarray) -> np.ndarray:
    """Return the fitness of scheme S, ``-rank_S``, which ignores the targets."""
    return -source_rank


def bad_on_targets(
    source_rank: np.ndarray, target_ranks: np.ndarray, *, trade_off: float, targets_by: str = MEAN
) -> np.ndarray:
    """Return the fitness of schemes TK and TU, ``rank_T - trade_off * rank_S``, where 1 is the best rank.

    Args:
        source_rank: ``n`` ranks.
        target_ranks: ``targets x n`` ranks; several targets may be simulated ones.
        trade_off: the paper's lambda.
        targets_by: which rank counts for several targets: the ``mean``, as in the paper, or the ``worst`` lock, which
            is the best rank.
    Returns:
        ``n`` numbers; higher is fitter.
    """
    return -fit_to_targets(-target_ranks, targets_by) - trade_off * source_rank  # a low rank fits well


class RankFitness:
    """A fitness made of ranks that a ranker estimates.

    Departure from the paper: a rank is not counted among the current population but estimated for the whole space,
    from the win rate against a fixed sample of it. A cell is so compared once (nothing is compared again when another
    joins the population), and fitness means the same at every step, in evolution and in exhaustive search.
    """

    def __init__(
        self,
        ranker: Ranker,
        space: SearchSpace,
        source: np.ndarray,
        targets: np.ndarray,
        combine: Combine,
        opponents: np.ndarray,
    ) -> None:
        """Prepare the comparisons with the opponents.

        Args:
            ranker: estimates who wins.
            space: the search space.
            source: embedding of the source task, ``dim`` numbers.
            targets: embeddings of the targets, ``n_targets x dim``; none for scheme S.
            combine: makes a fitness of the ranks; the scheme decides.
            opponents: the fixed sample, ``m x 6`` codes.
        """
        ranker.check_space(space)
        self._combine = combine
        self._on_source = self._on_all = ranker.contest(source[None], opponents)
        if len(targets):
            self._on_all = ranker.contest(np.vstack([source[None], targets]), opponents)
        self._space, self._n_distinct = space, len(space.distinct())
        self._ranker, self._tasks = ranker, np.vstack([source[None], targets]) if len(targets) else source[None]

    def of(self, archs: np.ndarray) -> np.ndarray:
        """Return the fitness of ``n x 6`` codes, ``n``."""
        return self.evaluate(archs)[0]

    def evaluate(self, archs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return fitness and source rank of ``n x 6`` codes, ``n`` each."""
        source, *targets = self._ranks(self._on_all, archs)
        return self._combine(source, np.array(targets)), source

    def among(self, archs: np.ndarray) -> np.ndarray:
        """Return the fitness of ``n x 6`` codes, ``n``, from ranks that are counted among these alone, as in the paper.

        Every two architectures are compared. The one with the fewest defeats has rank 1. On several targets, the
        defeats on all of them count. Architectures with equally many defeats rank in their order.
        """
        from scipy.stats import rankdata  # it is slow to import, and only the strategy paper asks for this

        n = len(archs)
        wins = np.stack([self._ranker.win_rates(archs, self._tasks, archs[[other]]) for other in range(n)], axis=2)
        defeats = (wins < 0.5) & ~np.eye(n, dtype=bool)  # tasks x n x opponents
        source, targets = defeats[0].sum(axis=1), defeats[1:].sum(axis=(0, 2))
        return self._combine(rankdata(source, "ordinal"), rankdata(targets, "ordinal")[None])

    def source_ranks(self, archs: np.ndarray) -> np.ndarray:
        """Return the estimated ranks of ``n x 6`` codes on the source, ``n``; 1 is the best."""
        return self._ranks(self._on_source, archs)[0]

    def _ranks(self, contest: Contest, archs: np.ndarray) -> np.ndarray:
        """Return the estimated ranks in the space, ``tasks x n``."""
        return 1.0 + (1.0 - contest.win_rates(archs)) * (self._n_distinct - 1)

    @cached_property
    def _all_source_ranks(self) -> np.ndarray:
        """The estimate for every architecture of the space, in ascending order.

        An estimate is made of win probabilities, which are never quite 0 or 1: the best estimates are above 1.
        """
        return np.sort(self.source_ranks(self._space.distinct()))

    def source_rank_at(self, pct: float) -> float:
        """Return the estimate of the last of the best ``pct`` % of the space by source rank."""
        n = len(self._all_source_ranks)
        return float(self._all_source_ranks[max(1, int(n * pct / 100)) - 1]) + _TIE

    def source_position(self, source_rank: float) -> int:
        """Return the place of an estimate among all architectures of the space, from 1."""
        return int(np.searchsorted(self._all_source_ranks, source_rank - _TIE)) + 1

    def on_source_alone(self) -> RankFitness:
        """Return the fitness under scheme S, by the same ranker, source and opponents."""
        other = copy.copy(self)
        other._combine, other._on_all, other._tasks = good_on_source, self._on_source, self._tasks[:1]
        return other
