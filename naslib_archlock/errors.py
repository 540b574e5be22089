"""Every error a user can cause. The command line prints these without a traceback and exits with code 2.

A message says what was wrong, what is allowed, and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ArchLockError(Exception):
    """Base of all errors raised on purpose by this package."""


class CellError(ArchLockError, ValueError):
    """A cell, architecture string or op index list that no search space contains."""


class ConfigError(ArchLockError, ValueError):
    """A configuration key or value that is unknown or impossible."""


class UnknownNameError(ArchLockError, ValueError):
    """A task, search space, scheme or proxy that does not exist where it was asked for."""


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
    """A study that is misspelt or impossible, a run of it that failed, or results that are not those of a study."""


class ClusterError(ArchLockError, RuntimeError):
    """A Dask cluster that cannot be reached or used, or on which a call was lost."""


class OutputError(ArchLockError, OSError):
    """An output path that cannot be written, or that holds another run's result."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint such as ``did you mean 'cifar10'?``, or an empty string where nothing is close."""
    match = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.6)
    return f"; did you mean {match[0]!r}?" if match else ""


def unknown(kind: str, name: str, known: Iterable[str], where: str = "") -> UnknownNameError:
    """The error for a name that is not one of ``known``: it lists them and names the nearest one."""
    known = list(known)
    place = f" in {where}" if where else ""
    listing = ", ".join(known) if known else "none"
    return UnknownNameError(f"unknown {kind} {name!r}{place}; known: {listing}{nearest(name, known)}")
