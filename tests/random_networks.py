"""Pair networks with random weights, and cells and embeddings to compare with them."""

from __future__ import annotations

import numpy as np
import torch

from naslib_archlock.ranker.models.mlp import PairMLP
from naslib_archlock.spaces.known import NASBENCH201

DIM = 7


def make_model(antisymmetric: bool = True, hidden: tuple[int, ...] = (16, 8), seed: int = 0) -> PairMLP:
    """A network with random weights that are large enough for its logits to differ."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = PairMLP(DIM, hidden, antisymmetric).requires_grad_(False)
    for parameter in model.parameters():
        parameter.mul_(3)
    return model


def sample(n: int, seed: int = 0) -> np.ndarray:
    return np.array(NASBENCH201.sample(n, np.random.default_rng(seed)))


def vectors(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, DIM))
