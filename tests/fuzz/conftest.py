"""The kinds of bad input, which ``experiments/bad_input`` tries by the ten thousand."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "experiments" / "bad_input"))
