"""Streams of random numbers drawn from the config's seed; each purpose has its own, so that none shifts another."""

from __future__ import annotations

import numpy as np

_STREAMS = ("search", "opponents", "targets", "reference", "cells", "subsets", "split")


def stream(seed: int, purpose: str) -> np.random.Generator:
    """The generator of one purpose."""
    return np.random.default_rng([seed, _STREAMS.index(purpose)])
