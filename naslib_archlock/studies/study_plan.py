"""How much a study has to run, and about how long that takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median
from typing import NamedTuple

from ..compute.core_time import core_time
from .study import Run, Study


class Group(NamedTuple):
    """Runs that take about the same time: those of one method on one search space."""

    method: str
    space: str


class Plan(NamedTuple):
    """How much a study has to run.

    Attributes:
        study: resolved.
        n_runs: the runs of the whole study.
        n_missing: how many of them are not finished.
        n_rankers: the rankers that are needed before these runs: one that comes with the package, or one trained now.
        seconds: the time of one core for what is missing; None where it is not known.
        how: how the time is known.
    """

    study: Study
    n_runs: int
    n_missing: int
    n_rankers: int
    seconds: float | None
    how: str

    @property
    def n_pairs(self) -> int:
        """The task pairs of all search spaces."""
        return sum(len(pairs or ()) for pairs in self.study.spaces.values())

    def __str__(self) -> str:
        study = self.study
        grid = [
            _count(len(study.methods), "method"),
            _count(self.n_pairs, "task pair"),
            _count(len(study.budgets), "source budget"),
            _count(study.seeds, "seed"),
        ]
        text = f"{', '.join(grid)}: {_count(self.n_runs, 'run')}, {self.n_missing:,} of them missing"
        if self.n_rankers:
            text += f", and {_count(self.n_rankers, 'ranker')} to find or train first"
        if self.n_missing and self.seconds is not None:
            text += f"; about {core_time(self.seconds)} ({self.how})"
        return text


def group_of(run: Run) -> Group:
    """The group of a run."""
    return Group(run.method, run.space)


def typical_seconds(seconds: Mapping[Run, float]) -> dict[Group, float]:
    """The median time of a run of each group. Args: seconds: the wall time of each finished run."""
    of_group: dict[Group, list[float]] = {}
    for run, taken in seconds.items():
        of_group.setdefault(group_of(run), []).append(taken)
    return {group: median(taken) for group, taken in of_group.items()}


def first_of_each(runs: Iterable[Run], n: int = 1) -> list[Run]:
    """The first ``n`` runs of each group: one of each, then the second of each, and so on."""
    of_group: dict[Group, list[Run]] = {}
    for run in runs:
        of_group.setdefault(group_of(run), []).append(run)
    return [some[i] for i in range(n) for some in of_group.values() if i < len(some)]


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"
