"""Task embeddings in few numbers, for models that are fitted to one table of inputs."""

from __future__ import annotations

import numpy as np

MOST_TASKS = 256


def directions_of(tasks: np.ndarray) -> np.ndarray:
    """The distinct directions among ``n x embedding_dim`` embeddings, ``t x embedding_dim``, in order of appearance.

    Each has length 1. If there are too many, the first ``MOST_TASKS`` are taken.
    """
    unit = _unit(tasks)
    _, first = np.unique(unit.round(6), axis=0, return_index=True)
    return unit[np.sort(first)][:MOST_TASKS]


def positions(tasks: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """The cosine similarity of ``n`` embeddings with ``t`` directions, ``n x t`` float64."""
    return np.asarray(_unit(tasks) @ directions.T)


def _unit(tasks: np.ndarray) -> np.ndarray:
    tasks = np.asarray(tasks, dtype=np.float64)
    length = np.linalg.norm(tasks, axis=1, keepdims=True)
    return tasks / np.where(length > 0, length, 1.0)
