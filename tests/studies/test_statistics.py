from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from study_results import COMPARE_WITH, METHODS, REFERENCE, digits_results

from naslib_archlock.errors import UnknownNameError
from naslib_archlock.spaces.known import DIGITS
from naslib_archlock.studies.statistics import (
    BETTER,
    NOT_SHOWN,
    WORSE,
    Bootstrap,
    add_target_drop,
    analyse,
    holm,
    mean_over_pairs,
    signed_rank_p,
)


def results(scores: dict[str, list[list[float]]], **columns: dict[str, list[list[float]]]) -> pd.DataFrame:
    """Results for one space and budget: ``pairs x seeds`` lock scores of each method, and other columns."""
    rows = [
        {
            "space": "digits",
            "budget_pct": 2.0,
            "method": method,
            "source": "s",
            "target": f"t{pair}",
            "seed": seed,
            "lock_score": score,
            "lock_score_top5": score / 2,
            "is_within_budget": score != 0,
            "source_loss_pct": 1.0 + seed,
            "source_test": 90.0,
            "target_test": 50.0,
            "source_percentile": 99.0,
            "target_percentile": 80.0 - 10 * seed,
            "limit_percentile": 40.0 + 20 * pair,
            "source_queries": 10 * (pair + 1),
            "target_queries": 0,
            "seconds": 3.0,
            **{column: values[method][pair][seed] for column, values in columns.items()},
        }
        for method, of_pairs in scores.items()
        for pair, of_seeds in enumerate(of_pairs)
        for seed, score in enumerate(of_seeds)
    ]
    return pd.DataFrame(rows)


def test_means_are_over_pairs_of_means_over_seeds():
    frame = results({"S": [[0.0, 0.2], [0.4, 0.6]], "TU": [[0.5, 0.7], [0.0, 0.2]]})
    summary = analyse(frame, ["TU", "S"], "S", "S").summary
    assert list(summary["method"]) == ["TU", "S"]
    row = summary.iloc[0]
    assert (row["n_pairs"], row["n_seeds"], row["n_runs"]) == (2, 2, 4)
    assert row["lock_score"] == pytest.approx((0.6 + 0.1) / 2)
    assert row["lock_score_top5"] == pytest.approx((0.6 + 0.1) / 4)
    assert row["outside_budget_pct"] == pytest.approx(25)
    assert (row["source_loss_pct"], row["source_queries"], row["seconds"]) == (1.5, 15, 3)
    assert (row["source_percentile"], row["target_percentile"], row["limit_percentile"]) == (99, 75, 50)


def test_each_pair_has_its_own_row_with_an_interval_over_its_seeds():
    frame = results({"S": [[0.0, 0.2, 0.7], [0.4, 0.4, 0.4]]})
    pairs = analyse(frame, ["S"], "S", "S").pairs
    assert list(pairs["target"]) == ["t0", "t1"]
    assert pairs["lock_score"].tolist() == pytest.approx([0.3, 0.4])
    first, second = pairs.itertuples()
    assert 0 <= first.lock_score_seeds_low < 0.3 < first.lock_score_seeds_high <= 0.7
    assert second.lock_score_seeds_low == second.lock_score_seeds_high == pytest.approx(0.4)
    assert list(pairs["n_seeds"]) == [3, 3]
    assert list(pairs["outside_budget_pct"]) == pytest.approx([100 / 3, 0])


def test_a_target_drop_is_measured_against_the_reference_of_the_same_pair_and_seed():
    metric = {"S": [[60.0, 80.0], [-0.5, -0.4]], "TU": [[30.0, 60.0], [-0.6, -0.4]]}
    scores = {method: [[0.1, 0.1]] * 2 for method in metric}
    frame = add_target_drop(results(scores, target_test=metric), "S")
    found = frame[frame["method"] == "TU"]
    assert found["target_drop"].tolist() == pytest.approx([30, 20, 0.1, 0])
    assert found["target_drop_pct"].tolist() == pytest.approx([50, 25, 20, 0])  # -0.6 is 20% worse than -0.5
    pairs = analyse(results(scores, target_test=metric), ["TU", "S"], "S", "S").pairs
    assert pairs["target_drop_pct"].tolist() == pytest.approx([37.5, 10, 0, 0])


def test_a_fall_is_in_percent_of_the_percentile_of_the_reference():
    percentile = {"S": [[80.0, 90.0], [0.0, 60.0]], "TU": [[40.0, 99.0], [30.0, 45.0]]}
    scores = {method: [[0.1, 0.1]] * 2 for method in percentile}
    frame = add_target_drop(results(scores, target_percentile=percentile), "S").query("method == 'TU'")
    assert frame["percentile_fall_pct"].tolist() == pytest.approx([50, -10, np.nan, 25], nan_ok=True)
    summary = analyse(results(scores, target_percentile=percentile), ["TU", "S"], "S", "S").summary.iloc[0]
    assert summary["target_percentile"] == pytest.approx((69.5 + 37.5) / 2)
    assert summary["target_percentile_low"] <= summary["target_percentile"] <= summary["target_percentile_high"]
    assert summary["percentile_fall_pct"] == pytest.approx((20 + 25) / 2)


def test_a_reference_without_randomness_serves_for_all_seeds():
    frame = results({"S": [[0.1]], "TU": [[0.1, 0.1]]}, target_test={"S": [[50.0]], "TU": [[40.0, 45.0]]})
    drops = add_target_drop(frame, "S").query("method == 'TU'")["target_drop_pct"]
    assert drops.tolist() == pytest.approx([20, 10])


def test_a_drop_from_nothing_has_no_percentage():
    metric = {"S": [[0.0], [50.0]], "TU": [[-1.0], [40.0]]}
    frame = results({"S": [[0.1], [0.1]], "TU": [[0.1], [0.1]]}, target_test=metric)
    drops = add_target_drop(frame, "S").query("method == 'TU'")
    assert drops["target_drop"].tolist() == [1, 10]
    assert np.isnan(drops["target_drop_pct"].iloc[0])
    assert analyse(frame, ["S", "TU"], "S", "S").summary["target_drop_pct"].tolist() == [0, 20]


@pytest.mark.parametrize("role", [0, 1])
def test_a_method_without_results_is_named(role):
    frame = results({"S": [[0.1]], "TU": [[0.1]]})
    wanted = ["S", "S"]
    wanted[role] = "TK"
    with pytest.raises(UnknownNameError, match="'TK' in the results.*known: S, TU"):
        analyse(frame, ["S", "TU", "TK"], *wanted)


# -- intervals ---------------------------------------------------------------------------------------------------------


def simulated(rng: np.random.Generator, n_pairs: int, n_seeds: int, mean: float = 0.3) -> np.ndarray:
    """Scores with differences between pairs, between seeds, and within both."""
    pairs, seeds = 0.2 * rng.standard_normal((n_pairs, 1)), 0.05 * rng.standard_normal((1, n_seeds))
    return mean + pairs + seeds + 0.1 * rng.standard_normal((n_pairs, n_seeds))


def test_intervals_over_pairs_and_seeds_hold_the_true_mean_about_as_often_as_they_say():
    rng = np.random.default_rng(0)
    bootstrap = Bootstrap(25, 10, n_resamples=1000)
    intervals = [bootstrap.over_pairs_and_seeds(simulated(rng, 25, 10)) for _ in range(300)]
    assert 0.91 <= np.mean([low <= 0.3 <= high for low, high in intervals]) <= 0.99


def test_intervals_over_seeds_hold_the_mean_of_the_same_pairs_about_as_often_as_they_say():
    rng = np.random.default_rng(1)
    bootstrap = Bootstrap(8, 20, n_resamples=1000)
    of_pairs = 0.3 * rng.standard_normal((8, 1))
    noise = [0.1 * rng.standard_normal((1, 20)) + 0.1 * rng.standard_normal((8, 20)) for _ in range(300)]
    intervals = [bootstrap.over_seeds(of_pairs + of_seeds) for of_seeds in noise]
    assert 0.89 <= np.mean([low <= of_pairs.mean() <= high for low, high in intervals]) <= 0.98


def test_picks_that_serve_several_targets_do_not_count_several_times():
    values = np.random.default_rng(2).standard_normal((1, 6))
    once, four_times = Bootstrap(1, 6).over_seeds(values), Bootstrap(4, 6).over_seeds(np.repeat(values, 4, axis=0))
    assert np.ptp(once) > 0.5
    # only the drawn seeds may differ
    assert four_times == pytest.approx(once, abs=0.05)


def test_an_interval_over_seeds_is_narrower_where_only_pairs_differ():
    values = np.linspace(-1, 1, 10)[:, None] + 0.01 * np.random.default_rng(3).standard_normal((10, 5))
    bootstrap = Bootstrap(10, 5)
    assert np.ptp(bootstrap.over_seeds(values)) < 0.05 < 0.5 < np.ptp(bootstrap.over_pairs_and_seeds(values))


def test_the_interval_of_many_independent_pairs_is_that_of_the_normal_distribution():
    values = np.random.default_rng(4).standard_normal((200, 1))
    low, high = Bootstrap(200, 1).over_pairs_and_seeds(values)
    half = 1.96 * values.std() / np.sqrt(200)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.01)


def test_too_few_pairs_or_seeds_have_no_interval():
    assert np.isnan(Bootstrap(1, 5).over_pairs_and_seeds(np.arange(5.0)[None])).all()
    assert np.isnan(Bootstrap(5, 1).over_seeds(np.arange(5.0)[:, None])).all()
    low, high = Bootstrap(2, 3).of_each_pair(np.array([[1.0, 2.0, 3.0], [np.nan, 2.0, np.nan]]))
    assert np.isfinite([low[0], high[0]]).all()
    assert np.isnan([low[1], high[1]]).all()


def test_runs_that_are_missing_are_left_out_of_the_means():
    frame = results({"S": [[0.2, 0.4, 0.6], [0.5, 0.5, 0.5]], "TU": [[0.2, 0.4, 0.6], [0.3, 0.3, 0.3]]})
    is_lost = (frame["method"] == "TU") & (frame["target"] == "t0") & (frame["seed"] == 0)
    found = analyse(frame[~is_lost], ["S", "TU"], "S", "S")
    row = found.summary.iloc[1]
    assert (row["n_pairs"], row["n_runs"]) == (2, 5)
    assert row["lock_score"] == pytest.approx((0.5 + 0.3) / 2)
    assert row["lock_score_low"] < 0.4 < row["lock_score_high"]
    test = found.tests.iloc[0]
    assert test["difference"] == pytest.approx(((0.4 + 0.6) / 2 - (0.4 + 0.6) / 2 + 0.3 - 0.5) / 2)
    # The results lack a whole pair.
    found = analyse(frame[~((frame["method"] == "TU") & (frame["target"] == "t0"))], ["S", "TU"], "S", "S")
    assert (found.summary.iloc[1]["n_pairs"], found.summary.iloc[1]["n_runs"]) == (1, 3)
    assert list(found.pairs.query("method == 'TU'")["target"]) == ["t1"]
    assert found.tests.iloc[0]["n_pairs"] == 1


# -- paired tests ------------------------------------------------------------------------------------------------------


def test_verdicts_go_by_the_interval_of_paired_differences():
    rng = np.random.default_rng(5)
    base = rng.standard_normal((10, 4))
    noise = 0.01 * rng.standard_normal((10, 4))
    frame = results(
        {
            "base": base.tolist(),
            "above": (base + 0.1 + noise).tolist(),
            "below": (base - 0.1 + noise).tolist(),
            "same": (base + noise - noise.mean()).tolist(),
        }
    )
    tests = analyse(frame, ["base", "above", "below", "same"], "base", "base").tests
    assert list(tests["verdict"]) == [BETTER, WORSE, NOT_SHOWN]
    assert tests["difference"].tolist() == pytest.approx([0.1 + noise.mean(), -0.1 + noise.mean(), 0])
    assert list(tests["n_above"])[:2] == [10, 0]
    assert list(tests["n_pairs"]) == [10, 10, 10]
    # Ten differences have one sign: 2 / 2^10. Holm: three times that, then twice the next, but not below the first.
    assert tests["p"].tolist()[:2] == pytest.approx([2 / 1024] * 2)
    assert tests["p_holm"].tolist()[:2] == pytest.approx([6 / 1024] * 2)
    # Pairs differ far more than methods, so unpaired intervals would show nothing.
    summary = analyse(frame, ["base", "above"], "base", "base").summary
    assert summary["lock_score_low"].iloc[1] < summary["lock_score"].iloc[0] < summary["lock_score_high"].iloc[1]


def test_a_method_of_one_seed_is_compared_with_every_seed_of_the_other():
    frame = results({"light": [[0.5], [0.1]], "TU": [[0.6, 0.8, 1.0], [0.0, 0.1, 0.2]]})
    found = analyse(frame, ["light", "TU"], "light", "light")
    test = found.tests.iloc[0]
    assert test["difference"] == pytest.approx((0.3 + 0.0) / 2)
    assert test["seeds_low"] < 0.15 < test["seeds_high"]
    light = found.summary.iloc[0]
    assert (light["n_seeds"], light["n_runs"]) == (1, 2)
    assert np.isnan(light["lock_score_seeds_low"])
    assert light["lock_score_low"] == pytest.approx(0.1)  # both resampled pairs are the second one


def test_holm_multiplies_by_what_is_left_and_never_decreases():
    assert holm(np.array([0.01, 0.04, 0.03])).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert holm(np.array([0.9, np.nan, 0.4])).tolist() == pytest.approx([0.9, np.nan, 0.8], nan_ok=True)
    assert holm(np.array([0.9, 0.8])).tolist() == [1, 1]
    assert holm(np.array([])).tolist() == []


def test_zeros_do_not_count_in_the_signed_rank_test():
    # All 2^5 signs are equally likely. Only these signs and their opposite are as extreme.
    assert signed_rank_p(np.array([0.1, 0.2, 0.0, 0.3, 0.4, 0.5, 0.0])) == pytest.approx(2 / 32)
    assert signed_rank_p(np.array([-0.1, 0.2, 0.3, 0.4, 0.5])) == pytest.approx(4 / 32)


def test_differences_of_nothing_are_no_evidence():
    assert signed_rank_p(np.zeros(7)) == 1
    assert np.isnan(signed_rank_p(np.array([])))


def test_a_study_of_one_method_has_no_tests():
    assert analyse(results({"S": [[0.1, 0.2]]}), ["S"], "S", "S").tests.empty


def test_mean_over_pairs_weighs_pairs_alike():
    assert mean_over_pairs(np.array([[0.0, np.nan], [1.0, 3.0]])) == pytest.approx(1)


# -- real results ------------------------------------------------------------------------------------------------------


def test_the_order_of_rows_does_not_matter_and_nothing_is_left_to_chance():
    frame = digits_results()
    found = analyse(frame, METHODS, REFERENCE, COMPARE_WITH)
    again = analyse(frame.sample(frac=1, random_state=0), METHODS, REFERENCE, COMPARE_WITH)
    for one, other in zip(found, again):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_the_scores_of_the_embedded_benchmark_are_those_of_the_readme():
    pairs = [(s, t) for s in DIGITS.tasks for t in DIGITS.tasks if s != t]
    found = analyse(digits_results(pairs, (2.0,), 2), METHODS, REFERENCE, COMPARE_WITH)
    scores = found.summary.set_index("method")["lock_score"]
    assert scores[["fewest weights", "ceiling"]].tolist() == pytest.approx([0.42, 0.86], abs=0.005)
    assert found.tests.set_index("method").loc["ceiling", "verdict"] == BETTER
