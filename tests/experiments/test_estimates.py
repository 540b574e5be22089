from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from experiments.patterns import estimates
from experiments.patterns.estimates import FEATURES, Population, cell_features
from naslib_archlock.benchmarks.lock_score import LockScale
from naslib_archlock.benchmarks.table import TableBenchmark
from naslib_archlock.errors import ConfigError, UnknownNameError
from naslib_archlock.spaces.cells import (
    CONV_1X1,
    CONV_3X3,
    NONE,
    SKIP,
    all_codes,
    cells_at,
    one_hot,
    representative_index,
)
from naslib_archlock.spaces.known import DIGITS, NASBENCH201

RNG_SEED = 7
CELLS = DIGITS.distinct()


def rng() -> np.random.Generator:
    return np.random.default_rng(RNG_SEED)


def once(n: int) -> np.ndarray:
    """The weights of the estimate itself."""
    return np.ones((1, n))


def made_up(outcome: np.ndarray, source: np.ndarray | None = None, cells: np.ndarray = CELLS) -> Population:
    n = len(outcome)
    source = np.linspace(0, 1, n) if source is None else source
    return Population("digits", "s", "t", np.arange(n), cells[:n], source, outcome, outcome, -outcome)


# -- features ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        # the paper's example: paths 0-3 (skip), 0-1-3 (two 3x3), 0-2-3 (3x3, skip), 0-1-2-3 (3x3, pool, skip); its
        # representative has the skip that makes it residual elsewhere, on 0-2-3
        ((3, 3, 4, 1, 3, 1), [3, 0, 2, 1, 0, 27, 3, 2, 0, 4, 2.0, 0, 1]),
        ((NONE, CONV_1X1, NONE, SKIP, NONE, CONV_1X1), [0, 2, 1, 0, 3, 2, 2, 2, 0, 2, 1.5, 1, 1]),
        ((NONE, NONE, NONE, CONV_1X1, NONE, NONE), [0, 1, 0, 0, 5, 1, 1, 1, 1, 1, 1.0, 0, 0]),
        ((CONV_3X3, NONE, CONV_1X1, NONE, NONE, CONV_3X3), [2, 1, 0, 0, 3, 19, 3, 3, 3, 1, 3.0, 0, 0]),
        ((NONE, NONE, NONE, SKIP, NONE, NONE), [0, 0, 1, 0, 5, 0, 1, 0, 0, 1, 1.0, 1, 0]),
        ((NONE,) * 6, [0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0.0, 0, 0]),
    ],
)
def test_features_by_hand(cell, expected):
    assert dict(zip(FEATURES, cell_features(np.array([cell]))[0])) == dict(zip(FEATURES, expected))


def test_cells_that_compute_the_same_function_have_the_same_features():
    everything = all_codes(5)
    np.testing.assert_array_equal(cell_features(everything), cell_features(cells_at(representative_index())))


# -- populations -------------------------------------------------------------------------------------------------------


def benchmark(space=DIGITS) -> TableBenchmark:
    everything = space.all()
    values = rng().uniform(50, 100, size=(4, len(everything)))
    columns = dict(zip(("s/val", "s/test", "t/val", "t/test"), values))
    return TableBenchmark(space, everything, columns, "made up")


def test_a_population_is_the_distinct_functions_within_the_budget():
    data, scale = benchmark(), LockScale(benchmark(), "s", "t", 10)
    found = estimates.population(data, "s", "t", 10)
    cells = [tuple(cell) for cell in CELLS.tolist() if scale.score(tuple(cell)).is_within_budget]
    assert [tuple(cell) for cell in found.cells.tolist()] == cells
    np.testing.assert_array_equal(CELLS[found.rows], found.cells)
    tests = np.array([data.accuracy(cell, task="t", split="test") for cell in cells])
    np.testing.assert_allclose(found.outcome, (tests - tests.mean()) / tests.std())
    assert found.lock_scores.tolist() == [scale.score(cell).lock_score for cell in cells]
    val = np.array([data.accuracy(cell, task="s", split="val") for cell in cells])
    assert stats.spearmanr(found.source_position, val)[0] == pytest.approx(1)
    assert 0 <= found.source_position.min() <= found.source_position.max() <= 1
    assert found.is_estimated


def test_all_pairs_of_tasks_have_one():
    assert [(p.source, p.target) for p in estimates.populations(benchmark(), 2)] == [("s", "t"), ("t", "s")]


def test_of_functions_trained_more_than_once_none_may_be_within_the_budget():
    """NAS-Bench-201 trained cells of one function separately, so its best cell may not be a representative."""
    data = benchmark(NASBENCH201)
    best = {task: LockScale(data, task, task, 0).most_accurate() for task in ("s", "t")}
    assert not any((NASBENCH201.distinct() == cell).all(axis=1).any() for cell in best.values())
    for found in estimates.populations(data, 0):
        assert len(found) == 0
        assert not found.is_estimated


def test_small_or_uniform_populations_are_not_estimated():
    outcome = estimates.standardised(rng().normal(size=estimates.LEAST_CELLS))
    assert made_up(outcome).is_estimated
    assert not made_up(outcome[1:]).is_estimated
    assert not made_up(np.zeros(100)).is_estimated


def test_impossible_populations():
    with pytest.raises(UnknownNameError, match="unknown task 'x'"):
        estimates.population(benchmark(), "s", "x", 2)
    with pytest.raises(ConfigError, match="source budget -1"):
        estimates.population(benchmark(), "s", "t", -1)


def test_standardised_by_hand():
    np.testing.assert_allclose(estimates.standardised(np.array([1.0, 3.0])), [-1, 1])
    assert estimates.standardised(np.full(3, 0.1)).tolist() == [0, 0, 0]
    assert estimates.standardised(np.zeros(0)).tolist() == []


# -- effects in one population -----------------------------------------------------------------------------------------


def planted() -> np.ndarray:
    """Effects of the four ops on six edges, ``30``, that sum to zero over the ops of an edge; pooling has none."""
    effects = np.zeros((6, 5))
    effects[:, :4] = rng().normal(size=(6, 4))
    effects[:, :4] -= effects[:, :4].mean(axis=1, keepdims=True)
    return effects.ravel()


def test_planted_effects_are_found_and_those_of_ops_that_are_not_there_unknown():
    effects = planted()
    cells = DIGITS.all()  # every op is equally often on every edge, so the penalty shrinks all effects by 1 in 1025
    found = estimates.edge_effects(cells, one_hot(cells) @ effects, once(len(cells)))[0].reshape(6, 5)
    np.testing.assert_allclose(found[:, :4], effects.reshape(6, 5)[:, :4] * 1024 / 1025, atol=1e-6)
    assert np.isnan(found[:, 4]).all()


def test_other_edges_are_adjusted_for():
    """In this population, 3x3 on the first edge occurs together with a skip on the last, which alone has an effect."""
    cells = DIGITS.all()
    goes_together = (cells[:, 0] == CONV_3X3) == (cells[:, 5] == SKIP)
    cells = cells[goes_together | (np.arange(len(cells)) % 5 == 0)]
    outcome = (cells[:, 5] == SKIP).astype(float)
    has_it = cells[:, 0] == CONV_3X3
    assert outcome[has_it].mean() - outcome[~has_it].mean() > 0.5
    found = estimates.edge_effects(cells, outcome, once(len(cells)))[0].reshape(6, 5)
    assert abs(found[0, CONV_3X3]) < 0.01
    assert found[5, SKIP] == pytest.approx(0.75, abs=0.01)


def test_effects_sum_to_zero_over_the_ops_of_an_edge_in_every_resample():
    pool = NASBENCH201.distinct()
    outcome = rng().normal(size=len(pool))
    weights = estimates.cell_weights(len(pool), 3, rng())
    found = estimates.edge_effects(pool, outcome, weights).reshape(4, 6, 5)
    np.testing.assert_allclose(np.nansum(found, axis=2), 0, atol=1e-9)


def test_a_weight_of_two_is_the_cell_twice():
    cells, outcome = CELLS[:60], rng().normal(size=60)
    counts = rng().integers(1, 3, size=60)
    features, source = cell_features(cells), rng().uniform(size=60)

    def repeated(values: np.ndarray) -> np.ndarray:
        return np.repeat(values, counts, axis=0)

    # Only the ratio of the weights matters.
    scaled = estimates.edge_effects(cells, outcome, counts[None] * 1.0)
    np.testing.assert_allclose(scaled, estimates.edge_effects(cells, outcome, counts[None] * 3.0))
    for found, expected in zip(
        estimates.feature_effects(features, source, outcome, counts[None] * 1.0),
        estimates.feature_effects(repeated(features), repeated(source), repeated(outcome), once(counts.sum())),
    ):
        known = np.isfinite(found) & np.isfinite(expected)
        assert known.sum() >= 8
        np.testing.assert_allclose(found[known], expected[known], atol=1e-9)


def test_a_rare_op_has_no_effect_of_its_own():
    common = CELLS[CELLS[:, 0] == CONV_3X3][:50]
    rare = CELLS[CELLS[:, 0] == SKIP][: estimates.LEAST_WITH_OP]
    for n_rare, is_known in ((estimates.LEAST_WITH_OP, True), (estimates.LEAST_WITH_OP - 1, False)):
        cells = np.vstack([common, rare[:n_rare]])
        found = estimates.edge_effects(cells, rng().normal(size=len(cells)), once(len(cells)))[0]
        assert np.isfinite(found.reshape(6, 5)[0, SKIP]) == is_known


def test_what_source_accuracy_explains_is_not_an_effect_when_it_is_held_fixed():
    source = (CELLS == CONV_3X3).sum(axis=1) + rng().normal(size=len(CELLS))
    outcome = estimates.standardised(source)
    alone = estimates.edge_effects(CELLS, outcome, once(len(CELLS)))
    fixed = estimates.edge_effects(CELLS, outcome, once(len(CELLS)), source)
    assert np.nanmax(np.abs(alone)) > 0.3
    assert np.nanmax(np.abs(fixed)) < 0.01


def test_feature_effects_are_correlation_and_partial_correlation():
    features = cell_features(CELLS)
    source = features[:, 0] + rng().normal(size=len(CELLS))
    outcome = source + 0.5 * features[:, 7] + rng().normal(size=len(CELLS))
    raw, adjusted = (effects[0] for effects in estimates.feature_effects(features, source, outcome, once(len(CELLS))))
    for k in range(len(FEATURES)):
        if FEATURES[k] == "pools":  # this space has no pooling
            assert np.isnan(raw[k])
            assert np.isnan(adjusted[k])
            continue
        left_of_feature, left_of_outcome = (
            values - np.polyval(np.polyfit(source, values, 1), source) for values in (features[:, k], outcome)
        )
        assert raw[k] == pytest.approx(stats.pearsonr(features[:, k], outcome)[0])
        assert adjusted[k] == pytest.approx(stats.pearsonr(left_of_feature, left_of_outcome)[0])


def test_a_feature_that_source_accuracy_determines_says_nothing_beyond_it():
    features, outcome = cell_features(CELLS), rng().normal(size=len(CELLS))
    raw, adjusted = estimates.feature_effects(features, 2 * features[:, 0] - 1, outcome, once(len(CELLS)))
    assert np.isfinite(raw[0, 0])
    assert np.isnan(adjusted[0, 0])
    assert np.isfinite(adjusted[0, 1])


def test_the_interval_over_cells_holds_the_truth_about_as_often_as_it_says():
    """An op has no effect in 200 samples of noise: 95% intervals hold 0 in 182 to 198 samples (3 standard errors)."""
    generator, weights = rng(), estimates.cell_weights(300, 200, rng())
    held = 0
    for _ in range(200):
        cells = CELLS[generator.choice(len(CELLS), 300, replace=False)]
        found = estimates.estimate(estimates.edge_effects(cells, generator.normal(size=300), weights))
        held += not found.excludes_zero[3 * 5 + SKIP]
    assert 180 <= held <= 199


# -- over pairs of tasks -----------------------------------------------------------------------------------------------


def test_cell_weights_start_with_ones_and_average_to_one():
    weights = estimates.cell_weights(50, 400, rng())
    assert weights.shape == (401, 50)
    assert (weights[0] == 1).all()
    assert weights.min() > 0
    assert weights[1:].mean() == pytest.approx(1, abs=0.05)


def test_every_draw_of_tasks_holds_a_pair():
    draws = estimates.task_draws(3, 200, rng())
    assert draws.shape == (201, 3)
    assert draws[0].tolist() == [1, 1, 1]
    assert (draws.sum(axis=1) == 3).all()
    assert ((draws > 0).sum(axis=1) >= 2).all()
    assert len({tuple(row) for row in draws.tolist()}) == 7  # 10 multisets of three tasks, less those of one task


def test_means_over_pairs_by_hand():
    """The pairs of a task that is drawn twice count twice; a pair without a value does not count."""
    values = np.array([[1.0, np.nan], [4.0, 2.0], [10.0, 6.0]])
    draws = np.array([[1, 1, 1], [2, 1, 0], [0, 2, 1]])
    means = estimates.mean_over_pairs(values, [(0, 1), (1, 0), (1, 2)], draws)
    np.testing.assert_allclose(means, [[5, 4], [2.5, 2], [10, 6]])
    each = np.repeat(values[:, None], 3, axis=1)
    np.testing.assert_allclose(estimates.mean_over_pairs(each, [(0, 1), (1, 0), (1, 2)], draws), means)
    assert np.isnan(estimates.mean_over_pairs(values[:1], [(0, 1)], np.array([[1, 0, 2]]))).all()


def test_an_estimate_by_hand():
    replicates = np.vstack(
        [
            [1.0, 0.5, np.nan],
            np.column_stack([np.linspace(0.5, 1.5, 101), np.linspace(-1, 2, 101), np.full(101, np.nan)]),
        ]
    )
    found = estimates.estimate(replicates, 5)
    np.testing.assert_allclose(found.value, [1, 0.5, np.nan])
    np.testing.assert_allclose(found.low, [0.525, -0.925, np.nan])
    np.testing.assert_allclose(found.high, [1.475, 1.925, np.nan])
    error = np.linspace(0.5, 1.5, 101).std(ddof=1)
    assert found.p[0] == pytest.approx(2 * (1 - stats.t.cdf(1 / error, 5)))
    assert np.isnan(found.p[2])
    assert found.excludes_zero.tolist() == [True, False, False]
    assert np.isnan(estimates.estimate(replicates, 0).p).all()


def test_false_discoveries_by_hand():
    """Benjamini and Hochberg: p n / rank, made monotone from the largest down."""
    found = estimates.benjamini_hochberg(np.array([0.02, np.nan, 0.5, 0.01, 0.03]))
    np.testing.assert_allclose(found, [0.04, np.nan, 0.5, 0.04, 0.04])
    assert estimates.benjamini_hochberg(np.array([0.9, 0.95])).tolist() == [0.95, 0.95]


def test_sign_agreement_by_hand():
    values = np.array([[1.0, -1.0, np.nan], [2.0, 1.0, np.nan], [-1.0, np.nan, np.nan], [3.0, np.nan, np.nan]])
    np.testing.assert_allclose(estimates.sign_agreement(values, np.array([0.1, 0.1, 0.1])), [0.75, 0.5, np.nan])


def test_rank_correlation_is_spearmans_over_what_both_have():
    a, b = rng().normal(size=(2, 20))
    a[3] = b[5] = np.nan
    both = [i for i in range(20) if i not in (3, 5)]
    assert estimates.rank_correlation(a, b) == pytest.approx(stats.spearmanr(a[both], b[both])[0])
    assert np.isnan(estimates.rank_correlation(a[:3], b[:3] * np.nan))


@pytest.mark.parametrize("share", ["common", "target", "source", "rest"])
def test_the_share_of_effects_that_is_planted_is_found(share):
    pairs = list(itertools.permutations(range(5), 2))
    normal = rng().normal(size=(5, 40))
    effects = {
        "common": np.array([normal[0] for _ in pairs]),
        "target": np.array([normal[t] - normal.mean(axis=0) for _, t in pairs]),
        "source": np.array([normal[s] - normal.mean(axis=0) for s, _ in pairs]),
        # These effects sum to zero over the pairs of a source and of a target, with (s, t) against (t, s).
        "rest": np.array([(normal[(s + t) % 5] if (t - s) % 5 < 3 else -normal[(s + t) % 5]) for s, t in pairs]),
    }[share]
    effects = np.column_stack([effects, np.full(len(pairs), np.nan)])  # an effect that some pair lacks does not count
    found = estimates.shares_of_effects(effects, pairs)
    assert sum(found.values()) == pytest.approx(1)
    assert max(found, key=found.__getitem__) == share
    if share in ("common", "target"):  # the source's share comes last, so some of it may count as another share
        assert found[share] == pytest.approx(1)


# -- prediction --------------------------------------------------------------------------------------------------------


def test_other_pairs_effects_predict_what_they_share():
    effects = planted()
    outcome = estimates.standardised(one_hot(CELLS) @ effects)
    with_gaps = np.array([effects, effects])
    with_gaps[0, :3] = np.nan
    predicted = estimates.predicted_by_others(CELLS, with_gaps)
    assert np.corrcoef(predicted, outcome)[0, 1] == pytest.approx(1)
    assert (estimates.predicted_by_others(CELLS, np.full((2, 30), np.nan)) == 0).all()


def test_cross_validation_finds_a_linear_outcome_and_no_noise():
    outcome = estimates.standardised(one_hot(CELLS) @ planted())
    assert estimates.explained_variance(outcome, estimates.predicted_by_itself(CELLS, outcome, rng())) > 0.999
    noise = estimates.standardised(rng().normal(size=len(CELLS)))
    assert estimates.explained_variance(noise, estimates.predicted_by_itself(CELLS, noise, rng())) < 0.02


def test_explained_variance_by_hand():
    outcome = estimates.standardised(np.array([1.0, 2.0, 4.0]))
    assert estimates.explained_variance(outcome, outcome + 5) == pytest.approx(1)
    assert estimates.explained_variance(outcome, np.full(3, 2.0)) == pytest.approx(0)
    assert estimates.explained_variance(outcome, -outcome) == pytest.approx(-3)


def test_a_linear_model_serves_populations_it_has_not_seen_and_counts_each_the_same():
    def design(p: Population) -> np.ndarray:
        return np.column_stack([p.source_position, np.ones(len(p))])  # the second column is constant

    small, large = np.array([0.0, 1.0]), np.tile([0.0, 1.0], 400)
    rising, falling = made_up(2 * small - 1, small), made_up(1 - 2 * large, large)
    assert np.ptp(estimates.linear_model([rising, falling], design)(rising)) == pytest.approx(0, abs=1e-9)
    slope = np.diff(estimates.linear_model([rising] * 99, design)(rising))[0]
    assert slope == pytest.approx(2 * 99 / 100)  # the penalty weighs as much as one population


def test_picks_by_hand():
    found = made_up(np.array([3.0, -2.0, -1.0]))  # the lock scores are -3, 2, 1
    assert estimates.pick_score(found, np.array([5.0, 4.0, 6.0])) == 2
    assert estimates.pick_score(found, np.array([5.0, 5.0, 6.0])) == -0.5  # the mean of the two tied cells
