"""The search spaces, behind one interface.

``nasbench201``, ``transbench101_micro`` and ``digits`` hold canonical cells (``cells``): the last two are the part of
the first that never pools, so all belong to the family ``cell`` and share rankers. ``transbench101_macro`` is a family
of its own. All but ``digits``, the one of the embedded benchmark, are NASLib's.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np

from . import cells as c
from .cells import Cell
from .errors import CellError, shown, unknown


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


class Notation(NamedTuple):
    """How a space writes its cells: official strings, and NASLib's ``op_indices``."""

    from_str: Callable[[str], Cell]
    to_str: Callable[[Cell], str]
    from_naslib: Callable[[Sequence[int]], Cell]
    to_naslib: Callable[[Cell], Cell]


_NASBENCH201 = Notation(
    c.from_nasbench201_str, c.to_nasbench201_str, c.from_naslib_nasbench201, c.to_naslib_nasbench201
)
_TRANSBENCH101_MICRO = Notation(
    c.from_transbench101_micro_str, c.to_transbench101_micro_str, c.from_naslib_transbench101_micro, c.as_cell
)


class CellSpace(SearchSpace):
    """Canonical cells over the first ``n_codes`` ops."""

    family = "cell"

    def __init__(
        self, name: str, n_codes: int, notation: Notation, tasks: tuple[str, ...], shares_images: bool = True
    ) -> None:
        self.name, self.n_codes, self.tasks, self.shares_images = name, n_codes, tasks, shares_images
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
        """The connected canonical representatives: 4,929 with pooling, 870 without."""
        return _distinct_cells(self.n_codes)


@cache
def _distinct_cells(n_codes: int) -> np.ndarray:
    archs = c.all_codes(n_codes)
    index = c.cell_index(archs)
    is_first = c.representative_index()[index] == index
    # the disconnected cells share one function, that of the cell without any edge, which is cell 0
    distinct: np.ndarray = archs[is_first & (index != 0)]
    distinct.setflags(write=False)  # it is everybody's
    return distinct


class MacroSpace(SearchSpace):
    """TransNAS-Bench-101's macro level: 4 to 6 modules, padded with 0 to six slots.

    A module is 1 (plain), 2 (doubles the channels), 3 (halves the resolution) or 4 (both); 1 to 4 modules downsample
    and 1 to 3 double (Duan et al., CVPR 2021, section 3.2; NASLib samples the same 3,256).
    """

    name = "transbench101_macro"
    family = "macro"
    n_codes = 5
    shares_images = True
    _STRING = re.compile(r"64-([1-4]{4,6})-basic")

    def __init__(self, tasks: tuple[str, ...]) -> None:
        self.tasks = tasks

    def _check(self, codes: Sequence[int]) -> Cell:
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
        """One module changed, or the last one dropped, or one appended."""
        changed = [
            (*arch[:slot], module, *arch[slot + 1 :])
            for slot in range(c.N_SLOTS)
            for module in range(c.N_CODES)
            if module != arch[slot]
        ]
        return [a for a in changed if self._is_valid(a)]

    def draw(self, arch: Cell) -> str:
        kinds = {1: "plain", 2: "channels x2", 3: "resolution /2", 4: "channels x2, resolution /2"}
        return "\n".join(f"module {i}: {kinds[m]}" for i, m in enumerate((m for m in arch if m), start=1))


_TNB_TASKS = ("class_scene", "class_object", "jigsaw", "room_layout", "segmentsemantic", "normal", "autoencoder")
NASBENCH201 = CellSpace(
    "nasbench201", 5, _NASBENCH201, ("cifar10", "cifar100", "ImageNet16-120", "ninapro"), shares_images=False
)
TRANSBENCH101_MICRO = CellSpace("transbench101_micro", 4, _TRANSBENCH101_MICRO, _TNB_TASKS)
TRANSBENCH101_MACRO = MacroSpace(_TNB_TASKS)
NASLIB_SPACES: tuple[SearchSpace, ...] = (NASBENCH201, TRANSBENCH101_MICRO, TRANSBENCH101_MACRO)
# Its cells are written as NAS-Bench-201 writes them: a TransNAS string also names the skeleton of that benchmark.
DIGITS = CellSpace("digits", 4, _NASBENCH201, ("digit", "rotation", "jigsaw", "noise", "autoencoder", "edges"))
SPACES: dict[str, SearchSpace] = {space.name: space for space in (*NASLIB_SPACES, DIGITS)}


def get_space(name: str) -> SearchSpace:
    """The search space of a name, NASLib's or ``digits``. Raises: UnknownNameError."""
    if not isinstance(name, str) or name not in SPACES:
        raise unknown("search space", name, SPACES)
    return SPACES[name]
