from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from naslib_archlock.audit.attack_cost import area, cost_ratio, curves, recovery
from naslib_archlock.audit.attacked_cells import FOUND, S
from naslib_archlock.audit.audit_results import IMAGES, STEPS

IMAGES_PCT = (1.0, 10.0, 100.0)


def curve(target: str, role: str, seed: int, transfer: tuple[float, ...], scratch: float) -> list[dict[str, object]]:
    return [
        {"target": target, "role": role, IMAGES: x, STEPS: 100.0, "seed": seed, "transfer": y, "scratch": scratch}
        for x, y in zip(IMAGES_PCT, transfer)
    ]


def test_the_area_is_the_mean_height_over_the_logarithm():
    assert area([1, 10, 100], [0, 100, 100]) == pytest.approx(75)
    assert area([1, 100], [20, 40]) == pytest.approx(30)
    assert area([1, 10, 100], [50, 50, 50]) == pytest.approx(50)
    assert area([10], [42]) == 42


def test_the_recovery_lies_on_a_line_over_the_logarithm():
    assert recovery([1, 10, 100], [0, 50, 90], 25) == pytest.approx(10**0.5)
    assert recovery([1, 10, 100], [0, 50, 90], 90) == pytest.approx(100)
    assert recovery([1, 10, 100], [0, 50, 90], 91) == np.inf
    assert recovery([1, 10, 100], [60, 50, 90], 40) == 1  # no more than the first budget
    assert recovery([1, 10, 100], [0, 50, 20], 50) == pytest.approx(10)  # what was reached is reached


def test_the_level_is_what_scheme_s_reaches_from_scratch():
    figures = pd.DataFrame(
        [
            *curve("t", S, 0, (0, 50, 90), 50.0),
            *curve("t", S, 1, (0, 50, 90), 40.0),
            *curve("t", FOUND, 0, (0, 0, 90), 10.0),
            *curve("t", FOUND, 1, (0, 0, 45), 10.0),
        ]
    )
    found = curves(figures, IMAGES, S).set_index(["role", "seed"])
    assert set(found["level"]) == {45.0}
    assert found.loc[(S, 0), "recovery"] == pytest.approx(10**0.9)
    assert found.loc[(FOUND, 0), "recovery"] == pytest.approx(10**1.5)
    assert found.loc[(FOUND, 1), "recovery"] == pytest.approx(100)
    assert found["reached"].all()


def of_target(target: str, s: float, found: float, seeds: tuple[int, ...] = (0, 1, 2)) -> list[dict[str, object]]:
    """Curves that need ``s`` and ``found`` % of the images; infinite is never."""
    return [
        {"target": target, "role": role, "seed": seed, "recovery": min(x, 100.0), "reached": np.isfinite(x)}
        for role, x in ((S, s), (FOUND, found))
        for seed in seeds
    ]


def test_the_ratio_is_a_geometric_mean_over_targets():
    ratio = cost_ratio(pd.DataFrame(of_target("a", 10, 20) + of_target("b", 10, 80)), FOUND, S)
    assert ratio.ratio == pytest.approx(4)
    assert (ratio.low, ratio.high) == pytest.approx((4, 4))  # all seeds agree
    assert ratio.targets == ("a", "b")
    assert not ratio.is_least


def test_a_lock_that_never_gets_there_gives_a_lower_bound():
    ratio = cost_ratio(pd.DataFrame(of_target("a", 10, np.inf)), FOUND, S)
    assert ratio.ratio == pytest.approx(10)
    assert ratio.is_least


def test_a_target_where_the_weights_of_s_are_worth_nothing_is_left_out():
    rows = pd.DataFrame(of_target("a", 10, 20) + of_target("b", np.inf, 80))
    assert cost_ratio(rows, FOUND, S).targets == ("a",)
    assert cost_ratio(rows, FOUND, S).ratio == pytest.approx(2)
    nothing = cost_ratio(pd.DataFrame(of_target("b", np.inf, 80)), FOUND, S)
    assert nothing.targets == ()
    assert np.isnan(nothing.ratio)


def test_the_interval_is_over_seeds():
    rows = of_target("a", 10, 20, (0,)) + of_target("a", 10, 40, (1,)) + of_target("a", 10, 80, (2,))
    ratio = cost_ratio(pd.DataFrame(rows), FOUND, S)
    assert ratio.ratio == pytest.approx(4)
    half = 4.303 / np.sqrt(3) * np.log(2)  # Student's t with 2 degrees of freedom; the logarithms are log 2 apart
    assert (ratio.low, ratio.high) == pytest.approx((4 * np.exp(-half), 4 * np.exp(half)), rel=1e-3)
    assert ratio.n_seeds == 3


def test_two_seeds_give_a_ratio_and_no_interval():
    rows = of_target("a", 10, 20, (0,)) + of_target("a", 10, 80, (1,))
    ratio = cost_ratio(pd.DataFrame(rows), FOUND, S)
    assert ratio.ratio == pytest.approx(4)
    assert np.isnan([ratio.low, ratio.high]).all()
    assert ratio.n_seeds == 2


def test_without_one_of_the_roles_there_is_no_ratio():
    rows = pd.DataFrame([row for row in of_target("a", 10, 20) if row["role"] == S])
    assert cost_ratio(rows, FOUND, S).targets == ()
