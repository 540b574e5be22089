"""What long work says while it goes on: one logger for the whole package, and how a command shows it on stderr."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

LOGGER = logging.getLogger("naslib_archlock")


class _AboveBars(logging.Handler):
    """Writes each message to stderr as a line of its own, above the progress bars that are shown there."""

    def emit(self, record: logging.LogRecord) -> None:
        from tqdm import tqdm  # a command that says nothing starts without it

        tqdm.write(self.format(record), file=sys.stderr)
        sys.stderr.flush()


@contextmanager
def messages_shown(quiet: bool = False, verbose: bool = False) -> Iterator[None]:
    """Show the messages of the package on stderr while the block works.

    Args:
        quiet: whether only warnings and errors are shown, and no progress bars.
        verbose: whether the details are shown, too, such as each look-up of a search.
    """
    handler, level, propagates = _AboveBars(), LOGGER.level, LOGGER.propagate
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)
    LOGGER.propagate = False  # a library may have set up the root logger, which would show everything twice
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(level)
        LOGGER.propagate = propagates


def shows_bars() -> bool:
    """Whether progress is shown as a bar: stderr is a terminal, and nobody asked for silence."""
    return sys.stderr.isatty() and LOGGER.level <= logging.INFO
