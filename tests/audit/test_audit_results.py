from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from naslib_archlock.audit.audit_results import (
    IMAGES,
    STEPS,
    along,
    by_role,
    chosen_attacks,
    compare,
    mean_interval,
    names_of_figures,
    summarise,
)
from naslib_archlock.compute.intervals import interval_within

ATTACKS = ("linear probe", "fine-tuning", "scratch")
FIGURES = [*ATTACKS, "transfer", "gain"]


def rows(arch: str, seed: int, figures: dict[tuple[str, float], tuple[float, float]]) -> list[dict[str, object]]:
    """Rows from ``(attack, learning rate) -> (val, test)``; attacks without figures have 10 and 10."""
    full = {(name, 0.1): (10.0, 10.0) for name in ATTACKS} | figures
    place = {"target": "t", "arch": arch, "fraction_pct": 100.0, "steps_pct": 100.0, "seed": seed}
    return [
        {**place, "attack": name, "learning_rate": rate, "val": val, "test": test}
        for (name, rate), (val, test) in full.items()
    ]


BY_HAND = pd.DataFrame(
    [
        # the rate that is better by validation is worse by test
        *rows("a", 0, {("fine-tuning", 0.1): (50, 40), ("fine-tuning", 0.2): (49, 60), ("scratch", 0.2): (30, 35)}),
        *rows("a", 1, {("linear probe", 0.1): (70, 66), ("fine-tuning", 0.1): (60, 90)}),
        *rows("b", 0, {("scratch", 0.1): (80, 75)}),
        *rows("b", 1, {}),
    ]
)


def test_the_attacker_chooses_by_validation():
    chosen = chosen_attacks(BY_HAND).set_index(["arch", "seed"])
    assert list(chosen.columns) == ["target", "fraction_pct", "steps_pct", *FIGURES]
    first = chosen.loc[("a", 0)]
    assert (first["fine-tuning"], first["scratch"], first["transfer"], first["gain"]) == (40, 35, 40, 5)
    second = chosen.loc[("a", 1)]
    assert (second["linear probe"], second["transfer"], second["gain"]) == (66, 66, 56)
    assert chosen.loc[("b", 0)]["gain"] == 10 - 75


def test_figures_are_what_is_not_a_place():
    chosen = chosen_attacks(BY_HAND)
    assert names_of_figures(chosen) == names_of_figures(by_role(chosen, {"t": {"found": ["a"]}})) == FIGURES


def test_a_role_of_several_cells_is_their_mean_and_seeds_are_compared_in_pairs():
    figures = by_role(chosen_attacks(BY_HAND), {"t": {"found": ["a"], "random": ["a", "b"]}})
    assert list(figures["role"]) == ["found", "found", "random", "random"]
    assert list(figures["transfer"]) == [40, 66, 25, 38]
    difference = compare(figures, "found", "random")
    assert difference[["target", "fraction_pct", "mean", "n_seeds"]].to_numpy().tolist() == [["t", 100.0, 21.5, 2]]
    assert compare(figures, "found", "scheme S").empty


def test_a_learning_curve_has_the_largest_other_budget():
    grid = pd.DataFrame([(1, 100), (10, 100), (10, 30)], columns=[IMAGES, STEPS])
    assert along(grid, IMAGES).to_numpy().tolist() == [[1, 100], [10, 100]]
    assert along(grid, STEPS).to_numpy().tolist() == [[10, 100], [10, 30]]


def test_the_summary_has_an_interval_for_every_figure():
    figures = by_role(chosen_attacks(BY_HAND), {"t": {"found": ["a"]}})
    summary = summarise(figures).set_index("figure")
    assert list(summary.index) == FIGURES
    assert summary.loc["transfer", "mean"] == 53
    assert summary.loc["transfer", ["low", "high"]].tolist() == pytest.approx(interval_within([40.0, 66.0]))
    # The gains are 5 and 56: Student's interval, which is cut off, because accuracies differ by 100 at most.
    assert summary.loc["gain", ["low", "high"]].tolist() == [-100, 100]


def test_one_seed_has_no_interval():
    assert mean_interval(pd.Series([4.0]))["mean"] == 4.0
    assert np.isnan(mean_interval(pd.Series([4.0]))["low"])
    for is_difference in (False, True):
        interval = mean_interval(pd.Series([4.0, 4.0]), is_difference)
        assert interval == pytest.approx({"mean": 4.0, "low": 4.0, "high": 4.0, "n_seeds": 2})


def test_a_difference_may_be_negative_and_a_figure_may_not():
    values = pd.Series([1.0, 30.0, 20.0])
    assert mean_interval(values, is_difference=True)["low"] == pytest.approx(
        stats.t.interval(0.95, 2, values.mean(), values.sem())[0]
    )
    assert mean_interval(values, is_difference=True)["low"] < 0 < mean_interval(values)["low"]
