"""What the wiring of a cell says of it without training: weights, depth, receptive field, identity path.

These are the features by which ``target_model`` carries over from tasks to tasks and from benchmark to benchmark; which
of them matter, and how universally, is measured in ``experiments/patterns``.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from .cells import (
    AVG_POOL,
    CONV_1X1,
    CONV_3X3,
    EDGES,
    N_CODES,
    N_SLOTS,
    NONE,
    SKIP,
    cell_index,
    cells_at,
    representatives,
)

# Edges, in canonical order, of the four paths from a cell's input to its output.
PATHS = ((3,), (0, 4), (1, 5), (0, 2, 5))

FEATURES = (
    "conv_1x1",  # edges with one
    "skip",
    "pool",
    "log_weights",  # log(1 + convolution weights), in units of one 1 x 1 convolution: 9 for a 3 x 3 one
    "depth",  # convolutions on the path that has most of them
    "least_depth",  # on the path that has fewest
    "receptive_field",  # 3 x 3 convolutions on the path that has most of them
    "identity_path",  # 1 if a path consists of skips alone
)


def features(cells: np.ndarray) -> np.ndarray:
    """The ``FEATURES`` of ``n x 6`` cells, ``n x 8`` float64; cells that compute the same function have the same."""
    return _all_features()[cell_index(cells)]


@cache
def _all_features() -> np.ndarray:
    """Of every cell, by ``cell_index``."""
    return _features_of(representatives(cells_at(np.arange(N_CODES**N_SLOTS))))


def _features_of(cells: np.ndarray) -> np.ndarray:
    paths = [cells[:, list(path)] for path in PATHS]
    is_open = np.stack([(path != NONE).all(axis=1) for path in paths])

    def most(counts: np.ndarray) -> np.ndarray:
        return np.where(is_open, counts, 0).max(axis=0)

    def fewest(counts: np.ndarray) -> np.ndarray:
        return np.where(is_open.any(axis=0), np.where(is_open, counts, N_SLOTS).min(axis=0), 0)

    large = np.stack([(path == CONV_3X3).sum(axis=1) for path in paths])
    convs = large + np.stack([(path == CONV_1X1).sum(axis=1) for path in paths])
    identity = np.stack([(path == SKIP).all(axis=1) for path in paths])
    columns = (
        (cells == CONV_1X1).sum(axis=1),
        (cells == SKIP).sum(axis=1),
        (cells == AVG_POOL).sum(axis=1),
        np.log1p(9 * (cells == CONV_3X3).sum(axis=1) + (cells == CONV_1X1).sum(axis=1)),
        most(convs),
        fewest(convs),
        most(large),
        identity.any(axis=0),
    )
    return np.stack(columns, axis=1).astype(np.float64)


# NAS-Bench-201's network: (channels, pixels a side) of its three stages.
_STAGES = ((16, 32), (32, 16), (64, 8))


def conv_weights(cells: np.ndarray) -> np.ndarray:
    """Convolution weights of ``n x 6`` cells, in units of one 1 x 1 convolution: 9 for a 3 x 3 one."""
    cells = np.asarray(cells)
    weights: np.ndarray = 9 * (cells == CONV_3X3).sum(axis=1) + (cells == CONV_1X1).sum(axis=1)
    return weights


def cell_flops(cells: np.ndarray) -> np.ndarray:
    """Additions and multiplications of ``n x 6`` cells, of one cell in each stage of NAS-Bench-201's network.

    For each channel and pixel a convolution costs two for every weight that it has there, a 3 x 3 average 9, a skip
    nothing, and the sum at a node one for each term behind the first; normalisation and activations are left out. A
    convolution costs its weights times a constant, so this orders cells as ``conv_weights`` does, but among equal ones
    prefers those that average and add less. (A 1 x 1 convolution costs as much as six averages.)
    """
    cells = np.asarray(cells)
    into = np.array([node for _, node in EDGES])
    terms = np.stack([(cells[:, into == node] != NONE).sum(axis=1) for node in (1, 2, 3)])
    additions = 9 * (cells == AVG_POOL).sum(axis=1) + np.maximum(terms - 1, 0).sum(axis=0)
    flops: np.ndarray = sum(c * side**2 * (2 * c * conv_weights(cells) + additions) for c, side in _STAGES)
    return flops
