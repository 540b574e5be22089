"""The figures of an audit: how accurate the attacker becomes, how much the weights help, and how cells compare.

The attacker chooses by validation accuracy on the target: first the learning rate of each attack, then the strongest of
the attacks that use the weights, called ``transfer``. The figures reported are test accuracies. The *attack gain* is
``transfer`` minus training from scratch: how much the released weights help the attacker.

The tables of this module:

* ``attacks``: a row for each target, arch, fraction, seed, attack and learning rate, with the accuracies ``val`` and
  ``test``;
* ``chosen``: a row for each target, arch, fraction and seed; the columns ``FIGURES`` hold test accuracies;
* ``figures``: like ``chosen``, with a role in place of an arch;
* ``wide``: a row for each target, fraction and seed, and a column for each role.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ..compute.intervals import half_width
from .attacks import ATTACKS, SCRATCH, TRANSFERS

TRANSFER, GAIN = "transfer", "gain"
FIGURES = (*ATTACKS, TRANSFER, GAIN)
_PLACE = ["target", "arch", "fraction_pct", "seed"]


def chosen_attacks(attacks: pd.DataFrame) -> pd.DataFrame:
    """The test accuracies after the attacker's choices.

    Args:
        attacks: a table that ``run_audit`` returned.
    Returns:
        a row for each target, arch, fraction and seed, with the columns target, arch, fraction_pct, seed, and
        ``FIGURES``.
    """
    best = _best_by_validation(attacks, [*_PLACE, "attack"])
    table = best.pivot(index=_PLACE, columns="attack", values="test")
    table[TRANSFER] = _best_by_validation(best[best["attack"].isin(TRANSFERS)], _PLACE).set_index(_PLACE)["test"]
    table[GAIN] = table[TRANSFER] - table[SCRATCH]
    return table.reset_index()[[*_PLACE, *FIGURES]]


def _best_by_validation(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """The row with the highest validation accuracy in each group; the first one if several are equal."""
    return rows.loc[rows.groupby(list(by), sort=False)["val"].idxmax()]


def by_role(chosen: pd.DataFrame, roles: Mapping[str, Mapping[str, Sequence[str]]]) -> pd.DataFrame:
    """The figures of every role; if a role has several archs, their mean.

    Args:
        chosen: a table that ``chosen_attacks`` returned.
        roles: target -> role -> archs.
    Returns:
        columns target, role, fraction_pct, seed, and ``FIGURES``, in the order of ``roles``.
    """
    parts = []
    for target, of_target in roles.items():
        here = chosen[chosen["target"] == target]
        for role, archs in of_target.items():
            of_role = pd.concat([here[here["arch"] == arch] for arch in archs])
            mean = of_role.groupby(["fraction_pct", "seed"], as_index=False)[list(FIGURES)].mean()
            parts.append(mean.assign(target=target, role=role))
    return pd.concat(parts, ignore_index=True)[["target", "role", "fraction_pct", "seed", *FIGURES]]


def summarise(figures: pd.DataFrame) -> pd.DataFrame:
    """The mean and 95% interval over seeds, with a row for each target, role, fraction and figure.

    Args:
        figures: a table that ``by_role`` returned.
    Returns:
        columns target, role, fraction_pct, figure, mean, low, high, n_seeds.
    """
    return pd.DataFrame(
        [
            {"target": target, "role": role, "fraction_pct": fraction, "figure": figure, **mean_interval(rows[figure])}
            for (target, role, fraction), rows in figures.groupby(["target", "role", "fraction_pct"], sort=False)
            for figure in FIGURES
        ]
    )


def compare(figures: pd.DataFrame, role: str, other: str, figure: str = TRANSFER) -> pd.DataFrame:
    """The difference of a figure between two roles, paired by seed; below 0, ``role`` resists the attacker more.

    Args:
        figures: a table that ``by_role`` returned.
        role: the role that the difference is computed for.
        other: the role to compare with, which is subtracted.
        figure: the figure, one of ``FIGURES``.
    Returns:
        columns target, fraction_pct, mean, low, high, n_seeds, with a row for each target and fraction that has both
        roles.
    """
    wide = figures.pivot(index=["target", "fraction_pct", "seed"], columns="role", values=figure)
    if role not in wide or other not in wide:
        return pd.DataFrame(columns=["target", "fraction_pct", "mean", "low", "high", "n_seeds"])
    difference = (wide[role] - wide[other]).dropna()
    rows = {place: mean_interval(values) for place, values in difference.groupby(level=["target", "fraction_pct"])}
    order = figures[["target", "fraction_pct"]].drop_duplicates().itertuples(index=False, name=None)
    return pd.DataFrame(
        [{"target": place[0], "fraction_pct": place[1], **rows[place]} for place in order if place in rows]
    )


def mean_interval(values: Sequence[float] | pd.Series) -> dict[str, float]:
    """The mean and its 95% interval by Student's t: mean, low, high, n_seeds. The interval of one value is NaN."""
    x = np.asarray(values, dtype=np.float64)
    mean, half = float(x.mean()), half_width(x)
    return {"mean": mean, "low": mean - half, "high": mean + half, "n_seeds": len(x)}
