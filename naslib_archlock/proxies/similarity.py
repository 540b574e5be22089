"""The similarity of two tasks, from the zero-cost scores of the same cells on both."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import ConstantInputWarning, spearmanr

from .zero_cost import ZeroCostScores

# Only proxies that are made of gradients see the labels. Several others do not look at the data at all.
GRADIENT_PROXIES = ("fisher", "grad_norm", "snip")
_SHARPNESS = 10.0  # a similarity that is higher by 0.1 multiplies the weight by e
_LEAST_CELLS = 3  # SciPy correlates no fewer


def similarity(a: ZeroCostScores, b: ZeroCostScores) -> float:
    """The mean over ``GRADIENT_PROXIES`` of the rank correlation between the scores on both tasks.

    A proxy abstains, as it does in votes, if it failed or is constant on a task; it also abstains if it scored fewer
    than ``_LEAST_CELLS`` cells on both tasks.

    Args:
        a, b: tables of spaces of one family; they may hold different cells, in any order.
    Returns: a number in [-1, 1], or NaN if all proxies abstain.
    """
    _, in_a, in_b = np.intersect1d(a.space.index(a.cells), b.space.index(b.cells), return_indices=True)
    both = [(a.scores[p][in_a], b.scores[p][in_b]) for p in GRADIENT_PROXIES if p in a.scores and p in b.scores]
    both = [(x, y) for x, y in both if (~np.isnan(x) & ~np.isnan(y)).sum() >= _LEAST_CELLS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)
        correlations = [spearmanr(x, y, nan_policy="omit")[0] for x, y in both]
    found = [r for r in correlations if np.isfinite(r)]
    return float(np.mean(found)) if found else float("nan")


def similarity_weights(target: str, others: Sequence[str], tables: Mapping[str, ZeroCostScores]) -> dict[str, float]:
    """How much the accuracies on each of ``others`` say about the target: more, the more similar the task is.

    Args:
        target: the name of a task.
        others: the names of ``n`` other tasks.
        tables: task -> zero-cost scores.
    Returns:
        task -> weight; the weights sum to 1. They are equal if a table is missing or a similarity is unknown.
    """
    known = target in tables and all(task in tables for task in others)
    score = np.array([similarity(tables[target], tables[task]) if known else 0.0 for task in others])
    if not np.isfinite(score).all():
        score = np.zeros(len(others))
    weight = np.exp(_SHARPNESS * (score - score.max(initial=-np.inf)))
    return dict(zip(others, (weight / weight.sum()).tolist()))
