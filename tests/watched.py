"""A benchmark that records its queries."""

from __future__ import annotations

from naslib_archlock.benchmarks.benchmark import Benchmark
from naslib_archlock.spaces.cells import Cell


class Watched(Benchmark):
    """Answers as another benchmark does, and remembers every query."""

    def __init__(self, benchmark: Benchmark) -> None:
        self.space, self.tasks, self._benchmark = benchmark.space, benchmark.tasks, benchmark
        self.asked: list[tuple[Cell, str, str]] = []

    def accuracy(self, arch: Cell, *, task: str, split: str, pretrained_on: str | None = None) -> float:
        self.asked.append((arch, task, split))
        return self._benchmark.accuracy(arch, task=task, split=split, pretrained_on=pretrained_on)

    def archs(self, task: str) -> list[Cell]:
        """The architectures that were queried on one task, in order."""
        return [arch for arch, asked_task, _ in self.asked if asked_task == task]
