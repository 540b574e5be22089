"""The progress of long work, with the time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 30.0
_SECONDS_BEFORE_BAR = 1.0
_LINE = "{desc}: {n_fmt} of {total_fmt} after {elapsed}, {remaining} left"


@contextmanager
def counted(total: int, initial: int, what: str, unit: str) -> Iterator[Callable[[], None]]:
    """Yield a function that counts one more, and shows it: a bar on a terminal, else a line now and then, on stderr.

    Args:
        total: how many there will be, at most.
        initial: how many of them were there before.
        what: what is being done, shown first.
        unit: what is counted.
    """
    start = last = time.monotonic()
    n = initial

    def count() -> None:
        nonlocal n, last
        n += 1
        bar.update(1)
        now = time.monotonic()
        if bar.disable and now - last >= _SECONDS_BETWEEN_LINES:
            line = tqdm.format_meter(n, total, now - start, prefix=what, bar_format=_LINE, initial=initial)
            print(line, file=sys.stderr, flush=True)
            last = now

    with tqdm(
        total=total, initial=initial, desc=what, unit=unit, disable=not sys.stderr.isatty(), delay=_SECONDS_BEFORE_BAR
    ) as bar:
        yield count
