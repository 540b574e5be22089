from __future__ import annotations

import numpy as np
import pytest

from naslib_archlock.benchmarks.table import TableBenchmark
from naslib_archlock.cells import CONV_1X1, CONV_3X3, NONE, SKIP
from naslib_archlock.errors import ConfigError, UnknownNameError
from naslib_archlock.scoring import LockScale, conv_weights
from naslib_archlock.spaces import DIGITS

ALL = DIGITS.all()
CHOSEN = {(SKIP,) * 6: (99.0, 10.0), (CONV_3X3,) * 6: (100.0, 70.0), (CONV_1X1,) * 6: (98.5, 40.0)}


def benchmark() -> TableBenchmark:
    """Three cells within 2% of the best on the source, their target accuracies 10, 70 and 40; all others far below."""
    source, target = np.full(len(ALL), 50.0), np.zeros(len(ALL))
    for cell, (of_source, of_target) in CHOSEN.items():
        row = int(np.flatnonzero((np.array(cell) == ALL).all(axis=1))[0])
        source[row], target[row] = of_source, of_target
    columns = {"s/val": source, "s/test": source, "t/val": -target, "t/test": target}
    return TableBenchmark(DIGITS, ALL, columns, "made up")


@pytest.mark.parametrize(
    ("cell", "score", "loss"), [((SKIP,) * 6, 1.0, 1.0), ((CONV_1X1,) * 6, 0.0, 1.5), ((CONV_3X3,) * 6, -1.0, 0.0)]
)
def test_lock_scores_by_hand(cell, score, loss):
    """Mean 40, least 10: (40 - 10) / 30, (40 - 40) / 30, (40 - 70) / 30."""
    scored = LockScale(benchmark(), "s", "t", 2.0).score(cell)
    assert scored.lock_score == pytest.approx(score)
    assert scored.source_loss_pct == pytest.approx(loss)
    assert scored.is_within_budget
    assert scored.target_test == CHOSEN[cell][1]


def test_outside_the_budget_is_a_failure_and_scores_nothing():
    scored = LockScale(benchmark(), "s", "t", 1.2).score((CONV_1X1,) * 6)
    assert (scored.lock_score, scored.is_within_budget) == (0.0, False)
    assert scored.source_loss_pct == pytest.approx(1.5)


def test_alone_within_the_budget_scores_nothing():
    scored = LockScale(benchmark(), "s", "t", 0.0).score((CONV_3X3,) * 6)
    assert (scored.lock_score, scored.is_within_budget) == (0.0, True)


def test_baselines_by_hand():
    scale = LockScale(benchmark(), "s", "t", 2.0)
    assert scale.fewest_weights() == (SKIP,) * 6
    assert scale.most_accurate() == (CONV_3X3,) * 6
    assert scale.ceiling() == (CONV_3X3,) * 6  # it goes by validation accuracy, which here is turned round


def test_the_least_of_a_random_choice_is_zero_on_average():
    scale = LockScale(benchmark(), "s", "t", 2.0)
    scores = [scale.score(tuple(cell)).lock_score for cell in ALL[scale.within].tolist()]
    assert np.mean(scores) == pytest.approx(0.0)


def test_weights_by_hand():
    cells = [(NONE,) * 6, (SKIP,) * 6, (CONV_1X1, *[NONE] * 5), (CONV_3X3, CONV_1X1, *[SKIP] * 4)]
    assert conv_weights(np.array(cells)).tolist() == [0, 0, 1, 10]


def test_mistakes():
    with pytest.raises(ConfigError, match="source budget 101"):
        LockScale(benchmark(), "s", "t", 101)
    with pytest.raises(UnknownNameError, match="unknown task 'x'"):
        LockScale(benchmark(), "s", "x", 2)
