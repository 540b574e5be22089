"""What kinds of rankers read of an architecture beside its one-hot encoding, in tables by ``SearchSpace.index``.

A ranker serves all search spaces of a family, so a table holds every architecture of the family's largest space. The
row of an architecture that this space does not have is zero.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from ..errors import ConfigError, RankerError, UnknownNameError
from ..spaces.cells import ENCODING_DIM, N_CODES, N_SLOTS
from ..spaces.known import largest_of_family
from ..spaces.op_graphs import OpGraphs
from ..spaces.space import SearchSpace


def numbers_of(archs: Tensor) -> Tensor:
    """The ``index`` of architectures, from one-hot encodings, ``... x 30`` or more columns."""
    codes = archs[..., :ENCODING_DIM].unflatten(-1, (N_SLOTS, N_CODES)).argmax(dim=-1)
    powers = torch.tensor([N_CODES**k for k in range(N_SLOTS - 1, -1, -1)], device=archs.device)
    return (codes * powers).sum(dim=-1)


def numbers_in(archs: np.ndarray) -> np.ndarray:
    """``numbers_of`` for an array."""
    return numbers_of(torch.from_numpy(np.ascontiguousarray(archs[:, :ENCODING_DIM]))).numpy()


@cache
def feature_tables(family: str) -> tuple[np.ndarray, ...]:
    """The groups of graph features of a family, ``index_size x d`` float64 each.

    Each column has mean 0 and variance 1 over the distinct functions; constant columns are left out.

    Raises:
        RankerError: if the spaces of the family have no graph features.
    """
    space = _space_with_graphs(family)
    groups, distinct = space.graph_features(space.all()), space.graph_features(space.distinct())
    tables = []
    for name, group in groups.items():
        centre, spread = distinct[name].mean(axis=0), distinct[name].std(axis=0)
        varies = spread > 0
        table = np.zeros((space.index_size, int(varies.sum())))
        table[space.index(space.all())] = (group[:, varies] - centre[varies]) / spread[varies]
        tables.append(table)
    return tuple(tables)


@cache
def joined_features(family: str) -> np.ndarray:
    """All groups of ``feature_tables`` side by side, ``index_size x d`` float32. Raises: as there."""
    return np.hstack(feature_tables(family)).astype(np.float32)


@cache
def graph_tables(family: str) -> OpGraphs:
    """The graphs of a family's architectures, ``index_size`` of them. Raises: RankerError: if they have none."""
    space = _space_with_graphs(family)
    numbers, graphs = space.index(space.all()), space.op_graphs(space.all())
    tables = [np.zeros((space.index_size, *part.shape[1:]), dtype=part.dtype) for part in graphs]
    for table, part in zip(tables, graphs):
        table[numbers] = part
    return OpGraphs(*tables)


def _space_with_graphs(family: str) -> SearchSpace:
    try:
        space = largest_of_family(family)
        space.graph_features(space.all()[:1])
    except (ConfigError, UnknownNameError) as err:
        raise RankerError(
            f"this kind of ranker reads graphs, which the family {family!r} of search spaces does not have ({err}); "
            "choose archlock.ranker_model mlp"
        ) from err
    return space
