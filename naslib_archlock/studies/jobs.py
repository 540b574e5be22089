"""What a method of a study is given, a ``Job``, and what it answers, ``Picks``; ``Kind`` describes a kind of method."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..benchmarks.benchmark import Benchmark
from ..errors import StudyError, nearest, unknown
from ..spaces.cells import Cell
from ..spaces.space import SearchSpace

N_PICKS = 5


class Picks(NamedTuple):
    """What a method chose.

    Attributes:
        archs: best first, at most five, of different functions.
        source_queries, target_queries: architectures whose source validation accuracy, and whose accuracy on the
            target, it looked up.
    """

    archs: list[Cell]
    source_queries: int
    target_queries: int = 0


@dataclass(frozen=True)
class Job:
    """What a method is given to choose for.

    Attributes:
        benchmark: answers for all accuracies.
        source: the source task.
        target: the target task; None for a method that does not use it.
        budget_pct: the source budget in %; None for a method that does not use it.
        seed: makes the method's random numbers.
        source_queries: the number of look-ups of source validation accuracy that it may make.
        tables: the folder of plain tables; empty for NASLib's files and for the embedded benchmark.
        options: the method's own options, checked.
        rankers: the folder that keeps trained rankers, so that runs can share them.
    """

    benchmark: Benchmark
    source: str
    target: str | None
    budget_pct: float | None
    seed: int
    source_queries: int
    tables: str
    options: Mapping[str, Any]
    rankers: Path

    def generator(self, *place: object) -> np.random.Generator:
        """A generator of the seed and a place, so that a mean over places is one over independent draws."""
        return np.random.default_rng([self.seed, zlib.crc32(" ".join(map(str, place)).encode())])


@dataclass(frozen=True)
class Kind:
    """A kind of method.

    Attributes:
        name: in the study's file.
        about: what it does, in a line.
        pick: chooses architectures for a job.
        uses_target, uses_budget: whether its picks depend on them. A method that uses neither is run once for a source,
            and its picks are scored for all targets and budgets.
        is_random: whether its picks depend on the seed; otherwise one seed is enough.
        options: name -> allowed values, for each option that it needs.
    """

    name: str
    about: str
    pick: Callable[[Job], Picks]
    uses_target: bool = True
    uses_budget: bool = True
    is_random: bool = True
    options: Mapping[str, Collection[str]] = field(default_factory=dict)

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Check the options of a method.

        Raises:
            StudyError, UnknownNameError: that name the nearest right option, or the allowed values.
        """
        self._check_names(options, self.options)
        for name, allowed in self.options.items():
            if name not in options:
                raise StudyError(f"method {self.name} needs the option {name}: one of {', '.join(allowed)}")
            if options[name] not in allowed:
                raise unknown(name, options[name], allowed, f"method {self.name}")

    def _check_names(self, options: Mapping[str, Any], known: Collection[str]) -> None:
        for name in options:
            if name not in known:
                hint = nearest(name, known) or f"; it takes {', '.join(known) or 'none'}"
                raise StudyError(f"unknown option {name!r} of method {self.name}{hint}")

    def about_options(self) -> str:
        """The options that it takes and their values, in Markdown."""
        return "; ".join(f"`{name}`: {', '.join(f'`{v}`' for v in values)}" for name, values in self.options.items())

    def check_here(self) -> None:
        """Raises: NaslibError, StudyError: if something that the method needs is not installed."""

    def settings(self, job: Job) -> dict[str, Any]:
        """Everything that picks depend on besides benchmark, source, target, budget and seed, in JSON types."""
        return {"kind": self.name, "options": dict(job.options), "source_queries": job.source_queries}

    def ranker_file(self, job: Job) -> Path | None:
        """The file of the ranker that the job needs; None for a job that needs no trained ranker."""
        return None

    def train_ranker(self, job: Job) -> None:
        """Train the ranker of ``ranker_file`` and keep it there."""


def first_distinct(space: SearchSpace, archs: Sequence[Cell], n: int = N_PICKS) -> list[Cell]:
    """The first ``n`` architectures that compute different functions."""
    functions = space.index(space.representatives(archs))
    first = np.sort(np.unique(functions, return_index=True)[1])[:n]
    return [archs[i] for i in first.tolist()]
