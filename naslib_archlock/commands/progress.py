"""The progress bar of training a ranker."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tqdm import tqdm

if TYPE_CHECKING:
    from ..config.sections import Config
    from ..ranker.training import Progress


@contextmanager
def training_bar(config: Config) -> Iterator[Progress]:
    """Show a bar on stderr, with the time left, if that is a terminal; it appears with the first step."""
    total = config.archlock.train_settings.n_steps
    bar = tqdm(total=total, desc="training the ranker", unit="step", disable=not sys.stderr.isatty(), leave=False)

    def progress(step: int, loss: float) -> None:
        bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
        bar.update(step + 1 - bar.n)  # a training that is resumed does not start with the first step

    with bar:
        yield progress
