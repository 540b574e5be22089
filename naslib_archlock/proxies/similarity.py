"""How alike two tasks are, by the zero-cost scores of the same cells on both."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import ConstantInputWarning, spearmanr

from ..spaces.cells import cell_index
from .zero_cost import ZeroCostScores

# Proxies made of gradients see the labels; of the others, several do not look at the data at all.
PROXIES = ("fisher", "grad_norm", "snip")
_SHARPNESS = 10.0
_LEAST_CELLS = 3  # of a correlation, for SciPy


def similarity(a: ZeroCostScores, b: ZeroCostScores) -> float:
    """The mean over ``PROXIES`` of the rank correlation between both tasks' scores, NaN if there is none.

    A proxy that failed, or is constant on a task, abstains, as it does in votes; so does one with fewer than
    ``_LEAST_CELLS`` cells that it scored on both.
    """
    _, in_a, in_b = np.intersect1d(cell_index(a.cells), cell_index(b.cells), return_indices=True)
    both = [(a.scores[p][in_a], b.scores[p][in_b]) for p in PROXIES if p in a.scores and p in b.scores]
    both = [(x, y) for x, y in both if (~np.isnan(x) & ~np.isnan(y)).sum() >= _LEAST_CELLS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)
        correlations = [spearmanr(x, y, nan_policy="omit")[0] for x, y in both]
    found = [r for r in correlations if np.isfinite(r)]
    return float(np.mean(found)) if found else float("nan")


def similarity_weights(target: str, others: Sequence[str], tables: Mapping[str, ZeroCostScores]) -> dict[str, float]:
    """How much to listen to each of ``others`` about ``target``; alike where a similarity is unknown.

    Returns: task -> weight; they sum to 1.
    """
    known = target in tables and all(task in tables for task in others)
    score = np.array([similarity(tables[target], tables[task]) if known else 0.0 for task in others])
    if not np.isfinite(score).all():
        score = np.zeros(len(others))
    weight = np.exp(_SHARPNESS * (score - score.max(initial=-np.inf)))
    return dict(zip(others, (weight / weight.sum()).tolist()))
