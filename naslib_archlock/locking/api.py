"""Searches from a script or a notebook; ``import naslib_archlock`` offers these functions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Union

from ..benchmarks.benchmark import Benchmark
from ..benchmarks.told import ToldBenchmark
from ..config.keys import keys_of
from ..config.load import config_from
from ..config.load import load_config as load_config_file
from ..config.sections import SECTIONS, ArchLockSection, Config, NaslibSearchSection
from ..spaces.known import get_space
from ..strategies.base import Search
from . import prepare as preparing
from .result import Result, finish

Configured = Union[Config, Mapping[str, Any], str, "os.PathLike[str]", None]


def load_config(config: Configured = None, **keys: Any) -> Config:
    """Return a checked configuration.

    Args:
        config: a YAML file, a mapping of keys (``{"archlock.scheme": "tk"}``), another configuration, or None for the
            defaults.
        keys: override it. A key of a section may stand alone where no other key has its name: ``scheme="tk"`` is
            ``archlock.scheme``, ``epochs=50`` is ``search.epochs``.

    Raises:
        ConfigError, UnknownNameError: if a key is unknown or a value is impossible.
    """
    if isinstance(config, (str, os.PathLike)):
        config = load_config_file(Path(os.path.expanduser(config)))
    raw = asdict(config) if isinstance(config, Config) else dict(config or {})
    base = asdict(config_from(raw))
    for name, value in keys.items():
        section = _section_of(name)
        (base[section] if section else base)[name] = value
    return config_from(base)


def _section_of(name: str) -> str:
    """The section of a key that stands alone; empty for one of no section, and for an unknown one."""
    for section, cls in (("", Config), ("archlock", ArchLockSection), ("search", NaslibSearchSection)):
        if name in keys_of(cls) and name not in SECTIONS:
            return section
    return ""


def open_benchmark(config: Configured = None, **keys: Any) -> Benchmark:
    """Open the benchmark that a configuration names.

    Args:
        config, keys: as ``load_config`` takes.

    Raises:
        ArchLockError: for a mistake in the configuration or in what it names.
    """
    return preparing.open_benchmark(load_config(config, **keys))


def search(config: Configured = None, *, benchmark: Benchmark | None = None, **keys: Any) -> Result:
    """Search for an architecture that is good on the source task and bad on others.

    Args:
        config, keys: as ``load_config`` takes.
        benchmark: a benchmark of one's own; by default the one that the configuration names.

    Returns:
        what was found, with its accuracies. Nothing is written.

    Raises:
        ArchLockError: for a mistake in the configuration or in what it names.
    """
    settings = load_config(config, **keys)
    benchmark = preparing.checked(settings, benchmark) if benchmark else preparing.open_benchmark(settings)
    found = preparing.run(preparing.prepare(settings, benchmark).search, settings.search.epochs)
    report = finish(settings, benchmark, found)
    return Result(benchmark.space, tuple(report["cell"]), report, tuple(found.history))


def open_search(config: Configured = None, *, benchmark: Benchmark | None = None, **keys: Any) -> Search:
    """Prepare a search that is driven from outside, by ``ask`` and ``tell``.

    Args:
        config, keys: as ``load_config`` takes; ``source_queries`` is the number of architectures to evaluate.
        benchmark: knows the accuracies of further tasks, for a scheme that may see some; by default nothing is known.

    Returns:
        a search. ``ask()`` returns the architecture to evaluate on the source next, ``tell(arch, accuracy)`` takes its
        validation accuracy, ``best()`` is the choice so far.

    Raises:
        ArchLockError: for a mistake in the configuration or in what it names.
    """
    settings = load_config(config, **keys)
    if benchmark is None:
        space = get_space(settings.search_space)
        benchmark = ToldBenchmark(space, settings.dataset, settings.archlock.targets)
    return preparing.prepare(settings, benchmark).search
