"""What the wiring of a cell says of it without training: weights, depth, receptive field, identity path.

These are the features by which ``target_model`` carries over from tasks to tasks and from benchmark to benchmark; which
of them matter, and how universally, is measured in ``experiments/patterns``.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from .cells import AVG_POOL, CONV_1X1, CONV_3X3, N_CODES, N_SLOTS, NONE, SKIP, cell_index, cells_at, representatives

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
