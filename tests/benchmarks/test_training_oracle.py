from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest

from naslib_archlock.benchmarks.training_oracle import FEWEST, TrainingOracle, hopeless
from naslib_archlock.spaces.cells import Cell

CELLS: list[Cell] = [(n, 0, 0, 0, 0, 3) for n in range(4)] + [(n, 1, 0, 0, 0, 3) for n in range(4)] + [
    (n, 2, 0, 0, 0, 3) for n in range(2)
]  # fmt: skip
ACCURACY = dict(zip(CELLS, (90.0, 89.5, 60.0, 88.0, 30.0, 89.0, 87.0, 50.0, 88.5, 20.0)))


class Trainer:
    """Trains by a rule: the first impression is 10 points lower. It notes what it was asked for."""

    def __init__(self) -> None:
        self.in_full: list[Cell] = []
        self.first: list[Cell] = []

    def __call__(self, archs: Sequence[Cell], is_first_impression: bool) -> list[float]:
        done = self.first if is_first_impression else self.in_full
        done += [arch for arch in archs if arch not in done]
        return [ACCURACY[arch] - 10 * is_first_impression for arch in archs]


def test_hopeless_networks_are_stopped_after_the_first_impression():
    train = Trainer()
    oracle = TrainingOracle(train, 20)
    oracle.prepare(CELLS, budget_pct=2.0)
    assert {ACCURACY[arch] for arch in oracle.stopped} == {60.0, 30.0, 50.0, 20.0, 87.0}
    assert set(train.first) == set(CELLS)
    assert set(train.in_full) == set(CELLS) - set(oracle.stopped)
    found = {arch: oracle.validation_accuracy(arch) for arch in CELLS}
    assert found == {arch: ACCURACY[arch] - 10 * (arch in oracle.stopped) for arch in CELLS}
    assert oracle.best == 90.0


def test_a_larger_budget_stops_fewer():
    oracle = TrainingOracle(Trainer(), 20)
    oracle.prepare(CELLS, budget_pct=40.0)
    assert {ACCURACY[arch] for arch in oracle.stopped} == {30.0, 50.0, 20.0}


def test_all_are_trained_where_every_accuracy_is_needed():
    train = Trainer()
    oracle = TrainingOracle(train, 20)
    oracle.prepare(CELLS, budget_pct=None)
    assert (set(train.in_full), train.first, oracle.stopped) == (set(CELLS), [], {})


def test_nothing_is_stopped_before_enough_is_known():
    train = Trainer()
    oracle = TrainingOracle(train, 20)
    oracle.prepare(CELLS[: FEWEST - 1], budget_pct=0.0)
    assert not oracle.stopped
    assert set(train.in_full) == set(CELLS[: FEWEST - 1])


def test_later_look_ups_are_judged_by_the_earlier_ones():
    oracle = TrainingOracle(Trainer(), 20)
    first, later = CELLS[:6], CELLS[6:]
    oracle.prepare(first, 100.0)
    for arch in first:
        oracle.validation_accuracy(arch)
    oracle.prepare(later, 2.0)
    assert {ACCURACY[arch] for arch in oracle.stopped} == {87.0, 50.0, 20.0}


def test_a_restored_oracle_gives_the_same_answers():
    oracle = TrainingOracle(Trainer(), 20)
    oracle.prepare(CELLS, 2.0)
    state = json.loads(json.dumps(oracle.state()))
    again = TrainingOracle(Trainer(), 20)
    again.restore(state)
    assert all(again.is_prepared(arch) for arch in CELLS)
    assert [again.validation_accuracy(a) for a in CELLS] == [oracle.validation_accuracy(a) for a in CELLS]


def test_what_was_looked_up_is_not_prepared_again():
    oracle = TrainingOracle(Trainer(), 20)
    assert not oracle.is_prepared(CELLS[0])
    oracle.validation_accuracy(CELLS[0])
    assert oracle.is_prepared(CELLS[0])


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.5])
def test_a_network_within_the_errors_of_the_regression_has_hope(slope):
    """The networks lie on a line, with errors of 1 point; the floor is crossed at an impression of 50."""
    known_first = np.linspace(40, 80, 21)
    known = 70 + slope * (known_first - 50) + np.where(np.arange(21) % 2, 1.0, -1.0)
    margin = 2 * np.sqrt(21 / 19)
    first = np.array([20.0, 49.0, 50.0, 60.0])
    expected = 70 + slope * (first - 50) + margin < 70.0
    assert hopeless(first, known_first, known, 70.0).tolist() == (expected & (first < 70)).tolist()


def test_equal_impressions_tell_nothing_but_the_mean():
    assert hopeless([50.0], [50.0] * 5, [80.0] * 5, floor=90.0).tolist() == [True]
    assert hopeless([50.0], [50.0] * 5, [80.0] * 5, floor=80.5).tolist() == [False]


def test_a_network_that_is_good_enough_already_is_not_stopped():
    assert hopeless([95.0], [50.0, 60, 70, 80, 90], [90.0, 80, 70, 60, 50], floor=90.0).tolist() == [False]
