"""What was read from large files, and embeddings, kept in the user's cache folder so that the next process has them.

Arrays are kept by facts: everything that they depend on, first of all the hash of the content they were made from. Each
is a ``.npy`` file that is mapped into memory, and a JSON file of its facts and checksum beside it. An array that is
missing, cut short, damaged or made from other content is made again. Two processes may do so at the same time. A folder
that cannot be written is a warning. Removing the folder at any time is safe.
"""

from __future__ import annotations

import io
import json
import os
import time
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import OutputError
from .digests import digest, file_digest
from .files import write_bytes
from .reading import MOST_BYTES, UnreadableError, check_regular

_FORMAT = 1  # raise it when these files mean something else than before
_SETTLED_NS = 2_000_000_000  # FAT has the coarsest time stamps of all file systems in use


def user_folder(*parts: str) -> Path:
    """``naslib_archlock`` in the user's cache folder, ``$XDG_CACHE_HOME`` or ``~/.cache``, or a folder in it.

    Raises: OutputError: if nothing says where that is.
    """
    try:
        root = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    except RuntimeError as err:
        raise OutputError("there is no home folder to keep a cache in; name a folder with XDG_CACHE_HOME") from err
    return root.joinpath("naslib_archlock", *parts)


def content_hash(path: Path) -> str:
    """SHA-256 of a file in hexadecimal. A file that has not changed is not read again. Raises: OSError."""
    path = Path(os.path.realpath(path))
    stat = _stat(path)
    # As in git, a file counts as unchanged if its size, its times and its inode are unchanged. That is wrong if the
    # file was written within one tick of its file system's clock, so only files that have settled are remembered. It is
    # also wrong if both time stamps were set back, which takes a change of the system's clock.
    has_settled = time.time_ns() - stat[1] > _SETTLED_NS
    return str(kept_value({"content of": str(path), "stat": stat}, lambda: file_digest(path), lambda: has_settled))


def _stat(path: Path) -> list[int]:
    if not os.path.isfile(path):
        raise FileNotFoundError(path)  # hashing a device could go on for ever
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


class KeptOf:
    """Arrays that are made from the content of one file."""

    def __init__(self, source: Path, made_by: Any, most_bytes: int = MOST_BYTES) -> None:
        """Name the file.

        Args:
            source: the file that the arrays are made from.
            made_by: everything else that the arrays depend on, as JSON can hold it. Raise a number in it when other
                arrays are made from the same content.
            most_bytes: a larger file is not hashed, because its reader refuses it.
        """
        self._source = source
        self._facts: dict[str, Any] | None = None
        try:
            check_regular(source, most_bytes)
            self._stat = _stat(source)
            self._facts = {"source": content_hash(source), "made by": made_by}
        except (OSError, UnreadableError):
            pass  # nothing is kept then, and the reader of the file reports what is wrong with it

    def array(self, name: str, make: Callable[[], np.ndarray]) -> np.ndarray:
        """Return the array that is kept under a name, read-only. An array that is not there whole is made and kept."""
        if self._facts is None:
            return make()
        return kept_array({**self._facts, "name": name}, make, self._is_unchanged)

    def value(self, name: str, make: Callable[[], Any]) -> Any:
        """The same for what JSON can hold."""
        if self._facts is None:
            return make()
        return kept_value({**self._facts, "name": name}, make, self._is_unchanged)

    def _is_unchanged(self) -> bool:
        """Whether the source still has the content that was hashed when the array was made from it."""
        try:
            return _stat(self._source) == self._stat
        except OSError:
            return False


def kept_array(
    facts: dict[str, Any], make: Callable[[], np.ndarray], may_keep: Callable[[], bool] = lambda: True
) -> np.ndarray:
    """Return the array that is kept for ``facts``, read-only. An array that is not there whole is made and kept.

    Args:
        facts: all that the array depends on, as JSON can hold it.
        may_keep: asked once it is made.
    """
    found = _read(facts)
    if found is not None:
        return found
    made = make()
    made.setflags(write=False)
    if may_keep():
        _keep(facts, made)
    return made


def kept_value(facts: dict[str, Any], make: Callable[[], Any], may_keep: Callable[[], bool] = lambda: True) -> Any:
    """``kept_array`` for what JSON can hold."""

    def make_bytes() -> np.ndarray:
        return np.frombuffer(json.dumps(make()).encode(), dtype=np.uint8)

    return json.loads(kept_array(facts, make_bytes, may_keep).tobytes())


def _read(facts: dict[str, Any]) -> np.ndarray | None:
    try:
        path = _path(facts)
        if path.with_suffix(".json").read_bytes() != _beside(facts, path.read_bytes()):
            return None
        # a plain array view, because reading one number of a memmap takes microseconds
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError):
        return None


def _keep(facts: dict[str, Any], array: np.ndarray) -> None:
    """Write an array and its facts. A failure is a warning, because the work is done and is only not kept."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    try:
        path = _path(facts)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, buffer.getvalue())
        # The facts are written last, so that they always stand beside a whole array. Another process may have replaced
        # that array by an equal one.
        write_bytes(path.with_suffix(".json"), _beside(facts, buffer.getvalue()))
    except OSError as err:  # an OutputError is an OSError
        reason = err.__cause__ or err
        # The message does not name the file, so that Python shows it only once.
        warnings.warn(
            "what was read or computed is not kept for the next run, as the cache folder cannot be written "
            f"({getattr(reason, 'strerror', None) or reason}); name another with XDG_CACHE_HOME",
            stacklevel=2,
        )


def _path(facts: dict[str, Any]) -> Path:
    return user_folder("kept") / f"{digest([_FORMAT, facts])[:32]}.npy"


def _beside(facts: dict[str, Any], content: bytes) -> bytes:
    """The content of the JSON file beside an array."""
    return json.dumps({"format": _FORMAT, "crc32": zlib.crc32(content), **facts}).encode()
