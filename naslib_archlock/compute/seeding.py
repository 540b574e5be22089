"""Streams of random numbers drawn from the config's seed; each purpose has its own, so that none shifts another."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

_STREAMS = ("search", "opponents", "targets", "reference", "cells", "subsets", "split", "bootstrap", "audit")


def stream(seed: int, purpose: str) -> np.random.Generator:
    """The generator of one purpose."""
    return np.random.default_rng([seed, _STREAMS.index(purpose)])


@contextmanager
def global_generators(seed: int) -> Iterator[None]:
    """Inside the block, the global generators of Python, NumPy and torch start from ``seed``; outside, as they were.

    For libraries that draw from them: NASLib, which seeds all but that of Python, and pymoo 0.6.1.5.
    """
    import torch  # here alone: a search draws from its own streams

    python, numpy, torch_cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(torch_cpu)
