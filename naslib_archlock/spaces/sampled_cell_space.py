"""A search space of some cells of another one, for a benchmark that is too costly to make for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from ..errors import CellError
from .cell_space import CellSpace
from .cells import Cell
from .metrics import Metric


class SampledCellSpace(CellSpace):
    """The cells that compute one of a random sample of functions."""

    def __init__(self, whole: CellSpace, name: str, metrics: Mapping[str, Metric], n_functions: int, seed: int) -> None:
        """Sample a space.

        Args:
            whole: the space to sample from; tasks of the sample are on its images.
            name: of the sample.
            metrics: as in ``CellSpace``.
            n_functions: how many of the functions of ``whole`` belong to the sample.
            seed: draws them.
        """
        super().__init__(
            name, whole.n_codes, whole._notation, metrics, whole.images, whole.shares_images, whole.naslib_network,
            whole.is_embedded,
        )  # fmt: skip
        self._whole, self._n_functions, self._seed = whole, n_functions, seed

    @cache  # noqa: B019
    def distinct(self) -> np.ndarray:
        every = self._whole.distinct()
        rows = np.random.default_rng(self._seed).choice(len(every), self._n_functions, replace=False)
        sampled: np.ndarray = every[np.sort(rows)]
        sampled.setflags(write=False)  # all callers share the array
        return sampled

    @cache  # noqa: B019
    def all(self) -> np.ndarray:
        every = self._whole.all()
        members: np.ndarray = every[self.is_usable(every)]
        members.setflags(write=False)
        return members

    def from_str(self, text: str) -> Cell:
        return self._member(super().from_str(text))

    def from_naslib(self, op_indices: Sequence[int]) -> Cell:
        return self._member(super().from_naslib(op_indices))

    def _member(self, arch: Cell) -> Cell:
        """The cell itself. Raises: CellError: if it does not belong to the space."""
        if not self.is_usable([arch])[0]:
            raise CellError(
                f"{self.to_str(arch)} does not belong to {self.name}, a sample of {self._n_functions} functions; "
                f"the search space {self._whole.name} holds all cells of these ops"
            )
        return arch

    def neighbours(self, arch: Cell) -> list[Cell]:
        near = super().neighbours(arch)
        return [other for other, belongs in zip(near, self.is_usable(near).tolist()) if belongs]

    def mutate(self, arch: Cell, rng: np.random.Generator) -> Cell:
        """A random neighbour that computes another function; where the sample has none, any other function."""
        own = self.index(self.representatives([arch]))
        if any(self.index(self.representatives([other])) != own for other in self.neighbours(arch)):
            return super().mutate(arch, rng)
        others = self.distinct()[self.index(self.distinct()) != own]
        return tuple(others[rng.integers(len(others))].tolist())
