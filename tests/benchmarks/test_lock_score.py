from __future__ import annotations

import numpy as np
import pytest

from naslib_archlock.benchmarks.lock_score import SOURCE_RULES, TARGET_RULES, LockScale, WithinBudget, rank_percentile
from naslib_archlock.benchmarks.table import TableBenchmark
from naslib_archlock.errors import ConfigError, UnknownNameError
from naslib_archlock.spaces.cell_features import cell_flops, conv_weights
from naslib_archlock.spaces.cells import AVG_POOL, CONV_1X1, CONV_3X3, NONE, SKIP, Cell
from naslib_archlock.spaces.known import DIGITS, NASBENCH201

ALL = DIGITS.all()
CHOSEN = {(SKIP,) * 6: (99.0, 10.0), (CONV_3X3,) * 6: (100.0, 70.0), (CONV_1X1,) * 6: (98.5, 40.0)}


def benchmark() -> TableBenchmark:
    """Three cells are within 2% of the best on the source; their target accuracies are 10, 70 and 40."""
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
    """The mean is 40 and the least 10, so the scores are (40 - 10) / 30, (40 - 40) / 30 and (40 - 70) / 30."""
    scored = LockScale(benchmark(), "s", "t", 2.0).score(cell)
    assert scored.lock_score == pytest.approx(score)
    assert scored.source_loss_pct == pytest.approx(loss)
    assert scored.is_within_budget
    assert scored.target_test == CHOSEN[cell][1]


def test_percentiles_by_hand():
    """Validation accuracies on the target are minus the test accuracies, and all other cells share one figure."""
    scale, others = LockScale(benchmark(), "s", "t", 2.0), len(ALL) - 3
    scored = scale.score((CONV_3X3,) * 6)
    assert (scored.source_percentile, scored.source_test_percentile) == (100, 100)
    assert (scored.target_percentile, scored.target_test_percentile) == (0, 100)
    assert scale.limit_percentile == 0
    least = scale.score((NONE,) * 6)
    assert least.target_percentile == pytest.approx(100 * (3 + (others - 1) / 2) / (len(ALL) - 1))
    assert LockScale(benchmark(), "s", "t", 0.0).limit_percentile == 0
    assert rank_percentile(benchmark(), (SKIP,) * 6, "t", "val") == pytest.approx(100 * 2 / (len(ALL) - 1))


def test_outside_the_budget_is_a_failure_and_scores_nothing():
    scored = LockScale(benchmark(), "s", "t", 1.2).score((CONV_1X1,) * 6)
    assert (scored.lock_score, scored.is_within_budget) == (0.0, False)
    assert scored.source_loss_pct == pytest.approx(1.5)
    # by the formula alone, this one would be better than every lock within the budget: (40 - 0) / 30
    far_below = LockScale(benchmark(), "s", "t", 1.2).score((NONE,) * 6)
    assert (far_below.lock_score, far_below.is_within_budget) == (0.0, False)
    assert far_below.source_loss_pct == pytest.approx(50.0)


def test_any_loss_from_a_best_of_zero_is_all_of_it():
    columns = {name: np.where(np.arange(len(ALL)) == 0, 0.0, -1.0) for name in ("s/val", "s/test", "t/val", "t/test")}
    scale = LockScale(TableBenchmark(DIGITS, ALL, columns, "made up"), "s", "t", 2.0)
    assert [scale.score(tuple(arch)).source_loss_pct for arch in ALL[:2].tolist()] == [0.0, 100.0]


def test_alone_within_the_budget_scores_nothing():
    scored = LockScale(benchmark(), "s", "t", 0.0).score((CONV_3X3,) * 6)
    assert (scored.lock_score, scored.is_within_budget) == (0.0, True)


def test_accuracies_whose_mean_rounds_to_the_least_score_nothing():
    source, target = np.full(len(ALL), 50.0), np.full(len(ALL), 1.0)
    source[:2], target[0] = 99.0, np.nextafter(1.0, 2.0)
    columns = {"s/val": source, "s/test": source, "t/val": target, "t/test": target}
    scale = LockScale(TableBenchmark(DIGITS, ALL, columns, "made up"), "s", "t", 2.0)
    assert [scale.score(tuple(arch)).lock_score for arch in ALL[:2].tolist()] == [0.0, 0.0]


def test_baselines_by_hand():
    scale = LockScale(benchmark(), "s", "t", 2.0)
    assert scale.fewest_weights() == (SKIP,) * 6
    assert len(scale.least(scale.source_val)) == 1
    assert scale.most_accurate() == (CONV_3X3,) * 6
    assert scale.ceiling() == (CONV_3X3,) * 6  # the ceiling uses validation accuracy, which is reversed here


@pytest.mark.parametrize(
    ("rule", "order"),
    [
        ("fewest_weights", [SKIP, CONV_1X1, CONV_3X3]),
        ("fewest_flops", [SKIP, CONV_1X1, CONV_3X3]),
        ("least_accurate", [CONV_1X1, SKIP, CONV_3X3]),
        ("most_accurate", [CONV_3X3, SKIP, CONV_1X1]),
        ("ceiling", [CONV_3X3, CONV_1X1, SKIP]),  # validation accuracy is reversed here
        ("oracle", [SKIP, CONV_1X1, CONV_3X3]),
    ],
)
def test_rules_by_hand(rule, order):
    scale = LockScale(benchmark(), "s", "t", 2.0)
    values = {**SOURCE_RULES, **TARGET_RULES}[rule](scale)
    assert scale.least(values, 5) == [(op,) * 6 for op in order]
    assert scale.least(values, 2) == [(op,) * 6 for op in order[:2]]


def test_of_equals_the_more_accurate_on_the_source_comes_first():
    known = WithinBudget(benchmark(), "s", 2.0)
    assert known.least(np.zeros(len(ALL)), 5) == [(CONV_3X3,) * 6, (SKIP,) * 6, (CONV_1X1,) * 6]


def test_no_two_of_those_chosen_compute_the_same():
    same = [(CONV_3X3, NONE, NONE, SKIP, NONE, NONE), (CONV_1X1, NONE, NONE, SKIP, NONE, NONE)]  # first edges are dead
    values = np.ones(len(ALL))
    for cell in (*same, (SKIP,) * 6):
        values[np.flatnonzero((np.array(cell) == ALL).all(axis=1))] = 0
    known = WithinBudget(benchmark(), "s", 100.0)
    assert len(set(known.least(values, 2)) & set(same)) == 1


def test_random_within_the_budget():
    known = WithinBudget(benchmark(), "s", 2.0)
    firsts = [known.random(1, np.random.default_rng(seed))[0] for seed in range(300)]
    assert {cell: 70 < firsts.count(cell) < 130 for cell in set(firsts)} == dict.fromkeys(CHOSEN, True)
    everything = known.random(5, np.random.default_rng(0))
    assert sorted(everything) == sorted(CHOSEN)


def test_each_accuracy_is_looked_up_once():
    class Counting(TableBenchmark):
        asked = 0

        def accuracy(self, arch: Cell, *, task: str, split: str, pretrained_on: str | None = None) -> float:
            self.asked += 1
            return super().accuracy(arch, task=task, split=split, pretrained_on=pretrained_on)

    plain = benchmark()
    counting = Counting(DIGITS, ALL, plain._columns, "made up")
    for budget in (1.0, 2.0, 5.0):
        scale = LockScale(counting, "s", "t", budget)
        assert scale.score((SKIP,) * 6) == LockScale(plain, "s", "t", budget).score((SKIP,) * 6)
    assert counting.asked == 4 * len(ALL)  # validation and test, of the source and of the target
    with pytest.raises(ValueError, match="read-only"):
        counting.accuracies("s", "val")[0] = 0


def test_flops_by_hand():
    """Sides times channels are 16,384, 8,192 and 4,096, in all 28,672; times channels again, they are 3 x 262,144."""
    cells = [
        (NONE,) * 6,
        (SKIP,) * 6,
        (CONV_1X1, *[NONE] * 5),
        (AVG_POOL, *[NONE] * 5),
        (NONE, *[SKIP] * 2, *[CONV_3X3] * 3),
    ]
    conv, add = 2 * 3 * 262_144, 28_672
    assert cell_flops(np.array(cells)).tolist() == [0, 3 * add, conv, 9 * add, 27 * conv + 3 * add]


def test_flops_order_cells_by_weights_first():
    cells = NASBENCH201.all()
    weights, flops = conv_weights(cells), cell_flops(cells)
    low, high = ([f(flops[weights == w]) for w in np.unique(weights)] for f in (min, max))
    assert high[0] > low[1]  # six averages cost more than one small convolution
    cells = DIGITS.all()
    weights, flops = conv_weights(cells), cell_flops(cells)
    low, high = ([f(flops[weights == w]) for w in np.unique(weights)] for f in (min, max))
    assert all(h < n for h, n in zip(high, low[1:]))


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


def test_a_budget_in_percentile_points_counts_architectures():
    known = WithinBudget(benchmark(), "s", 2.0, budget_percentile=10.0)
    percentiles = benchmark().percentiles("s", "val")
    np.testing.assert_array_equal(known.within, percentiles >= 90)
    assert known.source_val[known.within].min() >= known.source_val[~known.within].max()
    assert WithinBudget(benchmark(), "s", 2.0, budget_percentile=100.0).within.all()
    with pytest.raises(ConfigError, match=r"the source budget 101 must lie in \[0, 100\] percentile points"):
        WithinBudget(benchmark(), "s", 2.0, budget_percentile=101)
