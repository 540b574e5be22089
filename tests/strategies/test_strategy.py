from __future__ import annotations

import pytest

from naslib_archlock.config.load import load_config
from naslib_archlock.errors import ConfigError, UnknownNameError
from naslib_archlock.strategies.base import Search
from naslib_archlock.strategies.exhaustive import ExhaustiveSearch
from naslib_archlock.strategies.strategy import EXPECTED, STRATEGIES, Strategy, get_strategy, register_strategy


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    """Remove what a test registers after the test."""
    names = dict(STRATEGIES)
    yield
    STRATEGIES.clear()
    STRATEGIES.update(names)


def test_each_says_in_a_line_what_it_does():
    assert list(STRATEGIES) == ["bayesian", "evolution", "paper", "exhaustive"]
    for name, strategy in STRATEGIES.items():
        assert get_strategy(name) is strategy
        assert strategy.name == name
        assert strategy.summary and "\n" not in strategy.summary
    with pytest.raises(UnknownNameError, match="did you mean 'bayesian'"):
        get_strategy("bayesain")


def test_a_registered_strategy_is_known_to_the_configuration():
    mine = Strategy("mine", "a test's", ExhaustiveSearch)
    with pytest.raises(UnknownNameError, match="mine"):
        load_config(None, ["archlock.strategy", "mine"])
    register_strategy(mine)
    register_strategy(mine)  # a second registration changes nothing
    assert load_config(None, ["archlock.strategy", "mine"]).archlock.strategy == "mine"


def test_a_name_is_taken_once_and_a_fitness_must_be_known():
    with pytest.raises(ConfigError, match="a strategy evolution already"):
        register_strategy(Strategy("evolution", "another", ExhaustiveSearch))
    with pytest.raises(ConfigError, match="must be ranks or expected"):
        register_strategy(Strategy("mine", "a test's", ExhaustiveSearch, fitness="votes"))


def test_the_class_is_imported_when_a_search_is_made():
    strategy = Strategy("mine", "a test's", ".exhaustive:ExhaustiveSearch", EXPECTED)
    assert isinstance(strategy.search, str)
    with pytest.raises(TypeError):  # the class needs a space and more
        strategy.new_search()
    assert issubclass(ExhaustiveSearch, Search)
