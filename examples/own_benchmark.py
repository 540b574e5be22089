"""Use your own benchmark: name its tasks, and return the accuracy of an architecture."""

from __future__ import annotations

import numpy as np

import naslib_archlock as al
from naslib_archlock.errors import unknown
from naslib_archlock.tasks.names import SPLITS
from naslib_archlock.testing.benchmark_contract import check_benchmark


class CountedOps(al.Benchmark):
    """A made-up benchmark: 3x3 convolutions help on one task, skips on the other."""

    space = al.get_space("nasbench201")
    tasks = ("likes convolutions", "likes skips")

    def accuracy(self, arch: tuple[int, ...], *, task: str, split: str, pretrained_on: str | None = None) -> float:
        self.check_task(task, pretrained_on)
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        return 50.0 + 5.0 * arch.count(3 if task == "likes convolutions" else 1)


check_benchmark(CountedOps(), np.random.default_rng(0))
result = al.search(
    benchmark=CountedOps(), search_space="nasbench201", dataset="likes convolutions", target="likes skips",
    source_queries=60, epochs=60, source_budget_pct=20,
)  # fmt: skip
print(result.arch, result.accuracies)
