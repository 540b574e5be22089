"""Simulated targets: made-up tasks around the source, for a target that is unknown (ArchLock, section 3.3)."""

from __future__ import annotations

import numpy as np

from ..errors import EmbeddingError


def simulate_targets(source: np.ndarray, n_targets: int, cosine: float, rng: np.random.Generator) -> np.ndarray:
    """Draw embeddings at a given cosine similarity to the source, in random directions orthogonal to it.

    Args:
        source: ``dim`` numbers.
        cosine: in [-1, 1], 0.9 in the paper's script.
    Returns: ``n_targets x dim`` float64, each as long as the source.
    Raises: EmbeddingError: if the source has zero length, or one number only.
    """
    length = np.linalg.norm(source)
    if length == 0 or len(source) < 2:
        raise EmbeddingError("targets cannot be simulated around an embedding of zero length or of one number")
    along = source / length
    noise = rng.standard_normal((n_targets, len(source)))
    across = noise - np.outer(noise @ along, along)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    targets: np.ndarray = length * (cosine * along + np.sqrt(1.0 - cosine**2) * across)
    return targets
