"""What a search may ask a benchmark: the validation accuracy on the source task, a counted number of times."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import ConfigError
from ..spaces.cells import Cell


class SourceOracle:
    """Looks up the validation accuracy of architectures on the source task, and counts the look-ups.

    It holds one function and no benchmark, so it cannot answer for a target task or for another split. To look up the
    same architecture again costs nothing.

    Attributes:
        max_queries: The number of architectures that may be looked up.
        best: The best accuracy that is known; minus infinity while none is.
    """

    def __init__(self, look_up: Callable[[Cell], float], max_queries: int) -> None:
        """Make an oracle that has answered nothing yet.

        Args:
            look_up: Architecture -> its validation accuracy on the source task.
            max_queries: The number of architectures that may be looked up.

        Raises:
            ConfigError: If ``max_queries`` is negative.
        """
        if max_queries < 0:
            raise ConfigError(f"source_queries={max_queries} must not be negative")
        self._look_up = look_up
        self.max_queries = max_queries
        self.known = {}

    @property
    def known(self) -> Mapping[Cell, float]:
        """Architecture -> its validation accuracy, in the order of the look-ups. To set it is to begin from there."""
        return self._known

    @known.setter
    def known(self, known: Mapping[Cell, float]) -> None:
        self._known = dict(known)
        self.best = max(known.values(), default=-math.inf)  # kept, as searches ask for it at every step

    def _learn(self, arch: Cell, accuracy: float) -> None:
        self._known[arch] = accuracy
        self.best = max(self.best, accuracy)

    @property
    def queries(self) -> int:
        """The number of look-ups made."""
        return len(self.known)

    @property
    def remaining(self) -> int:
        """The number of look-ups left."""
        return self.max_queries - self.queries

    @property
    def is_exhausted(self) -> bool:
        """Whether no further architecture may be looked up."""
        return self.remaining == 0

    def is_prepared(self, arch: Cell) -> bool:
        """Whether a look-up of the architecture has nothing to gain from ``prepare``. In a table, it never has."""
        return True

    def prepare(self, archs: Sequence[Cell], budget_pct: float | None) -> None:
        """Take the architectures that a search is going to look up next. Where a look-up is work, it is done now.

        Args:
            archs: The architectures.
            budget_pct: How much of the best accuracy may be given up, in %: work on architectures that are predicted to
                stay outside may be cut short. None if every accuracy is needed as it is.
        """

    def state(self) -> dict[str, Any]:
        """What ``restore`` needs beside ``known``, in JSON types."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state()``."""

    def validation_accuracy(self, arch: Cell) -> float | None:
        """The validation accuracy on the source, or None if it was not looked up before and no look-up is left."""
        if arch not in self.known:
            if self.is_exhausted:
                return None
            self._learn(arch, self._look_up(arch))
        return self.known[arch]

    def record(self, arch: Cell, accuracy: float) -> float:
        """Count an accuracy that somebody else found.

        Args:
            arch: an architecture.
            accuracy: its validation accuracy on the source.
        Returns:
            The accuracy that is known for it. That is the first one: a search must not change its mind about an
            architecture that it is told again.
        Raises:
            ConfigError: if no look-up is left.
        """
        if arch not in self.known:
            if self.is_exhausted:
                raise ConfigError(f"all {self.max_queries} look-ups of source accuracy are used up")
            self._learn(arch, accuracy)
        return self.known[arch]


def budget_floor(best: float, pct: float) -> float:
    """The lowest accuracy within a source budget.

    Args:
        best: The best accuracy; it is negative where the metric is a negative loss.
        pct: The budget: how much of ``best`` may be given up, in % of its size.
    """
    return best - abs(best) * pct / 100
