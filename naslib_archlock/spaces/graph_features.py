"""Graph features of cells, in groups: what a predictor of accuracy learns from.

They describe the function that a cell computes, so all cells that compute one function have the same features.

* ``features``: the named features of ``cell_features.TABLE``.
* ``paths``: how many open paths hold each sequence of ops from input to output, with skips left out. Up to three of
  three ops can stand on a path, so there are 40 sequences (the path encoding of White et al., "BANANAS", AAAI 2021, on
  the canonical cell).
* ``op_sets``: for each of the 15 sets of ops, how long the shortest and the longest open path of these ops alone is;
  the most, the fewest and all edges with these ops on open paths; and the number of such edges in the cell and at each
  node (after GRAF: Kadlecova et al., "Surprisingly Strong Performance Prediction with Neural Graph Features",
  ICML 2024).

``experiments/predictors`` measures what each group adds.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations, product

import numpy as np

from . import cell_features as f
from .cells import AVG_POOL, CONV_1X1, CONV_3X3, N_SLOTS, NONE, SKIP, cell_index

_LENGTHS = np.array([len(path) for path in f.PATHS])[:, None]
_NO_PATH = max(map(len, f.PATHS)) + 1  # the length of the shortest path where there is none
_OPS_OF_PATHS = (CONV_1X1, CONV_3X3, AVG_POOL)
_OPS = (SKIP, *_OPS_OF_PATHS)
# The edges out of the input, into the output, into node 2 and out of node 1; the other degrees follow from these.
_AT_NODES = ((0, 1, 3), (3, 4, 5), (1, 2), (2, 4))


def graph_features(cells: np.ndarray) -> dict[str, np.ndarray]:
    """The groups of features of cells.

    Args:
        cells: ``n x 6`` op codes.
    Returns: group -> ``n x d`` float64.
    """
    index = cell_index(cells)
    return {name: group[index] for name, group in _of_every_cell().items()}


@cache
def _of_every_cell() -> dict[str, np.ndarray]:
    """All groups for the 15,625 cells, by ``cell_index``."""
    cells, function = f.functions()
    groups = {
        "features": np.stack([np.asarray(of(cells), dtype=np.float64) for of in f.TABLE.values()], axis=1),
        "paths": _path_counts(cells),
        "op_sets": np.hstack([_of_op_set(cells, ops) for n in range(1, 5) for ops in combinations(_OPS, n)]),
    }
    return {name: group[function] for name, group in groups.items()}


def _path_counts(cells: np.ndarray) -> np.ndarray:
    """How many open paths hold each sequence of ops, ``n x 40``."""
    sequences = [sequence for n in range(4) for sequence in product(_OPS_OF_PATHS, repeat=n)]
    column = {sequence: i for i, sequence in enumerate(sequences)}
    counts = np.zeros((len(cells), len(sequences)))
    for row, cell in zip(counts, cells.tolist()):
        for path in f.PATHS:
            ops = [cell[edge] for edge in path]
            if NONE not in ops:
                row[column[tuple(op for op in ops if op != SKIP)]] += 1
    return counts


def _of_op_set(cells: np.ndarray, ops: tuple[int, ...]) -> np.ndarray:
    """Lengths of paths and numbers of edges with these ops, ``n x 10``."""
    has_op = np.isin(cells, ops)
    is_open = f.is_open(cells)
    of_ops_alone = np.stack([has_op[:, path].all(axis=1) for path in f.PATHS])
    on_path = np.where(is_open, np.stack([has_op[:, path].sum(axis=1) for path in f.PATHS]), 0)
    columns = [
        np.where(of_ops_alone, _LENGTHS, _NO_PATH).min(axis=0),
        np.where(of_ops_alone, _LENGTHS, 0).max(axis=0),
        on_path.max(axis=0),
        np.where(is_open, on_path, N_SLOTS).min(axis=0),
        on_path.sum(axis=0),
        has_op.sum(axis=1),
        *(has_op[:, edges].sum(axis=1) for edges in _AT_NODES),
    ]
    return np.stack(columns, axis=1).astype(np.float64)
