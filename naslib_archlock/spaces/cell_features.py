"""Named features of a cell's wiring, which need no training: operations, weights, depth, receptive field, skip paths.

``TABLE`` holds every feature once. ``FEATURES`` are those that carry over from task to task and from benchmark to
benchmark, on which the target model is a regression; ``experiments/patterns`` measures which of the others matter, and
how universally.

The matrices of this module:

* ``cells``, ``n x 6``: op codes in canonical edge order (``spaces.cells``);
* ``is_open``, ``4 x n``: whether a path of ``PATHS`` leads from the input to the output, with no ``none`` on it;
* ``counts``, ``4 x n``: the number of edges on each path that hold one of some ops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np

from .cells import (
    AVG_POOL,
    CONV_1X1,
    CONV_3X3,
    EDGES,
    N_SLOTS,
    NONE,
    SKIP,
    cell_index,
    cells_at,
    representative_index,
)

# The edges, in canonical order, of the four paths from a cell's input to its output.
PATHS = ((3,), (0, 4), (1, 5), (0, 2, 5))

_INPUT_TO_OUTPUT = 3  # the edge 0->3
_CONVS = (CONV_1X1, CONV_3X3)
_ANY_OP = (SKIP, CONV_1X1, CONV_3X3, AVG_POOL)


# -- costs -------------------------------------------------------------------------------------------------------------

# NAS-Bench-201's network: (channels, pixels a side) of its three stages.
_STAGES = ((16, 32), (32, 16), (64, 8))


def conv_weights(cells: Any) -> np.ndarray:
    """The convolution weights of cells, in units of one 1 x 1 convolution: a 3 x 3 one has 9.

    Args:
        cells: ``n x 6`` op codes, counted as they stand.
    Returns: ``n`` integers.
    """
    cells = np.asarray(cells)
    weights: np.ndarray = 9 * (cells == CONV_3X3).sum(axis=1) + (cells == CONV_1X1).sum(axis=1)
    return weights


def cell_flops(cells: Any) -> np.ndarray:
    """The additions and multiplications of one cell in each of the three stages of NAS-Bench-201's network.

    For each channel and pixel, a convolution costs two for each of its weights there, a 3 x 3 average costs 9, a skip
    costs nothing, and the sum at a node costs one for each term after the first. Normalisation and activations are left
    out. A convolution costs a constant times its weights, so this orders cells as ``conv_weights`` does; among cells
    with equal weights it prefers those that average and add less. (A 1 x 1 convolution costs as much as six averages.)

    Args:
        cells: ``n x 6`` op codes, counted as they stand.
    Returns: ``n`` integers.
    """
    cells = np.asarray(cells)
    into = np.array([node for _, node in EDGES])
    terms = np.stack([(cells[:, into == node] != NONE).sum(axis=1) for node in (1, 2, 3)])
    additions = 9 * (cells == AVG_POOL).sum(axis=1) + np.maximum(terms - 1, 0).sum(axis=0)
    flops: np.ndarray = sum(c * side**2 * (2 * c * conv_weights(cells) + additions) for c, side in _STAGES)
    return flops


# -- paths -------------------------------------------------------------------------------------------------------------


def is_open(cells: np.ndarray) -> np.ndarray:
    """Whether each path leads from the input to the output, ``4 x n``."""
    return np.stack([(cells[:, path] != NONE).all(axis=1) for path in PATHS])


def _counts(cells: np.ndarray, ops: tuple[int, ...]) -> np.ndarray:
    """The number of edges on each path that hold one of ``ops``, ``4 x n``; 0 on a path that is not open."""
    counts = np.stack([np.isin(cells[:, path], ops).sum(axis=1) for path in PATHS])
    return np.where(is_open(cells), counts, 0)


def _fewest(cells: np.ndarray, ops: tuple[int, ...]) -> np.ndarray:
    """The smallest of the ``_counts`` of open paths, ``n``; 0 without an open path."""
    opened = is_open(cells)
    return np.where(opened.any(axis=0), np.where(opened, _counts(cells, ops), N_SLOTS).min(axis=0), 0)


def _has_identity(cells: np.ndarray) -> np.ndarray:
    """Whether an open path consists of skips alone, ``n``."""
    is_identity = np.stack([(cells[:, path] == SKIP).all(axis=1) for path in PATHS])
    return np.asarray(is_identity.any(axis=0))


def _n_paths(cells: np.ndarray) -> np.ndarray:
    """The number of open paths, ``n``."""
    return np.asarray(is_open(cells).sum(axis=0))


# -- features ----------------------------------------------------------------------------------------------------------

# Name -> feature of ``n x 6`` representative cells, ``n`` numbers. All features of paths are 0 without an open path.
TABLE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    # edges with each op
    "conv_3x3": lambda cells: (cells == CONV_3X3).sum(axis=1),
    "conv_1x1": lambda cells: (cells == CONV_1X1).sum(axis=1),
    "skip": lambda cells: (cells == SKIP).sum(axis=1),
    "pool": lambda cells: (cells == AVG_POOL).sum(axis=1),
    "none": lambda cells: (cells == NONE).sum(axis=1),
    # convolution weights, in units of one 1 x 1 convolution, and log(1 + weights)
    "weights": conv_weights,
    "log_weights": lambda cells: np.log1p(conv_weights(cells)),
    # log(1 + FLOPs)
    "log_flops": lambda cells: np.log1p(cell_flops(cells)),
    # convolutions on the path that has most of them, and on the path that has fewest
    "depth": lambda cells: _counts(cells, _CONVS).max(axis=0),
    "least_depth": lambda cells: _fewest(cells, _CONVS),
    # 3 x 3 convolutions on the path that has most of them
    "receptive_field": lambda cells: _counts(cells, (CONV_3X3,)).max(axis=0),
    # open paths, the edges of the longest one, and the mean number of edges
    "paths": _n_paths,
    "longest_path": lambda cells: _counts(cells, _ANY_OP).max(axis=0),
    "mean_path": lambda cells: _counts(cells, _ANY_OP).sum(axis=0) / np.maximum(_n_paths(cells), 1),
    # 1 if a path consists of skips alone; if it does and there is another path; if it is one edge of the representative
    "identity_path": _has_identity,
    "residual": lambda cells: _has_identity(cells) & (_n_paths(cells) > 1),
    "skip_to_output": lambda cells: cells[:, _INPUT_TO_OUTPUT] == SKIP,
}

# The target model's features, in the order of its stored moments.
FEATURES = ("conv_1x1", "skip", "pool", "log_weights", "log_flops", "least_depth", "receptive_field", "identity_path")


def features(cells: Any, names: Iterable[str] = FEATURES) -> np.ndarray:
    """Features of cells; cells that compute the same function have the same features.

    Args:
        cells: ``n x 6`` op codes.
        names: ``k`` keys of ``TABLE``.
    Returns: ``n x k`` float64.
    """
    index = cell_index(cells)
    return np.stack([_of_every_cell(name)[index] for name in names], axis=1)


@cache
def _of_every_cell(name: str) -> np.ndarray:
    """One feature of all 15,625 cells, by ``cell_index``."""
    cells, function = functions()
    return TABLE[name](cells).astype(np.float64)[function]


@cache
def functions() -> tuple[np.ndarray, np.ndarray]:
    """The representative cell of each distinct function, ``4,660 x 6``, and the row of every cell's function."""
    first, function = np.unique(representative_index(), return_inverse=True)
    return cells_at(first), function
