"""naslib_archlock: find architectures that are good at one task and a poor start for others.

It works inside NASLib and without it. An implementation of ArchLock (Zhou, Ren, Xu, ICLR 2024). In a script::

    import naslib_archlock as al

    result = al.search(search_space="digits", dataset="digit", scheme="tk", target="jigsaw")
    print(result.arch, result.accuracies)

``register()`` adds the optimizer ``archlock`` and the predictor ``archlock`` to NASLib. A name is imported when it is
first used, so that importing this package takes no time and needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .benchmarks.benchmark import Benchmark
    from .benchmarks.lock_score import LockScale
    from .errors import ArchLockError
    from .locking.api import load_config, open_benchmark, open_search, search
    from .locking.result import Result
    from .ranker.ranker import Ranker
    from .spaces.known import get_space
    from .spaces.space import SearchSpace
    from .strategies.strategy import Strategy, register_strategy

__version__ = "0.1.0"

# Public name -> the module that defines it.
_PUBLIC = {
    "ArchLockError": ".errors",
    "Benchmark": ".benchmarks.benchmark",
    "LockScale": ".benchmarks.lock_score",
    "Ranker": ".ranker.ranker",
    "Result": ".locking.result",
    "SearchSpace": ".spaces.space",
    "Strategy": ".strategies.strategy",
    "get_space": ".spaces.known",
    "load_config": ".locking.api",
    "open_benchmark": ".locking.api",
    "open_search": ".locking.api",
    "register_strategy": ".strategies.strategy",
    "search": ".locking.api",
}
__all__ = [
    "ArchLockError", "Benchmark", "LockScale", "Ranker", "Result", "SearchSpace", "Strategy", "get_space",
    "load_config", "open_benchmark", "open_search", "register", "register_strategy", "search",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_PUBLIC[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])


def register() -> None:
    """Make ``from naslib.optimizers import ArchLock`` and ``from naslib.predictors import BinaryRankPredictor`` work.

    Raises:
        NaslibError: if NASLib cannot be found.
    """
    from .plugin.registry import register as register_in_naslib

    register_in_naslib()
