"""What all searches share: asking for architectures, taking their source accuracy, and choosing within the budget.

A search is driven from outside, in steps of two calls::

    arch = search.ask()                     # the architecture to evaluate next on the source task
    search.tell(arch, validation_accuracy)  # how accurate it was; by whatever trainer

It holds a fitness and a record of source accuracies. Neither can answer for a target.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..benchmarks.source_oracle import SourceOracle, budget_floor
from ..benchmarks.target_oracle import TargetOracle
from ..errors import ConfigError, SearchError, shown
from ..spaces.cells import Cell
from ..spaces.metrics import LARGEST
from ..spaces.space import SearchSpace
from .fitness import MEAN, Fitness


class Evaluated(NamedTuple):
    """An architecture that a search has judged.

    Attributes:
        arch: six codes.
        fitness: higher is fitter.
        source_rank: the ranker's estimate, from 1 (best) to the size of the space; None in a search without a ranker.
        source_val: validation accuracy on the source task; None where it was not looked up.
    """

    arch: Cell
    fitness: float
    source_rank: float | None
    source_val: float | None


class TargetLookUp(NamedTuple):
    """Target accuracies of an architecture that a search has looked up.

    Attributes:
        arch: six codes.
        accuracies: target -> its validation accuracy there.
        n_judged: the number of architectures that the search had judged before.
    """

    arch: Cell
    accuracies: Mapping[str, float]
    n_judged: int


@dataclass(frozen=True)
class SearchSettings:
    """How to search.

    Attributes:
        population_size: members of the population of regularised evolution.
        sample_size: members drawn, with replacement, for each tournament.
        screening: a newcomer is the best on the source, by the ranker, of so many random architectures.
        source_budget_pct: how much of the best source validation accuracy seen may be given up, in % of it.
        source_floor: in the search of the paper's script, the least source validation accuracy of an architecture.
        history_size: in the search of the paper's script, the architectures that are kept for the last choice.
        source_budget_percentile: how many points of rank percentile on the source may be given up instead; 0 if the
            budget is ``source_budget_pct``. Only a search that predicts all accuracies can keep to it.
        source_top_pct: where no accuracy is looked up, an architecture must be among the best so many % by source rank.
        targets_by: what several targets are judged by (``fit_to_targets``).
    """

    population_size: int = 10
    sample_size: int = 10
    screening: int = 20
    source_budget_pct: float = 2.0
    source_top_pct: float = 10.0
    source_floor: float = -np.inf
    history_size: int = 30
    targets_by: str = MEAN
    source_budget_percentile: float = 0.0

    def __post_init__(self) -> None:
        for name in ("population_size", "sample_size", "screening"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)} must be at least 1")
        if self.source_budget_pct < 0:
            raise ConfigError(f"source_budget_pct={self.source_budget_pct} must not be negative")


class Search(ABC):
    """The state of a search, and the rules for its choice.

    Attributes:
        in_one_step: whether one step evaluates everything that the search wants to know.
        targets: what it may look up on the targets; None if it looks up none.
    """

    in_one_step: ClassVar[bool] = False
    targets: TargetOracle | None = None

    def __init__(
        self,
        space: SearchSpace,
        fitness: Fitness,
        oracle: SourceOracle,
        settings: SearchSettings,
        rng: np.random.Generator,
    ) -> None:
        self.space, self.fitness, self.oracle, self.settings, self.rng = space, fitness, oracle, settings, rng
        self.history: list[Evaluated] = []
        self._pending: list[Cell] = []  # architectures that were asked for and not yet told

    # -- ask and tell --------------------------------------------------------------------------------------------------

    @abstractmethod
    def _propose(self) -> Cell:
        """The architecture to evaluate next."""

    @abstractmethod
    def _judge(self, arch: Cell) -> tuple[float, float | None]:
        """The fitness of an architecture and, where a ranker estimates it, its source rank."""

    @property
    @abstractmethod
    def is_finished(self) -> bool:
        """Whether the search asks for nothing more."""

    def ask(self) -> Cell:
        """Return the architecture to evaluate next on the source task.

        Several may be asked for before the first is told, to train them in parallel.

        Raises:
            SearchError: if the search is finished.
        """
        if self.is_finished:
            raise SearchError(
                f"the search is finished: it asked for {len(self.history) + len(self._pending)} architectures; "
                "look at is_finished before you ask"
            )
        arch = self._propose()
        self._pending.append(arch)
        return arch

    def tell(self, arch: Cell, source_accuracy: float | None = None) -> Evaluated:
        """Take the source validation accuracy of an architecture that was asked for.

        Args:
            arch: what ``ask`` returned.
            source_accuracy: in the task's own unit, where higher is better; None only in a search without look-ups.

        Raises:
            SearchError: if it was not asked for, its accuracy is missing, or it is not finite or too large.
        """
        arch = tuple(arch)
        if arch not in self._pending:
            raise SearchError(f"{shown(arch)} was not asked for, or was told before; tell what ask() returned, once")
        if self.uses_source_accuracy:
            if source_accuracy is None or not abs(source_accuracy) <= LARGEST:  # NaN is not, either
                raise SearchError(
                    f"the source accuracy of {arch} is {source_accuracy}; a finite number is needed, of at "
                    f"most {LARGEST:g} in size"
                )
            source_accuracy = self.oracle.record(arch, float(source_accuracy))
        self._pending.remove(arch)
        fitness, source_rank = self._judge(arch)
        rank = None if source_rank is None else float(source_rank)
        self.history.append(Evaluated(arch, float(fitness), rank, source_accuracy))
        return self.history[-1]

    def step(self, told: Callable[[], object] = lambda: None) -> None:
        """Evaluate the next architecture, or all of them (``in_one_step``), by the oracle; nothing if finished.

        Args:
            told: called after each of them.
        """
        while not self.is_finished:
            arch = self.ask()
            try:
                accuracy = self._look_up(arch) if self.uses_source_accuracy else None
            except BaseException:  # a look-up that was interrupted is made again by the next step
                self._take_back(arch)
                raise
            self.tell(arch, accuracy)
            told()
            if not self.in_one_step:
                return

    def _look_up(self, arch: Cell) -> float | None:
        """The source accuracy of an architecture. The oracle also hears what will be looked up after it."""
        if not self.oracle.is_prepared(arch):
            self.oracle.prepare([arch, *self._asked_next()], self._budget_pct())
        return self.oracle.validation_accuracy(arch)

    def _asked_next(self) -> list[Cell]:
        """The architectures that will be asked for next, whatever is told about those that were asked for."""
        return []

    def _budget_pct(self) -> float | None:
        """The source budget in % of the best accuracy; None if it depends on all accuracies."""
        return None if self.settings.source_budget_percentile else self.settings.source_budget_pct

    @property
    def n_steps(self) -> int:
        """The number of steps made."""
        return len(self.history)

    def n_evaluations(self, n_steps: int) -> int:
        """Return how many architectures so many steps evaluate, at most."""
        most = len(self.space.distinct()) if self.in_one_step else n_steps
        return min(most, self.oracle.max_queries) if self.uses_source_accuracy else most

    def _take_back(self, arch: Cell) -> None:
        """Forget that an architecture was asked for, as it will not be told."""
        self._pending.remove(arch)

    def _n_unused_queries(self) -> int:
        """Look-ups left when all that was asked for has been told."""
        return self.oracle.remaining - sum(arch not in self.oracle.known for arch in {*self._pending})

    # -- the choice ----------------------------------------------------------------------------------------------------

    @property
    def uses_source_accuracy(self) -> bool:
        """Whether the source budget is one of accuracy; without look-ups it is one of the ranker's source rank."""
        return self.oracle.max_queries > 0

    def is_within_budget(self, evaluated: Evaluated) -> bool:
        """Whether the source accuracy is known to lie within the budget of the best one seen."""
        return evaluated.source_val is not None and evaluated.source_val >= self.source_floor()

    def source_floor(self) -> float:
        """The least source validation accuracy that lies within the budget of the best one looked up."""
        return budget_floor(self.oracle.best, self.settings.source_budget_pct)

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

    def finalists(self) -> list[Evaluated]:
        """The architectures within the budget, the fittest first, each once."""
        return [evaluated for evaluated in self.top(len(self.history)) if self.is_within_budget(evaluated)]

    @property
    def target_queries(self) -> int:
        """The number of target accuracies that were looked up."""
        return 0

    @property
    def target_look_ups(self) -> list[TargetLookUp]:
        """The target accuracies that were looked up, in order."""
        return []

    def source_position(self) -> int | None:
        """The place of the choice on the source by a ranker, from 1; None where accuracies were looked up."""
        return None

    # -- resuming ------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Everything that ``restore`` needs to go on to the same result, in JSON types.

        Architectures that were asked for and not told are forgotten: they are asked for again.
        """
        state = {"history": list(self.history), "rng": self.rng.bit_generator.state}
        of_oracle = self.oracle.state()
        return {**state, "oracle": of_oracle} if of_oracle else state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state()`` of a search with the same configuration."""
        self.history = [Evaluated(tuple(arch), *judged) for arch, *judged in state["history"]]
        self.oracle.known = {e.arch: e.source_val for e in self.history if e.source_val is not None}
        self.oracle.restore(state.get("oracle", {}))
        self.rng.bit_generator.state = state["rng"]
        self._pending.clear()
