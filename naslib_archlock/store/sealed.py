"""JSON files with a checksum, for content that is read back later. Any changed byte of such a file is noticed.

A file is one object of the content and its SHA-256, indented for people. It is taken for whole only if sealing the
content that was read gives exactly the bytes of the file again.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .digests import digest
from .files import write_bytes
from .reading import UnreadableError, regular_bytes


class DamagedError(ValueError):
    """The content that was read differs from the content that was sealed."""


def seal(content: Any) -> bytes:
    """A file of ``content``, which JSON must be able to hold."""
    return (json.dumps({"sha256": digest(content), "content": content}, indent=1) + "\n").encode()


def unseal(data: bytes) -> Any:
    """The content, as JSON gives it back. Raises: DamagedError: if one byte is not as it was sealed."""
    try:
        content = json.loads(data)["content"]
    except (ValueError, LookupError, TypeError, RecursionError):
        content = None
    if seal(content) != data:
        raise DamagedError("it is cut short, damaged, or of another version")
    return content


def write(path: Path, content: Any) -> None:
    """Replace a file by sealed content. Raises: OutputError."""
    write_bytes(path, seal(content))


def read(path: Path) -> Any:
    """The content of a file that ``write`` wrote. Raises: OSError; DamagedError."""
    try:
        return unseal(regular_bytes(path))
    except UnreadableError as err:
        raise DamagedError(f"it {err}") from err


def read_all(paths: Iterable[Path]) -> dict[Path, Any]:
    """Read the files that are there whole. A warning names damaged files; a missing file needs no warning.

    This serves work that is done again where its result is missing.
    """
    contents, damaged = {}, []
    for path in paths:
        try:
            contents[path] = read(path)
        except FileNotFoundError:
            pass
        except (OSError, DamagedError) as err:
            damaged.append(f"{path} ({err})")
    if damaged:
        more = f" and {len(damaged) - 1} more" if len(damaged) > 1 else ""
        warnings.warn(f"cannot use {damaged[0]}{more}; what is lost is made again", stacklevel=3)
    return contents
