from __future__ import annotations

import pytest

from naslib_archlock.benchmarks.source_oracle import SourceOracle, budget_floor
from naslib_archlock.errors import ConfigError


def test_each_architecture_is_looked_up_once_and_no_more_than_allowed():
    asked = []

    def look_up(arch):
        asked.append(arch)
        return float(sum(arch))

    oracle = SourceOracle(look_up, 3)
    assert (oracle.queries, oracle.remaining, oracle.is_exhausted) == (0, 3, False)
    answers = [oracle.validation_accuracy((i,) * 6) for i in (1, 2, 1, 3, 0, 2)]
    assert answers == [6, 12, 6, 18, None, 12]
    assert asked == [(1,) * 6, (2,) * 6, (3,) * 6]
    assert oracle.known == {(1,) * 6: 6, (2,) * 6: 12, (3,) * 6: 18}
    assert (oracle.queries, oracle.remaining, oracle.is_exhausted) == (3, 0, True)


def test_an_oracle_without_look_ups_answers_nothing():
    oracle = SourceOracle(lambda arch: pytest.fail("looked up"), 0)
    assert oracle.is_exhausted
    assert oracle.validation_accuracy((0,) * 6) is None
    with pytest.raises(ConfigError, match="source_queries=-1 must not be negative"):
        SourceOracle(lambda arch: 1.0, -1)


@pytest.mark.parametrize(
    ("best", "pct", "floor"), [(80.0, 5.0, 76.0), (-0.5, 2.0, -0.51), (0.0, 5.0, 0.0), (9.0, 0, 9)]
)
def test_the_budget_is_given_up_from_the_best_whatever_its_sign(best, pct, floor):
    assert budget_floor(best, pct) == pytest.approx(floor)


def test_an_architecture_keeps_the_first_accuracy_that_it_was_told():
    oracle = SourceOracle(lambda arch: pytest.fail("looked up"), 1)
    assert oracle.record((1,) * 6, 50.0) == 50.0
    assert oracle.record((1,) * 6, 70.0) == 50.0
    with pytest.raises(ConfigError, match="used up"):
        oracle.record((2,) * 6, 50.0)
