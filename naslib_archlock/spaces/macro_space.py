"""The macro level of TransNAS-Bench-101."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from ..errors import CellError, shown
from . import cells as c
from . import macro_features as f
from .cells import Cell
from .metrics import Metric
from .op_graphs import OpGraphs, chain_graphs
from .space import SearchSpace


class MacroSpace(SearchSpace):
    """TransNAS-Bench-101's macro level: 4 to 6 modules, padded with 0 to six slots.

    A module is 1 (plain), 2 (doubles the channels), 3 (halves the resolution) or 4 (does both); 1 to 4 of the modules
    halve the resolution and 1 to 3 double the channels (Duan et al., CVPR 2021, section 3.2). NASLib samples the same
    3,256 architectures.
    """

    name = "transbench101_macro"
    family = "macro"
    n_codes = 5
    shares_images = True
    images = "Taskonomy"
    feature_names = tuple(f.TABLE)
    has_graphs = True
    has_costs = True
    _STRING = re.compile(r"64-([1-4]{4,6})-basic")

    def __init__(self, metrics: Mapping[str, Metric]) -> None:
        self.metrics = metrics

    def _check(self, codes: Sequence[int]) -> Cell:
        """The architecture of six codes. Raises: CellError: if the space does not contain it."""
        arch = c.as_cell(codes)
        modules = [m for m in arch if m]
        downsampling = sum(m in (3, 4) for m in modules)
        doubling = sum(m in (2, 4) for m in modules)
        padded = (*modules, *[0] * (c.N_SLOTS - len(modules))) == arch
        if not (padded and len(modules) >= 4 and 1 <= downsampling <= 4 and 1 <= doubling <= 3):
            raise CellError(
                f"{arch} is not in {self.name}: 4 to 6 modules from 1 to 4, then zeros; 1 to 4 of them in (3, 4) and "
                "1 to 3 in (2, 4)"
            )
        return arch

    def _is_valid(self, codes: Sequence[int]) -> bool:
        try:
            self._check(codes)
        except CellError:
            return False
        return True

    @cache  # noqa: B019
    def all(self) -> np.ndarray:
        return np.array([arch for arch in c.all_codes(5).tolist() if self._is_valid(arch)], dtype=np.int64)

    def from_str(self, text: str) -> Cell:
        match = self._STRING.fullmatch(text) if isinstance(text, str) else None
        if not match:
            raise CellError(f"{shown(text)} is not a TransNAS-Bench-101 macro architecture like '64-1234-basic'")
        modules = [int(digit) for digit in match.group(1)]
        return self._check(modules + [0] * (c.N_SLOTS - len(modules)))

    def to_str(self, arch: Cell) -> str:
        return f"64-{''.join(str(m) for m in arch if m)}-basic"

    def from_naslib(self, op_indices: Sequence[int]) -> Cell:
        return self._check(op_indices)

    def to_naslib(self, arch: Cell) -> Cell:
        return self._check(arch)

    def neighbours(self, arch: Cell) -> list[Cell]:
        """The architectures with one module changed, the last one dropped, or one appended."""
        changed = [
            (*arch[:slot], module, *arch[slot + 1 :])
            for slot in range(c.N_SLOTS)
            for module in range(c.N_CODES)
            if module != arch[slot]
        ]
        return [a for a in changed if self._is_valid(a)]

    def descriptors(self, archs: Any) -> np.ndarray:
        """The channels and the resolution after each module, and the number of modules."""
        return f.macro_shapes(np.asarray(archs))

    def _features(self, archs: Any, names: tuple[str, ...]) -> np.ndarray:
        modules = np.asarray(archs)
        return np.stack([f.TABLE[name](modules).astype(np.float64) for name in names], axis=1)

    def graph_features(self, archs: Any) -> dict[str, np.ndarray]:
        """The named features, the ``descriptors``, and which module stands where."""
        return {
            "features": self.features(archs),
            "shapes": self.descriptors(archs),
            "modules": self.encode(archs).astype(np.float64),
        }

    def op_graphs(self, archs: Any) -> OpGraphs:
        return chain_graphs(np.asarray(archs))

    def conv_weights(self, archs: Any) -> np.ndarray:
        return f.macro_weights(np.asarray(archs))

    def flops(self, archs: Any) -> np.ndarray:
        return f.macro_flops(np.asarray(archs))

    def draw(self, arch: Cell) -> str:
        kinds = {1: "plain", 2: "channels x2", 3: "resolution /2", 4: "channels x2, resolution /2"}
        return "\n".join(f"module {i}: {kinds[m]}" for i, m in enumerate((m for m in arch if m), start=1))
