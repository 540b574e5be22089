"""The strategies that ``archlock.strategy`` names, each with a line on what it does.

A strategy is a class of searches and the kind of fitness that it maximises. A strategy of one's own is added by
``register_strategy``; the configuration then knows its name.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from ..benchmarks.target_oracle import TargetOracle
from ..errors import ConfigError, unknown
from .base import Search

RANKS, EXPECTED = "ranks", "expected"  # kinds of fitness: by a ranker's ranks, or by what a model expects of targets


@dataclass(frozen=True)
class Strategy:
    """How to search.

    Attributes:
        name: in configs.
        summary: what it does, in a line.
        search: a class of ``Search``, or where one is imported from, ``module:class``.
        fitness: the kind of fitness that the search maximises, ``RANKS`` or ``EXPECTED``.
        learns_from_queries: whether it needs look-ups of source accuracy.
        plans_ahead: whether it plans with the number of its look-ups, so that this must not exceed its steps.
        predicts_source: whether it predicts the source accuracy of every architecture.
        joins_targets: whether it counts defeats on all targets together, so that ``targets_by worst`` cannot be had.
        target_search: the class that also looks up accuracies on the targets, or where it is imported from; empty if
            the strategy cannot.
    """

    name: str
    summary: str
    search: type[Search] | str
    fitness: str = RANKS
    learns_from_queries: bool = False
    plans_ahead: bool = False
    predicts_source: bool = False
    joins_targets: bool = False
    target_search: type[Search] | str = ""

    def new_search(self, *args: Any, targets: TargetOracle | None = None) -> Search:
        """Return a search that has not begun.

        Args:
            args: what the class takes.
            targets: what may be looked up on the targets; None if nothing.
        """
        found: Any = self.target_search if targets else self.search
        if isinstance(found, str):  # not imported with the configuration, which checks names alone
            module, _, name = found.partition(":")
            found = getattr(importlib.import_module(module, __package__), name)
        search: Search = found(*args, targets) if targets else found(*args)
        return search


_KNOWN = (
    Strategy(
        "bayesian",
        "a Gaussian process learns the source accuracy; the worst expected target accuracy within the budget wins",
        ".bayesian:BayesianSearch",
        EXPECTED,
        learns_from_queries=True,
        plans_ahead=True,
        predicts_source=True,
        target_search=".target_search:TargetSearch",
    ),
    Strategy(
        "evolution", "regularised evolution on a ranker's ranks, as in the paper", ".evolution:RegularizedEvolution"
    ),
    Strategy(
        "paper",
        "the search of the paper's released script, with its floor on the source accuracy",
        ".paper_search:PaperSearch",
        learns_from_queries=True,
        joins_targets=True,
    ),
    Strategy(
        "exhaustive", "a ranker ranks the whole space, and look-ups go to the fittest", ".exhaustive:ExhaustiveSearch"
    ),
)
STRATEGIES: dict[str, Strategy] = {strategy.name: strategy for strategy in _KNOWN}


def register_strategy(strategy: Strategy) -> None:
    """Make a strategy known by its name.

    Raises:
        ConfigError: if another strategy has this name, or the kind of fitness is unknown.
    """
    if STRATEGIES.get(strategy.name, strategy) != strategy:
        raise ConfigError(f"there is a strategy {strategy.name} already; choose another name")
    if strategy.fitness not in (RANKS, EXPECTED):
        raise ConfigError(
            f"strategy {strategy.name}: fitness is {strategy.fitness!r}; it must be {RANKS} or {EXPECTED}"
        )
    STRATEGIES[strategy.name] = strategy


def get_strategy(name: str) -> Strategy:
    """Return the strategy of a name. Raises: UnknownNameError."""
    if name not in STRATEGIES:
        raise unknown("archlock.strategy", name, STRATEGIES)
    return STRATEGIES[name]
