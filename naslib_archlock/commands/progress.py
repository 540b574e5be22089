"""The progress of training a ranker, and of searching."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from tqdm import tqdm

from ..compute.counted import counted
from ..locking.schemes import get_scheme

if TYPE_CHECKING:
    from ..config.sections import Config
    from ..ranker.training import Progress
    from ..strategies.base import Search


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


def search_progress(config: Config, search: Search) -> AbstractContextManager[Callable[[], None]]:
    """Show how far a search is, with the time left; the one under scheme S, which follows, is part of the work."""
    n_searches = 2 if get_scheme(config.archlock.scheme).locks else 1
    total = n_searches * search.n_evaluations(config.search.epochs)
    return counted(total, len(search.history), "searching", "architecture")
