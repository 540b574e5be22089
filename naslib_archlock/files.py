"""Outputs are written whole or not at all: to a temporary name beside the target, then moved into place."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from .errors import OutputError


def is_file_name(text: str) -> bool:
    """Whether a text that was read somewhere can be the name of a file or folder, and leads nowhere else."""
    return (
        text not in ("", ".", "..") and text.isprintable() and not {"/", "\\"} & {*text} and len(text.encode()) <= 200
    )


def make_folder(path: Path) -> Path:
    """Create a folder and its parents, and check that it can be written to. Raises: OutputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as err:
        raise OutputError(
            f"output folder {path} cannot be written ({err.strerror or err}); choose another with out_dir"
        ) from err
    return path


def write_bytes(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data`` in one step. Raises: OutputError: what was there stays as it was."""
    try:
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
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
