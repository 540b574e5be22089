"""An audit as text and as pictures."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..audit.attack_cost import CostRatio, cost_ratio, curves
from ..audit.attacked_cells import FOUND, RANDOM, S
from ..audit.attacks import SCRATCH
from ..audit.audit_results import GAIN, IMAGES, STEPS, TRANSFER, along, compare, mean_interval, summarise
from ..compute.intervals import interval_within
from .pictures import CHOSEN, OUTSIDE, WITHIN, own_settings, plain, png
from .tables import with_interval
from .text import table

LIMIT = (
    "Measured with small networks, these attacks and this grid of learning rates, the attacker choosing by validation "
    "figures of the target: a stronger attacker may get more."
)
_HOW_TO_READ = (
    "Target test metrics in %, means with 95% intervals over {n} seeds in brackets. weights: the strongest attack on "
    "the released weights; gain: that minus training the same network from scratch, what the weights are worth to the "
    "attacker; images: how many of the target's training images the attacker has."
)
_HOW_TO_READ_COSTS = (
    "area: the mean test metric of the strongest attack over the logarithm of the budget. needs: the images, or the "
    "optimizer steps with all images, until the strongest attack reaches what training {s} from scratch reaches with "
    "all of them; 'never' if it does not with some seed."
)
_COLORS = {FOUND: CHOSEN, S: WITHIN, RANDOM: OUTSIDE}
_STYLES = {TRANSFER: "-", SCRATCH: ":"}
_SHOWN = {TRANSFER: "strongest attack on the weights", SCRATCH: "from scratch"}
BUDGET_LABELS = {IMAGES: "target's training images, %", STEPS: "optimizer steps, %"}
_CALLED = {TRANSFER: "weights", GAIN: "gain"}
UNITS = {IMAGES: "images", STEPS: "steps"}
_WIDTH = 100


def audit_text(figures: pd.DataFrame, on_source: pd.DataFrame, source: str) -> str:
    """What the attacker gets of each role on each target, how much of it the weights are worth, and what it costs.

    Args:
        figures: of ``audit.results.by_role``.
        on_source: columns role, seed, val, test.
    """
    roles = list(figures["role"].unique())
    as_trained = [f"{role} {of_role['test'].mean():.2f}" for role, of_role in on_source.groupby("role", sort=False)]
    return "\n".join(
        [
            f"{source} test, as released: {', '.join(as_trained)}",
            *(table(audit_rows(along(figures, IMAGES), roles, [name])) for name in (TRANSFER, GAIN)),
            textwrap.fill(_HOW_TO_READ.format(n=figures["seed"].nunique()), _WIDTH),
            *_costs(figures, roles),
            *(
                textwrap.fill(text, _WIDTH, initial_indent="* ", subsequent_indent="  ")
                for text in [*findings(along(figures, IMAGES)), *cost_findings(figures)]
            ),
            textwrap.fill(LIMIT, _WIDTH),
        ]
    )


def audit_rows(figures: pd.DataFrame, roles: Sequence[str], names: Sequence[str] = (TRANSFER, GAIN)) -> list[list[str]]:
    """What the attacker gets as rows of text, the heading first: a row for each target and number of images.

    Args:
        figures: of ``audit.results.by_role``, along the images.
        roles: have a column each, for each figure.
        names: the figures, of ``TRANSFER`` and ``GAIN``.
    """
    summary = summarise(figures).set_index(["target", IMAGES, "role", "figure"])
    places = list(figures[["target", IMAGES]].drop_duplicates().itertuples(index=False, name=None))
    columns = [(role, name) for name in names for role in roles]
    header = ["target", "images", *(f"{role}: {_CALLED[name]}" for role, name in columns)]
    rows = [
        [target, f"{fraction:g}%", *(_with_interval(summary.loc[(target, fraction, *column)]) for column in columns)]
        for target, fraction in places
    ]
    return [header, *rows]


def findings(figures: pd.DataFrame) -> list[str]:
    """In words, whether the cell found gives the attacker less than the others, where intervals say so."""
    lines = []
    for other in (S, RANDOM):
        differences = compare(figures, FOUND, other)
        n = len(differences)
        if not n:
            continue
        less, more = int((differences["high"] < 0).sum()), int((differences["low"] > 0).sum())
        lines.append(
            f"Against {other}: the weights of the cell found gave the attacker less in {less} of {n} settings (target "
            f"and number of images), more in {more}; in {n - less - more} neither is shown. Mean difference: "
            f"{differences['mean'].mean():+.2f}."
        )
    return lines


def _costs(figures: pd.DataFrame, roles: Sequence[str]) -> list[str]:
    """A table of areas and needs, and how to read it; nothing without scheme S or with a single budget."""
    axes = axes_varied(figures)
    if S not in roles or not axes:
        return []
    areas = [["target", "over", *(f"{role}: area" for role in roles)]]
    needs = [["target", "over", *(f"{role}: needs" for role in roles)]]
    for axis in axes:
        of_axis = curves(figures, axis, S)
        for target, here in of_axis.groupby("target", sort=False):
            place, of_roles = [str(target), UNITS[axis]], [here[here["role"] == role] for role in roles]
            areas.append([*place, *(_with_interval(mean_interval(rows["area"])) for rows in of_roles)])
            needs.append([*place, *map(_needs, of_roles)])
    return [table(areas), table(needs), textwrap.fill(_HOW_TO_READ_COSTS.format(s=S), _WIDTH)]


def axes_varied(figures: pd.DataFrame) -> list[str]:
    """The budgets that were varied."""
    return [axis for axis in (IMAGES, STEPS) if along(figures, axis)[axis].nunique() > 1]


def _needs(rows: pd.DataFrame) -> str:
    """The geometric mean over seeds, in % of the whole budget."""
    return f"{np.exp(np.log(rows['recovery']).mean()):.0f}%" if rows["reached"].all() else "never"


def cost_findings(figures: pd.DataFrame) -> list[str]:
    """In words, how many times the images and the steps of scheme S the cell found costs the attacker."""
    lines = []
    for axis, cost in cost_ratios(figures).items():
        unit, n_targets = UNITS[axis], figures["target"].nunique()
        if not cost.targets:
            lines.append(
                f"On no target do the weights of {S} bring the attacker to the level of training from scratch with "
                f"fewer {unit}: there is nothing to lock."
            )
            continue
        about = [f"mean of {len(cost.targets)} of {n_targets} targets"]
        if np.isnan(cost.low):
            about.append(f"{cost.n_seeds} seed{'s are' if cost.n_seeds > 1 else ' is'} too few for an interval")
        if len(cost.targets) < n_targets:
            about.append(f"on the others, the weights of {S} do not reach the level of training from scratch")
        lines.append(
            f"The lock costs the attacker {'at least ' if cost.is_least else ''}"
            f"{with_interval(cost.ratio, cost.low, cost.high)} times the {unit} of {S} ({'; '.join(about)})."
        )
    return lines


def cost_ratios(figures: pd.DataFrame) -> dict[str, CostRatio]:
    """What the cell found costs the attacker, by the budgets that were varied; {} unless scheme S was attacked, too."""
    axes = axes_varied(figures) if {FOUND, S} <= set(figures["role"]) else []
    return {axis: cost_ratio(curves(figures, axis, S), FOUND, S) for axis in axes}


def _with_interval(row: Mapping[str, float] | pd.Series) -> str:
    return with_interval(row["mean"], row["low"], row["high"], digits=1)


@own_settings()
def audit_picture(figures: pd.DataFrame, axis: str = IMAGES) -> bytes:
    """The learning curves of the attacker, one panel a target, with bands of 95% intervals over seeds; PNG bytes.

    Args:
        figures: of ``audit.results.by_role``.
        axis: the budget on the horizontal axis, ``IMAGES`` or ``STEPS``.
    """
    curves_of = learning_curves(figures, axis)
    targets, roles = list(figures["target"].unique()), list(figures["role"].unique())
    n_columns = min(3, len(targets))
    n_rows = -(-len(targets) // n_columns)
    figure = Figure(figsize=(1.6 + 3.2 * n_columns, 1.6 + 2.8 * n_rows), layout="constrained")
    figure.suptitle("What the attacker gets on each target" if len(targets) > 1 else "What the attacker gets")
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for panel, target in zip(panels, targets):
        _draw_target(panel, curves_of[curves_of["target"] == target], roles, axis)
        panel.set_title(f"target {plain(target)}", fontsize=10)
        panel.set_xlabel(BUDGET_LABELS[axis])
        panel.set_ylabel("test metric on the target, %")
    for panel in panels[len(targets) :]:
        panel.remove()
    keys: list[Artist] = [Line2D([], [], color=_color(role, roles), marker="o", ms=4, label=role) for role in roles]
    keys += [Line2D([], [], color="black", ls=style, label=_SHOWN[name]) for name, style in _STYLES.items()]
    keys.append(Patch(color="black", alpha=0.12, lw=0, label="95% interval over seeds"))
    figure.legend(handles=keys, loc="outside lower center", ncols=min(3, 1 + n_columns), frameon=False, fontsize=8)
    return png(figure)


def learning_curves(figures: pd.DataFrame, axis: str) -> pd.DataFrame:
    """The points of the attacker's learning curves: with the weights, and from scratch.

    Args:
        figures: of ``audit.results.by_role``.
        axis: the budget that is varied, ``IMAGES`` or ``STEPS``.
    Returns:
        columns target, role, figure (``transfer`` or ``scratch``), the budget, mean, low and high, by rising budget.
    """
    rows = along(figures, axis)
    return pd.DataFrame(
        [
            dict(zip(("target", "role", axis), place), figure=name, mean=of_seeds[name].mean())
            | dict(zip(("low", "high"), interval_within(of_seeds[name])))
            for place, of_seeds in rows.groupby(["target", "role", axis], sort=True)
            for name in _STYLES
        ]
    )


def _draw_target(panel: Axes, points: pd.DataFrame, roles: Sequence[str], axis: str) -> None:
    for role in roles:
        color = _color(role, roles)
        for name, style in _STYLES.items():
            rows = points[(points["role"] == role) & (points["figure"] == name)]
            panel.plot(rows[axis], rows["mean"], color=color, ls=style, marker="o", ms=3, lw=1.2)
            panel.fill_between(rows[axis], rows["low"], rows["high"], color=color, alpha=0.12, lw=0)
    budgets = sorted(points[axis].unique())
    panel.set_xscale("log")
    panel.set_xticks(budgets, [f"{budget:g}" for budget in budgets])
    panel.minorticks_off()


def _color(role: str, roles: Sequence[str]) -> str:
    return _COLORS.get(role, f"C{list(roles).index(role)}")
