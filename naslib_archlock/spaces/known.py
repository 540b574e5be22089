"""The search spaces that this package knows.

``nasbench201``, ``transbench101_micro`` and ``digits`` hold canonical cells (``cells``). The cells of the last two are
those cells of the first that never pool, and ``digits_domains`` is a sample of them, so all belong to the family
``cell`` and share rankers. ``transbench101_macro`` is a family of its own. NASLib has all of these but ``digits`` and
``digits_domains``, the spaces of the embedded benchmarks. Each task of a known benchmark states its metric here
(``metrics``), and the order of the tasks is the order in which they are written.
"""

from __future__ import annotations

from ..errors import unknown
from . import metrics as m
from .cell_space import NASBENCH201_NOTATION, TRANSBENCH101_MICRO_NOTATION, CellSpace
from .macro_space import MacroSpace
from .sampled_cell_space import SampledCellSpace
from .space import SearchSpace

_TNB_METRICS = {
    "class_scene": m.TOP_1,
    "class_object": m.TOP_1,
    "jigsaw": m.TOP_1,
    "room_layout": m.NEGATIVE_LOSS,
    "segmentsemantic": m.ANY,
    "normal": m.SSIM,
    "autoencoder": m.SSIM,
}
NASBENCH201 = CellSpace(
    "nasbench201",
    5,
    NASBENCH201_NOTATION,
    {**dict.fromkeys(("cifar10", "cifar100", "ImageNet16-120"), m.TOP_1), "ninapro": m.ANY},
    images="NAS-Bench-201",
    shares_images=False,
)
TRANSBENCH101_MICRO = CellSpace("transbench101_micro", 4, TRANSBENCH101_MICRO_NOTATION, _TNB_METRICS, "Taskonomy")
TRANSBENCH101_MACRO = MacroSpace(_TNB_METRICS)
NASLIB_SPACES: tuple[SearchSpace, ...] = (NASBENCH201, TRANSBENCH101_MICRO, TRANSBENCH101_MACRO)
# It writes its cells as NAS-Bench-201 does, because a TransNAS string also names the skeleton of that benchmark.
DIGITS = CellSpace(
    "digits",
    4,
    NASBENCH201_NOTATION,
    {
        **dict.fromkeys(("digit", "rotation", "jigsaw"), m.TOP_1),
        **dict.fromkeys(("noise", "autoencoder", "edges"), m.EXPLAINED_VARIANCE),
    },
    images="scikit-learn's digits",
    naslib_network="nasbench201",
    is_embedded=True,
)
# The transfer benchmark: training and attacking a network costs much more than training one.
DIGITS_DOMAINS = SampledCellSpace(
    DIGITS,
    "digits_domains",
    dict.fromkeys(("plain", "noisy", "faint", "outline", "bold"), m.TOP_1),
    n_functions=160,
    seed=160,
)
SPACES: dict[str, SearchSpace] = {space.name: space for space in (*NASLIB_SPACES, DIGITS, DIGITS_DOMAINS)}


def get_space(name: str) -> SearchSpace:
    """The search space of this name. Raises: UnknownNameError."""
    if not isinstance(name, str) or name not in SPACES:
        raise unknown("search space", name, SPACES)
    return SPACES[name]


def largest_of_family(family: str) -> SearchSpace:
    """The space of a family with the most architectures. Raises: UnknownNameError: if no space is of the family."""
    members = [space for space in SPACES.values() if space.family == family]
    if not members:
        raise unknown("family of search spaces", family, sorted({space.family for space in SPACES.values()}))
    return max(members, key=lambda space: len(space.all()))
