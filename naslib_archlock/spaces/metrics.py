"""What the figures of a task are: their metric, its direction, and the range that they must lie in.

``spaces.known`` states the metric of each task of a known benchmark, and nothing else does. In this package higher is
always better, so a metric where lower is better is given with a minus sign.
"""

from __future__ import annotations

from typing import NamedTuple

LARGEST = 1e15  # a figure of a larger size is no figure of a network; squares and sums of such would overflow


class Metric(NamedTuple):
    """What a figure of a task is. Higher is better.

    Attributes:
        name: the metric in words, with its unit.
        low: the lowest figure that a network can have.
        high: the highest figure that a network can have.
        advice: what to do about figures that are something else.
    """

    name: str
    low: float
    high: float
    advice: str = "give the metric with higher figures for better networks: a loss or an error with a minus sign"

    def __str__(self) -> str:
        return f"{self.name} (from {self.low:g} to {self.high:g}, higher is better)"


_IN_PERCENT = "give it in %, and neither an error nor a loss"
TOP_1 = Metric("top-1 accuracy in %", 0, 100, advice=_IN_PERCENT)
EXPLAINED_VARIANCE = Metric("explained variance in %", -LARGEST, 100, advice=_IN_PERCENT)
SSIM = Metric("structural similarity (SSIM)", -1, 1, advice="give the SSIM itself, neither in % nor a loss")
NEGATIVE_LOSS = Metric("negative loss", -LARGEST, 0, advice="put a minus sign before each loss")
ANY = Metric("a metric of its own", -LARGEST, LARGEST)  # of a task whose figures this project has not seen
