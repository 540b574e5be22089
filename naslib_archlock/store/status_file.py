"""``status.json``: what the command that works in a folder is doing, for people and programs that look on.

No command goes on from this file, so a file that is missing or damaged harms nothing.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path
from typing import Any

from ..errors import OutputError
from .files import write_text
from .reading import UnreadableError, parse_json, read_regular

STATUS = "status.json"
FINISHED, INTERRUPTED, FAILED = "finished", "interrupted", "failed"
_SECONDS_BETWEEN = 2.0


class StatusFile:
    """The ``status.json`` of one command in one folder. Nothing is written before ``say`` is called.

    A status that cannot be written is no error: the work matters more.
    """

    def __init__(self, folder: Path, command: Sequence[str]) -> None:
        """Begin a status.

        Args:
            folder: must exist when ``say`` is called.
            command: the words of the command line, which goes on with the work.
        """
        self._path, self._written_at = folder / STATUS, -float("inf")
        self._is_begun = False
        self._content: dict[str, Any] = {
            "state": "",
            "command": list(command),
            "cwd": os.getcwd(),
            "pid": os.getpid(),
            "host": platform.node(),
            "started_at": _now(),
        }

    @property
    def is_due(self) -> bool:
        """Whether the file is kept, and was not written for two seconds."""
        return self._is_begun and time.monotonic() - self._written_at >= _SECONDS_BETWEEN

    def say(self, state: str) -> None:
        """Write what the command does now. How far it came with what it did before is forgotten."""
        self._is_begun = True
        self.tell(state=state, done=None, total=None, unit=None, seconds_left=None)

    def note(self, **keys: Any) -> None:
        """Change these keys, in JSON types, of what is written next."""
        self._content.update(keys)

    def tell(self, **keys: Any) -> None:
        """Write these keys; the others stay as they are."""
        self.note(**keys, updated_at=_now())
        with suppress(OutputError):
            write_text(self._path, json.dumps(self._content, indent=1) + "\n")
        self._written_at = time.monotonic()

    def end(self, state: str) -> None:
        """Write how the command ended, if it began."""
        if self._is_begun:
            self.tell(state=state, seconds_left=None)


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


_kept: ContextVar[StatusFile | None] = ContextVar("the status of the command that works here", default=None)


@contextmanager
def status_kept(folder: Path, command: Sequence[str]) -> Iterator[StatusFile]:
    """Keep ``status.json`` of a folder while the block works; it ends as finished, interrupted or failed.

    ``compute.counted`` writes the progress of the block to it.
    """
    status = StatusFile(folder, command)
    token = _kept.set(status)
    try:
        yield status
    except KeyboardInterrupt:
        status.end(INTERRUPTED)
        raise
    except BaseException:
        status.end(FAILED)
        raise
    else:
        status.end(FINISHED)
    finally:
        _kept.reset(token)


def kept_status() -> StatusFile | None:
    """The status of the block of ``status_kept`` that runs now, or None."""
    return _kept.get()


def read_status(folder: Path) -> dict[str, Any] | None:
    """The content of ``status.json``; None if the folder has none that can be read."""
    try:
        content = parse_json(read_regular(folder / STATUS))
    except UnreadableError:
        return None
    is_whole = isinstance(content, dict) and isinstance(content.get("state"), str)
    return content if is_whole and isinstance(content.get("command"), list) else None
