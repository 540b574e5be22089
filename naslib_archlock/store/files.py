"""Outputs are written whole or not at all: to a temporary name beside the target, then moved into place.

The content is on the disk before the name is, so this holds for a power cut, too. The folder is not flushed. A
power cut may therefore lose whole files of the last few seconds, but flushing the folder for each of thousands of files
would cost too much time.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from ..errors import OutputError

_PART = ".archlock.part"  # the end of the names of files that are being written, or removed
_SECONDS_OF_A_WRITER = 600  # a process that has not finished writing by then was killed


def is_file_name(text: str) -> bool:
    """Whether a text can be the name of a file or folder and cannot lead to another folder."""
    return (
        text not in ("", ".", "..") and text.isprintable() and not {"/", "\\"} & {*text} and len(text.encode()) <= 200
    )


def make_folder(path: Path) -> Path:
    """Create a folder and its parents, check that it can be written to, and remove what killed writers left in it.

    Raises: OutputError.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
        _remove_left_over(path)
    except OSError as err:
        raise OutputError(
            f"output folder {path} cannot be written ({err.strerror or err}); choose another with out_dir"
        ) from err
    return path


def _remove_left_over(folder: Path) -> None:
    for part in folder.glob(f".*{_PART}"):
        with suppress(OSError):  # the file may belong to somebody else
            if time.time() - part.stat().st_mtime > _SECONDS_OF_A_WRITER:
                shutil.rmtree(part) if part.is_dir() else part.unlink()


def remove_folder(path: Path) -> None:
    """Remove a folder in one step, so that it is there whole or not at all. If the path is a link, only the link goes.

    A file where the folder belongs is removed, too.

    Raises: OutputError.
    """
    try:
        if path.is_symlink() or path.is_file():
            path.unlink()
            return
        part = tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=_PART)
        with suppress(FileNotFoundError):
            os.replace(path, part)
        shutil.rmtree(part)
    except OSError as err:
        raise OutputError(f"{path} cannot be removed: {err.strerror or err}") from err


def remove_file(path: Path) -> None:
    """Remove a file, if it is there. Raises: OutputError: if it cannot be removed, or is a folder."""
    try:
        path.unlink(missing_ok=True)
    except OSError as err:
        what = "is a folder where a file belongs" if path.is_dir() else f"cannot be removed: {err.strerror or err}"
        raise OutputError(f"{path} {what}; remove it, or choose another output folder") from err


def check_free(path: Path, overwrite: bool, unfinished: Path | None = None) -> None:
    """Refuse to replace a file that was there before.

    Args:
        unfinished: what the work that writes the file leaves behind if it is killed. If that is there, the file may
            be this work's own, which ``write_new`` finds out. Short work leaves nothing.
    Raises: OutputError.
    """
    if path.exists() and not overwrite and not (unfinished and unfinished.exists()):
        raise _exists(path)


def write_new(path: Path, data: bytes, overwrite: bool) -> None:
    """``write_bytes`` where there is no file yet, or one with this content. Raises: OutputError."""
    if path.exists() and not overwrite and not (path.is_file() and path.read_bytes() == data):
        raise _exists(path)
    write_bytes(path, data)


def _exists(path: Path) -> OutputError:
    return OutputError(f"{path} exists; choose another name, or give --overwrite to replace it")


def write_bytes(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data`` in one step. Raises: OutputError: what was there stays as it was."""
    try:
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_PART)
    except OSError as err:
        raise OutputError(f"{path} cannot be written: {err.strerror or err}") from err
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        os.chmod(part, 0o666 & ~_umask())
        os.replace(part, path)
    except BaseException as err:
        Path(part).unlink(missing_ok=True)
        if isinstance(err, OSError):
            raise OutputError(f"{path} cannot be written: {err.strerror or err}") from err
        raise


def _umask() -> int:
    """The process's umask, which ``mkstemp`` ignores; it can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """``write_bytes`` for UTF-8 text."""
    write_bytes(path, text.encode("utf-8"))
