"""Task embeddings from ``.npy`` files: one vector a task."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from ..errors import EmbeddingError
from ..files import is_file_name

PLACEHOLDER = "{task}"


def read_embedding(pattern: str, task: str) -> np.ndarray:
    """The vector in the file that ``pattern`` names, with ``{task}`` replaced, as float64.

    Raises: EmbeddingError: if there is no such file, or it holds no finite vector that is not all zero.
    """
    if not is_file_name(task):  # it may be from a file, and is to name one of the files meant, and no other
        raise EmbeddingError(f"embedding of task {task!r}: that cannot be part of a file's name; rename the task")
    path = Path(pattern.replace(PLACEHOLDER, task))
    try:
        with path.open("rb") as f:
            vector = np.lib.format.read_array(f, allow_pickle=False)
    except (OSError, ValueError, EOFError) as err:
        raise EmbeddingError(f"embedding of task {task!r}: {path} cannot be read as .npy ({err})") from err
    if vector.ndim != 1 or vector.dtype.kind not in "fiu" or not np.isfinite(vector).all() or not vector.any():
        raise EmbeddingError(
            f"embedding of task {task!r}: {path} must hold one vector of finite numbers, not all zero; "
            f"it has shape {vector.shape} and type {vector.dtype}"
        )
    return np.asarray(vector, dtype=np.float64)


def embedding_bytes(vector: np.ndarray) -> bytes:
    """A vector as an ``.npy`` file, which ``read_embedding`` reads back."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(vector, dtype=np.float64), allow_pickle=False)
    return buffer.getvalue()
