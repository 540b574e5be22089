"""The figures of an audit: how accurate the attacker becomes, how much the weights help, and how cells compare.

The attacker chooses by validation accuracy on the target: first the learning rate of each attack, then the strongest of
the attacks that use the weights, called ``transfer``. The figures reported are test accuracies. The *attack gain* is
``transfer`` minus training from scratch: how much the released weights help the attacker.

The tables of this module:

* ``attacks``: a row for each target, arch, budget of the attacker (images and steps), seed, attack and learning rate,
  with the accuracies ``val`` and ``test``;
* ``chosen``: a row for each target, arch, budget and seed; test accuracies of each attack, ``transfer`` and ``gain``;
* ``figures``: like ``chosen``, with a role in place of an arch;
* ``wide``: a row for each target, budget and seed, and a column for each role.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from ..compute.intervals import difference_within, interval_within
from .attacks import SCRATCH

TRANSFER, GAIN = "transfer", "gain"
IMAGES, STEPS = "fraction_pct", "steps_pct"  # the attacker's budget: shares in %
BUDGET = [IMAGES, STEPS]
_PLACE = ["target", "arch", *BUDGET, "seed"]


def chosen_attacks(attacks: pd.DataFrame) -> pd.DataFrame:
    """The test accuracies after the attacker's choices.

    Args:
        attacks: a table that ``run_audit`` returned.
    Returns:
        a row for each target, arch, budget and seed, with the columns target, arch, fraction_pct, steps_pct, seed, one
        for each attack, transfer, and gain.
    """
    best = _best_by_validation(attacks, [*_PLACE, "attack"])
    table = best.pivot(index=_PLACE, columns="attack", values="test")[list(attacks["attack"].unique())]
    table[TRANSFER] = _best_by_validation(best[best["attack"] != SCRATCH], _PLACE).set_index(_PLACE)["test"]
    table[GAIN] = table[TRANSFER] - table[SCRATCH]
    return table.reset_index().rename_axis(columns=None)


def _best_by_validation(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """The row with the highest validation accuracy in each group; the first one if several are equal."""
    return rows.loc[rows.groupby(list(by), sort=False)["val"].idxmax()]


def names_of_figures(table: pd.DataFrame) -> list[str]:
    """The columns of ``chosen`` or ``figures`` that hold figures."""
    return [column for column in table if column not in (*_PLACE, "role")]


def by_role(chosen: pd.DataFrame, roles: Mapping[str, Mapping[str, Sequence[str]]]) -> pd.DataFrame:
    """The figures of every role; if a role has several archs, their mean.

    Args:
        chosen: a table that ``chosen_attacks`` returned.
        roles: target -> role -> archs.
    Returns:
        columns target, role, fraction_pct, steps_pct, seed, and the figures, in the order of ``roles``.
    """
    parts, names = [], names_of_figures(chosen)
    for target, of_target in roles.items():
        here = chosen[chosen["target"] == target]
        for role, archs in of_target.items():
            of_role = pd.concat([here[here["arch"] == arch] for arch in archs])
            mean = of_role.groupby([*BUDGET, "seed"], as_index=False)[names].mean()
            parts.append(mean.assign(target=target, role=role))
    return pd.concat(parts, ignore_index=True)[["target", "role", *BUDGET, "seed", *names]]


def along(figures: pd.DataFrame, axis: str) -> pd.DataFrame:
    """The rows of a learning curve: over ``axis``, which is ``IMAGES`` or ``STEPS``, with the largest other budget."""
    other = STEPS if axis == IMAGES else IMAGES
    return figures[figures[other] == figures[other].max()]


def summarise(figures: pd.DataFrame) -> pd.DataFrame:
    """The mean and 95% interval over seeds, with a row for each target, role, budget and figure.

    Args:
        figures: a table that ``by_role`` returned.
    Returns:
        columns target, role, fraction_pct, steps_pct, figure, mean, low, high, n_seeds.
    """
    keys = ["target", "role", *BUDGET]
    return pd.DataFrame(
        [
            {**dict(zip(keys, place)), "figure": figure, **mean_interval(rows[figure], is_difference=figure == GAIN)}
            for place, rows in figures.groupby(keys, sort=False)
            for figure in names_of_figures(figures)
        ]
    )


def compare(figures: pd.DataFrame, role: str, other: str, figure: str = TRANSFER) -> pd.DataFrame:
    """The difference of a figure between two roles, paired by seed; below 0, ``role`` resists the attacker more.

    Args:
        figures: a table that ``by_role`` returned.
        role: the role that the difference is computed for.
        other: the role to compare with, which is subtracted.
        figure: the name of the figure.
    Returns:
        columns target, fraction_pct, steps_pct, mean, low, high, n_seeds, with a row for each target and budget that
        has both roles.
    """
    keys = ["target", *BUDGET]
    wide = figures.pivot(index=[*keys, "seed"], columns="role", values=figure)
    if role not in wide or other not in wide:
        return pd.DataFrame(columns=[*keys, "mean", "low", "high", "n_seeds"])
    difference = (wide[role] - wide[other]).dropna()
    rows = {place: mean_interval(values, is_difference=True) for place, values in difference.groupby(level=keys)}
    order = figures[keys].drop_duplicates().itertuples(index=False, name=None)
    return pd.DataFrame([{**dict(zip(keys, place)), **rows[place]} for place in order if place in rows])


def mean_interval(values: pd.Series, is_difference: bool = False) -> dict[str, float]:
    """The mean of figures in % over seeds, and its 95% interval, which holds no impossible figure.

    Args:
        values: one for each seed.
        is_difference: whether they are differences of two figures.
    Returns:
        mean, low, high, n_seeds. The interval of one value is NaN.
    """
    low, high = (difference_within if is_difference else interval_within)(values)
    return {"mean": float(values.mean()), "low": low, "high": high, "n_seeds": len(values)}
