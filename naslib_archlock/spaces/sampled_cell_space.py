"""A search space of some cells of another one, for a benchmark that is too costly to make for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from ..errors import CellError
from .cell_space import CellSpace, Notation
from .cells import Cell
from .metrics import Metric


class SampledCellSpace(CellSpace):
    """The cells that compute one of a random sample of functions."""

    def __init__(
        self,
        name: str,
        n_codes: int,
        notation: Notation,
        metrics: Mapping[str, Metric],
        images: str,
        n_functions: int,
        seed: int,
    ) -> None:
        """The other arguments are those of ``CellSpace``.

        Args:
            n_functions: how many of the functions of all cells with ``n_codes`` ops belong to the space.
            seed: draws them.
        """
        super().__init__(name, n_codes, notation, metrics, images, naslib_network="nasbench201", is_embedded=True)
        self._n_functions, self._seed = n_functions, seed

    @cache  # noqa: B019
    def distinct(self) -> np.ndarray:
        every = super().distinct()
        rows = np.random.default_rng(self._seed).choice(len(every), self._n_functions, replace=False)
        sampled: np.ndarray = every[np.sort(rows)]
        sampled.setflags(write=False)  # all callers share the array
        return sampled

    @cache  # noqa: B019
    def all(self) -> np.ndarray:
        every = super().all()
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
                "the search space digits holds all cells of these ops"
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
