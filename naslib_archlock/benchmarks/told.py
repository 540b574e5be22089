"""A benchmark whose accuracies somebody else finds: a search on it is told them (``Search.tell``)."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ConfigError, shown
from ..spaces.cells import Cell
from ..spaces.space import SearchSpace
from .benchmark import Benchmark


class ToldBenchmark(Benchmark):
    """Names of tasks, without any accuracy. Its oracle counts what it is told."""

    def __init__(self, space: SearchSpace, source: str, targets: Sequence[str] = ()) -> None:
        """Name the tasks.

        Args:
            space: the search space.
            source: the source task, in whatever words; architectures are evaluated on it elsewhere.
            targets: the target tasks. A scheme may know their data, where there is any.
        """
        self.space, self.tasks = space, (source, *targets)

    def digest(self, task: str, *splits: str) -> str:
        """See ``Benchmark.digest``: no figures are here, so that it is always the same."""
        return ""

    def accuracy(self, arch: Cell, *, task: str, split: str, pretrained_on: str | None = None) -> float:
        """Raises: ConfigError: this benchmark has no figures."""
        raise ConfigError(
            f"no accuracy of {shown(arch)} on {task} is here: drive the search with ask() and tell(), and evaluate "
            "what it asks for with your own trainer"
        )
