"""Votes: which of two cells the zero-cost proxies prefer (ArchLock, section 3.2).

For a pair of cells on a task each proxy votes for the one it scores higher, and the label is the weighted majority.
Only order counts, so scale and infinities do not matter. A proxy abstains on a pair that it scores equally (a constant
proxy always does), or of which it failed on either cell; two equal infinities are equal scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import ConfigError, shown, unknown
from .zero_cost import PROXIES, ZeroCostScores

_DECIMALS = 12


def parse_proxies(text: str) -> dict[str, float]:
    """Weights of the proxies that vote, from ``"nwot, jacov:2, grasp:-1"``.

    A missing weight is 1; a negative one turns the proxy's direction round.
    Raises: UnknownNameError: for a proxy that NASLib does not have; ConfigError: for a bad or zero weight.
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

    Attributes: ranks: ``proxies x n`` ranks, NaN where a proxy failed; weights: one for each proxy.
    """

    ranks: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, scores: ZeroCostScores, weights: Mapping[str, float]) -> Votes:
        ranks = np.stack([scores.ranks(proxy) for proxy in weights])
        return cls(ranks, np.array(list(weights.values()), dtype=np.float64))

    def margin(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Weighted share of the votes for cell ``a`` minus that for cell ``b``.

        Args: a, b: positions of the paired cells, ``pairs`` each.
        Returns: ``pairs`` numbers in [-1, 1]: 1 is unanimous for ``a``, 0 is a tie (also when all abstain). They are
        rounded to ``_DECIMALS``, so that weights such as 0.1, 0.2 and -0.3 can tie.
        """
        ballots = np.nan_to_num(np.sign(self.ranks[:, a] - self.ranks[:, b]))
        # sums over the proxies in their order: a product of matrices rounds by the processor's kernel
        cast = (np.abs(self.weights)[:, None] * np.abs(ballots)).sum(axis=0)
        won = (self.weights[:, None] * ballots).sum(axis=0)
        return np.divide(won, cast, out=np.zeros(len(cast)), where=cast > 0).round(_DECIMALS)
