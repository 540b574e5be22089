"""The example of a study, on its own so that printing it needs nothing that a study needs."""

from __future__ import annotations

from pathlib import Path


def example_study() -> str:
    """The text of a commented study that runs in seconds on the embedded benchmark."""
    return Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
