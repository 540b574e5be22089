"""Figures that cannot be of their task's metric (``spaces.metrics``), and what to do about them."""

from __future__ import annotations

import numpy as np

from ..spaces.cells import Cell
from ..spaces.metrics import ANY, Metric
from ..spaces.space import SearchSpace
from ..tasks.names import same_task

_MOST_BEATEN = 0.9  # the share of the other networks that networks without connections may beat; on real tasks 0.07


def metric_of(space: SearchSpace, task: str) -> Metric:
    """The metric of a task, which may have any of its names (``tasks.names``); ``ANY`` for a task of the user's own."""
    known = same_task(task, space.metrics)
    return ANY if known is None else space.metrics[known]


def fault_in_figure(space: SearchSpace, task: str, arch: Cell, figure: float) -> str:
    """Say what shows that a figure is not of the task's metric.

    Args:
        space: the search space.
        task: a task, of the known benchmark or of the user's own.
        arch: the architecture that the figure is of.
        figure: any number; NaN and infinities are faults.

    Returns:
        A text that goes on from the name of the figures, and ends with what to do. It is empty if all is well.
    """
    metric = metric_of(space, task)
    if metric.low <= figure <= metric.high:
        return ""
    if not np.isfinite(figure):
        return f"is not a number for {space.to_str(arch)} ({figure:g}), but {task} has {metric}; get the figure again"
    return f"holds {figure:g} for {space.to_str(arch)}, but {task} has {metric}; {metric.advice}"


def fault_in_column(space: SearchSpace, task: str, archs: np.ndarray, figures: np.ndarray) -> str:
    """Say what shows that the figures of a whole space are not of the task's metric.

    Two things can show it: a figure outside the range, and networks without any connection,
    which can learn nothing and yet look best.

    Args:
        space: the search space of the architectures.
        task: a task, of the known benchmark or of the user's own.
        archs: ``n x 6`` codes, every architecture of the space once.
        figures: ``n`` numbers.

    Returns:
        As ``fault_in_figure``.
    """
    metric = metric_of(space, task)
    outside = np.flatnonzero(~((metric.low <= figures) & (figures <= metric.high)))  # NaN is outside, too
    if len(outside):
        return fault_in_figure(space, task, tuple(archs[outside[0]].tolist()), float(figures[outside[0]]))
    is_usable = space.is_usable(archs)
    if not is_usable.all() and _share_below(figures[is_usable], figures[~is_usable]) > _MOST_BEATEN:
        return (
            f"has networks without any connection, which can learn nothing, among the best, but {task} has {metric}; "
            f"{metric.advice}"
        )
    return ""


def _share_below(figures: np.ndarray, others: np.ndarray) -> float:
    """The share of ``figures`` that are below the median of ``others``."""
    median = np.sort(others)[len(others) // 2]  # np.median imports numpy.ma, which takes longer than all the rest
    return float((figures < median).mean())
