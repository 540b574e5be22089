"""Task embeddings from ``.npy`` files: one vector a task."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EmbeddingError, shown
from ..store.files import is_file_name
from ..store.reading import UnreadableError, read_regular

PLACEHOLDER = "{task}"
# Rankers scale embeddings in 32 bits, whose squares overflow above 1e19, and torch takes a length below 1e-12 for zero.
_LEAST, _MOST = 1e-9, 1e15


def read_embedding(pattern: str, task: str) -> np.ndarray:
    """The vector in the file that ``pattern`` names, with ``{task}`` replaced, as float64.

    Raises:
        EmbeddingError: if there is no such file, or it holds no vector of finite numbers, or one whose length in 32
            bits, with which rankers compute, would be infinite or zero.
    """
    if not is_file_name(task):  # it may be from a file, and is to name one of the files meant, and no other
        raise EmbeddingError(f"embedding of task {task!r}: that cannot be part of a file's name; rename the task")
    path = Path(pattern.replace(PLACEHOLDER, task))
    where = f"embedding of task {shown(task)}: {path}"
    try:
        vector = _array_in(read_regular(path))
    except UnreadableError as err:
        raise EmbeddingError(f"{where} {err}") from err
    except Exception as err:  # a header is Python source, and NumPy raises whatever error it stumbles over
        raise EmbeddingError(f"{where} cannot be read as .npy ({err})") from err
    numbers = vector.astype(np.float64) if vector.ndim == 1 and vector.dtype.kind in "fiu" else np.zeros(0)
    if not np.isfinite(numbers).all() or not numbers.any():
        raise EmbeddingError(
            f"{where} must hold one vector of finite numbers, not all zero; "
            f"it has shape {vector.shape} and type {vector.dtype}"
        )
    largest = float(np.abs(numbers).max())
    if not _LEAST <= largest <= _MOST:
        raise EmbeddingError(
            f"{where}: its largest number is {largest:g}, and must lie in [{_LEAST:g}, {_MOST:g}]; only the direction "
            "of an embedding counts, so scale it"
        )
    return numbers


def _array_in(raw: bytes) -> np.ndarray:
    """The array of an ``.npy`` file. Raises: nearly anything, if it is not one."""
    f = io.BytesIO(raw)
    version = np.lib.format.read_magic(f)
    read_header: Any = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy warns of files that Python 2 wrote
        shape, _, dtype = read_header[version](f)
    size = int(np.prod([int(n) for n in shape], dtype=object)) * dtype.itemsize
    if dtype.hasobject or any(n < 0 for n in shape) or size != len(raw) - f.tell():
        raise ValueError(f"its header speaks of {shown(shape)} values of type {dtype}, which are not there")
    return np.frombuffer(raw, dtype, offset=f.tell()).reshape(shape)


def embedding_bytes(vector: np.ndarray) -> bytes:
    """A vector as an ``.npy`` file, which ``read_embedding`` reads back."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(vector, dtype=np.float64), allow_pickle=False)
    return buffer.getvalue()
