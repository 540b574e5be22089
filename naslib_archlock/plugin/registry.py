"""Adds the optimizer and the predictor to NASLib, which has no plugin mechanism of its own."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import wraps
from typing import Any

from .compat import load_naslib

NAME = "archlock"  # in NASLib's configs: ``optimizer``, ``predictor`` and ``search.predictor_type``


def register() -> None:
    """Make ``ArchLock`` and ``BinaryRankPredictor`` importable from NASLib. Calling it again changes nothing.

    Raises: NaslibError: if NASLib cannot be found or imported.
    """
    load_naslib()
    from .optimizer import ArchLock
    from .predictor import BinaryRankPredictor, EnsembleMember

    importlib.import_module("naslib.optimizers").ArchLock = ArchLock  # type: ignore[attr-defined]
    importlib.import_module("naslib.predictors").BinaryRankPredictor = BinaryRankPredictor  # type: ignore[attr-defined]
    ensemble = importlib.import_module("naslib.predictors.ensemble").Ensemble
    _add_to_ensemble(ensemble, lambda space, n: EnsembleMember.of(BinaryRankPredictor(ss_type=space), n))


def _add_to_ensemble(ensemble: Any, members: Callable[[str, int], list[Any]]) -> None:
    """Let bananas and npenas use the predictor: NASLib's ``Ensemble`` makes its members from a literal of names."""
    original = ensemble.get_ensemble
    if hasattr(original, "__wrapped__"):
        return

    @wraps(original)
    def get_ensemble(self: Any) -> Any:
        if self.predictor_type != NAME:
            return original(self)
        return members(self.ss_type, self.num_ensemble)

    ensemble.get_ensemble = get_ensemble
