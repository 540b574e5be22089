"""What the figures of a task are: their metric, its direction, and the range that they must lie in.

``spaces.known`` states the metric of each task of a known benchmark, and nothing else does. In this package higher is
always better, so a metric where lower is better is given with a minus sign.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from .cells import Cell
    from .space import SearchSpace

LARGEST = 1e15  # a figure of a larger size is no figure of a network; squares and sums of such would overflow
_MOST_BEATEN = 0.9  # of the other networks, those that a network without connections can beat; on real tasks 0.07


class Metric(NamedTuple):
    """What a figure of a task is. Higher is better.

    Attributes:
        name: the metric in words, with its unit.
        low: the lowest figure that a network can have.
        high: the highest figure that a network can have.
        is_percent: whether a best figure of 1 or less shows that fractions were given instead.
        advice: what to do about figures that are something else.
    """

    name: str
    low: float
    high: float
    is_percent: bool = False
    advice: str = "give the metric with higher figures for better networks: a loss or an error with a minus sign"

    def __str__(self) -> str:
        return f"{self.name} (from {self.low:g} to {self.high:g}, higher is better)"


_IN_PERCENT = "give it in %, neither as a fraction nor as an error or a loss"
TOP_1 = Metric("top-1 accuracy in %", 0, 100, is_percent=True, advice=_IN_PERCENT)
# What TransNAS-Bench-101's file holds is not told from fractions here, because no copy with this task was at hand.
PIXEL_ACCURACY = Metric("pixel accuracy in %", 0, 100, advice=_IN_PERCENT)
EXPLAINED_VARIANCE = Metric("explained variance in %", -LARGEST, 100, is_percent=True, advice=_IN_PERCENT)
SSIM = Metric("structural similarity (SSIM)", -1, 1, advice="give the SSIM itself, neither in % nor a loss")
NEGATIVE_LOSS = Metric("negative loss", -LARGEST, 0, advice="put a minus sign before each loss")
ANY = Metric("a metric of its own", -LARGEST, LARGEST)  # of a task that no known benchmark has


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
    metric = space.metrics.get(task, ANY)
    if metric.low <= figure <= metric.high:
        return ""
    if not np.isfinite(figure):
        return f"is not a number for {space.to_str(arch)} ({figure:g}), but {task} has {metric}; get the figure again"
    return f"holds {figure:g} for {space.to_str(arch)}, but {task} has {metric}; {metric.advice}"


def fault_in_column(space: SearchSpace, task: str, archs: np.ndarray, figures: np.ndarray) -> str:
    """Say what shows that the figures of a whole space are not of the task's metric.

    Three things can show it: a figure outside the range, fractions in place of %, and networks without any connection,
    which can learn nothing and yet look best.

    Args:
        space: the search space of the architectures.
        task: a task, of the known benchmark or of the user's own.
        archs: ``n x 6`` codes, every architecture of the space once.
        figures: ``n`` numbers.

    Returns:
        As ``fault_in_figure``.
    """
    metric = space.metrics.get(task, ANY)
    outside = np.flatnonzero(~((metric.low <= figures) & (figures <= metric.high)))  # NaN is outside, too
    if len(outside):
        return fault_in_figure(space, task, tuple(archs[outside[0]].tolist()), float(figures[outside[0]]))
    if metric.is_percent and figures.min() < figures.max() <= 1:
        return f"holds nothing above {figures.max():g}, but {task} has {metric}; {metric.advice}"
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
