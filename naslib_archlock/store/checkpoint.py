"""When and where the state of long work is kept, so that it survives when the process is killed."""

from __future__ import annotations

import time
from pathlib import Path

SECONDS = 10.0  # a process that is killed loses at most so many seconds of work


def beside(path: Path) -> Path:
    """The file that holds the state of the work that is to write ``path``."""
    return path.with_name(f".{path.name}.checkpoint")


class Clock:
    """Says when the state must be kept again."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def is_due(self) -> bool:
        """Whether ``SECONDS`` have passed since the start, or since it was last so."""
        now = time.monotonic()
        if now - self._last < SECONDS:
            return False
        self._last = now
        return True
