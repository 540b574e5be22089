"""The package's strategies pass the contract's check, and the check notices violations."""

from __future__ import annotations

import numpy as np
import pytest

from naslib_archlock.spaces.cells import Cell
from naslib_archlock.strategies.base import Search
from naslib_archlock.strategies.strategy import EXPECTED, STRATEGIES, Strategy
from naslib_archlock.testing.strategy_contract import check_strategy


class RandomSearch(Search):
    """Evaluates random architectures, each once."""

    @property
    def is_finished(self) -> bool:
        return self._n_unused_queries() <= 0

    def _propose(self) -> Cell:
        return self.space.sample(1, self.rng)[0]

    def _judge(self, arch: Cell) -> tuple[float, float | None]:
        return float(self.fitness.of(np.array([arch]))[0]), None


class Forgetful(RandomSearch):
    def restore(self, state):
        rng = self.rng.bit_generator.state
        super().restore(state)
        self.rng.bit_generator.state = rng


class Unseeded(RandomSearch):
    def _propose(self) -> Cell:
        return self.space.sample(1, np.random.default_rng())[0]


class Endless(RandomSearch):
    @property
    def is_finished(self) -> bool:
        return len(self.history) > 50


class Partial(RandomSearch):
    def best(self):
        return min(self.history, key=lambda e: e.source_val)


def strategy_of(search: type[Search]) -> Strategy:
    return Strategy("mine", "a test's", search, EXPECTED)


@pytest.mark.parametrize("strategy", [s for s in STRATEGIES.values() if s.fitness == EXPECTED], ids=lambda s: s.name)
def test_the_strategies_of_the_package_keep_their_promises(strategy):
    check_strategy(strategy)


def test_a_good_strategy_passes():
    check_strategy(strategy_of(RandomSearch))


@pytest.mark.parametrize(
    ("search", "error"),
    [(Forgetful, "goes another way"), (Unseeded, "not the same again"), (Partial, "outside the source budget")],
)
def test_a_broken_strategy_is_noticed(search, error):
    with pytest.raises(AssertionError, match=error):
        check_strategy(strategy_of(search))


def test_a_strategy_that_asks_for_too_much_is_stopped():
    """The check counts the strategy's queries itself, and the strategy cannot tell an accuracy that it may not know."""
    with pytest.raises(Exception, match="finite number is needed|look-ups"):
        check_strategy(strategy_of(Endless))


def test_another_fitness_is_refused():
    with pytest.raises(AssertionError, match="kind expected"):
        check_strategy(STRATEGIES["evolution"])
