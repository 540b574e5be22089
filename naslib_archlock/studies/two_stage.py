"""Baselines for a known target: first look-ups on the source alone, then look-ups of a few target accuracies.

They make as many look-ups as a search with ``archlock.target_queries``, but the second stage is plain choice: random
architectures within the budget are looked up on the target, and the lowest accuracy wins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..benchmarks.source_oracle import budget_floor
from ..errors import StudyError, shown
from ..spaces.cells import Cell
from .jobs import Job, Kind, Picks, first_distinct


class TwoStage(Kind):
    """A kind of method that takes the option ``target_queries``, the number of target accuracies to look up."""

    def about_options(self) -> str:
        return "`target_queries`: an integer from 1"

    def check_options(self, options: Mapping[str, Any]) -> None:
        self._check_names(options, ["target_queries"])
        queries = options.get("target_queries")
        if type(queries) is not int or queries < 1:
            raise StudyError(
                f"method {self.name} needs the option target_queries: a whole number from 1, not {shown(queries)}"
            )


def pick(first_stage: Callable[[Job], Mapping[Cell, float]], job: Job) -> Picks:
    """Pick the architectures with the lowest target accuracies that were looked up.

    Args:
        first_stage: looks up source accuracies.
        job: names the tasks and the budget, which is counted from the best source accuracy looked up.
    """
    assert job.target is not None and job.budget_pct is not None  # these kinds use target and budget
    source = first_stage(job)
    floor = budget_floor(max(source.values()), job.budget_pct)
    within = [arch for arch in source if source[arch] >= floor]
    rows = job.generator(job.source, job.target).permutation(len(within))[: job.options["target_queries"]]
    accuracy = {within[row]: job.benchmark.accuracy(within[row], task=job.target, split="val") for row in rows.tolist()}
    best_first = sorted(accuracy, key=lambda arch: accuracy[arch])
    return Picks(first_distinct(job.benchmark.space, best_first), len(source), len(accuracy))


def random_search(job: Job) -> Mapping[Cell, float]:
    """The source accuracies of random architectures that compute different functions."""
    space = job.benchmark.space
    n_archs = min(job.source_queries, len(space.distinct()))
    archs = space.sample(n_archs, job.generator(job.source, job.target))
    oracle = job.benchmark.source_oracle(job.source, n_archs)
    for arch in archs:
        oracle.validation_accuracy(arch)
    return oracle.known
