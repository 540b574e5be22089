"""What every search strategy must do, as a check for authors of their own ones.

A test of a strategy calls ``check_strategy(strategy, seed=0)``. It searches the embedded benchmark.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np

from ..benchmarks.source_oracle import SourceOracle
from ..errors import SearchError
from ..spaces.cells import Cell
from ..spaces.known import DIGITS
from ..strategies.base import Search, SearchSettings
from ..strategies.fitness import ExpectedFitness
from ..strategies.strategy import EXPECTED, Strategy

N_QUERIES = 30


def check_strategy(strategy: Strategy, seed: int = 0) -> None:
    """Check that a strategy keeps its promises (``Search``). Its fitness must be of the kind ``EXPECTED``.

    Args:
        strategy: The strategy; it need not be registered.
        seed: It makes the accuracies, the fitness and the search.

    Raises:
        AssertionError: If it breaks a promise; the message says which.
    """
    assert strategy.fitness == EXPECTED, (
        f"check_strategy makes a fitness of the kind {EXPECTED}, not {strategy.fitness}"
    )

    def new(seed: int = seed) -> Search:
        return _new_search(strategy, seed)

    whole = _finish(new())
    name = strategy.name
    assert len(whole.oracle.known) <= N_QUERIES, f"{name} asked for more than {N_QUERIES} look-ups"
    assert whole.history, f"{name} evaluated nothing"
    assert whole.best() in whole.history, f"{name} chose something that it did not evaluate"
    assert whole.is_within_budget(whole.best()), f"{name} chose an architecture outside the source budget"
    assert _finish(new()).history == whole.history, f"{name} is not the same again with the same seed"
    _check_ask_and_tell(name, new)
    _check_resume(name, new, whole)


def _new_search(strategy: Strategy, seed: int) -> Search:
    rng = np.random.default_rng(seed)
    accuracy = rng.uniform(50, 60, DIGITS.index_size)
    fitness = ExpectedFitness(DIGITS, rng.standard_normal(len(DIGITS.distinct())))

    def look_up(arch: Cell) -> float:
        return float(accuracy[DIGITS.index([arch])[0]])

    settings, oracle = SearchSettings(source_budget_pct=5.0), SourceOracle(look_up, N_QUERIES)
    return strategy.new_search(DIGITS, fitness, oracle, settings, np.random.default_rng(seed))


def _finish(search: Search) -> Search:
    """Make steps until the search is finished, or 10 times as many as there are look-ups."""
    for _ in range(10 * N_QUERIES):
        search.step()
    return search


def _check_ask_and_tell(name: str, new: Callable[[], Search]) -> None:
    """Several architectures can be asked for at once and told in any order; nothing else can be told."""
    search = new()
    asked = [search.ask() for _ in range(3)]
    for arch in reversed(asked):
        search.tell(arch, 55.0)
    assert len(search.history) == 3, f"{name} was told 3 accuracies and holds {len(search.history)}"
    try:
        search.tell(asked[0], 55.0)
    except SearchError:
        return
    raise AssertionError(f"{name} takes an accuracy that it did not ask for")


def _check_resume(name: str, new: Callable[[], Search], whole: Search) -> None:
    """A search that goes on from its state finds the same as one that was never interrupted."""
    first = new()
    for _ in range(N_QUERIES // 2):
        first.step()
    second = new()
    second.restore(json.loads(json.dumps(first.state())))
    assert _finish(second).history == whole.history, f"{name} goes another way after it was interrupted"
