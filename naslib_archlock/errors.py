"""Every error a user can cause. The command line prints these without a traceback and exits with code 2.

A message says what was wrong, what is allowed, and what to do.
"""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Iterable
from typing import Any

_HEAD, _TAIL = 1000, 400  # characters kept of a longer message
_LONGEST_NAME = 100  # characters that a hint is looked for of
_LONGEST_VALUE = 400
_NEW_LINES = re.compile(r"\s*[\n\r]\s*")
# control characters, marks that turn the direction of writing, halves of surrogate pairs
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def one_line(text: str) -> str:
    """A text as one line of bearable length that is safe to print, whatever it quotes."""
    text = _NEW_LINES.sub(" ", text)
    if len(text) > _HEAD + _TAIL:
        text = f"{text[:_HEAD]} [...] {text[-_TAIL:]}"
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class ArchLockError(Exception):
    """Base of all errors raised on purpose by this package.

    Its text is one line of bearable length that is safe to print, whatever it quotes of a file or a value.
    """

    def __str__(self) -> str:
        return one_line(super().__str__())


class CellError(ArchLockError, ValueError):
    """A cell, architecture string or op index list that no search space contains."""


class ConfigError(ArchLockError, ValueError):
    """A configuration key or value that is unknown or impossible."""


class UnknownNameError(ArchLockError, ValueError):
    """A task, search space, scheme or proxy that does not exist where it was asked for."""


class SearchError(ArchLockError, RuntimeError):
    """A search that was asked when it was finished, or told what it did not ask for."""


class HiddenTaskError(ArchLockError, RuntimeError):
    """A search asked about a task that its scheme hides from it. This is a bug in the search, never a user's input."""


class TableError(ArchLockError, ValueError):
    """A benchmark table or zero-cost file that is incomplete or malformed."""


class RankerError(ArchLockError, ValueError):
    """A ranker file that cannot be read, or a ranker used outside what it was trained for."""


class EmbeddingError(ArchLockError, ValueError):
    """A task embedding that cannot be computed or does not fit the ranker."""


class ImageError(ArchLockError, ValueError):
    """A folder of images from which no task can be made, or an image in it that cannot be read."""


class NaslibError(ArchLockError, RuntimeError):
    """NASLib, or one of its benchmark files, is needed and was not found."""


class StudyError(ArchLockError, ValueError):
    """A study that is misspelt or impossible, a run of it that failed, or results that no study wrote."""


class ClusterError(ArchLockError, RuntimeError):
    """A Dask cluster that cannot be reached or used, or on which a call was lost."""


class DownloadError(ArchLockError, RuntimeError):
    """A file that cannot be downloaded, or that is not the one that was expected."""


class OutputError(ArchLockError, OSError):
    """An output path that cannot be written, or that holds another run's result."""


class _Short(reprlib.Repr):
    """``repr`` of anything in a few hundred characters."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = 200

    def repr_int(self, x: int, level: int) -> str:
        """Python refuses to write out an integer of thousands of digits."""
        digits = int(x.bit_length() * 0.30103) + 1
        return repr(x) if digits < 40 else f"an integer of about {digits:,} digits"


def shown(value: Any) -> str:
    """A value that somebody gave, for a message: as ``repr``, cut in the middle where it is long."""
    text = _Short().repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE // 2]}...{text[-_LONGEST_VALUE // 2 :]}"


def named(key: Any) -> str:
    """A key that somebody gave, for a message: as it is if that can be read, else as ``repr``."""
    return key if isinstance(key, str) and 0 < len(key) <= _LONGEST_NAME and key.isprintable() else shown(key)


def closest(name: Any, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The one of ``known`` that is most like a name, if it is at least as like it as ``cutoff`` (1: equal)."""
    if not isinstance(name, str) or len(name) > _LONGEST_NAME:
        return None
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)), None)


def nearest(name: Any, known: Iterable[str]) -> str:
    """A hint such as ``did you mean 'cifar10'?``, or an empty string where nothing is close."""
    match = closest(name, known)
    return f"; did you mean {match!r}?" if match else ""


def unknown(kind: str, name: Any, known: Iterable[str], where: str = "") -> UnknownNameError:
    """The error for a name that is not one of ``known``: it lists them and names the nearest one."""
    known = list(known)
    place = f" in {where}" if where else ""
    listing = ", ".join(known) if known else "none"
    return UnknownNameError(f"unknown {kind} {shown(name)}{place}; known: {listing}{nearest(name, known)}")
