"""Streams of random numbers drawn from the config's seed; each purpose has its own, so that none shifts another.

This package draws from its own streams only. Other libraries draw from the global generators of Python, NumPy and
torch, which belong to the user: whoever calls such a library puts them back afterwards.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

_STREAMS = ("search", "opponents", "targets", "reference", "cells", "subsets", "split", "bootstrap", "audit")


def stream(seed: int, purpose: str) -> np.random.Generator:
    """The generator of one purpose, which is one of ``_STREAMS``."""
    return np.random.default_rng([seed, _STREAMS.index(purpose)])


@contextmanager
def global_generators(seed: int | None = None) -> Iterator[None]:
    """Put the global generators of Python, NumPy and torch back to their state at the end of the block.

    Networks draw their first weights from torch's, NASLib's graphs their names from Python's, and pymoo 0.6.1.5 from
    NumPy's. The generators of GPUs are put back, too, if torch uses a GPU when the block begins. A GPU that nobody uses
    is not woken up for that: it would take seconds and some of its memory in each process.

    Args:
        seed: in [0, 2**32), the one that the generators of Python, NumPy and torch on the CPU start from inside the
            block; by default they go on from where they are.
    """
    import torch  # not at the top, because searches without a network do without torch

    python, numpy = random.getstate(), np.random.get_state()
    gpus = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    try:
        with torch.random.fork_rng(devices=gpus):
            if seed is not None:
                random.seed(seed)
                np.random.seed(seed)
                torch.default_generator.manual_seed(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
