from __future__ import annotations

from typing import Any

import matplotlib
import matplotlib.style
import pytest


@pytest.fixture
def users_settings() -> dict[str, Any]:
    """What a ``matplotlibrc`` or a session may say: everything else than what matplotlib says itself."""
    return {
        **matplotlib.style.library["dark_background"],
        "axes.prop_cycle": matplotlib.cycler(color=["#ff0000", "#00ff00"]),
        "axes.grid": True,
        "axes.formatter.use_locale": True,
        "figure.constrained_layout.h_pad": 0.5,
        "font.size": 20,
        "legend.fontsize": 20,
        "lines.linewidth": 5,
        "path.sketch": (1, 100, 2),
        "savefig.bbox": "tight",
        "savefig.facecolor": "#00ff00",
        "savefig.transparent": True,
        "scatter.marker": "x",
        "svg.fonttype": "none",
        "svg.hashsalt": "theirs",
    }
