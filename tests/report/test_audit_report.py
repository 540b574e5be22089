from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from naslib_archlock.audit.attacked_cells import FOUND, RANDOM, S
from naslib_archlock.audit.audit_results import STEPS
from naslib_archlock.compute.intervals import interval_within
from naslib_archlock.report.audit_report import (
    LIMIT,
    audit_picture,
    audit_rows,
    audit_text,
    cost_findings,
    cost_ratios,
    findings,
)

# What the attacker gets of each role, in each of three seeds.
LESS, MORE, UNCLEAR = (10.0, 11.0, 12.0), (50.0, 51.0, 52.0), (10.0, 50.0, 90.0)
MIDDLE = (30.0, 31.0, 32.0)


def figures_of(*targets: str, **transfer: tuple[float, ...]) -> pd.DataFrame:
    """Figures where every attack gets ``transfer`` with 1% of the images and with all, and scratch 5 less."""
    names = {"found": FOUND, "s": S, "random": RANDOM}
    rows = [
        {"target": target, "role": names[role], "fraction_pct": fraction, "steps_pct": 100.0, "seed": seed}
        | {"fine-tuning": value, "transfer": value, "scratch": value - 5, "gain": 5.0}
        for target in targets
        for role, values in transfer.items()
        for fraction in (1.0, 100.0)
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def on_source(*roles: str) -> pd.DataFrame:
    return pd.DataFrame([{"role": r, "seed": s, "val": 0.0, "test": 90.0 + s} for r in roles for s in range(3)])


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (LESS, "less in 2 of 2 settings (target and number of images), more in 0; in 0 neither is shown. "
               "Mean difference: -20.00."),
        (MORE, "less in 0 of 2 settings (target and number of images), more in 2; in 0 neither is shown. "
               "Mean difference: +20.00."),
        (UNCLEAR, "less in 0 of 2 settings (target and number of images), more in 0; in 2 neither is shown. "
                  "Mean difference: +19.00."),
    ],
)  # fmt: skip
def test_a_difference_is_said_where_an_interval_shows_it(found, said):
    (text,) = findings(figures_of("edges", found=found, s=MIDDLE))
    assert text == f"Against scheme S: the weights of the cell found gave the attacker {said}"


def test_the_cell_found_is_compared_with_each_other_role_and_nothing_else_is():
    assert [text.partition(":")[0] for text in findings(figures_of("edges", found=LESS, s=MORE, random=MIDDLE))] == [
        "Against scheme S", "Against random",
    ]  # fmt: skip
    assert findings(figures_of("edges", s=MORE, random=MIDDLE)) == []


def test_one_seed_shows_nothing():
    (text,) = findings(figures_of("edges", found=LESS[:1], s=MORE[:1]))
    assert "less in 0 of 2" in text
    assert "in 2 neither is shown" in text


def test_the_text_has_a_row_for_each_target_and_number_of_images():
    text = audit_text(figures_of("edges", "noise", found=LESS, s=MIDDLE), on_source(FOUND, S), "digit")
    lines = text.splitlines()
    assert lines[0] == "digit test, as released: found 91.00, scheme S 91.00"
    assert lines[1].split("  ")[0] == "target"
    for target in ("edges", "noise"):
        for images in ("1%", "100%"):
            weights, gain = [line for line in lines if line.split()[:2] == [target, images]]
            (low, high), (s_low, s_high) = interval_within(LESS), interval_within(MIDDLE)
            assert weights.split(maxsplit=2)[2] == f"11.0 [{low:.1f}, {high:.1f}]  31.0 [{s_low:.1f}, {s_high:.1f}]"
            assert gain.split()[2:] == 2 * ["5.0", "[5.0,", "5.0]"]
    assert "over 3 seeds" in " ".join(lines)
    assert LIMIT in " ".join(lines)
    assert max(map(len, lines)) <= 100


def learning(found: tuple[float, ...], s: tuple[float, ...], axis: str = "fraction_pct") -> pd.DataFrame:
    """Learning curves over 1, 10 and 100%, the same for three seeds; scratch gets 50 with everything."""
    other = "steps_pct" if axis == "fraction_pct" else "fraction_pct"
    return pd.DataFrame(
        [
            {"target": "edges", "role": role, axis: budget, other: 100.0, "seed": seed}
            | {"transfer": value, "scratch": 50.0, "gain": 0.0}
            for role, values in ((FOUND, found), (S, s))
            for budget, value in zip((1.0, 10.0, 100.0), values)
            for seed in (0, 1, 2)
        ]
    )


def test_the_cost_of_the_lock_is_said():
    figures = learning(found=(0, 0, 50), s=(0, 50, 90))
    (text,) = cost_findings(figures)
    assert text == (
        "The lock costs the attacker 10.00 [10.00, 10.00] times the images of scheme S (mean of 1 of 1 targets)."
    )
    lines = audit_text(figures, on_source(FOUND, S), "digit").splitlines()
    areas, needs = [line.split() for line in lines if line.startswith("edges") and " images " in line]
    assert areas[2:] == ["12.5", "[12.5,", "12.5]", "47.5", "[47.5,", "47.5]"]
    assert needs[2:] == ["100%", "10%"]


@pytest.mark.parametrize(("n_seeds", "said"), [(2, "2 seeds are"), (1, "1 seed is")])
def test_few_seeds_do_not_bound_a_ratio(n_seeds, said):
    figures = learning(found=(0, 0, 50), s=(0, 50, 90))
    figures.loc[(figures["seed"] == 1) & (figures["role"] == FOUND), "transfer"] += 8.0
    few = figures[figures["seed"] < n_seeds]
    (text,) = cost_findings(few)
    assert text.endswith(f"times the images of scheme S (mean of 1 of 1 targets; {said} too few for an interval).")
    assert np.isnan(cost_ratios(few)["fraction_pct"].high)
    assert "too few" not in " ".join(cost_findings(figures))
    assert cost_ratios(figures)["fraction_pct"].high > cost_ratios(figures)["fraction_pct"].ratio


def test_no_interval_holds_an_impossible_figure():
    """Student's interval of 1, 60 and 99 would be -69 to 176."""
    figures = figures_of("edges", found=(1.0, 60.0, 99.0), s=MIDDLE).assign(gain=[99.0, -99.0, 50.0] * 4)
    text = audit_text(figures, on_source(FOUND, S), "digit").partition("* Against")[0]
    ends = re.findall(r"\[(-?[\d.]+), (-?[\d.]+)\]", text)
    assert len(ends) == 2 * 2 * 2 + 2  # weights and gains, images, roles; and areas
    assert all(-100 <= float(low) <= float(high) <= 100 for low, high in ends)
    weights = [with_brackets for row in audit_rows(figures, [FOUND], ["transfer"])[1:] for with_brackets in row[2:]]
    assert all(0 <= float(end) <= 100 for text in weights for end in re.findall(r"[\d.]+", text.partition("[")[2]))


def test_the_cost_in_steps_is_said_in_steps():
    (text,) = cost_findings(learning(found=(0, 0, 50), s=(0, 50, 90), axis=STEPS))
    assert "10.00 [10.00, 10.00] times the steps of scheme S" in text


def test_a_lock_that_is_never_overcome_costs_at_least_so_much():
    figures = learning(found=(0, 0, 40), s=(0, 50, 90))
    (text,) = cost_findings(figures)
    assert "costs the attacker at least 10.00 [10.00, 10.00] times" in text
    assert "never" in audit_text(figures, on_source(FOUND, S), "digit")


def test_where_the_weights_are_worth_nothing_there_is_nothing_to_lock():
    (text,) = cost_findings(learning(found=(0, 0, 40), s=(0, 10, 45)))
    assert "there is nothing to lock" in text


def test_with_one_budget_nothing_is_said_of_costs():
    figures = learning(found=(0, 0, 50), s=(0, 50, 90))
    assert cost_findings(figures[figures["fraction_pct"] == 100]) == []


def test_one_seed_has_no_interval():
    text = audit_text(figures_of("edges", found=LESS[:1]), on_source(FOUND), "digit")
    assert "[" not in text.partition("Target test metrics")[0]


def size_of(picture: bytes) -> tuple[int, int]:
    assert picture.startswith(b"\x89PNG")
    return int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")


def test_each_target_has_a_panel_three_in_a_row():
    two, four = (figures_of(*"abcd"[:n], found=LESS, s=MIDDLE) for n in (2, 4))
    (width, height), (wider, higher) = size_of(audit_picture(two)), size_of(audit_picture(four))
    assert wider > width
    assert higher > 1.5 * height
    assert audit_picture(two) == audit_picture(two)


def test_the_name_of_a_target_is_no_formula_and_one_seed_is_drawn():
    figures = figures_of("$\\frac", found=LESS[:1])
    assert np.isfinite(figures["gain"]).all()
    assert size_of(audit_picture(figures)) == size_of(audit_picture(figures.assign(target="t")))
