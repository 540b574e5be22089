"""Task embeddings in ``.npy`` files: one vector a task, and beside it a note on how it was made.

The note of ``mine.npy`` is ``mine.npy.json``. An embedding of one's own needs none; its method is then unknown.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EmbeddingError, OutputError, shown
from ..store import sealed
from ..store.files import is_file_name, write_bytes
from ..store.reading import UnreadableError, read_regular

PLACEHOLDER = "{task}"
# Rankers scale embeddings in 32 bits, whose squares overflow above 1e19, and torch takes a length below 1e-12 for zero.
_LEAST, _MOST = 1e-9, 1e15


def read_embedding(pattern: str, task: str) -> np.ndarray:
    """The vector in the file that ``pattern`` names, with ``{task}`` replaced, as float64.

    Raises:
        EmbeddingError: as ``read_with_note``.
    """
    return read_with_note(pattern, task)[0]


def read_with_note(pattern: str, task: str) -> tuple[np.ndarray, dict[str, str]]:
    """The vector in the file that ``pattern`` names, with ``{task}`` replaced, as float64, and how it was made.

    How it was made is empty if no note lies beside the file.

    Raises:
        EmbeddingError: if there is no such file, or it holds no vector of finite numbers, or one whose length in 32
            bits, with which rankers compute, would be infinite or zero, or the note beside it is of another vector.
    """
    if not is_file_name(task):  # it may be from a file, and is to name one of the files meant, and no other
        raise EmbeddingError(f"embedding of task {task!r}: that cannot be part of a file's name; rename the task")
    path = Path(pattern.replace(PLACEHOLDER, task))
    where = f"embedding of task {shown(task)}: {path}"
    try:
        raw = read_regular(path)
        vector = _array_in(raw)
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
    return numbers, _read_note(path, raw)


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


def write_embeddings(
    folder: Path, vectors: Mapping[str, np.ndarray], made_by: Mapping[str, str], overwrite: bool
) -> None:
    """Write ``TASK.npy`` and its note for each task, or nothing if a file of them holds another embedding.

    Args:
        folder: must exist.
        vectors: task -> its embedding, as rankers read it.
        made_by: how all of them were made; what differs here cannot be compared.
        overwrite: whether other embeddings are replaced.
    Raises:
        OutputError: if a file holds another embedding and may not be replaced, or cannot be written.
    """
    contents = {folder / f"{task}.npy": embedding_bytes(vector) for task, vector in vectors.items()}
    for path, content in contents.items():
        if path.exists() and not overwrite and not (path.is_file() and path.read_bytes() == content):
            raise OutputError(
                f"{path} exists, and its embedding is of other images, settings or method; choose another folder with "
                "--out, or give --overwrite to replace it"
            )
    for path, content in contents.items():
        sealed.write(_note_of(path), {"vector": hashlib.sha256(content).hexdigest(), "made_by": dict(made_by)})
        write_bytes(path, content)


def _note_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _read_note(path: Path, raw: bytes) -> dict[str, str]:
    """How the vector in a file was made; empty if there is no note. Raises: EmbeddingError."""
    note = _note_of(path)
    if not note.exists():
        return {}
    try:
        content = sealed.unseal(read_regular(note))
        made_by: dict[str, str] = content["made_by"]
        if content["vector"] == hashlib.sha256(raw).hexdigest() and isinstance(made_by, dict):
            return made_by
        reason = f"it was written beside another embedding than {path.name}"
    except (UnreadableError, sealed.DamagedError, LookupError, TypeError) as err:
        reason = str(err)
    raise EmbeddingError(
        f"the note {note} cannot be used ({reason}); write both with 'archlock embed', or remove the note if the "
        "embedding is your own"
    )
