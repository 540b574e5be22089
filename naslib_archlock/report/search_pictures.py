"""Pictures of a search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..benchmarks.benchmark import Benchmark
from ..locking.schemes import get_scheme
from ..strategies.base import Evaluated, Search
from ..strategies.rank_search import RankSearch
from .pictures import CHOSEN, OUTSIDE, WITHIN, own_settings, plain, png


@own_settings()
def search_picture(search: Search, source: str) -> bytes:
    """Fitness and source accuracy of every architecture a search judged, in order, as PNG bytes."""
    steps = range(1, len(search.history) + 1)
    best = search.best()
    colors = [WITHIN if search.is_within_budget(e) else OUTSIDE for e in search.history]
    chosen_at = next(i for i, e in zip(steps, search.history) if e == best)
    n_panels = 2 if search.uses_source_accuracy else 1
    figure = Figure(figsize=(7, 2.6 * n_panels), layout="constrained")
    axes = figure.subplots(n_panels, squeeze=False, sharex=True)[:, 0]
    axes[0].scatter(steps, [e.fitness for e in search.history], c=colors, s=18)
    axes[0].scatter([chosen_at], [best.fitness], facecolors="none", edgecolors=CHOSEN, s=90, label="chosen")
    axes[0].set_ylabel("fitness (ranks)" if isinstance(search, RankSearch) else "fitness")
    if search.uses_source_accuracy:
        axes[0].scatter([], [], c=WITHIN, s=18, label="within the source budget")
        axes[0].scatter([], [], c=OUTSIDE, s=18, label="outside")
        _draw_source(axes[1], search, list(zip(steps, search.history, colors)), source)
        axes[1].scatter([chosen_at], [best.source_val], facecolors="none", edgecolors=CHOSEN, s=90)
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    axes[-1].set_xlabel("architectures judged")
    return png(figure)


def _draw_source(axis: Axes, search: Search, points: list[tuple[int, Evaluated, str]], source: str) -> None:
    """Source accuracies around the budget; far lower ones stand at the lower edge as triangles."""
    known = [(i, e.source_val, color) for i, e, color in points if e.source_val is not None]
    floor, best = search.source_floor(), search.oracle.best
    low = max(min(val for _, val, _ in known), floor - 4 * max(best - floor, 0.01 * abs(best)))
    for marker, rows in (("o", [k for k in known if k[1] >= low]), ("v", [k for k in known if k[1] < low])):
        axis.scatter(
            [i for i, _, _ in rows], [max(val, low) for _, val, _ in rows], c=[c for *_, c in rows], s=18, marker=marker
        )
    axis.axhline(floor, color="black", lw=0.8, ls="--", label="least within the budget")
    axis.set_ylabel(f"{plain(source)} validation")


@own_settings()
def lock_picture(benchmark: Benchmark, source: str, result: Mapping[str, Any], floor: float) -> bytes:
    """Source against target accuracy of all distinct architectures, with those found, one panel a target; PNG bytes.

    Those that lie outside the budget by more than the budget is wide are not drawn.

    Args:
        result: of ``locking.result.finish``.
        floor: the least source validation accuracy within the budget.
    """
    archs = [tuple(arch) for arch in benchmark.space.distinct().tolist()]
    x = np.array([benchmark.accuracy(arch, task=source, split="val") for arch in archs])
    shown = x >= floor - max(x.max() - floor, 0.01 * abs(x.max()))
    targets = list(result["targets"])
    n_columns = min(3, len(targets))
    n_rows = -(-len(targets) // n_columns)
    figure = Figure(figsize=(2.4 + 3.0 * n_columns, 0.8 + 3.0 * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axis, task in zip(axes, targets):
        y = np.array([benchmark.accuracy(arch, task=task, split="test") for arch in archs])
        axis.scatter(x[shown], y[shown], c=OUTSIDE, s=5, label="every architecture")
        axis.axvline(floor, color="black", lw=0.8, ls="--", label="source budget")
        axis.scatter(
            result["s"]["source_val"], result["s"]["targets"][task], c=WITHIN, s=60, marker="s", label="S finds"
        )
        if get_scheme(result["scheme"]).locks:
            label = f"{result['scheme'].upper()} finds"
            axis.scatter(result["source_val"], result["targets"][task], c=CHOSEN, s=110, marker="*", label=label)
        axis.set_xlabel(f"{plain(result['source'])} validation")
        axis.set_ylabel(f"{plain(task)} test")
    for axis in axes[len(targets) :]:
        axis.remove()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False)
    return png(figure)
