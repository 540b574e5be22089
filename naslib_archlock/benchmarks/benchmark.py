"""A benchmark: the accuracies of trained networks, for every architecture of a search space and for several tasks.

Most figures are of networks trained from scratch on a task. A benchmark may also have figures of networks that were
trained on a source task and then fine-tuned on the task (``pretrained_on``). ``Benchmark.meaning`` says in a sentence
what a reader may conclude from the figures; it is printed wherever they are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np

from ..compute.parts import Workers
from ..errors import UnknownNameError, unknown
from ..spaces.cells import Cell
from ..spaces.metrics import Metric
from ..spaces.space import SearchSpace
from ..store.digests import digest
from ..tasks.names import same_task
from .rank_percentiles import rank_percentiles
from .source_oracle import SourceOracle

FROM_SCRATCH = (
    "Benchmark figures come from networks trained from scratch on each task: they measure how well the architecture "
    "fits a task, not how well trained weights transfer to it."
)


class Benchmark(ABC):
    """The accuracies of trained networks by architecture, task and split.

    Each task has its own metric, and higher is always better. ``space.metrics`` holds the metrics of known tasks.

    Attributes:
        space: The search space of the architectures.
        tasks: The names of the tasks.
        fine_tuned_from: Task -> the source tasks whose networks were fine-tuned on it; most benchmarks have none.
    """

    space: SearchSpace
    tasks: tuple[str, ...]
    fine_tuned_from: Mapping[str, tuple[str, ...]] = MappingProxyType({})

    @abstractmethod
    def accuracy(self, arch: Cell, *, task: str, split: str, pretrained_on: str | None = None) -> float:
        """The accuracy of a trained network.

        Args:
            arch: An architecture of ``space``.
            task: One of ``tasks``.
            split: ``train``, ``val`` or ``test``.
            pretrained_on: The source task that the network was trained on before it was fine-tuned on ``task``, one of
                ``fine_tuned_from[task]``; None for a network trained from scratch on ``task``.

        Raises:
            UnknownNameError: If the benchmark lacks the task, the split or the fine-tuned networks. Some architectures
                may have none.
        """

    def accuracies(self, task: str, split: str, pretrained_on: str | None = None) -> np.ndarray:
        """The accuracy of every architecture. Each is looked up once; later calls return the same array.

        Args:
            task: One of ``tasks``.
            split: ``train``, ``val`` or ``test``.
            pretrained_on: As in ``accuracy``.

        Returns:
            ``n`` numbers in the order of ``space.all()``, read-only; NaN where a fine-tuned network is lacking.

        Raises:
            UnknownNameError: As ``accuracy`` does.
        """
        key = (task, split, pretrained_on)
        if key not in self._columns_read:
            column = self._column_of_all(task, split, pretrained_on)
            column.setflags(write=False)
            self._columns_read[key] = column
        return self._columns_read[key]

    def percentiles(self, task: str, split: str) -> np.ndarray:
        """The rank percentile of every architecture (``rank_percentiles``), from 0 to 100, where 100 is the best.

        Args:
            task: One of ``tasks``.
            split: ``train``, ``val`` or ``test``.

        Returns:
            ``n`` numbers in the order of ``space.all()``.

        Raises:
            UnknownNameError: As ``accuracy`` does.
        """
        if (task, split) not in self._percentiles:
            self._percentiles[task, split] = rank_percentiles(self.accuracies(task, split))
        return self._percentiles[task, split]

    @cached_property
    def _percentiles(self) -> dict[tuple[str, str], np.ndarray]:
        """The arrays that ``percentiles`` has returned."""
        return {}

    def _column_of_all(self, task: str, split: str, pretrained_on: str | None) -> np.ndarray:
        """The new array that ``accuracies`` returns. A benchmark that holds arrays has a quicker way."""
        archs = map(tuple, self.space.all().tolist())
        return np.array([self.accuracy(a, task=task, split=split, pretrained_on=pretrained_on) for a in archs])

    @cached_property
    def _columns_read(self) -> dict[tuple[str, str, str | None], np.ndarray]:
        """The arrays that ``accuracies`` has returned. It is no attribute of an ``__init__`` that subclasses forget."""
        return {}

    def digest(self, task: str, *splits: str) -> str:
        """A digest of all that accuracies on a task come from: here, of the accuracies of all architectures.

        A run keeps it, so that it is not continued after the figures have changed.

        Args:
            task: One of ``tasks``.
            splits: ``train``, ``val`` or ``test``.

        Returns:
            64 hexadecimal digits.

        Raises:
            UnknownNameError: As ``accuracy`` does.
        """
        return digest([task, *splits], [self.accuracies(task, split) for split in splits])

    @property
    def meaning(self) -> str:
        """A sentence on what the figures mean, for every reader of the figures."""
        return FROM_SCRATCH

    @property
    def notes(self) -> tuple[str, ...]:
        """Caveats about this benchmark that are printed with its figures, without the full stop."""
        return ()

    def metric(self, task: str) -> Metric | None:
        """What a figure of a task is; None where that is not known."""
        return self.space.metrics.get(task)

    def n_images(self, task: str, split: str) -> int | None:
        """The number of images that an accuracy of a task was measured on; None where that is not known.

        Where it is known, results hold the interval of each figure.
        """
        return None

    @property
    def is_tabular(self) -> bool:
        """Whether all accuracies are known, so that a look-up is cheap; otherwise a look-up trains a network."""
        return True

    def cache_in(self, folder: Path) -> None:  # noqa: B027  # a tabular benchmark has nothing to cache
        """Write the accuracies of networks that are trained from now on to a folder, and read those already in it."""

    def train_with(self, workers: Workers) -> None:  # noqa: B027  # a tabular benchmark trains nothing
        """Train networks on these workers, several at a time; by default, one after the other in this process."""

    def train_all(self, archs: Sequence[Cell], tasks: Sequence[str], pretrained_on: str | None = None) -> None:  # noqa: B027
        """Train what the accuracies of architectures on tasks need. In a table, nothing is left to train."""

    def check_task(self, task: str, pretrained_on: str | None = None) -> None:
        """Check that there are figures of a task.

        Args:
            task: The task that the networks are evaluated on.
            pretrained_on: The source task that they were fine-tuned from, or None for training from scratch.

        Raises:
            UnknownNameError: If there is no such task, or no network that was fine-tuned on it from that source.
        """
        if task not in self.tasks:
            its_name = same_task(task, self.tasks)
            if its_name is not None:
                raise UnknownNameError(
                    f"the {self.space.name} benchmark names the task {task!r} otherwise: give it as {its_name!r}"
                )
            raise unknown(
                "task", task, self.tasks, f"the {self.space.name} benchmark, and no folder of that name is here"
            )
        if pretrained_on is None or pretrained_on in self.fine_tuned_from.get(task, ()):
            return
        if not self.fine_tuned_from:
            raise UnknownNameError(
                f"the {self.space.name} benchmark has no figures of networks pretrained on {pretrained_on!r}: all its "
                "networks were trained from scratch; leave pretrained_on out, or give a table with columns "
                "SOURCE>TASK/SPLIT"
            )
        raise unknown(
            "pretrained_on",
            pretrained_on,
            self.fine_tuned_from.get(task, ()),
            f"the {self.space.name} benchmark for networks fine-tuned on {task}",
        )

    def source_oracle(self, task: str, max_queries: int) -> SourceOracle:
        """The only view of this benchmark that a search is given.

        Args:
            task: The source task.
            max_queries: The number of architectures that the search may look up.
        """
        self.check_task(task)
        return SourceOracle(lambda arch: self.accuracy(arch, task=task, split="val"), max_queries)
