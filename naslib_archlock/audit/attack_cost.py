"""What a lock costs the attacker: how many more images, or optimizer steps, the attacker needs.

Two figures say it, along the attacker's images or along the steps:

* the *area* under the learning curve of the strongest attack, over the logarithm of the budget: the mean accuracy in %
  (SLC-AUC of Ding et al., "Non-transferable Pruning", ECCV 2024);
* the *recovery*: the least budget with which an attack on the weights reaches what training from scratch reaches with
  the whole budget. It is read from the curve of each seed. The level is that of scheme S for all roles, so that they
  are compared at equal accuracy. The *cost ratio* is the recovery of a lock divided by that of scheme S.

A curve may never reach the level. The recovery is then counted as the whole budget, which is too little, so a ratio
with such seeds is a lower bound. Where scheme S itself does not reach it, there is no ratio: its weights are worth
nothing to the attacker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..compute.intervals import half_width
from .attacks import SCRATCH
from .audit_results import TRANSFER, along

LEAST_SEEDS = 3  # of an interval of a ratio: that of two seeds spans a factor of thousands, so it bounds nothing


class CostRatio(NamedTuple):
    """How many times the budget of ``other`` the role costs the attacker.

    Attributes:
        ratio, low, high: the geometric mean over seeds and its 95% interval; NaN if there is no ratio, and no interval
            of fewer seeds than ``LEAST_SEEDS``.
        n_seeds: how many seeds these are from.
        is_least: whether the role did not reach the level with some seeds, so that the ratio is a lower bound.
        targets: those that the ratio is of; on the others, ``other`` does not reach the level.
    """

    ratio: float
    low: float
    high: float
    n_seeds: int
    is_least: bool
    targets: tuple[str, ...]


def area(budgets: Sequence[float], accuracies: Sequence[float]) -> float:
    """The mean height of a curve over the logarithm of the budget; of one point, its height."""
    x, y = np.log(np.asarray(budgets, dtype=np.float64)), np.asarray(accuracies, dtype=np.float64)
    return float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2) / (x[-1] - x[0])) if len(x) > 1 else float(y[0])


def recovery(budgets: Sequence[float], accuracies: Sequence[float], level: float) -> float:
    """The least budget at which a curve reaches a level; infinite if it never does.

    Between two points, the curve is a line over the logarithm of the budget. A curve that begins above the level needs
    no more than its first budget.
    """
    x, y = np.asarray(budgets, dtype=np.float64), np.asarray(accuracies, dtype=np.float64)
    reached = np.flatnonzero(y >= level)
    if not len(reached):
        return np.inf
    i = int(reached[0])
    if i == 0:
        return float(x[0])
    share = (level - y[i - 1]) / (y[i] - y[i - 1])
    return float(np.exp(np.log(x[i - 1]) + share * (np.log(x[i]) - np.log(x[i - 1]))))


def curves(figures: pd.DataFrame, axis: str, reference: str) -> pd.DataFrame:
    """The area and the recovery of every curve.

    Args:
        figures: a table that ``by_role`` returned.
        axis: ``IMAGES`` or ``STEPS``.
        reference: the role that the level is taken from.
    Returns:
        columns target, role, seed, level, area, recovery (in % of the whole budget), reached.
    """
    here = along(figures, axis).sort_values(axis)
    whole = here[axis].max()
    rows: list[dict[str, Any]] = []
    for target in figures["target"].unique():
        of_target = here[here["target"] == target]
        level = of_target[(of_target["role"] == reference) & (of_target[axis] == whole)][SCRATCH].mean()
        for (role, seed), curve in of_target.groupby(["role", "seed"], sort=False):
            least = recovery(curve[axis], curve[TRANSFER], level)
            rows.append(
                {
                    "target": target,
                    "role": role,
                    "seed": seed,
                    "level": level,
                    "area": area(curve[axis], curve[TRANSFER]),
                    "recovery": min(least, whole),
                    "reached": bool(np.isfinite(least)),
                }
            )
    return pd.DataFrame(rows)


def cost_ratio(of_curves: pd.DataFrame, role: str, other: str) -> CostRatio:
    """How many times the images or steps of ``other`` the role costs: a mean over targets, with seeds as samples.

    Args:
        of_curves: a table that ``curves`` returned, of one target or several.
    """
    wide = of_curves.pivot(index=["target", "seed"], columns="role", values=["recovery", "reached"])
    none = CostRatio(np.nan, np.nan, np.nan, of_curves["seed"].nunique(), False, ())
    if role not in wide["recovery"] or other not in wide["recovery"]:
        return none
    reached = wide["reached"].astype(bool)
    worth = reached[other].groupby(level="target", sort=False).all()
    targets = tuple(worth.index[worth])
    if not targets:
        return none
    recovery_of = wide.loc[list(targets)]["recovery"].astype(float)
    logarithms = np.log(recovery_of[role] / recovery_of[other]).groupby(level="seed").mean()
    mean, n_seeds = logarithms.mean(), len(logarithms)
    half = half_width(logarithms) if n_seeds >= LEAST_SEEDS else np.nan
    ratio, low, high = (float(np.exp(x)) for x in (mean, mean - half, mean + half))
    return CostRatio(ratio, low, high, n_seeds, not reached.loc[list(targets)][role].all(), targets)
