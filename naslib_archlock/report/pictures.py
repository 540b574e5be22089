"""What all pictures share: colours, labels, and files with the same bytes for the same picture."""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.figure import Figure

CHOSEN, WITHIN, OUTSIDE = "#d62728", "#1f77b4", "#b0b0b0"
_LABEL_WIDTH = 30


@contextmanager
def own_settings() -> Iterator[None]:
    """In the block, draw with matplotlib's own defaults, whatever the user's ``matplotlibrc`` or session says.

    It decorates whatever makes a figure or writes one: an artist takes its settings when it is made, others are read
    when the figure is drawn.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield


def plain(label: str, width: int = _LABEL_WIDTH) -> str:
    """A user's label in at most two lines, beginning and end of a longer one, and not read as a formula."""
    text = "".join(
        sign if sign.isprintable() else "\ufffd" for sign in " ".join(label.split())
    )  # XML allows no other control characters
    lines = textwrap.wrap(text, width)
    if len(lines) > 2:
        lines = [lines[0], "…" + text[1 - width :]]
    shown = "\n".join(lines).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown  # a leading underscore would keep a label out of legends


def png(figure: Figure) -> bytes:
    """The figure as a PNG file, without the version of what drew it."""
    return _saved(figure, format="png", dpi=120, metadata={"Software": None})


def svg(figure: Figure) -> bytes:
    """The figure as an SVG file, without date and version, and with the same ids in every run."""
    return _saved(figure, format="svg", metadata={"Date": None, "Creator": None})


@own_settings()
def _saved(figure: Figure, **options: Any) -> bytes:
    buffer = io.BytesIO()
    matplotlib.rcParams["svg.hashsalt"] = "archlock"  # the same ids in every run
    with warnings.catch_warnings():
        # the font may lack the script of a label; the tables show it
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        figure.savefig(buffer, **options)
    return buffer.getvalue()
