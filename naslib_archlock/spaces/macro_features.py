"""Named features of TransNAS-Bench-101's macro networks, which need no training: weights, operations, depth.

They mean the same as the features of a cell that have these names (``cell_features``), so what is learnt on cells says
something about these networks. A network is a chain of 4 to 6 modules. A module has two residual blocks with two 3 x 3
convolutions each (He et al., CVPR 2016). Where a module changes the shape, a 1 x 1 convolution takes the place of the
identity in its first block.

The arrays of this module, for ``n`` architectures of six modules each (0 is no module):

* ``modules``, ``n x 6``: their codes (``macro_space``);
* ``channels_in``, ``channels_out`` and ``side``, ``n x 6``: the channels before and after each module, and the pixels a
  side after it, on an image of 64 pixels; they stay as they are behind the last module;
* ``changes``, ``n x 6``: whether a module changes the shape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

_CHANNELS, _SIDE = 64, 64  # of the first module
_DOUBLES, _HALVES = (2, 4), (3, 4)  # the modules that double the channels, and that halve the resolution
_CONVS = 4  # 3 x 3 convolutions of a module


class _Shapes(NamedTuple):
    channels_in: np.ndarray
    channels_out: np.ndarray
    side: np.ndarray


def _shapes(modules: np.ndarray) -> _Shapes:
    doubled = np.isin(modules, _DOUBLES).cumsum(axis=1)
    halved = np.isin(modules, _HALVES).cumsum(axis=1)
    channels_out = _CHANNELS * 2**doubled
    channels_in = np.column_stack([np.full(len(modules), _CHANNELS), channels_out[:, :-1]])
    return _Shapes(channels_in, channels_out, _SIDE / 2.0**halved)


def _changes(modules: np.ndarray) -> np.ndarray:
    return np.isin(modules, (*_DOUBLES, *_HALVES))


def _weights_of_modules(modules: np.ndarray) -> np.ndarray:
    """The convolution weights of each module, ``n x 6``; 0 where there is none."""
    channels_in, channels_out, _ = _shapes(modules)
    weights = 9 * channels_in * channels_out + (_CONVS - 1) * 9 * channels_out**2
    return np.where(modules > 0, weights + np.where(_changes(modules), channels_in * channels_out, 0), 0)


def macro_weights(modules: np.ndarray) -> np.ndarray:
    """The convolution weights of ``n x 6`` architectures, ``n`` integers."""
    return np.asarray(_weights_of_modules(modules).sum(axis=1))


def macro_flops(modules: np.ndarray) -> np.ndarray:
    """The additions and multiplications of the convolutions of ``n x 6`` architectures on 64 x 64 pixels, ``n``."""
    return np.asarray((2 * _weights_of_modules(modules) * _shapes(modules).side ** 2).sum(axis=1))


def macro_shapes(modules: np.ndarray) -> np.ndarray:
    """The shape of the features after each module of ``n x 6`` architectures, and the number of modules, ``n x 13``.

    Channels and sides are binary logarithms, so a module changes each by at most 1.
    """
    shapes = _shapes(modules)
    n_modules = (modules > 0).sum(axis=1)
    return np.column_stack([np.log2(shapes.channels_out), np.log2(shapes.side), n_modules])


# Name -> feature of ``n x 6`` architectures, ``n`` numbers.
TABLE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "log_weights": lambda modules: np.log(macro_weights(modules)),
    "log_flops": lambda modules: np.log(macro_flops(modules)),
    # convolutions on the path through all blocks, and on the path that takes every identity
    "depth": lambda modules: _CONVS * (modules > 0).sum(axis=1),
    "least_depth": lambda modules: _changes(modules).sum(axis=1),
}
