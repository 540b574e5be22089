"""What a search space is: a finite set of architectures, and what can be asked about them.

Every space numbers, encodes, samples and mutates its architectures. Some can do more, and say so by an *ability* that
callers ask for first, so that no caller asks which space it has:

* ``has_features``: some ``features`` of architectures are known without training;
* ``has_graphs``: some rankers learn from ``graph_features`` or ``op_graphs``;
* ``has_costs``: ``conv_weights`` and ``flops`` of architectures can be counted;
* ``builds_networks``: this package builds and trains networks of the architectures (``network_cell``).

A method whose ability is missing raises a ``ConfigError``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import CellError, ConfigError, unknown
from . import cells as c
from .cells import Cell
from .metrics import Metric
from .op_graphs import OpGraphs


class SearchSpace(ABC):
    """A finite set of architectures, each a tuple of six codes.

    Attributes:
        name: as NASLib calls the space.
        family: spaces of one family share rankers, so they number and encode architectures alike.
        n_codes: each of the six codes of an architecture lies in ``[0, n_codes)``.
        metrics: task -> what its figures are, for the tasks of the space's benchmark; a table may hold fewer.
        shares_images: whether these are tasks on the same images.
        images: what the images of the tasks are called; spaces whose tasks are on the same images have the same name.
        is_embedded: whether the package holds the benchmark and its images.
        naslib_network: NASLib's search space whose networks, for images of any size, these architectures describe; an
            empty string if NASLib has none.
        feature_names: the features that can be asked for; none by default.
        has_graphs: see the module.
        has_costs: see the module.
        builds_networks: see the module.
    """

    name: str
    family: str
    n_codes: int
    metrics: Mapping[str, Metric]
    shares_images: bool
    images: str
    is_embedded: bool = False
    naslib_network: str = ""
    feature_names: tuple[str, ...] = ()
    has_graphs: bool = False
    has_costs: bool = False
    builds_networks: bool = False

    # -- the architectures ---------------------------------------------------------------------------------------------

    @abstractmethod
    def all(self) -> np.ndarray:
        """Every architecture in lexicographic order, as ``n x 6`` int64."""

    @abstractmethod
    def from_str(self, text: str) -> Cell:
        """The architecture of an official string. Raises: CellError."""

    @abstractmethod
    def to_str(self, arch: Cell) -> str:
        """The official string of an architecture."""

    @abstractmethod
    def from_naslib(self, op_indices: Sequence[int]) -> Cell:
        """The architecture of NASLib's ``op_indices`` for this space. Raises: CellError."""

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
        """The architecture that stands for all that compute the same function.

        Args:
            archs: ``n x 6`` codes.
        Returns: ``n x 6`` int64. Unless a space knows better, every architecture stands for itself.
        """
        return np.asarray(archs, dtype=np.int64).reshape(-1, c.N_SLOTS)

    def distinct(self) -> np.ndarray:
        """One usable architecture of each distinct function, as ``n x 6`` int64."""
        return self.all()

    def is_usable(self, archs: Any) -> np.ndarray:
        """Whether each of ``n x 6`` codes connects input and output, ``n`` booleans; the others can learn nothing."""
        usable: np.ndarray = self._is_usable[self.index(self.representatives(archs))]
        return usable

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks of the space's benchmark; a table may hold fewer."""
        return tuple(self.metrics)

    # -- numbers and encodings -----------------------------------------------------------------------------------------

    @property
    def index_size(self) -> int:
        """One more than the largest ``index``: the length of an array that has a place for every architecture."""
        return c.N_CODES**c.N_SLOTS

    def index(self, archs: Any) -> np.ndarray:
        """A number for each architecture, the same in all spaces of the family, in lexicographic order.

        Args:
            archs: ``n x 6`` codes, or one architecture.
        Returns: ``n`` int64 in ``[0, index_size)``; not every number there belongs to an architecture.
        """
        return c.cell_index(archs)

    def at(self, index: Any) -> np.ndarray:
        """The architectures of ``n`` numbers of ``index``, as ``n x 6`` int64."""
        return c.cells_at(index)

    @property
    def encoding_dim(self) -> int:
        """The length of an encoding."""
        return c.ENCODING_DIM

    def encode(self, archs: Any) -> np.ndarray:
        """The one-hot encodings of ``n x 6`` codes, ``n x encoding_dim`` float32; alike in all spaces of the family."""
        return c.one_hot(archs)

    def descriptors(self, archs: Any) -> np.ndarray:
        """What a model of accuracies learns from: architectures with like descriptors have like accuracies.

        Args:
            archs: ``n x 6`` codes.
        Returns: ``n x d`` float64, different for different functions. Unless a space knows better, the encodings.
        """
        return self.encode(archs).astype(np.float64)

    # -- abilities -----------------------------------------------------------------------------------------------------

    def has_features(self, names: Iterable[str]) -> bool:
        """Whether all features of these names can be asked for."""
        return set(names) <= set(self.feature_names)

    def features(self, archs: Any, names: Iterable[str] | None = None) -> np.ndarray:
        """Features of architectures; those that compute the same function have the same features.

        Args:
            archs: ``n x 6`` codes.
            names: ``k`` of ``feature_names``; all of them by default.
        Returns: ``n x k`` float64.

        Raises:
            ConfigError: if the space has no features.
            UnknownNameError: if it lacks one of ``names``.
        """
        if not self.feature_names:
            raise self._cannot("has no features")
        names = self.feature_names if names is None else tuple(names)
        for name in names:
            if name not in self.feature_names:
                raise unknown("feature", name, self.feature_names, self.name)
        return self._features(archs, names)

    def _features(self, archs: Any, names: tuple[str, ...]) -> np.ndarray:
        """``features`` of known names. A space with ``feature_names`` implements it."""
        raise NotImplementedError

    def graph_features(self, archs: Any) -> dict[str, np.ndarray]:
        """Numbers that say much about accuracy, in groups; alike in all spaces of the family.

        Args:
            archs: ``n x 6`` codes.
        Returns: group -> ``n x d`` float64; ``d`` differs between groups.

        Raises:
            ConfigError: if the space has none.
        """
        raise self._cannot("has no graph features")

    def op_graphs(self, archs: Any) -> OpGraphs:
        """The graphs of ``n x 6`` codes, with an op on each node. Raises: ConfigError: if the space has none."""
        raise self._cannot("has no graphs")

    def conv_weights(self, archs: Any) -> np.ndarray:
        """The convolution weights of ``n x 6`` codes, ``n`` numbers in one unit. Raises: ConfigError."""
        raise self._cannot("does not count weights")

    def flops(self, archs: Any) -> np.ndarray:
        """The additions and multiplications of ``n x 6`` codes, ``n`` numbers in one unit. Raises: ConfigError."""
        raise self._cannot("does not count FLOPs")

    def network_cell(self, arch: Cell) -> Cell:
        """The canonical cell that this package builds networks of ``arch`` from. Raises: ConfigError."""
        raise self._cannot("has no networks that this package builds")

    def _cannot(self, what: str) -> ConfigError:
        return ConfigError(f"the search space {self.name} {what}; choose another search space, such as nasbench201")

    # -- sampling and mutation -----------------------------------------------------------------------------------------

    def sample(self, n: int, rng: np.random.Generator) -> list[Cell]:
        """Draw ``n`` architectures that compute distinct functions, uniformly over functions.

        Raises: CellError: if the space has fewer than ``n``.
        """
        pool = self.distinct()
        if n > len(pool):
            raise CellError(f"{self.name} has {len(pool)} distinct architectures, fewer than the {n} asked for")
        return [tuple(row) for row in pool[rng.choice(len(pool), size=n, replace=False)].tolist()]

    def mutate(self, arch: Cell, rng: np.random.Generator) -> Cell:
        """A random neighbour that is usable and computes another function than ``arch``."""
        options = np.array(self.neighbours(arch))
        functions = self.index(self.representatives(options))
        usable = self._is_usable[functions]
        usable &= functions != self.index(self.representatives([arch]))
        return tuple(options[rng.choice(np.flatnonzero(usable))].tolist())

    @cached_property
    def _is_usable(self) -> np.ndarray:
        """Whether a representative is one of ``distinct()``, by its ``index``; ``index_size`` booleans."""
        mask = np.zeros(self.index_size, dtype=bool)
        mask[self.index(self.distinct())] = True
        return mask
