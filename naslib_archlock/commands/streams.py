"""stdout and stderr as commands see them: whatever happens to them, the work of a command goes on.

A reader may close a pipe early, a disk may be full, a terminal may know few characters, and a shell may start a command
without any stream. What a command is for are the files that it writes, so none of this may stop it.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, TextIO, cast

from ..errors import UNPRINTABLE


class GuardedStream:
    """A text stream whose ``write`` and ``flush`` never raise; all else is that of the stream around which it is.

    Attributes:
        error: the first error of the stream, or None; what is written after it is lost.
    """

    def __init__(self, stream: TextIO, escaped: bool) -> None:
        """Guard a stream.

        Args:
            stream: takes what is written.
            escaped: whether control characters are escaped. A progress bar needs its own.
        """
        self.error: OSError | None = None
        self._stream = stream
        self._escaped = escaped

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text; characters that the stream cannot encode are escaped. Returns the length of the text."""
        shown = UNPRINTABLE.sub(_escape, text) if self._escaped else text
        encoding = self._stream.encoding or "utf-8"
        try:
            self._stream.write(shown.encode(encoding, "backslashreplace").decode(encoding))
        except OSError as err:
            self._lose(err)
        return len(text)

    def flush(self) -> None:
        """Hand on what is buffered."""
        try:
            self._stream.flush()
        except OSError as err:
            self._lose(err)

    def _lose(self, err: OSError) -> None:
        """Note the error, and lead what is still buffered to nowhere: at its end, Python writes it once more."""
        self.error = self.error or err
        with suppress(OSError), open(os.devnull, "w") as nowhere:  # a stream in memory has no descriptor
            os.dup2(nowhere.fileno(), self._stream.fileno())

    @property
    def pipe_is_closed(self) -> bool:
        """Whether the stream was a pipe that its reader closed, as ``head`` does."""
        return self.error is not None and self.error.errno == errno.EPIPE


@contextmanager
def guarded_streams(escaped: bool) -> Iterator[GuardedStream]:
    """Guard stdout and stderr in the block; yields the guarded stdout.

    Args:
        escaped: whether control characters are escaped on stdout, as those of file names must be on a terminal.
    """
    _open_what_is_closed()
    with ExitStack() as stack:
        out = GuardedStream(sys.stdout or stack.enter_context(_nowhere()), escaped)
        err = GuardedStream(sys.stderr or stack.enter_context(_nowhere()), escaped=False)
        stack.enter_context(redirect_stdout(cast(TextIO, out)))
        stack.enter_context(redirect_stderr(cast(TextIO, err)))
        try:
            yield out
        finally:
            out.flush()
            err.flush()


def _escape(found: re.Match[str]) -> str:
    """A character as Python writes it, but for those that lay out the lines of a table."""
    return found[0] if found[0] in "\n\t" else repr(found[0])[1:-1]


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")


def _open_what_is_closed() -> None:
    """Open the standard descriptors that are closed: the next file would get such a number, and all that is printed."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which is this one
