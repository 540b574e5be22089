"""What lower folders may ask of this one, by ``benchmarks.naslib_provider``. Nothing here imports NASLib by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..benchmarks.benchmark import Benchmark
from ..spaces.space import SearchSpace
from . import compat

if TYPE_CHECKING:
    from ..tasks.labelled_images import LabelledImages


def home() -> Path:
    """The folder that holds the package ``naslib``. Raises: NaslibError."""
    return compat.naslib_home()


def data_folder() -> Path:
    """The folder where NASLib looks for its files. Raises: NaslibError."""
    return compat.naslib_data_folder()


def open_benchmark(space: SearchSpace) -> Benchmark:
    """The benchmark of a space in NASLib's own files. Raises: NaslibError."""
    from .naslib_benchmark import NaslibBenchmark

    return NaslibBenchmark(space)


def read_dataset(name: str, max_images: int) -> LabelledImages:
    """The first training images of a data set that NASLib loads. Raises: NaslibError, UnknownNameError, ConfigError."""
    from .score_tasks import naslib_dataset

    return naslib_dataset(name, max_images)


def optimizer_picks() -> Callable[[Any], Any]:
    """The function by which NASLib's optimizers pick for jobs of a study. Raises: NaslibError."""
    compat.naslib_home()
    from .baselines import pick

    return pick
