"""Figures of a study, from the tables of ``studies.statistics``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from .pictures import CHOSEN, OUTSIDE, WITHIN, own_settings, plain
from .tables import SOURCE_LOSS, TARGET_DROP, pair_score

_CMAP = "RdBu"  # red below 0, worse than random; blue above
_COLORS = [f"C{i}" for i in range(10)]
_MARKERS = "osD^vP*X<>ph"
_SHOWN_BUDGETS = 3  # the axis of source losses ends at so many budgets


@own_settings()
def score_figure(summary: pd.DataFrame, compare_with: str) -> Figure:
    """Mean lock score of every method with both intervals, one panel a space (rows) and budget (columns).

    Args:
        summary: ``Statistics.summary``.
        compare_with: the method whose mean a line marks.
    """
    spaces, budgets = summary["space"].unique(), sorted(summary["budget_pct"].unique())
    heights = [0.27 * summary[summary["space"] == space]["method"].nunique() + 0.7 for space in spaces]
    figure = Figure(figsize=(2.6 + 3.2 * len(budgets), 0.7 + sum(heights)), layout="constrained")
    axes = figure.subplots(len(spaces), len(budgets), squeeze=False, sharex=True, height_ratios=heights)
    for space, row in zip(spaces, axes):
        methods = list(summary[summary["space"] == space]["method"].unique())
        for budget, axis in zip(budgets, row):
            rows = rows_of(summary, space, budget).set_index("method")
            axis.set_title(setting_title(space, budget), fontsize=10)
            _draw_scores(axis, rows, methods, compare_with)
            axis.set_yticks(range(len(methods)), [plain(method) for method in methods], fontsize=8)
            axis.tick_params(axis="y", labelleft=axis is row[0], length=0)
    for axis in axes[-1]:
        axis.set_xlabel("lock score")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False, fontsize=8)
    return figure


def _draw_scores(axis: Axes, rows: pd.DataFrame, methods: Sequence[str], compare_with: str) -> None:
    """One line a method, the first on top; where there is no interval, only the point."""
    y = [methods.index(method) for method in rows.index]
    axis.axvline(0, color="black", lw=0.8, label="a random architecture within the budget")
    if compare_with in rows.index:
        compared = rows.loc[compare_with, "lock_score"]
        axis.axvline(compared, color=CHOSEN, lw=0.8, ls="--", label=plain(compare_with))
    axis.hlines(y, rows["lock_score_low"], rows["lock_score_high"], color=OUTSIDE, lw=2, label="over pairs and seeds")
    axis.hlines(y, rows["lock_score_seeds_low"], rows["lock_score_seeds_high"], color=WITHIN, lw=5, label="over seeds")
    axis.scatter(rows["lock_score"], y, color="black", s=16, zorder=3)
    axis.set_ylim(len(methods) - 0.5, -0.5)
    axis.grid(axis="x", color="#e0e0e0", lw=0.6)
    axis.set_axisbelow(True)


@own_settings()
def pair_figure(pairs: pd.DataFrame, title: str) -> Figure:
    """Mean lock scores, source by target, one panel a method; pairs that were not run stay grey.

    Args:
        pairs: rows of ``Statistics.pairs`` of one space and budget.
    """
    methods = list(pairs["method"].unique())
    sources, targets = sorted(pairs["source"].unique()), sorted(pairs["target"].unique())
    n_rows = -(-len(methods) // 4)
    n_columns = -(-len(methods) // n_rows)
    width, height = max(1.8, 0.47 * len(targets)), max(0.9, 0.36 * len(sources))
    figure = Figure(figsize=(2.2 + width * n_columns, 1.6 + (height + 0.5) * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True, sharey=True)
    norm = Normalize(-1, 1)
    for axis, method in zip(axes.ravel(), methods):
        rows = pairs[pairs["method"] == method]
        scores, outside = (
            rows.pivot(index="source", columns="target", values=column).reindex(sources, columns=targets)
            for column in ("lock_score", "outside_budget_pct")
        )
        _draw_pairs(axis, scores.to_numpy(dtype=np.float64), outside.to_numpy(dtype=np.float64), norm)
        axis.set_title(plain(method, 24), fontsize=9)
        axis.set_yticks(range(len(sources)), [plain(task) for task in sources], fontsize=8)
        axis.set_xticks(range(len(targets)), [plain(task) for task in targets], fontsize=8, rotation=45, ha="right")
    for i, axis in enumerate(axes.ravel()):
        if i >= len(methods):
            axis.remove()
        elif i + n_columns >= len(methods):
            axis.tick_params(labelbottom=True)  # the last panel in each column has labels
    figure.suptitle(f"{title}: lock score by source (rows) and target (columns)", fontsize=10)
    scale = ScalarMappable(norm, _CMAP)
    panels = axes.ravel()[: len(methods)].tolist()
    figure.colorbar(scale, ax=panels, extend="min", shrink=0.8, aspect=30, label="lock score")
    return figure


def _draw_pairs(axis: Axes, scores: np.ndarray, outside_budget_pct: np.ndarray, norm: Normalize) -> None:
    """A heat map with its figures, and crosses where all seeds are outside the budget; ``sources x targets``."""
    axis.imshow(scores, cmap=_CMAP, norm=norm, aspect="auto")
    axis.set_facecolor("#e8e8e8")
    for (row, column), score in np.ndenumerate(scores):
        if np.isfinite(score):
            color = "white" if abs(norm(score) - 0.5) > 0.35 else "black"
            text = pair_score(score, float(outside_budget_pct[row, column]))
            axis.text(column, row, text, ha="center", va="center", fontsize=7, color=color)


@own_settings()
def cost_figure(summary: pd.DataFrame, pairs: pd.DataFrame) -> Figure:
    """Target drop against source loss, one panel a space and budget: means over pairs, and faintly each pair's.

    Args: ``Statistics.summary`` and ``Statistics.pairs``.
    """
    spaces, budgets = summary["space"].unique(), sorted(summary["budget_pct"].unique())
    methods = list(summary["method"].unique())
    width = max(7.0, 1 + 3.4 * len(budgets))
    n_legend = int(width / 2.4)  # a label of full width, its marker and the space around them
    legend_height = 0.22 * -(-(len(methods) + 1) // n_legend)
    figure = Figure(figsize=(width, 0.6 + 2.9 * len(spaces) + legend_height), layout="constrained")
    axes = figure.subplots(len(spaces), len(budgets), squeeze=False)
    for space, row in zip(spaces, axes):
        for budget, axis in zip(budgets, row):
            axis.set_title(setting_title(space, budget), fontsize=10)
            _draw_costs(axis, rows_of(summary, space, budget), rows_of(pairs, space, budget), methods, budget)
    for axis in axes[-1]:
        axis.set_xlabel(SOURCE_LOSS)
    for axis in axes[:, 0]:
        axis.set_ylabel(TARGET_DROP.replace(": ", ":\n"))
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=n_legend, frameon=False, fontsize=8)
    return figure


def _draw_costs(axis: Axes, summary: pd.DataFrame, pairs: pd.DataFrame, methods: Sequence[str], budget: float) -> None:
    """Put points that lose more than a few budgets at the right edge."""
    edge, most = _SHOWN_BUDGETS * max(budget, 0.1), pairs["source_loss_pct"].max()
    axis.axvline(budget, color="black", lw=0.8, ls="--", label="source budget")
    axis.axhline(0, color="black", lw=0.5)
    for i, method in enumerate(methods):
        style: dict[str, Any] = {"color": _COLORS[i % len(_COLORS)], "marker": _MARKERS[i % len(_MARKERS)]}
        rows = pairs[pairs["method"] == method]
        axis.scatter(rows["source_loss_pct"].clip(upper=edge), rows["target_drop_pct"], s=10, alpha=0.4, lw=0, **style)
        mean = summary[summary["method"] == method]
        axis.scatter(
            mean["source_loss_pct"].clip(upper=edge), mean["target_drop_pct"],
            s=60, ec="black", lw=0.8, zorder=3, label=plain(method), **style,
        )  # fmt: skip
    if most > edge:
        ticks = [*np.linspace(0, edge, _SHOWN_BUDGETS + 1)]
        axis.set_xticks(ticks, [*(f"{tick:.3g}" for tick in ticks[:-1]), f"≥ {edge:.3g}"])
        axis.set_xlim(-0.04 * edge, 1.04 * edge)
    drops = pairs["target_drop_pct"].dropna()
    if len(drops):  # a few pairs whose reference is near 0 would hide all others
        low, high = np.percentile(drops, [3, 97])
        means = summary["target_drop_pct"].dropna()
        low, high = min(low, 0, means.min()), max(high, 0, means.max())
        margin = 0.06 * (high - low) or 1
        axis.set_ylim(low - margin, high + margin)


def rows_of(frame: pd.DataFrame, space: str, budget_pct: float) -> pd.DataFrame:
    """The rows of one space and source budget."""
    return frame[(frame["space"] == space) & (frame["budget_pct"] == budget_pct)]


def setting_title(space: str, budget_pct: float) -> str:
    """What one space and source budget is called."""
    return f"{space}, source budget {budget_pct:g}%"
