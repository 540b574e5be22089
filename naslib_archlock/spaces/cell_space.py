"""Search spaces of canonical cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from . import cell_features as f
from . import cells as c
from . import graph_features as g
from . import notation
from .cells import Cell
from .metrics import Metric
from .op_graphs import OpGraphs, cell_graphs
from .space import SearchSpace


class Notation(NamedTuple):
    """How a space writes its cells: as official strings, and as NASLib's ``op_indices``."""

    from_str: Callable[[str], Cell]
    to_str: Callable[[Cell], str]
    from_naslib: Callable[[Sequence[int]], Cell]
    to_naslib: Callable[[Cell], Cell]


NASBENCH201_NOTATION = Notation(
    notation.from_nasbench201_str,
    notation.to_nasbench201_str,
    notation.from_naslib_nasbench201,
    notation.to_naslib_nasbench201,
)

TRANSBENCH101_MICRO_NOTATION = Notation(
    notation.from_transbench101_micro_str,
    notation.to_transbench101_micro_str,
    notation.from_naslib_transbench101_micro,
    c.as_cell,
)


_DESCRIPTORS = ("conv_1x1", "skip", "pool", "log_weights", "depth", "least_depth", "receptive_field", "identity_path")


class CellSpace(SearchSpace):
    """Canonical cells over the first ``n_codes`` ops."""

    family = "cell"
    feature_names = tuple(f.TABLE)
    has_graphs = True
    has_costs = True
    builds_networks = True

    def __init__(
        self,
        name: str,
        n_codes: int,
        notation: Notation,
        metrics: Mapping[str, Metric],
        images: str = "",
        shares_images: bool = True,
        naslib_network: str = "",
        is_embedded: bool = False,
    ) -> None:
        """The arguments are explained as attributes of ``SearchSpace``.

        Args:
            notation: how the space writes its cells.
            images, naslib_network: the space's own name by default.
        """
        self.name, self.n_codes, self.metrics, self.shares_images = name, n_codes, metrics, shares_images
        self.images, self.naslib_network, self.is_embedded = images or name, naslib_network or name, is_embedded
        self._notation = notation

    def all(self) -> np.ndarray:
        return c.all_codes(self.n_codes)

    def from_str(self, text: str) -> Cell:
        return c.as_cell(self._notation.from_str(text), self.n_codes)

    def to_str(self, arch: Cell) -> str:
        return self._notation.to_str(c.as_cell(arch, self.n_codes))

    def from_naslib(self, op_indices: Sequence[int]) -> Cell:
        return c.as_cell(self._notation.from_naslib(op_indices), self.n_codes)

    def to_naslib(self, arch: Cell) -> Cell:
        return self._notation.to_naslib(c.as_cell(arch, self.n_codes))

    def neighbours(self, arch: Cell) -> list[Cell]:
        return [
            (*arch[:edge], op, *arch[edge + 1 :])
            for edge in range(c.N_SLOTS)
            for op in range(self.n_codes)
            if op != arch[edge]
        ]

    def draw(self, arch: Cell) -> str:
        return c.draw(arch)

    def representatives(self, archs: Any) -> np.ndarray:
        return c.representatives(archs)

    @cache  # noqa: B019
    def distinct(self) -> np.ndarray:
        """The connected canonical representatives: 4,659 with pooling, 870 without."""
        return _distinct_cells(self.n_codes)

    def descriptors(self, archs: Any) -> np.ndarray:
        """The features that say most about accuracy, and the encoding of the wiring."""
        return np.hstack([self.features(archs, _DESCRIPTORS), self.encode(archs)])

    def _features(self, archs: Any, names: tuple[str, ...]) -> np.ndarray:
        return f.features(archs, names)

    def graph_features(self, archs: Any) -> dict[str, np.ndarray]:
        return g.graph_features(archs)

    def op_graphs(self, archs: Any) -> OpGraphs:
        return cell_graphs(np.asarray(archs))

    def conv_weights(self, archs: Any) -> np.ndarray:
        return f.conv_weights(archs)

    def flops(self, archs: Any) -> np.ndarray:
        return f.cell_flops(archs)

    def network_cell(self, arch: Cell) -> Cell:
        return c.as_cell(arch, self.n_codes)


@cache
def _distinct_cells(n_codes: int) -> np.ndarray:
    archs = c.all_codes(n_codes)
    index = c.cell_index(archs)
    is_first = c.representative_index()[index] == index
    # All disconnected cells compute the function of the cell without any edge, which is cell 0.
    distinct: np.ndarray = archs[is_first & (index != 0)]
    distinct.setflags(write=False)  # all callers share the array
    return distinct
