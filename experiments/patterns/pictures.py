"""The pictures of the study: heat maps over edges and ops, and the correlations of features with target accuracy."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from PIL import Image

from experiments.patterns.estimates import Estimate
from naslib_archlock.report.pictures import own_settings, png
from naslib_archlock.spaces.cells import EDGES, N_CODES, N_SLOTS

OPS = ("none", "skip", "1x1", "3x3", "pool")
EDGE_NAMES = tuple(f"{source}→{destination}" for source, destination in EDGES)
_CMAP = matplotlib.colormaps["RdBu"].resampled(20)  # red marks a low accuracy on the target, as a lock should have
_MISSING = "#e8e8e8"


def small_png(figure: Figure) -> bytes:
    """The figure as a PNG file with 256 colours; it is a third of the size and looks nearly the same."""
    packed = io.BytesIO()
    Image.open(io.BytesIO(png(figure))).convert("RGB").quantize(256).save(packed, format="png", optimize=True)
    return packed.getvalue()


@own_settings()
def heat_maps(panels: Mapping[str, tuple[Estimate, np.ndarray]], n_ops: int, title: str, columns: int = 4) -> Figure:
    """Draw one map of edges and ops per panel.

    Args:
        panels: title -> the effects (30), and whether each is significant after correction.
        n_ops: the number of ops that the space has.
    """
    n_rows = -(-len(panels) // columns)
    width = 0.36 + 0.44 * n_ops
    figure = Figure(figsize=(1.0 + width * min(columns, len(panels)), 1.05 + 1.95 * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, columns if len(panels) > columns else len(panels), squeeze=False)
    norm = Normalize(-1, 1)
    for axis, (name, (effects, is_significant)) in zip(axes.ravel(), panels.items()):
        _draw_map(axis, effects, is_significant, n_ops, norm)
        axis.set_title(name, fontsize=8)
    for axis in axes.ravel()[len(panels) :]:
        axis.remove()
    figure.suptitle(title, fontsize=9)
    legend = [
        Patch(fc="white", ec="#808080", hatch="////", label="95% interval includes 0"),
        Patch(fc=_MISSING, ec="none", label="too few cells"),
        Patch(fc="none", ec="none", label="* significant after correction"),
    ]
    figure.legend(handles=legend, loc="outside lower center", ncols=3, fontsize=7, frameon=False)
    figure.colorbar(
        ScalarMappable(norm, _CMAP), ax=axes.ravel()[: len(panels)].tolist(), shrink=0.8, aspect=30, extend="both",
        label="target accuracy, standard deviations",
    )  # fmt: skip
    return figure


def _draw_map(axis: Axes, effects: Estimate, is_significant: np.ndarray, n_ops: int, norm: Normalize) -> None:
    shape = (N_SLOTS, N_CODES)
    values, excludes_zero = effects.value.reshape(shape), effects.excludes_zero.reshape(shape)
    stars = is_significant.reshape(shape)
    axis.imshow(values[:, :n_ops], cmap=_CMAP, norm=norm, aspect="auto")
    axis.set_facecolor(_MISSING)
    for (row, column), value in np.ndenumerate(values[:, :n_ops]):
        if np.isfinite(value):
            if not excludes_zero[row, column]:
                box = Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, hatch="////", ec="#a0a0a0", lw=0)
                axis.add_patch(box)
            color = "white" if abs(norm(value) - 0.5) > 0.35 else "black"
            text = f"{value:.2f}" + "*" * bool(stars[row, column])
            axis.text(column, row, text, ha="center", va="center", fontsize=6, color=color)
    axis.set_xticks(range(n_ops), OPS[:n_ops], fontsize=7)
    axis.set_yticks(range(N_SLOTS), EDGE_NAMES, fontsize=7)
    axis.tick_params(length=0)


@own_settings()
def feature_figure(panels: Mapping[str, Mapping[str, Estimate]], features: Sequence[str]) -> Figure:
    """Draw the mean correlation of every feature with target accuracy, with one panel per search space.

    Args:
        panels: search space -> label of a kind of correlation -> its estimates, one per feature.
    """
    figure = Figure(figsize=(2.2 + 2.1 * len(panels), 0.9 + 0.27 * len(features)), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False, sharey=True, sharex=True)[0]
    for axis, (space, kinds) in zip(axes, panels.items()):
        axis.axvline(0, color="black", lw=0.8)
        for i, (label, found) in enumerate(kinds.items()):
            y = np.arange(len(features)) + 0.28 * (i - (len(kinds) - 1) / 2)
            axis.hlines(y, found.low, found.high, color=f"C{i}", lw=1.5)
            axis.scatter(found.value, y, color=f"C{i}", s=14, label=label, zorder=3)
        axis.set_title(space, fontsize=9)
        axis.set_xlim(-0.9, 0.9)
        axis.grid(axis="x", color="#e0e0e0", lw=0.6)
        axis.set_axisbelow(True)
        axis.tick_params(labelsize=8)
    axes[0].set_yticks(range(len(features)), features)
    axes[0].set_ylim(len(features) - 0.5, -0.5)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.supxlabel("mean correlation with target accuracy, 95% interval over tasks", fontsize=8)
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), fontsize=8, frameon=False)
    return figure
