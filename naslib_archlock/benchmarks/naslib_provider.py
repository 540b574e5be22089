"""The one way from lower folders to ``plugin``, the folder that runs inside NASLib."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from ..spaces.space import SearchSpace
from .benchmark import Benchmark

if TYPE_CHECKING:
    from ..tasks.labelled_images import LabelledImages


class NaslibPlugin(Protocol):
    """What NASLib is needed for below ``plugin`` (``plugin.facade``). Every function may raise a NaslibError."""

    def home(self) -> Path:
        """The folder that holds the package ``naslib``."""

    def data_folder(self) -> Path:
        """The folder where NASLib looks for its benchmark files and zero-cost scores."""

    def open_benchmark(self, space: SearchSpace) -> Benchmark:
        """The benchmark of a space in NASLib's own files."""

    def read_dataset(self, name: str, max_images: int) -> LabelledImages:
        """The first training images of a data set that NASLib loads."""

    def optimizer_picks(self) -> Callable[[Any], Any]:
        """The function by which NASLib's optimizers pick architectures for a job of a study (``studies``)."""


def naslib() -> NaslibPlugin:
    """Return the functions of ``plugin``. They import NASLib when they need it, and not before."""
    return cast(NaslibPlugin, importlib.import_module("naslib_archlock.plugin.facade"))
