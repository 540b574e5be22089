"""Architectures as drawings: a cell as its graph, a macro architecture as the row of its modules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from ..spaces.cell_features import PATHS, is_open
from ..spaces.cells import AVG_POOL, CONV_1X1, CONV_3X3, EDGES, N_SLOTS, NONE, SKIP, Cell
from ..spaces.space import SearchSpace
from .pictures import own_settings, plain, png

_FONT = 9
_DEAD = "#a8a8a8"
_OPS = {SKIP: ("skip", "#555555"), CONV_1X1: ("conv 1x1", "#1f77b4"), CONV_3X3: ("conv 3x3", "#b2182b"),
        AVG_POOL: ("avg pool", "#2c7a2c")}  # fmt: skip
_NODES = ("in", "1", "2", "out")
_RADIUS = 0.16  # of a node; nodes are one apart
_HEIGHTS = {(0, 2): 0.62, (1, 3): -0.62, (0, 3): 1.2}  # of the arcs; an edge between neighbours is straight
_LABELS = {(0, 1): (0.5, -0.13), (1, 2): (1.46, 0.12), (2, 3): (2.5, 0.12)}  # where no arc crosses them
_MODULES = {1: "plain", 2: "channels\nx 2", 3: "resolution\n/ 2", 4: "channels x 2\nresolution / 2"}
_HALVES = (3, 4)  # the modules that halve the resolution


class Panel(NamedTuple):
    """An architecture to draw, with a title."""

    title: str
    arch: Cell


def architecture_png(space: SearchSpace, arch: Cell, title: str) -> bytes:
    """The drawing of one architecture as a PNG file. Args: arch: six codes of ``space``."""
    return png(architecture_figure(space, [Panel(title, arch)]))


@own_settings()
def architecture_figure(space: SearchSpace, panels: Sequence[Panel], n_columns: int = 3) -> Figure:
    """Drawings of architectures, each in a panel with its title; so many side by side."""
    n_columns = min(n_columns, len(panels))
    n_rows = -(-len(panels) // n_columns)
    width, height = (5.8, 1.1) if space.family == "macro" else (4.2, 1.7)
    figure = Figure(figsize=(width * n_columns, (height + 0.35) * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axis, panel in zip(axes, panels):
        axis.set_title(plain(panel.title, 56), fontsize=10)
        _draw(axis, space, panel.arch)
    for axis in axes[len(panels) :]:
        axis.remove()
    return figure


def _draw(axis: Axes, space: SearchSpace, arch: Cell) -> None:
    axis.set_axis_off()
    axis.set_aspect("equal")
    if space.family == "macro":
        _draw_modules(axis, [module for module in arch if module])
    else:
        _draw_cell(axis, arch)


def _draw_cell(axis: Axes, cell: Cell) -> None:
    """Four nodes in a row. What does not reach the output, or gets nothing from the input, is grey and dashed."""
    live = live_slots(cell)
    live_nodes = {node for slot in live for node in EDGES[slot]}
    for slot, (op, edge) in enumerate(zip(cell, EDGES)):
        if op != NONE:
            _draw_edge(axis, edge, *_OPS[op], is_live=slot in live)
    for node, label in enumerate(_NODES):
        color = "black" if node in live_nodes or node in (0, 3) else _DEAD
        axis.add_patch(Circle((node, 0), _RADIUS, facecolor="white", edgecolor=color, lw=1.4, zorder=3))
        axis.text(node, 0, label, ha="center", va="center_baseline", fontsize=_FONT, color=color, zorder=4)
    if not live:
        axis.text(1.5, -0.5, "no path from input to output", ha="center", fontsize=_FONT)
    axis.set_xlim(-0.3, 3.3)
    axis.set_ylim(-0.6, 0.78)


def live_slots(cell: Cell) -> set[int]:
    """The edges of a cell, from 0 to 5, that lie on a path from its input to its output."""
    opened = is_open(np.array([cell]))[:, 0]
    return {slot for path, whole in zip(PATHS, opened) if whole for slot in path}


def _draw_edge(axis: Axes, edge: tuple[int, int], op: str, color: str, is_live: bool) -> None:
    """An arrow with the name of its operation in its middle."""
    start, end = edge
    height = _HEIGHTS.get(edge, 0.0)
    # An arc through (middle, height / 2): matplotlib's curvature is the height of its control point over the length.
    arrow = FancyArrowPatch(
        (start, 0), (end, 0),
        connectionstyle=f"arc3,rad={-height / (end - start)}", arrowstyle="-|>", mutation_scale=11,
        shrinkA=15, shrinkB=15, lw=1.6 if is_live else 1.0, ls="-" if is_live else (0, (4, 3)),
        color=color if is_live else _DEAD, zorder=1,
    )  # fmt: skip
    axis.add_patch(arrow)
    axis.text(
        *_LABELS.get(edge, ((start + end) / 2, height / 2)), op,
        ha="center", va="center", fontsize=_FONT - 0.5, color=color if is_live else _DEAD, zorder=2,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1} if height else None,
    )  # fmt: skip


def _draw_modules(axis: Axes, modules: Sequence[int]) -> None:
    """A box for each module, less high after each that halves the resolution."""
    axis.text(-0.8, 0, "in", ha="right", va="center", fontsize=_FONT)
    height = 1.0
    for i, module in enumerate(modules):
        height *= 0.8 if module in _HALVES else 1.0
        axis.add_patch(
            FancyBboxPatch(
                (1.2 * i - 0.42, -height / 2), 0.84, height,
                boxstyle="round,pad=0.02", facecolor="#eef3f8", edgecolor="black", lw=1.2,
            )
        )  # fmt: skip
        axis.text(1.2 * i, 0, _MODULES[module], ha="center", va="center", fontsize=_FONT - 3)
        axis.annotate("", (1.2 * i - 0.44, 0), (1.2 * i - 0.76, 0), arrowprops={"arrowstyle": "-|>", "lw": 1.2})
    end = 1.2 * len(modules)
    axis.annotate("", (end - 0.44, 0), (end - 0.76, 0), arrowprops={"arrowstyle": "-|>", "lw": 1.2})
    axis.text(end - 0.4, 0, "out", ha="left", va="center", fontsize=_FONT)
    axis.set_xlim(-1.0, 1.2 * N_SLOTS)  # the same scale, however many there are
    axis.set_ylim(-0.6, 0.6)
