"""What a benchmark answers, and the blind view of it that a search holds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from ..errors import ConfigError, unknown
from ..spaces.cells import Cell
from ..spaces.space import SearchSpace


class Benchmark(ABC):
    """Metrics of trained architectures.

    The unit is each task's own, and higher is always better: top-1 accuracy in % (0-100) for classification,
    negative loss for room_layout, SSIM (0-1) for normal and autoencoder.
    """

    space: SearchSpace
    tasks: tuple[str, ...]

    @abstractmethod
    def accuracy(self, arch: Cell, *, task: str, split: str) -> float:
        """The metric of a trained architecture. Raises: UnknownNameError: for a task or split it does not have."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of its figures must know."""
        return ()

    @property
    def is_measured(self) -> bool:
        """Whether every figure is there already, so that looking one up costs next to nothing."""
        return True

    def keep_in(self, folder: Path) -> None:  # noqa: B027  # most have nothing to keep
        """Keep figures that take long to get in a folder, and use what is kept there."""

    def check_task(self, task: str) -> str:
        """Raises: UnknownNameError: if there is no such task."""
        if task not in self.tasks:
            raise unknown(
                "task", task, self.tasks, f"the {self.space.name} benchmark, and no folder of that name is here"
            )
        return task

    def source_oracle(self, task: str, max_queries: int) -> SourceOracle:
        """The only view of this benchmark that a search is given."""
        self.check_task(task)
        return SourceOracle(lambda arch: self.accuracy(arch, task=task, split="val"), max_queries)


class SourceOracle:
    """Counts and answers look-ups of validation accuracy on the source task; it cannot answer for any other.

    Asking for an architecture again costs nothing.
    """

    def __init__(self, look_up: Callable[[Cell], float], max_queries: int) -> None:
        if max_queries < 0:
            raise ConfigError(f"source_queries={max_queries} must not be negative")
        self._look_up = look_up
        self.max_queries = max_queries
        self.known: dict[Cell, float] = {}

    @property
    def queries(self) -> int:
        """Look-ups made."""
        return len(self.known)

    @property
    def remaining(self) -> int:
        """Look-ups left."""
        return self.max_queries - self.queries

    @property
    def is_exhausted(self) -> bool:
        """Whether no further architecture may be looked up."""
        return self.remaining == 0

    def validation_accuracy(self, arch: Cell) -> float | None:
        """The source validation accuracy, or None if it is unknown and no look-up is left."""
        if arch not in self.known:
            if self.is_exhausted:
                return None
            self.known[arch] = self._look_up(arch)
        return self.known[arch]

    def record(self, arch: Cell, accuracy: float) -> float:
        """Count an accuracy that somebody else found, and return the one that is known for the architecture.

        That is the first one: a search must not change its mind about an architecture that it is told again.
        Raises: ConfigError: if no look-up is left.
        """
        if arch not in self.known:
            if self.is_exhausted:
                raise ConfigError(f"all {self.max_queries} look-ups of source accuracy are used up")
            self.known[arch] = accuracy
        return self.known[arch]


def budget_floor(best: float, pct: float) -> float:
    """The least accuracy that gives up no more than ``pct`` % of the best one, which may be negative (a loss)."""
    return best - abs(best) * pct / 100
