"""What an audit says: the attacker's choices, attack gains, and the cells compared, with intervals over seeds.

The attacker chooses by validation figures of the target: the learning rate of each attack, and of the attacks that use
the weights the strongest, here called ``transfer``. Figures reported are test figures. The *attack gain* is what the
weights are worth to the attacker: transfer minus training from scratch.
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
    """Test figures as the attacker chooses: a row for each target, arch, fraction and seed, a column for each figure.

    Args:
        attacks: a table that ``run_audit`` returned.
    Returns:
        columns target, arch, fraction_pct, seed, and the columns of ``FIGURES``.
    """
    best = _best_by_validation(attacks, [*_PLACE, "attack"])
    table = best.pivot(index=_PLACE, columns="attack", values="test")
    table[TRANSFER] = _best_by_validation(best[best["attack"].isin(TRANSFERS)], _PLACE).set_index(_PLACE)["test"]
    table[GAIN] = table[TRANSFER] - table[SCRATCH]
    return table.reset_index()[[*_PLACE, *FIGURES]]


def _best_by_validation(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """The row with the highest validation figure of each group; the first of equals."""
    return rows.loc[rows.groupby(list(by), sort=False)["val"].idxmax()]


def by_role(chosen: pd.DataFrame, roles: Mapping[str, Mapping[str, Sequence[str]]]) -> pd.DataFrame:
    """Figures of every role, of several archs in one role their mean.

    Args:
        chosen: a table that ``chosen_attacks`` returned.
        roles: target -> role -> archs.
    Returns:
        columns target, role, fraction_pct, seed, and the columns of ``FIGURES``, in the order of ``roles``.
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
    """Mean and 95% interval over seeds, a row for each target, role, fraction and figure.

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
    """How much one role gives the attacker beyond another, seed by seed: below 0, the role resists more.

    Args:
        figures: a table that ``by_role`` returned.
    Returns:
        columns target, fraction_pct, mean, low, high, n_seeds; a row for each target and fraction that has both.
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
    """Mean and 95% interval of Student's t: mean, low, high, n_seeds; NaN for the interval of one value."""
    x = np.asarray(values, dtype=np.float64)
    mean, half = float(x.mean()), half_width(x)
    return {"mean": mean, "low": mean - half, "high": mean + half, "n_seeds": len(x)}
