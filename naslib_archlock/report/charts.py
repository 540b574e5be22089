"""Charts of a page: places in pixels, from which a template draws SVG with a label on every point.

The pictures of a run folder are matplotlib's. On a page, a reader wants to know which architecture a point is, and the
colours have to follow the page into the dark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import MaxNLocator

WIDTH, HEIGHT = 360, 290  # of the drawing; a phone shows it at about this size
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 10, 10, 42  # around the panel
_MARGIN = 0.04  # of the panel, around the outermost points


class Point(NamedTuple):
    """A point to draw.

    Attributes:
        x, y: in the units of the axes.
        kind: how it looks, and its entry in the key: a class of the style sheet.
        label: what a reader learns of it.
        x_ends, y_ends: low and high of an interval; None without one.
    """

    x: float
    y: float
    kind: str
    label: str
    x_ends: Sequence[float] | None = None
    y_ends: Sequence[float] | None = None


class Line(NamedTuple):
    """A line through points, or a band around one if ``high`` is given. ``kind`` is a class of the style sheet."""

    kind: str
    x: Sequence[float]
    y: Sequence[float]
    high: Sequence[float] | None = None


@dataclass(frozen=True)
class Chart:
    """A chart in the units of its axes.

    Attributes:
        title: what it shows; the name of the chart for who does not see it.
        x_label, y_label: what the axes show, with the unit.
        points: drawn in this order, so the last ones are on top.
        key: (kind, what it is) of points and lines; those that the chart does not hold are left out.
        lines: drawn below all points.
        x_ticks: where the horizontal axis has a scale of its own: it is then logarithmic.
    """

    title: str
    x_label: str
    y_label: str
    points: Sequence[Point]
    key: Sequence[tuple[str, str]]
    lines: Sequence[Line] = ()
    x_ticks: Sequence[float] = ()
    width: int = field(default=WIDTH, init=False)
    height: int = field(default=HEIGHT, init=False)

    @property
    def shown_key(self) -> list[tuple[str, str]]:
        """The entries of ``key`` that the chart holds."""
        drawn = [*(point.kind for point in self.points), *(line.kind for line in self.lines)]
        kinds = {part for kind in drawn for part in kind.split()}
        return [(kind, text) for kind, text in self.key if kind in kinds]

    @property
    def panel(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the panel, in pixels."""
        return _LEFT, _TOP, WIDTH - _RIGHT, HEIGHT - _BOTTOM

    def marks(self) -> list[tuple[float, float, str, str]]:
        """Each point in pixels, with its kind and its label."""
        to_x, to_y = self._scales()
        return [(to_x(p.x), to_y(p.y), p.kind, p.label) for p in self.points]

    def whiskers(self) -> list[tuple[float, float, float, float, str]]:
        """The interval of each point that has one: two ends in pixels, and the kind of the point."""
        to_x, to_y = self._scales()
        across = [(to_x(p.x_ends[0]), to_y(p.y), to_x(p.x_ends[1]), to_y(p.y), p.kind) for p in self.points if p.x_ends]
        along = [(to_x(p.x), to_y(p.y_ends[0]), to_x(p.x), to_y(p.y_ends[1]), p.kind) for p in self.points if p.y_ends]
        return across + along

    def paths(self) -> list[tuple[str, str, bool]]:
        """Each line or band: its kind, its corners in pixels as SVG writes them, and whether it is a band."""
        to_x, to_y = self._scales()
        drawn = []
        for line in self.lines:
            corners = list(zip(line.x, line.y))
            if line.high is not None:
                corners += list(zip(line.x, line.high))[::-1]
            corners_text = " ".join(f"{to_x(x):g},{to_y(y):g}" for x, y in corners if np.isfinite(y))
            drawn.append((line.kind, corners_text, line.high is not None))
        return drawn

    def ticks(self) -> tuple[list[tuple[float, str]], list[tuple[float, str]]]:
        """Places in pixels and texts of the ticks, across and along."""
        to_x, to_y = self._scales()
        (x_low, x_high), (y_low, y_high) = self._ranges()
        across = list(self.x_ticks) or _ticks(x_low, x_high, 5)
        return [(to_x(x), f"{x:g}") for x in across], [(to_y(y), f"{y:g}") for y in _ticks(y_low, y_high, 6)]

    def _scales(self) -> tuple[Callable[[float], float], Callable[[float], float]]:
        """From units to pixels, across and along; along, pixels are counted from above."""
        left, top, right, bottom = self.panel
        x_range, y_range = self._ranges()
        return _scale(x_range, left, right, bool(self.x_ticks)), _scale(y_range, bottom, top, False)

    def _ranges(self) -> tuple[tuple[float, float], tuple[float, float]]:
        xs = chain(
            (p.x for p in self.points),
            *(p.x_ends for p in self.points if p.x_ends),
            *(line.x for line in self.lines),
            self.x_ticks,
        )
        ys = chain(
            (p.y for p in self.points),
            *(p.y_ends for p in self.points if p.y_ends),
            *(line.y for line in self.lines),
            *(line.high for line in self.lines if line.high is not None),
        )
        return _range(xs), _range(ys)


def _range(values: Iterable[float]) -> tuple[float, float]:
    """The lowest and the highest finite value; a range of some width, also around a single value."""
    finite = [value for value in values if np.isfinite(value)] or [0.0]
    low, high = min(finite), max(finite)
    spread = 0.0 if high > low else (abs(low) * 0.05 or 1.0)
    return low - spread, high + spread


def _scale(ends: tuple[float, float], first: int, last: int, is_log: bool) -> Callable[[float], float]:
    low, high = np.log(ends) if is_log else ends
    margin = _MARGIN * (last - first)

    def to_pixel(value: float) -> float:
        share = ((np.log(value) if is_log else value) - low) / (high - low)
        return round(float(first + margin + share * (last - first - 2 * margin)), 1)

    return to_pixel


def _ticks(low: float, high: float, n: int) -> list[float]:
    ticks = MaxNLocator(n, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    slack = 0.5 * _MARGIN * (high - low)
    return [float(f"{tick:.6g}") + 0.0 for tick in ticks if low - slack <= tick <= high + slack]
