"""Finding NASLib, and the shims that let its unchanged code (branch Develop, 0.1.0) run on current libraries.

Each shim says what it is for; all of them are no-ops where they are not needed.
"""

from __future__ import annotations

import collections
import collections.abc
import importlib
import importlib.util
import os
import sys
from functools import cache, wraps
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import NaslibError

HOME_VARIABLE = "NASLIB_HOME"
DEFAULT_HOME = "~/NASLib"

HOW_TO_GET = (
    "get it with 'git clone -b Develop https://github.com/automl/NASLib ~/NASLib' (its setup.py need not be run), or "
    f"point {HOME_VARIABLE} at a checkout; its PyPI requirements come with: pip install 'naslib_archlock[naslib]'"
)


def naslib_home() -> Path:
    """The folder that holds the package ``naslib``. Raises: NaslibError: that says where it was looked for."""
    spec = importlib.util.find_spec("naslib")
    if spec is not None and spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).parent
    home = Path(os.environ.get(HOME_VARIABLE) or DEFAULT_HOME).expanduser()
    if not (home / "naslib" / "__init__.py").is_file():
        raise NaslibError(f"NASLib was not found: it is not importable, and {home} holds no checkout; {HOW_TO_GET}")
    return home


def naslib_data_folder() -> Path:
    """Where NASLib looks for its benchmark files. Raises: NaslibError."""
    return naslib_home() / "naslib" / "data"


@cache
def load_naslib() -> ModuleType:
    """Import NASLib, with the shims in place.

    Raises: NaslibError: if it is not found, or one of its own requirements is missing.
    """
    home = str(naslib_home())
    if home not in sys.path:
        sys.path.append(home)
    _restore_collections_aliases()
    try:
        declare_torchvision_operators()
        naslib = importlib.import_module("naslib")
        for module in ("optimizers", "predictors", "search_spaces", "utils", "defaults.predictor_evaluator"):
            importlib.import_module(f"naslib.{module}")
    except ImportError as err:
        raise NaslibError(
            f"NASLib in {home} cannot be imported: {err}; install its requirements with "
            "pip install 'naslib_archlock[naslib]'"
        ) from err
    _allow_numpy_numbers()
    _accept_transbench101_micro()
    return naslib


def _restore_collections_aliases() -> None:
    """Python 3.10 removed ``collections.Iterable``, which NASLib's search space code still names."""
    if not hasattr(collections, "Iterable"):
        collections.Iterable = collections.abc.Iterable  # type: ignore[attr-defined]


def declare_torchvision_operators() -> None:
    """Let PyPI's CUDA build of torchvision be imported beside a CPU-only torch.

    Its compiled operators do not load there, and its import then fails on the missing schemas of ``nms`` and ``qnms``.
    NASLib uses datasets and transforms only, so declaring the schemas is enough.
    """
    import torch

    if "torchvision" in sys.modules:
        return
    try:
        importlib.import_module("torchvision")
    except RuntimeError as err:
        if "torchvision::nms" not in str(err):
            raise
        for name in [m for m in sys.modules if m.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _KEEP_ALIVE.append(library)
        importlib.import_module("torchvision")


_KEEP_ALIVE: list[Any] = []  # a torch Library's definitions are undone when it is collected


def _allow_numpy_numbers() -> None:
    """Since torch 2.6 ``torch.load`` refuses pickled NumPy numbers, which copies of NASLib's TransNAS file may hold.

    They and NumPy arrays are allowed, nothing else: the file is still read without running what it contains.
    """
    import numpy as np
    import torch

    if not hasattr(torch.serialization, "add_safe_globals"):
        return
    core = (getattr(np, "_core", None) or np.core).multiarray  # type: ignore[attr-defined]
    builders = [core.scalar, core._reconstruct]
    numpy_1_names = [(builder, f"numpy.core.multiarray.{builder.__name__}") for builder in builders]
    number_types = {type(np.dtype(code)) for code in "?ilqfd"}
    torch.serialization.add_safe_globals([np.dtype, np.ndarray, *builders, *numpy_1_names, *number_types])


def _accept_transbench101_micro() -> None:
    """NASLib's ``PredictorEvaluator`` refuses the name ``transbench101_micro`` that its own search space gives itself.

    It knows the space as ``transbench101``; the predictor is told the real name.
    """
    evaluator = importlib.import_module("naslib.defaults.predictor_evaluator").PredictorEvaluator
    original = evaluator.adapt_search_space

    @wraps(original)
    def adapt_search_space(self: Any, search_space: Any, *args: Any, **kwargs: Any) -> None:
        if search_space.get_type() != "transbench101_micro":
            original(self, search_space, *args, **kwargs)
            return
        space_class = type(search_space)
        real_get_type = space_class.get_type
        space_class.get_type = lambda _: "transbench101"
        try:
            original(self, search_space, *args, **kwargs)
        finally:
            space_class.get_type = real_get_type
        self.predictor.set_ss_type("transbench101_micro")

    evaluator.adapt_search_space = adapt_search_space
