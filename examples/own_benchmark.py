"""A benchmark of your own: name its tasks, and answer for the accuracy of an architecture."""

from __future__ import annotations

from typing import Any

from naslib_archlock.testing.benchmark_contract import check_benchmark

import naslib_archlock as al


class CountedOps(al.Benchmark):
    """Made up: one task likes 3x3 convolutions, the other one skips."""

    space = al.get_space("nasbench201")
    tasks = ("likes convolutions", "likes skips")

    def accuracy(self, arch: tuple[int, ...], *, task: str, split: str, pretrained_on: Any = None) -> float:
        self.check_task(task)
        self.check_split(split)
        wanted = 3 if task == "likes convolutions" else 1
        return 50.0 + 5.0 * arch.count(wanted)


check_benchmark(CountedOps())
result = al.search(
    benchmark=CountedOps(), search_space="nasbench201", dataset="likes convolutions", target="likes skips",
    source_queries=60, epochs=60, source_budget_pct=20,
)  # fmt: skip
print(result.arch, result.accuracies)
