"""What a search space is: a finite set of architectures, and what can be asked about them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import CellError
from . import cells as c
from .cells import Cell


class SearchSpace(ABC):
    """A finite set of architectures, each a tuple of six codes."""

    name: str
    family: str
    n_codes: int  # what each of the six codes may be: 0 to n_codes - 1
    tasks: tuple[str, ...]  # the tasks of its benchmark; a table may hold fewer
    shares_images: bool  # whether these are tasks on the same images

    @abstractmethod
    def all(self) -> np.ndarray:
        """Every architecture in lexicographic order, as ``n x 6`` int64."""

    @abstractmethod
    def from_str(self, text: str) -> Cell:
        """Architecture of an official string. Raises: CellError."""

    @abstractmethod
    def to_str(self, arch: Cell) -> str:
        """The official string of an architecture."""

    @abstractmethod
    def from_naslib(self, op_indices: Sequence[int]) -> Cell:
        """Architecture of NASLib's ``op_indices`` for this space. Raises: CellError."""

    @abstractmethod
    def to_naslib(self, arch: Cell) -> Cell:
        """NASLib's ``op_indices`` for an architecture of this space."""

    @abstractmethod
    def neighbours(self, arch: Cell) -> list[Cell]:
        """The architectures at one change from ``arch``, in a fixed order."""

    @abstractmethod
    def draw(self, arch: Cell) -> str:
        """A few lines of text that show the architecture."""

    def representatives(self, archs: Any) -> np.ndarray:
        """The architecture that stands for all that compute the same function, for each of ``n x 6``."""
        return np.asarray(archs, dtype=np.int64).reshape(-1, c.N_SLOTS)

    def distinct(self) -> np.ndarray:
        """One usable architecture of each distinct function, as ``n x 6`` int64."""
        return self.all()

    def sample(self, n: int, rng: np.random.Generator) -> list[Cell]:
        """Draw ``n`` architectures that compute distinct functions, uniformly over functions.

        Raises: CellError: if the space has fewer than ``n``.
        """
        pool = self.distinct()
        if n > len(pool):
            raise CellError(f"{self.name} has {len(pool)} distinct architectures, fewer than the {n} asked for")
        return [tuple(row) for row in pool[rng.choice(len(pool), size=n, replace=False)].tolist()]

    @cached_property
    def _is_usable(self) -> np.ndarray:
        """By ``cell_index`` of a representative, whether it is one of ``distinct()``."""
        mask = np.zeros(c.N_CODES**c.N_SLOTS, dtype=bool)
        mask[c.cell_index(self.distinct())] = True
        return mask

    def mutate(self, arch: Cell, rng: np.random.Generator) -> Cell:
        """A random neighbour that is usable and computes another function than ``arch``."""
        options = np.array(self.neighbours(arch))
        functions = c.cell_index(self.representatives(options))
        usable = self._is_usable[functions]
        usable &= functions != c.cell_index(self.representatives([arch]))
        return tuple(options[rng.choice(np.flatnonzero(usable))].tolist())
