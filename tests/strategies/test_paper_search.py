"""The released script's search: a floor on the source accuracy, and ranks within the population."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from worlds import SPACE, World, run, seeds

from naslib_archlock.config.load import load_config
from naslib_archlock.errors import ConfigError
from naslib_archlock.strategies.paper_search import _MOST_MUTANTS, _MOST_REJECTED, PaperSearch

FLOOR = 52.0  # accuracies of a ``World`` lie evenly between 40 and 60
UNLIMITED = 10**6


def world(seed: int) -> World:
    """A world whose fitness within a group is its fitness everywhere."""
    made = World(seed)
    made.fake.among = made.fitness  # type: ignore[attr-defined]
    return made


def search(made: World, queries: int = UNLIMITED, **settings) -> PaperSearch:
    found = made.search(PaperSearch, queries, **{"source_floor": FLOOR, **settings})
    assert isinstance(found, PaperSearch)
    return found


@given(seeds)
def test_a_step_ends_when_an_architecture_reaches_the_floor(seed):
    made = world(seed)
    done = run(search(made), 15)
    assert done.n_steps == len(done.accepted) == 15
    assert all(evaluated.source_val >= FLOOR for evaluated in done.accepted)
    assert len(done.history) > 15  # others were looked up, too
    assert done.oracle.queries == len(made.asked) == len({evaluated.arch for evaluated in done.history})


@given(seeds)
def test_children_are_mutants_of_one_parent_until_there_were_too_many(seed):
    done = run(search(world(seed), population_size=4), 12)
    accepted: list = []
    since: list = []
    for evaluated in done.history:
        since.append(evaluated.arch)
        if evaluated.source_val >= FLOOR:
            if len(accepted) >= 4:
                mutants = since[:_MOST_MUTANTS]
                assert any(set(mutants) <= set(SPACE.neighbours(parent)) for parent in accepted[-4:])
            accepted.append(evaluated.arch)
            since = []


def test_the_fittest_of_the_tournament_is_the_parent():
    made = world(3)
    done = run(search(made, population_size=4, sample_size=100), 4)
    fittest = max(done.accepted, key=lambda evaluated: made.fitness(np.array([evaluated.arch]))[0])
    done.ask()
    assert done._parent == fittest.arch


def test_the_fittest_are_kept_and_the_fittest_of_all_is_the_result():
    made = world(0)
    done = run(search(made, history_size=5), 30)
    by_fitness = sorted({e.arch for e in done.accepted}, key=lambda arch: -made.fitness(np.array([arch]))[0])
    assert done.best().arch == by_fitness[0]
    assert 1 <= len(done.finalists()) <= 5
    assert {e.arch for e in done.finalists()} <= set(by_fitness[:5])
    assert [e.arch for e in done.top(len(done.finalists()))] == [e.arch for e in done.finalists()]
    assert len(done.top(1000)) == len({e.arch for e in done.history})


@given(seeds)
def test_a_search_goes_on_from_its_state(seed):
    whole = run(search(world(seed)), 14)
    begun = run(search(world(seed)), 12)
    state = json.loads(json.dumps(begun.state()))
    resumed = search(world(seed))
    resumed.restore(state)
    assert resumed.n_steps == 12
    run(resumed, 2)
    assert resumed.history == whole.history
    assert resumed.best() == whole.best()


def test_a_search_that_stops_between_two_mutants_goes_on_with_their_parent():
    begun = run(search(world(1)), 10)
    while begun.history[-1].source_val >= FLOOR:
        begun.tell(arch := begun.ask(), begun.oracle._look_up(arch))
    resumed = search(world(1))
    resumed.restore(json.loads(json.dumps(begun.state())))
    assert resumed._parent == begun._parent is not None
    assert resumed.ask() == begun.ask()


def test_look_ups_that_are_used_up_end_a_step():
    done = run(search(world(0), queries=7), 40)
    assert done.is_finished and done.oracle.queries == 7
    done.best()


def test_a_floor_that_nothing_reaches_ends_the_search(monkeypatch):
    monkeypatch.setattr("naslib_archlock.strategies.paper_search._MOST_REJECTED", 50)
    done = run(search(world(0), source_floor=61.0), 2)
    assert done.is_finished and len(done.history) == 50 < _MOST_REJECTED
    assert done.finalists() == []
    assert done.best().source_val == max(e.source_val for e in done.history)


def test_below_the_floor_nothing_is_ranked():
    done = run(search(world(0)), 5)
    below = [e for e in done.history if e.source_val < FLOOR]
    assert below and all(e.fitness == -math.inf and e.source_rank is None for e in below)


# -- in a configuration ------------------------------------------------------------------------------------------------


def floor(text: str, source: str = "cifar100") -> float:
    keys = ["dataset", source, "archlock.strategy", "paper", "archlock.source_floor", text]
    return load_config(None, keys).search_settings.source_floor


def test_a_floor_is_a_number_or_a_number_for_each_source():
    assert floor("71") == 71.0
    assert floor("cifar10:90, cifar100:71.5") == 71.5
    assert floor("cifar10-valid:90", "cifar10") == 90.0  # another name of the source
    assert load_config(None, []).search_settings.source_floor == -math.inf


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "strategy paper needs archlock.source_floor"),
        ("high", "must be a number, or TASK:NUMBER"),
        ("nan", "must be a number"),
        ("cifar100:71,cifar100:72", "must be a number, or TASK:NUMBER"),
        ("cifar100:71,72", "a number without a task beside others"),
        ("cifar10:90", "names cifar10, but not the source cifar100"),
    ],
)
def test_impossible_floors(text, message):
    with pytest.raises(ConfigError, match=message):
        floor(text)
