"""One folder, one writer: a command that writes holds a lock, and a second command is told who holds it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import OutputError
from .files import make_folder

if TYPE_CHECKING:
    import filelock

LOCK = ".lock"
HOLDER = ".lock-holder"  # the text that a second command shows; the lock itself is emptied by whoever tries to take it
_LONGEST_HOLDER = 200


@contextmanager
def alone_in(folder: Path, else_do: str = "choose another folder with --out") -> Iterator[None]:
    """Create a folder and hold its lock. The operating system frees the lock of a process that is killed.

    Args:
        folder: the folder that is written to.
        else_do: what a user can do instead of waiting, for the message.
    Raises:
        OutputError: if the folder cannot be written, or another process holds the lock, which the message names.
    """
    make_folder(folder)
    with _locked(folder / LOCK, folder / HOLDER, folder, else_do):
        yield


@contextmanager
def alone_at(file: Path) -> Iterator[None]:
    """``alone_in`` for a single file. Other files of its folder may be written meanwhile. Raises: OutputError."""
    make_folder(file.absolute().parent)
    beside = file.absolute().parent / f".{file.name}"
    with _locked(Path(f"{beside}{LOCK}"), Path(f"{beside}{HOLDER}"), file, "choose another file with --out"):
        yield


def holder_of(folder: Path) -> str | None:
    """Who holds the lock of a folder, as far as that is known; None if nobody does.

    Nothing is left behind in the folder. If a lock file cannot be opened, its holder is taken to be at work.
    """
    path = folder / LOCK
    if not path.is_file():  # whoever lets go of the lock removes it
        return None
    import filelock

    lock = filelock.FileLock(path, timeout=0)
    try:
        lock.acquire()
    except (filelock.Timeout, OSError):
        return _said_in(folder / HOLDER)
    lock.release()
    return None


@contextmanager
def _locked(path: Path, holder: Path, what: Path, else_do: str) -> Iterator[None]:
    import filelock  # commands that write nothing start without it

    if path.is_symlink():
        # filelock empties the file that it locks; before version 3.20.1 it also emptied the target of a link
        raise OutputError(f"{path} is a link, and no lock of this program; remove it")
    lock = filelock.FileLock(path, timeout=0)
    try:
        while not _is_taken(lock, path):
            pass
    except filelock.Timeout as err:
        raise OutputError(f"{_said_in(holder)} is at work on {what}; wait for its end, or {else_do}") from err
    except OSError as err:
        raise OutputError(f"{path} cannot be locked: {err.strerror or err}") from err
    try:
        with suppress(OSError):  # the text is a courtesy
            text = f"process {os.getpid()} on {platform.node()}, since {datetime.now():%Y-%m-%d %H:%M:%S}"
            holder.write_text(text, encoding="utf-8")
        yield
    finally:
        for file in (holder, path):
            with suppress(OSError):  # Windows removes no file that is open
                file.unlink()
        lock.release()


def _is_taken(lock: filelock.BaseFileLock, path: Path) -> bool:
    """Take the lock, unless its file was removed meanwhile by a process that held it: then nobody else sees the lock.

    Raises: filelock.Timeout: if another process holds it.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)  # while this is open, no other file gets the same number
    try:
        lock.acquire()
        if os.path.exists(path) and os.path.samestat(os.fstat(handle), os.stat(path)):
            return True
        lock.release()
        return False
    except FileNotFoundError:  # filelock creates no file that was there when it looked, and gone when it opened it
        return False
    finally:
        os.close(handle)


def _said_in(holder: Path) -> str:
    """Who holds a lock, as far as that is known."""
    try:
        with holder.open(encoding="utf-8", errors="replace") as f:
            return f"another archlock command ({f.read(_LONGEST_HOLDER)})"
    except OSError:  # it is just about to be written
        return "another archlock command"
