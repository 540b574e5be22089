"""Embeddings kept on disk: one ``.npy`` file for each of everything that an embedding depends on."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ..cache import user_folder
from ..files import write_bytes
from .file import embedding_bytes


def default_folder() -> Path:
    """``naslib_archlock/task2vec`` in the user's cache folder. Raises: OutputError."""
    return user_folder("task2vec")


def cache_key(facts: Any, tensors: Sequence[Tensor]) -> str:
    """A hash of facts, which JSON can hold, and of types, shapes and bytes of tensors."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for values in tensors:
        digest.update(f"{values.dtype} {tuple(values.shape)}".encode())
        digest.update(values.numpy().tobytes())
    return digest.hexdigest()


def read_vector(path: Path, size: int) -> np.ndarray | None:
    """What the file holds, or nothing where that is not ``size`` finite float64, none below 0 and not all 0."""
    try:
        with path.open("rb") as f:
            vector = np.lib.format.read_array(f, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    usable = vector.shape == (size,) and vector.dtype == np.float64 and np.isfinite(vector).all() and vector.any()
    return vector if usable and (vector >= 0).all() else None


def keep_vector(path: Path, vector: np.ndarray) -> None:
    """Write a vector in one step. Where that fails there is a warning: the work is done, and only not kept."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, embedding_bytes(vector))
    except OSError as err:  # OutputError, too
        warnings.warn(f"the embedding is not kept for the next run: {err}", stacklevel=3)
