"""What all searches share, and those on ranks: regularised evolution (Real et al., AAAI 2019), and all at once.

A search sees two things: a fitness, and a ``SourceOracle`` that answers for the source task's validation accuracy. It
holds nothing that could answer for a target.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .benchmarks.base import SourceOracle
from .cells import Cell
from .errors import ConfigError
from .fitness import Fitness
from .spaces import SearchSpace

STRATEGIES = ("bayesian", "evolution", "exhaustive")


class Evaluated(NamedTuple):
    """An architecture that a search has judged.

    ``source_rank`` is the ranker's estimate, from 1 (best) to the size of the space, None in a search without a ranker;
    ``source_val`` is None where the accuracy was not looked up.
    """

    arch: Cell
    fitness: float
    source_rank: float | None
    source_val: float | None


@dataclass(frozen=True)
class SearchSettings:
    """Attributes:

    population_size, sample_size: of regularised evolution, ``sample_size`` entrants drawn with replacement for each
        tournament; screening: a newcomer is the best on the source, by the ranker, of so many random architectures;
    source_budget_pct: how much of the best source validation accuracy seen may be given up, in % of it;
    source_top_pct: where no accuracy is looked up, an architecture must be among the best so many % by source rank.
    """

    population_size: int = 10
    sample_size: int = 10
    screening: int = 20
    source_budget_pct: float = 2.0
    source_top_pct: float = 10.0

    def __post_init__(self) -> None:
        for name in ("population_size", "sample_size", "screening"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)} must be at least 1")
        if self.source_budget_pct < 0:
            raise ConfigError(f"source_budget_pct={self.source_budget_pct} must not be negative")


def budget_floor(best: float, pct: float) -> float:
    """The least accuracy that gives up no more than ``pct`` % of the best one, which may be negative (a loss)."""
    return best - abs(best) * pct / 100


class Search(ABC):
    """State and rules that all searches share. As it stands, the budget is one of looked-up source accuracy."""

    def __init__(
        self, space: SearchSpace, oracle: SourceOracle, settings: SearchSettings, rng: np.random.Generator
    ) -> None:
        self.space, self.oracle, self.settings, self.rng = space, oracle, settings, rng
        self.history: list[Evaluated] = []

    @abstractmethod
    def step(self) -> None:
        """Advance by one step."""

    @property
    @abstractmethod
    def is_finished(self) -> bool:
        """Whether further steps would change nothing."""

    @property
    def uses_source_accuracy(self) -> bool:
        """Whether the source budget is one of accuracy; without look-ups it is one of the ranker's source rank."""
        return self.oracle.max_queries > 0

    def is_within_budget(self, evaluated: Evaluated) -> bool:
        """Whether the source accuracy is known to lie within the budget of the best one seen."""
        return evaluated.source_val is not None and evaluated.source_val >= self.source_floor()

    def source_floor(self) -> float:
        """The least source validation accuracy that lies within the budget of the best one looked up."""
        return budget_floor(max(self.oracle.known.values()), self.settings.source_budget_pct)

    def merit(self, evaluated: Evaluated) -> tuple[bool, float]:
        """Sort key: fitness within the budget; outside it, behind all of these, by source accuracy.

        The rule of Deb, "An efficient constraint handling method for genetic algorithms" (2000).
        """
        if self.is_within_budget(evaluated):
            return True, evaluated.fitness
        return False, -np.inf if evaluated.source_val is None else evaluated.source_val

    def best(self) -> Evaluated:
        """The fittest architecture within the budget (the most accurate one looked up always is)."""
        return self.top(1)[0]

    def top(self, n: int) -> list[Evaluated]:
        """The first ``n`` architectures by ``merit``, the earlier of equals first, each once."""
        distinct: dict[Cell, Evaluated] = {}
        for evaluated in self.history:
            distinct.setdefault(evaluated.arch, evaluated)
        return sorted(distinct.values(), key=self.merit, reverse=True)[:n]

    def state(self) -> dict[str, Any]:
        """Everything that ``restore`` needs to go on to the same result, in JSON types."""
        return {"history": list(self.history), "rng": self.rng.bit_generator.state}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state()`` of a search with the same configuration."""
        self.history = [Evaluated(tuple(arch), *judged) for arch, *judged in state["history"]]
        self.oracle.known = {e.arch: e.source_val for e in self.history if e.source_val is not None}
        self.rng.bit_generator.state = state["rng"]

    def _record(self, arch: Cell, fitness: float, source_rank: float | None = None) -> Evaluated:
        val = self.oracle.validation_accuracy(arch) if self.uses_source_accuracy else None
        rank = None if source_rank is None else float(source_rank)
        self.history.append(Evaluated(arch, float(fitness), rank, val))
        return self.history[-1]


class RankSearch(Search):
    """A search on ranks that a ranker estimates. Without look-ups, the budget is one of source rank."""

    def __init__(
        self,
        space: SearchSpace,
        fitness: Fitness,
        oracle: SourceOracle,
        settings: SearchSettings,
        rng: np.random.Generator,
    ) -> None:
        super().__init__(space, oracle, settings, rng)
        self.fitness = fitness

    def is_within_budget(self, evaluated: Evaluated) -> bool:
        if self.uses_source_accuracy:
            return super().is_within_budget(evaluated)
        return _rank_of(evaluated) <= self.fitness.source_rank_at(self.settings.source_top_pct)

    def merit(self, evaluated: Evaluated) -> tuple[bool, float]:
        if self.uses_source_accuracy or self.is_within_budget(evaluated):
            return super().merit(evaluated)
        return False, -_rank_of(evaluated)


def _rank_of(evaluated: Evaluated) -> float:
    return np.inf if evaluated.source_rank is None else evaluated.source_rank


class RegularizedEvolution(RankSearch):
    """Ageing evolution: the fittest of a random sample is mutated, and the oldest member dies."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.population: deque[Evaluated] = deque(maxlen=self.settings.population_size)
        self._judged: dict[Cell, tuple[float, float | None]] = {}  # a cell that comes back is not compared again

    @property
    def is_finished(self) -> bool:
        """True once the look-ups are used up: a cell whose source accuracy stays unknown cannot be chosen."""
        return self.uses_source_accuracy and self.oracle.is_exhausted

    def step(self) -> None:
        """Add one architecture: a newcomer while the population fills, then a child."""
        if self.is_finished:
            return
        arch = self._newcomer() if len(self.population) < self.settings.population_size else self._child()
        if arch not in self._judged:
            (fitness,), (source_rank,) = self.fitness.evaluate(np.array([arch]))
            self._judged[arch] = fitness, source_rank
        self.population.append(self._record(arch, *self._judged[arch]))

    def _newcomer(self) -> Cell:
        draws = self.space.sample(self.settings.screening, self.rng)
        return draws[int(self.fitness.source_ranks(np.array(draws)).argmin())]

    def _child(self) -> Cell:
        entrants = self.rng.integers(len(self.population), size=self.settings.sample_size)
        parent = max((self.population[i] for i in entrants), key=self.merit)
        mutant = self.space.mutate(parent.arch, self.rng)
        return tuple(self.space.representatives([mutant])[0].tolist())

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore(state)
        self.population.clear()
        self.population.extend(self.history)  # its last members, as the population is the end of the history
        self._judged = {e.arch: (e.fitness, e.source_rank) for e in self.history}


class ExhaustiveSearch(RankSearch):
    """Ranks every distinct architecture, then spends the look-ups on the fittest, all in one step.

    The fittest of all are mostly bad on the source, too. So a first share of the look-ups goes to the best by source
    rank, from which the budget is measured; the others go, in equal parts, to the fittest of all, of the better half by
    source rank, of the better quarter, and so on.
    """

    SHARE_FOR_BEST = 0.25

    @property
    def is_finished(self) -> bool:
        return bool(self.history)

    def step(self) -> None:
        if self.is_finished:
            return
        archs = [tuple(row) for row in self.space.distinct().tolist()]
        fitness, source_rank = self.fitness.evaluate(np.array(archs))
        by_fitness = np.argsort(-fitness, kind="stable")
        seen: dict[int, Evaluated] = {}

        def walk(order: np.ndarray, quota: int) -> None:
            """Look up the first ``quota`` new ones in an order, up to the first that is within the budget."""
            for i in order.tolist():
                if i not in seen:
                    if quota == 0:
                        return
                    seen[i] = self._record(archs[i], fitness[i], source_rank[i])
                    quota -= 1
                if self.is_within_budget(seen[i]):
                    return

        if not self.uses_source_accuracy:
            walk(by_fitness, quota=len(archs))
            return
        share = self.SHARE_FOR_BEST if self.settings.source_budget_pct > 0 else 1.0
        n_first = max(1, round(share * self.oracle.max_queries))
        by_source = np.argsort(source_rank, kind="stable")
        for i in by_source[:n_first].tolist():
            seen[i] = self._record(archs[i], fitness[i], source_rank[i])
        n_levels = max(1, int(np.log2(len(archs) / n_first)) + 1)
        for level in range(n_levels):
            better_part = np.isin(by_fitness, by_source[: len(archs) >> level])
            walk(by_fitness[better_part], self.oracle.remaining // (n_levels - level))
        walk(by_fitness, self.oracle.remaining)  # what the levels did not need
