"""The canonical cell: one notation for every encoding, table and comparison.

A cell has four nodes, and an operation on each of the six edges between them. In canonical form it is a tuple of six
op codes in the edge order 0->1, 0->2, 1->2, 0->3, 1->3, 2->3 (grouped by destination), with the codes of ``OPS``. This
is the notation of ArchLock (Zhou et al., ICLR 2024, section 4.1) and of the TransNAS-Bench-101 string. NAS-Bench-201
and NASLib use others, so every cell is converted to this one as soon as it is read (``notation``).

A macro architecture of TransNAS-Bench-101 is a tuple of six numbers, too (0 pads), but with another meaning; the
classes of ``SearchSpace`` keep the two apart.

The matrices of this package, for ``n`` cells:

* ``cells`` or ``codes``, ``n x 6`` int64: one op code for each edge;
* ``index``, ``n`` int64 in [0, 15625): the cell as a number, whose digits in base 5 are the codes;
* one-hot encodings, ``n x 30`` float32: for each edge in turn, five numbers: 1 for its op and 0 for the others;
* representatives, ``n x 6`` int64: for each cell, the first cell in index order that computes the same function.
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

    NumPy integers are cast, because NASLib looks cells up by ``str(tuple)``, which NumPy 2 prints differently.

    Args:
        codes: six integers.
        n_codes: each code must lie in ``[0, n_codes)``.
    Raises: CellError: if there are not six codes, or one of them is not such an integer.
    """
    try:
        cell = tuple(map(operator.index, codes))
    except TypeError:
        cell = ()
    if len(cell) != N_SLOTS or not all(0 <= c < n_codes for c in cell):
        raise CellError(f"{shown(codes)} is not a cell: six integers from 0 to {n_codes - 1} are needed")
    return cell


def one_hot(cells: Any) -> np.ndarray:
    """The one-hot encodings of ``n x 6`` op codes, ``n x 30`` float32, row-major over (edge, op)."""
    codes = np.asarray(cells, dtype=np.int64).reshape(-1, N_SLOTS)
    return np.eye(N_CODES, dtype=np.float32)[codes].reshape(len(codes), ENCODING_DIM)


def cell_index(cells: Any) -> np.ndarray:
    """The index of each of ``n x 6`` op codes, ``n`` int64; macro architectures are numbered in the same way."""
    return np.asarray(cells, dtype=np.int64).reshape(-1, N_SLOTS) @ _POWERS


def cells_at(index: Any) -> np.ndarray:
    """The op codes, ``n x 6`` int64, of ``n`` numbers of ``cell_index``."""
    return np.asarray(index, dtype=np.int64)[:, None] // _POWERS % N_CODES


def all_codes(n_codes: int) -> np.ndarray:
    """All ``n_codes ** 6`` tuples in lexicographic order, as ``n x 6`` int64."""
    return np.stack(np.unravel_index(np.arange(n_codes**N_SLOTS), (n_codes,) * N_SLOTS), axis=1)


def computed_function(cell: Cell) -> tuple:
    """The function that a cell computes, as a nested tuple: two cells have equal tuples if they compute the same.

    Each node is expanded as a sum of terms ``(op, sum of its source)``. A skip passes its source's terms on. Average
    pooling is linear, so it pools each term of its source alone. A convolution is one term over its source's sum. An op
    on an empty sum is dropped. The input is a term without an op. An empty tuple means that the output is disconnected.
    """
    sums: list[tuple] = [((-1, ()),)]  # the input's op is -1, so that it can be sorted among other terms
    edges = iter(cell)
    for node in range(1, 4):
        terms: list[tuple] = []
        for source in range(node):
            op = next(edges)
            if op == SKIP:
                terms.extend(sums[source])
            elif op == AVG_POOL:
                terms.extend((op, (term,)) for term in sums[source])
            elif op != NONE and sums[source]:
                terms.append((op, sums[source]))
        sums.append(tuple(sorted(terms)))
    return sums[3]


@cache
def representative_index() -> np.ndarray:
    """The index of each cell's representative, for the 15,625 cells in index order.

    There are 4,660 distinct values, 871 of them among the cells without pooling. A representative has ``none`` on its
    dead edges, so the representative of a cell without pooling has no pooling either.
    """
    first: dict[tuple, int] = {}
    codes = all_codes(N_CODES).tolist()
    return np.array([first.setdefault(computed_function(tuple(cell)), i) for i, cell in enumerate(codes)])


def representatives(cells: Any) -> np.ndarray:
    """The representative of each of ``n x 6`` cells, ``n x 6`` int64."""
    return cells_at(representative_index()[cell_index(cells)])


def draw(cell: Cell) -> str:
    """A cell as the paper writes it: three lines of text, one for each node after the input."""
    names = {SKIP: "skip", CONV_1X1: "conv1x1", CONV_3X3: "conv3x3", AVG_POOL: "avgpool"}
    lines = []
    for node in range(1, 4):
        terms = [f"{names[op]}(node{i})" for op, (i, j) in zip(cell, EDGES) if j == node and op != NONE]
        lines.append(f"node{node} = {' + '.join(terms) or '0'}")
    return "\n".join(lines)
