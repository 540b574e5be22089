"""The canonical cell: one notation for every encoding, table and comparison.

A cell has four nodes, and an operation on each of the six edges between them. In canonical form it is a tuple of six
op codes in the edge order 0->1, 0->2, 1->2, 0->3, 1->3, 2->3 (grouped by destination), with the codes of ``OPS``. This
is the notation of ArchLock (Zhou et al., ICLR 2024, section 4.1) and of the TransNAS-Bench-101 string; NAS-Bench-201
and NASLib use others, so every cell is converted here as soon as it enters.

Macro architectures of TransNAS-Bench-101 are also tuples of six numbers (0 pads), but mean something else; ``spaces``
keeps the two apart.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from ..errors import CellError, shown

Cell = tuple[int, ...]

OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
NONE, SKIP, CONV_1X1, CONV_3X3, AVG_POOL = range(5)
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
N_SLOTS = 6
N_CODES = 5
ENCODING_DIM = N_SLOTS * N_CODES

_POWERS = N_CODES ** np.arange(N_SLOTS - 1, -1, -1)


def as_cell(codes: Sequence[int], n_codes: int = N_CODES) -> Cell:
    """Check six op codes and return them as a tuple of plain integers.

    NumPy integers are cast: NASLib looks cells up by ``str(tuple)``, which NumPy 2 prints differently.

    Raises: CellError: if there are not six codes, or one is not an integer in ``[0, n_codes)``.
    """
    try:
        cell = tuple(map(operator.index, codes))
    except TypeError:
        cell = ()
    if len(cell) != N_SLOTS or not all(0 <= c < n_codes for c in cell):
        raise CellError(f"{shown(codes)} is not a cell: six integers from 0 to {n_codes - 1} are needed")
    return cell


def one_hot(cells: Any) -> np.ndarray:
    """One-hot encoding of ``n x 6`` op codes as ``n x 30`` float32, row-major over (edge, op)."""
    codes = np.asarray(cells, dtype=np.int64).reshape(-1, N_SLOTS)
    return np.eye(N_CODES, dtype=np.float32)[codes].reshape(len(codes), ENCODING_DIM)


def cell_index(cells: Any) -> np.ndarray:
    """Number of each of ``n x 6`` op codes in [0, 15625): its digits in base 5. Also used for macro architectures."""
    return np.asarray(cells, dtype=np.int64).reshape(-1, N_SLOTS) @ _POWERS


def cells_at(index: Any) -> np.ndarray:
    """The op codes, ``n x 6``, that ``cell_index`` numbers ``index``."""
    return np.asarray(index, dtype=np.int64)[:, None] // _POWERS % N_CODES


def all_codes(n_codes: int) -> np.ndarray:
    """All ``n_codes ** 6`` tuples in lexicographic order, as ``n x 6`` int64."""
    return np.stack(np.unravel_index(np.arange(n_codes**N_SLOTS), (n_codes,) * N_SLOTS), axis=1)


def computed_function(cell: Cell) -> tuple:
    """The function that a cell computes, as a nested tuple that equal functions share.

    Each node is expanded as a sum of terms ``(op, sum of its source)``: a skip passes its source's terms on, any other
    op is one term over its source's sum, and ops on an empty sum are dropped. The input is a term without an op. The
    empty tuple means that the output is disconnected.
    """
    sums: list[tuple] = [((-1, ()),)]  # of terms that compare with each other, so that they sort
    edges = iter(cell)
    for node in range(1, 4):
        terms: list[tuple] = []
        for source in range(node):
            op = next(edges)
            if op == SKIP:
                terms.extend(sums[source])
            elif op != NONE and sums[source]:
                terms.append((op, sums[source]))
        sums.append(tuple(sorted(terms)))
    return sums[3]


@cache
def representative_index() -> np.ndarray:
    """For each of the 15,625 cells by ``cell_index``, the index of the first cell that computes the same function.

    4,930 distinct values, 871 of them below when no edge pools. The first cell has ``none`` on its dead edges, so the
    representative of a cell without pooling has no pooling either.
    """
    first: dict[tuple, int] = {}
    codes = all_codes(N_CODES).tolist()
    return np.array([first.setdefault(computed_function(tuple(cell)), i) for i, cell in enumerate(codes)])


def representatives(cells: Any) -> np.ndarray:
    """The canonical representative of each of ``n x 6`` cells, as ``n x 6`` int64."""
    return cells_at(representative_index()[cell_index(cells)])


def draw(cell: Cell) -> str:
    """A cell as three lines of text, one a node, as the paper writes it."""
    names = {SKIP: "skip", CONV_1X1: "conv1x1", CONV_3X3: "conv3x3", AVG_POOL: "avgpool"}
    lines = []
    for node in range(1, 4):
        terms = [f"{names[op]}(node{i})" for op, (i, j) in zip(cell, EDGES) if j == node and op != NONE]
        lines.append(f"node{node} = {' + '.join(terms) or '0'}")
    return "\n".join(lines)
