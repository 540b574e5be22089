"""What all searches share, and those on ranks: regularised evolution (Real et al., AAAI 2019), and all at once.

A search sees two things: a fitness, and a ``SourceOracle`` that answers for the source task's validation accuracy. It
holds nothing that could answer for a target.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..benchmarks.source_oracle import SourceOracle, budget_floor
from ..errors import ConfigError
from ..spaces.cells import Cell
from ..spaces.space import SearchSpace
from .rank_fitness import Fitness

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
