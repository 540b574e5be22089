"""Draws cells: four nodes, and the op on each edge between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from naslib_archlock.report.pictures import own_settings
from naslib_archlock.spaces.cells import AVG_POOL, CONV_1X1, CONV_3X3, EDGES, NONE, SKIP, Cell, as_cell

# With the third node inside the triangle of the others, no two edges cross.
_NODES = ((0.0, 0.0), (1.5, 1.8), (1.5, 0.72), (3.0, 0.0))
_RADIUS = 0.17
_STYLES = {
    SKIP: ("skip", "#7f7f7f", "--"),
    CONV_1X1: ("1x1", "#1f77b4", "-"),
    CONV_3X3: ("3x3", "#d62728", "-"),
    AVG_POOL: ("pool", "#2ca02c", ":"),
}


def draw_cell(axis: Axes, cell: Cell, title: str = "") -> None:
    """Draw a cell. Node 0 is the input, node 3 the output; edges without an op are left out. Raises: CellError."""
    axis.set_axis_off()
    axis.set_xlim(-0.35, 3.35)
    axis.set_ylim(-0.4, 2.1)
    axis.set_title(title, fontsize=6.5, pad=1)
    for op, (source, destination) in zip(as_cell(cell), EDGES):
        if op != NONE:
            _draw_edge(axis, op, source, destination)
    for number, (x, y) in enumerate(_NODES):
        axis.scatter([x], [y], s=60, color="white", edgecolors="black", lw=0.8, zorder=3)
        axis.text(x, y, str(number), ha="center", va="center_baseline", fontsize=6, zorder=4)


def _draw_edge(axis: Axes, op: int, source: int, destination: int) -> None:
    name, color, line = _STYLES[op]
    (x0, y0), (x1, y1) = _NODES[source], _NODES[destination]
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    dx, dy = (x1 - x0) / length * _RADIUS, (y1 - y0) / length * _RADIUS
    arrow = {
        "arrowstyle": "-|>",
        "color": color,
        "ls": line,
        "lw": 1.0,
        "shrinkA": 0,
        "shrinkB": 0,
        "mutation_scale": 6,
    }
    axis.annotate("", xy=(x1 - dx, y1 - dy), xytext=(x0 + dx, y0 + dy), arrowprops=arrow)
    box = {"boxstyle": "square,pad=0.05", "fc": "white", "ec": "none"}
    axis.text((x0 + x1) / 2, (y0 + y1) / 2, name, color=color, ha="center", va="center", fontsize=6, bbox=box)


@own_settings()
def cell_grid(
    panels: Mapping[str, Mapping[tuple[str, str], tuple[Cell, str]]], tasks: Sequence[str], title: str
) -> Figure:
    """Draw cells by source (rows) and target (columns), with one block per panel, side by side.

    Args:
        panels: name of a block -> (source, target) -> a cell and the text above it. Pairs without a cell stay empty.
    """
    n = len(tasks)
    figure = Figure(figsize=(0.5 + 1.12 * n * len(panels), 0.75 + 0.92 * n), layout="constrained")
    figure.suptitle(title, fontsize=9)
    for (name, cells), block in zip(panels.items(), figure.subfigures(1, len(panels), squeeze=False, wspace=0.02)[0]):
        block.suptitle(name, fontsize=8)
        axes = block.subplots(n, n, squeeze=False)
        for row, source in zip(axes, tasks):
            for axis, target in zip(row, tasks):
                if (source, target) in cells:
                    draw_cell(axis, *cells[source, target])
                else:
                    axis.set_axis_off()
            _label(row[0], source, x=-0.08, y=0.5, rotation=90)
        for axis, target in zip(axes[-1], tasks):
            _label(axis, f"to {target}", x=0.5, y=-0.1, rotation=0)
    return figure


def _label(axis: Axes, text: str, x: float, y: float, rotation: int) -> None:
    axis.text(x, y, text, rotation=rotation, transform=axis.transAxes, ha="center", va="center", fontsize=7)
