"""An audit as text and as a picture."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..audit.attacked_cells import FOUND, RANDOM, S
from ..audit.attacks import SCRATCH
from ..audit.audit_results import GAIN, TRANSFER, compare, summarise
from .pictures import CHOSEN, OUTSIDE, WITHIN, own_settings, plain, png
from .text import table

LIMIT = (
    "Measured with small networks, these attacks and this grid of learning rates, the attacker choosing by validation "
    "figures of the target: a stronger attacker may get more."
)
_HOW_TO_READ = (
    "Target test metrics in %, mean ± 95% interval over {n} seeds. weights: the strongest attack on the released "
    "weights; gain: that minus training the same network from scratch, what the weights are worth to the attacker; "
    "images: how many of the target's training images the attacker has."
)
_COLORS = {FOUND: CHOSEN, S: WITHIN, RANDOM: OUTSIDE}
_WIDTH = 100


def audit_text(figures: pd.DataFrame, on_source: pd.DataFrame, source: str) -> str:
    """What the attacker gets of each role on each target, and how much of it the weights are worth.

    Args:
        figures: of ``audit.results.by_role``.
        on_source: columns role, seed, val, test.
    """
    roles = list(figures["role"].unique())
    as_trained = [f"{role} {of_role['test'].mean():.2f}" for role, of_role in on_source.groupby("role", sort=False)]
    summary = summarise(figures).set_index(["target", "fraction_pct", "role", "figure"])
    places = list(figures[["target", "fraction_pct"]].drop_duplicates().itertuples(index=False, name=None))
    header = ["target", "images", *(f"{role}: {name}" for name in ("weights", "gain") for role in roles)]
    rows = [
        [target, f"{fraction:g}%"]
        + [_with_half(summary.loc[(target, fraction, role, name)]) for name in (TRANSFER, GAIN) for role in roles]
        for target, fraction in places
    ]
    return "\n".join(
        [
            f"{source} test, as released: {', '.join(as_trained)}",
            table([header, *rows]),
            textwrap.fill(_HOW_TO_READ.format(n=figures["seed"].nunique()), _WIDTH),
            *(textwrap.fill(text, _WIDTH, initial_indent="* ", subsequent_indent="  ") for text in findings(figures)),
            textwrap.fill(LIMIT, _WIDTH),
        ]
    )


def findings(figures: pd.DataFrame) -> list[str]:
    """In words, whether the cell found gives the attacker less than the others, where intervals say so."""
    lines = []
    for other in (S, RANDOM):
        differences = compare(figures, FOUND, other)
        n = len(differences)
        if not n:
            continue
        less, more = int((differences["high"] < 0).sum()), int((differences["low"] > 0).sum())
        lines.append(
            f"Against {other}: the weights of the cell found gave the attacker less in {less} of {n} settings (target "
            f"and number of images), more in {more}; in {n - less - more} neither is shown. Mean difference: "
            f"{differences['mean'].mean():+.2f}."
        )
    return lines


def _with_half(row: pd.Series) -> str:
    half = row["high"] - row["mean"]
    return f"{row['mean']:.1f}" + (f" ± {half:.1f}" if np.isfinite(half) else "")


@own_settings()
def audit_picture(figures: pd.DataFrame) -> bytes:
    """What the attacker gets against the images that they have, one panel a target, with intervals; PNG bytes."""
    summary = summarise(figures)
    targets, roles = list(figures["target"].unique()), list(figures["role"].unique())
    n_columns = min(3, len(targets))
    n_rows = -(-len(targets) // n_columns)
    figure = Figure(figsize=(1.2 + 3.2 * n_columns, 1.0 + 2.8 * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axis, target in zip(axes, targets):
        _draw_target(axis, summary[summary["target"] == target], roles)
        axis.set_title(plain(target), fontsize=10)
        axis.set_xlabel("target's training images, %")
        axis.set_ylabel("target test, %")
    for axis in axes[len(targets) :]:
        axis.remove()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False, fontsize=8)
    return png(figure)


def _draw_target(axis: Axes, summary: pd.DataFrame, roles: Sequence[str]) -> None:
    """Draw roles slightly beside each other, so that their intervals can be told apart."""
    styles: Mapping[str, str] = {TRANSFER: "-", SCRATCH: ":"}
    for i, role in enumerate(roles):
        for figure, style in styles.items():
            rows = summary[(summary["role"] == role) & (summary["figure"] == figure)]
            x = rows["fraction_pct"] * 1.08 ** (i - (len(roles) - 1) / 2)
            label = f"{role}, {'strongest attack on the weights' if figure == TRANSFER else 'from scratch'}"
            axis.errorbar(
                x, rows["mean"], rows["high"] - rows["mean"], color=_COLORS.get(role, f"C{i}"), ls=style, marker="o",
                ms=3, lw=1.2, capsize=2, label=label,
            )  # fmt: skip
    fractions = sorted(summary["fraction_pct"].unique())
    axis.set_xscale("log")
    axis.set_xticks(fractions, [f"{fraction:g}" for fraction in fractions])
    axis.minorticks_off()
