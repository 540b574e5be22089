"""Rank percentiles, which are the paper's metric.

ArchLock (Zhou et al., ICLR 2024) reports no accuracies. It reports the position of the architecture found among all
architectures of the search space, by validation accuracy. The mean over searches is called APT there.
"""

from __future__ import annotations

import numpy as np


def rank_percentiles(figures: np.ndarray) -> np.ndarray:
    """The percentile of each architecture of a space.

    Args:
        figures: ``n`` figures, one for each architecture; higher is better.

    Returns:
        ``n`` numbers from 0, for the worst architecture, to 100, for the best one. Equal figures share the mean of
        their positions. A space of one architecture has the percentile 100.
    """
    if len(figures) == 1:
        return np.full(1, 100.0)
    ordered = np.sort(figures)
    first, after = np.searchsorted(ordered, figures, "left"), np.searchsorted(ordered, figures, "right")
    return np.asarray(100 * (first + after - 1) / 2 / (len(figures) - 1))


def fall_pct(percentile: float, reference: float) -> float | None:
    """How far a percentile lies below a reference, in % of the reference; None if the reference is 0."""
    return 100 * (reference - percentile) / reference if reference else None
