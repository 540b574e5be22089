"""What every task embedding must do, as a check for authors of their own ones.

A test of an embedding calls ``check_embedding(embed, tasks)``, where ``embed`` maps a task to a vector.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..embedding.embedding_file import embedding_bytes, read_embedding
from ..embedding.simulate import simulate_targets

Task = TypeVar("Task")
_COSINE = 0.9


def check_embedding(embed: Callable[[Task], np.ndarray], tasks: Sequence[Task]) -> None:
    """Check that an embedding gives vectors that a ranker can be trained on.

    Args:
        embed: Task -> its embedding.
        tasks: At least two different tasks, in whatever form ``embed`` takes them.

    Raises:
        AssertionError: If it breaks a promise; the message says which.
        EmbeddingError: If a vector cannot be read back from a file, or no targets can be simulated around it.
    """
    assert len(tasks) > 1, "give at least two tasks: an embedding must tell them apart"
    states = _global_states()
    vectors = [embed(task) for task in tasks]
    assert _global_states() == states, "the embedding draws from a global random generator; give it one of its own"
    for i, (task, vector) in enumerate(zip(tasks, vectors)):
        assert vector.ndim == 1, f"the embedding of task {i} is no vector: its shape is {vector.shape}"
        assert vector.dtype == np.float64, f"the embedding of task {i} has type {vector.dtype}, not float64"
        assert np.isfinite(vector).all(), f"the embedding of task {i} holds NaN or infinite numbers"
        assert len(vector) == len(vectors[0]), f"embeddings differ in size: {len(vectors[0])} and {len(vector)}"
        assert vector.tobytes() == embed(task).tobytes(), f"the embedding of task {i} differs from call to call"
    assert len({vector.tobytes() for vector in vectors}) == len(vectors), "two tasks have the same embedding"
    for vector in vectors:
        _check_use(vector)


def _check_use(vector: np.ndarray) -> None:
    """A vector can be stored in a file, and targets can be simulated around it."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "task.npy").write_bytes(embedding_bytes(vector))
        read = read_embedding(str(Path(folder) / "{task}.npy"), "task")
    assert read.tobytes() == vector.tobytes(), "the embedding changes when it is written to a file and read back"
    targets = simulate_targets(vector, 2, _COSINE, np.random.default_rng(0))
    cosines = targets @ vector / np.linalg.norm(vector) ** 2
    assert np.allclose(cosines, _COSINE), f"targets simulated at a cosine of {_COSINE} are at {cosines}"


def _global_states() -> tuple[Any, ...]:
    """The states of the global generators of Python, NumPy and, if it is imported, torch."""
    kind, keys, *rest = np.random.get_state()
    torch = sys.modules.get("torch")
    of_torch = torch.random.get_rng_state().numpy().tobytes() if torch else b""
    return (random.getstate(), kind, np.asarray(keys).tobytes(), *rest, of_torch)
