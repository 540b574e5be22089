"""Pictures of a search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..benchmarks.benchmark import Benchmark
from ..locking.schemes import get_scheme
from ..spaces.metrics import Metric
from ..strategies.base import Evaluated, Search
from ..strategies.rank_search import RankSearch
from .pictures import CHOSEN, OUTSIDE, WITHIN, own_settings, plain, png

_FITNESS = "fitness\n(higher: a better lock is expected)"
_FITNESS_OF_S = "fitness\n(higher: better on the source)"
_FEW = 60  # of so many architectures, the ones outside the budget are worth a mark as large as the others'


@own_settings()
def search_picture(search: Search, source: str, locks: bool = True, metric: Metric | None = None) -> bytes:
    """What a search judged, as PNG bytes.

    A search that asks for one architecture after another is drawn in its order: fitness, and below it the source
    accuracies. If all architectures are judged in one step, their order says nothing: fitness is drawn against the
    source accuracy, or against the ranker's source rank where none was looked up.

    Args:
        search: a finished search.
        source: what the source task is called.
        locks: whether the scheme looks for a lock; scheme S does not.
        metric: of the source, where it is known.
    """
    fitness = _FITNESS if locks else _FITNESS_OF_S
    if isinstance(search, RankSearch):
        fitness = fitness.replace("fitness", "fitness, in ranks")
    label = axis_label(source, "validation", metric)
    draw = _at_once if search.in_one_step else _in_order
    return png(draw(search, source, fitness, label))


@own_settings()
def _in_order(search: Search, source: str, fitness: str, label: str) -> Figure:
    steps = range(1, len(search.history) + 1)
    best = search.best()
    colors = _colors(search)
    chosen_at = next(i for i, e in zip(steps, search.history) if e == best)
    n_panels = 2 if search.uses_source_accuracy else 1
    figure = Figure(figsize=(7, 0.5 + 2.6 * n_panels), layout="constrained")
    figure.suptitle(f"What the search judged, in order, source {plain(source)}", fontsize=11)
    axes = figure.subplots(n_panels, squeeze=False, sharex=True)[:, 0]
    axes[0].scatter(steps, [e.fitness for e in search.history], c=colors, s=18)
    _circle(axes[0], chosen_at, best.fitness)
    axes[0].set_ylabel(fitness, fontsize=9)
    if search.uses_source_accuracy:
        _draw_source(axes[1], search, list(zip(steps, search.history, colors)), label)
        _circle(axes[1], chosen_at, best.source_val)
    _explain(figure, axes[0], search)
    axes[-1].set_xlabel("number of the architecture")
    return figure


@own_settings()
def _at_once(search: Search, source: str, fitness: str, label: str) -> Figure:
    best, colors = search.best(), _colors(search)
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axis = figure.subplots()
    looked_up = search.uses_source_accuracy
    x = np.array([e.source_val if looked_up else e.source_rank for e in search.history], dtype=np.float64)
    axis.scatter(x, [e.fitness for e in search.history], c=colors, s=30 if len(x) <= _FEW else 8)
    _circle(axis, best.source_val if looked_up else best.source_rank, best.fitness)
    figure.suptitle(
        f"The {len(x)} architectures that were {'trained' if looked_up else 'ranked'}, source {plain(source)}",
        fontsize=11,
    )
    if looked_up:
        axis.axvline(search.source_floor(), color="black", lw=0.8, ls="--", label="least within the budget")
        axis.set_xlabel(label)
    else:
        axis.set_xlabel(f"rank on {plain(source)}, by the ranker (1: the most accurate)")
    axis.set_ylabel(fitness, fontsize=9)
    _explain(figure, axis, search)
    return figure


def _colors(search: Search) -> list[str]:
    return [WITHIN if search.is_within_budget(e) else OUTSIDE for e in search.history]


def _circle(axis: Axes, x: float | None, y: float | None) -> None:
    axis.scatter(
        np.array([x], dtype=np.float64),
        np.array([y], dtype=np.float64),
        facecolors="none",
        edgecolors=CHOSEN,
        s=90,
        label="chosen",
    )


def _explain(figure: Figure, axis: Axes, search: Search) -> None:
    """The legend above all panels."""
    how = "source budget" if search.uses_source_accuracy else "best part by source rank"
    axis.scatter([], [], c=WITHIN, s=18, label=f"within the {how}")
    axis.scatter([], [], c=OUTSIDE, s=18, label="outside")
    handles: dict[str, Any] = {}
    for each in figure.axes:
        handles.update(zip(*reversed(each.get_legend_handles_labels())))
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=3, frameon=False, fontsize=8,
    )  # fmt: skip


def _draw_source(axis: Axes, search: Search, points: list[tuple[int, Evaluated, str]], label: str) -> None:
    """Source accuracies around the budget; far lower ones stand at the lower edge as triangles."""
    known = [(i, e.source_val, color) for i, e, color in points if e.source_val is not None]
    floor, best = search.source_floor(), search.oracle.best
    low = max(min(val for _, val, _ in known), floor - 4 * max(best - floor, 0.01 * abs(best)))
    drawn, below = [k for k in known if k[1] >= low], [k for k in known if k[1] < low]
    axis.scatter([i for i, *_ in drawn], [val for _, val, _ in drawn], c=[c for *_, c in drawn], s=18)
    if below:
        below_label = f"{len(below)} far below, drawn at the edge"
        axis.scatter([i for i, *_ in below], [low] * len(below), c=OUTSIDE, s=18, marker="v", label=below_label)
    if search.target_look_ups:
        at = [look_up.n_judged + 0.5 for look_up in search.target_look_ups]
        axis.plot(at, [0.03] * len(at), "|", c=CHOSEN, ms=9, transform=axis.get_xaxis_transform(),
                  label=f"target look-ups: {len(at)} architectures")  # fmt: skip
    axis.axhline(floor, color="black", lw=0.8, ls="--", label="least within the budget")
    axis.set_ylabel(label)


def axis_label(task: str, split: str, metric: Metric | None) -> str:
    """A task, a split, and on a second line the metric with its unit, where it is known."""
    return f"{plain(task)} {split}" + (f"\n{metric.name}" if metric else "")


@own_settings()
def lock_picture(benchmark: Benchmark, source: str, result: Mapping[str, Any], floor: float) -> bytes:
    """Source against target accuracy of all distinct architectures, with those found, one panel a target; PNG bytes.

    Those that lie outside the budget by more than the budget is wide are not drawn, and the picture says so.

    Args:
        result: of ``locking.result.finish``.
        floor: the least source validation accuracy within the budget.
    """
    archs = [tuple(arch) for arch in benchmark.space.distinct().tolist()]
    x = np.array([benchmark.accuracy(arch, task=source, split="val") for arch in archs])
    least = least_shown(x, floor)
    shown = x >= least
    targets = list(result["targets"])
    n_columns = min(3, len(targets))
    n_rows = -(-len(targets) // n_columns)
    figure = Figure(figsize=(2.4 + 3.0 * n_columns, 1.2 + 3.0 * n_rows), layout="constrained")
    figure.suptitle(_lock_title(result, int((~shown).sum()), len(x), least), fontsize=10)
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axis, task in zip(axes, targets):
        y = np.array([benchmark.accuracy(arch, task=task, split="test") for arch in archs])
        axis.scatter(x[shown], y[shown], c=OUTSIDE, s=5, label="an architecture")
        axis.axvline(floor, color="black", lw=0.8, ls="--", label="least within the source budget")
        axis.scatter(
            result["s"]["source_val"], result["s"]["targets"][task], c=WITHIN, s=60, marker="s", label="S finds"
        )
        if get_scheme(result["scheme"]).locks:
            label = f"{result['scheme'].upper()} finds"
            axis.scatter(result["source_val"], result["targets"][task], c=CHOSEN, s=110, marker="*", label=label)
        axis.set_xlabel(axis_label(result["source"], "validation", benchmark.metric(source)))
        axis.set_ylabel(axis_label(task, "test", benchmark.metric(task)))
    for axis in axes[len(targets) :]:
        axis.remove()
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4 if n_columns > 1 else 2,
        frameon=False, fontsize=9,
    )  # fmt: skip
    return png(figure)


def least_shown(source_val: np.ndarray, floor: float) -> float:
    """The least source accuracy that a picture of a lock shows: as far below the budget as the budget is wide."""
    best = source_val.max()
    return float(floor - max(best - floor, 0.01 * abs(best)))


def _lock_title(result: Mapping[str, Any], n_left_out: int, n: int, least: float) -> str:
    title = f"{result['search_space']}, source {plain(result['source'])}: good locks are at the lower right"
    if not n_left_out:
        return title
    return f"{title}\n{left_out(n_left_out, n, least, result['source'])}"


def left_out(n_left_out: int, n: int, least: float, source: str) -> str:
    """In words, which architectures a picture leaves out."""
    return f"{n_left_out} of {n} architectures have less than {least:.4g} on {plain(source)} and are left out"
