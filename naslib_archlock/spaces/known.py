"""The search spaces that this package knows.

``nasbench201``, ``transbench101_micro`` and ``digits`` hold canonical cells (``cells``). The cells of the last two are
those cells of the first that never pool, so all three belong to the family ``cell`` and share rankers.
``transbench101_macro`` is a family of its own. NASLib has all of these spaces but ``digits``, the space of the embedded
benchmark.
"""

from __future__ import annotations

from ..errors import unknown
from .cell_space import NASBENCH201_NOTATION, TRANSBENCH101_MICRO_NOTATION, CellSpace
from .macro_space import MacroSpace
from .space import SearchSpace

_TNB_TASKS = ("class_scene", "class_object", "jigsaw", "room_layout", "segmentsemantic", "normal", "autoencoder")
NASBENCH201 = CellSpace(
    "nasbench201", 5, NASBENCH201_NOTATION, ("cifar10", "cifar100", "ImageNet16-120", "ninapro"), shares_images=False
)
TRANSBENCH101_MICRO = CellSpace("transbench101_micro", 4, TRANSBENCH101_MICRO_NOTATION, _TNB_TASKS)
TRANSBENCH101_MACRO = MacroSpace(_TNB_TASKS)
NASLIB_SPACES: tuple[SearchSpace, ...] = (NASBENCH201, TRANSBENCH101_MICRO, TRANSBENCH101_MACRO)
# It writes its cells as NAS-Bench-201 does, because a TransNAS string also names the skeleton of that benchmark.
DIGITS = CellSpace(
    "digits",
    4,
    NASBENCH201_NOTATION,
    ("digit", "rotation", "jigsaw", "noise", "autoencoder", "edges"),
    naslib_network="nasbench201",
    is_embedded=True,
)
SPACES: dict[str, SearchSpace] = {space.name: space for space in (*NASLIB_SPACES, DIGITS)}


def get_space(name: str) -> SearchSpace:
    """The search space of this name. Raises: UnknownNameError."""
    if not isinstance(name, str) or name not in SPACES:
        raise unknown("search space", name, SPACES)
    return SPACES[name]
