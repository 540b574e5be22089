"""Votes: which of two cells the zero-cost proxies prefer (ArchLock, section 3.2).

For a pair of cells on a task, each proxy votes for the cell that it scores higher, and the label is the weighted
majority. Only order counts, so scale and infinities do not matter. A proxy abstains on a pair if it scores both cells
equally, as a constant proxy always does, or if it failed on one of them; two equal infinities are equal scores.

The matrices of this module, for ``p`` proxies, the ``n`` cells of one task, and any number of pairs of them:

* ``ranks``, ``p x n`` float64: the rank of each cell by each proxy, NaN where the proxy failed;
* ``weights``, ``p`` float64: the weight of each proxy's vote;
* ``ballots``, ``p x pairs``: 1 for a vote for the first cell of a pair, -1 for the second, 0 for an abstention;
* ``cast`` and ``won``, ``pairs``: the weight of all votes on a pair, and of those for its first cell less the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import ConfigError, shown, unknown
from .zero_cost import PROXIES, ZeroCostScores, ranks_of

_DECIMALS = 12


def parse_proxies(text: str) -> dict[str, float]:
    """The weights of the proxies that vote, from text such as ``"nwot, jacov:2, grasp:-1"``.

    A missing weight is 1, and a negative weight reverses the proxy's votes.

    Raises:
        UnknownNameError: if NASLib does not have a proxy.
        ConfigError: if a weight is zero or no number, a proxy occurs twice, or there is none.
    """
    weights: dict[str, float] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, raw = (p.strip() for p in part.partition(":"))
        if name not in PROXIES:
            raise unknown("proxy", name, PROXIES)
        try:
            weight = float(raw or 1.0)
        except ValueError:
            weight = 0.0
        if name in weights or weight == 0.0 or not np.isfinite(weight):
            raise ConfigError(
                f"proxies: {shown(part)} must be NAME or NAME:WEIGHT with a finite weight but 0, once each"
            )
        weights[name] = weight
    if not weights:
        raise ConfigError("proxies: at least one must vote, for example 'nwot,jacov,params'")
    return weights


@dataclass(frozen=True)
class Votes:
    """The votes on one task's cells.

    Attributes:
        ranks: ``p x n``, NaN where a proxy failed.
        weights: ``p``.
    """

    ranks: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, scores: ZeroCostScores, weights: Mapping[str, float]) -> Votes:
        """The votes of the proxies in ``weights`` (proxy -> weight) by their scores on a task."""
        ranks = np.stack([scores.ranks(proxy) for proxy in weights])
        return cls(ranks, np.array(list(weights.values()), dtype=np.float64))

    @classmethod
    def of_accuracies(cls, accuracies: np.ndarray) -> Votes:
        """The votes by one accuracy of each cell: its more accurate cell wins a pair; what is not finite abstains."""
        return cls(ranks_of(np.where(np.isfinite(accuracies), accuracies, np.nan))[None], np.ones(1))

    def wins(self, rows: np.ndarray) -> np.ndarray:
        """The mean place of each cell among the cells at ``rows`` by all voters, by their weights, ``len(rows)``.

        A voter places a cell by the share of the cells with a score that it ranks below, less those above. A failed
        score counts as the middle.
        """
        from scipy.stats import rankdata

        total = np.zeros(len(rows))
        for weight, ranks in zip(self.weights, self.ranks[:, rows]):
            is_known = ~np.isnan(ranks)
            places = rankdata(ranks[is_known])
            total[is_known] += weight * (2 * places - places.size - 1) / max(places.size - 1, 1)
        return total.round(_DECIMALS)

    def margin(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The weighted share of the votes for cell ``a`` minus the share for cell ``b``.

        Args:
            a: positions of the first cell of each pair, ``pairs`` integers in ``[0, n)``.
            b: positions of the second cells, likewise.
        Returns:
            ``pairs`` numbers in [-1, 1]: 1 is unanimous for ``a``, and 0 is a tie, also when all proxies abstain.
            They are rounded to ``_DECIMALS``, so that weights such as 0.1, 0.2 and -0.3 can tie.
        """
        ballots = np.nan_to_num(np.sign(self.ranks[:, a] - self.ranks[:, b]))
        # These sums add the proxies in their order; how a product of matrices rounds depends on the processor.
        cast = (np.abs(self.weights)[:, None] * np.abs(ballots)).sum(axis=0)
        won = (self.weights[:, None] * ballots).sum(axis=0)
        return np.divide(won, cast, out=np.zeros(len(cast)), where=cast > 0).round(_DECIMALS)
