"""SHA-256 digests: of facts and arrays, and of files.

Everything that is kept for later is found, or refused, by a digest of what it depends on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

_BLOCK = 1 << 20  # bytes of a file that are in memory at a time


def digest(facts: Any, arrays: Iterable[np.ndarray] = ()) -> str:
    """The SHA-256 of facts and arrays.

    Args:
        facts: anything that JSON can hold; the order of keys does not matter.
        arrays: of any shape; their types and shapes count as well as their numbers.

    Returns:
        64 hexadecimal digits.
    """
    found = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for values in arrays:
        found.update(f"\n{values.dtype.str} {values.shape}\n".encode())
        found.update(values.tobytes())
    return found.hexdigest()


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's content, as ``sha256sum`` prints it. Raises: OSError."""
    found = hashlib.sha256()
    with path.open("rb") as f:
        while block := f.read(_BLOCK):
            found.update(block)
    return found.hexdigest()
