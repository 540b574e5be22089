"""Conversions between canonical cells and the notations of the benchmarks and of NASLib.

Each notation has its own codes for ops and its own order of edges (``cells`` has ours). A reader (``from_...``) refuses
text or numbers that are not a cell with a ``CellError``.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from functools import lru_cache

from ..errors import CellError, shown
from .cells import AVG_POOL, CONV_1X1, CONV_3X3, EDGES, N_SLOTS, NONE, OPS, SKIP, Cell, as_cell

# NASLib's nasbench201 groups edges by source (01 02 03 12 13 23) and numbers the ops in another order.
_NASLIB201_EDGE = (0, 1, 3, 2, 4, 5)  # NASLib's position k holds our edge _NASLIB201_EDGE[k]
_NASLIB201_OP = (SKIP, NONE, CONV_3X3, CONV_1X1, AVG_POOL)  # NASLib's op code c is our op _NASLIB201_OP[c]

_NB201_NODE = re.compile(r"\|((?:[a-z0-9_]+~[0-9]\|)+)")
_TNB_MICRO = re.compile(r"64-41414-([0-9])_([0-9])([0-9])_([0-9])([0-9])([0-9])")


def from_nasbench201_str(text: str) -> Cell:
    """The canonical cell of a NAS-Bench-201 string ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``. Raises: CellError."""
    nodes = text.split("+") if isinstance(text, str) else []
    codes: Cell = ()
    for j, node in enumerate(nodes, start=1):
        of_node = _codes_of_node(node, j)
        if of_node is None:
            raise CellError(
                f"{shown(text)} is not a NAS-Bench-201 string: cannot read {shown(node)}; ops: {', '.join(OPS)}"
            )
        codes += of_node
    if len(nodes) != 3 or len(codes) != N_SLOTS:
        raise CellError(f"{shown(text)} is not a NAS-Bench-201 string like '|op~0|+|op~0|op~1|+|op~0|op~1|op~2|'")
    return codes


@lru_cache(maxsize=1024)  # all cells together have only 155 different nodes
def _codes_of_node(node: str, n_terms: int) -> Cell | None:
    """The op codes of one node of a NAS-Bench-201 string.

    Args:
        node: text such as ``|op~0|op~1|``.
        n_terms: the number of terms that the node must have.
    Returns: ``n_terms`` codes, no codes if the text has no terms at all, or None if a term is wrong.
    """
    match = _NB201_NODE.fullmatch(node)
    terms = match.group(1).rstrip("|").split("|") if match else []
    codes = []
    for i, term in enumerate(terms):
        op, source = term.split("~")
        if op not in OPS or int(source) != i or len(terms) != n_terms:
            return None
        codes.append(OPS.index(op))
    return tuple(codes)


def to_nasbench201_str(cell: Cell) -> str:
    """The official NAS-Bench-201 string of a canonical cell."""
    terms = iter(f"{OPS[op]}~{source}" for op, (source, _) in zip(cell, EDGES))
    return "+".join("|" + "|".join(itertools.islice(terms, n)) + "|" for n in (1, 2, 3))


def from_transbench101_micro_str(text: str) -> Cell:
    """The canonical cell of a TransNAS-Bench-101 cell-level string ``64-41414-a_bc_def``. Raises: CellError."""
    match = _TNB_MICRO.fullmatch(text) if isinstance(text, str) else None
    if not match:
        raise CellError(f"{shown(text)} is not a TransNAS-Bench-101 cell like '64-41414-3_31_212' (digits 0 to 3)")
    return as_cell([int(digit) for digit in match.groups()], n_codes=4)


def to_transbench101_micro_str(cell: Cell) -> str:
    """The official TransNAS-Bench-101 string of a canonical cell. Raises: CellError: if the cell pools."""
    a, b, c, d, e, f = as_cell(cell, n_codes=4)
    return f"64-41414-{a}_{b}{c}_{d}{e}{f}"


def from_naslib_nasbench201(op_indices: Sequence[int]) -> Cell:
    """The canonical cell of NASLib's nasbench201 ``op_indices``. Raises: CellError."""
    indices = as_cell(op_indices)
    cell = [NONE] * N_SLOTS
    for edge, op in zip(_NASLIB201_EDGE, indices):
        cell[edge] = _NASLIB201_OP[op]
    return tuple(cell)


def to_naslib_nasbench201(cell: Cell) -> Cell:
    """NASLib's nasbench201 ``op_indices`` of a canonical cell."""
    return tuple(_NASLIB201_OP.index(cell[edge]) for edge in _NASLIB201_EDGE)


def from_naslib_transbench101_micro(op_indices: Sequence[int]) -> Cell:
    """The canonical cell of NASLib's transbench101_micro ``op_indices``, which are the same codes.

    NASLib's ``OP_NAMES`` of that space give the codes another meaning, but its ``query`` prints them into the official
    string as they are.

    Raises: CellError.
    """
    return as_cell(op_indices, n_codes=4)
