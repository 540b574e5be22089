from __future__ import annotations

import csv
import io
import re

import numpy as np
import pandas as pd
import pytest
from study_results import COMPARE_WITH, METHODS, REFERENCE, digits_results

from naslib_archlock.report.tables import (
    CROSS_MEANS,
    are_figures,
    choices_table,
    comparison_table,
    interval,
    number,
    pairs_table,
    probability,
    scores_table,
    summary_table,
    to_csv,
    to_latex,
    to_markdown,
    with_interval,
)
from naslib_archlock.studies.statistics import Statistics, analyse

HOSTILE = "100% of a|b_c & `x` $y^2$ #1 {z} \\ ~ <b> [i] *j*\nk"


@pytest.fixture(scope="module")
def statistics() -> Statistics:
    """The statistics of a small study on the embedded benchmark, at budget 2%."""
    return analyse(digits_results(budgets=(2.0,)), METHODS, REFERENCE, COMPARE_WITH)


def test_figures_have_fixed_decimals_no_negative_zero_and_a_dash_for_nothing():
    assert [number(x) for x in (0.4249, -0.001, -0.51, np.nan)] == ["0.42", "0.00", "-0.51", "-"]
    assert number(4096.4, 0) == "4096"
    assert [interval(0.1, 0.25), interval(np.nan, np.nan)] == ["[0.10, 0.25]", "-"]
    assert with_interval(0.2, 0.1, 0.25) == "0.20 [0.10, 0.25]"
    assert with_interval(12.34, np.nan, np.nan, digits=1) == "12.3"
    assert [probability(p) for p in (0.0004, 0.031, 1.0, np.nan)] == ["<0.001", "0.031", "1.000", "-"]


def test_a_summary_has_a_row_a_method(statistics):
    table = summary_table(statistics.summary)
    assert list(table["method"]) == list(METHODS)
    by_method = table.set_index("method")
    figures = statistics.summary.set_index("method")
    score, low, high = figures.loc["ceiling", ["lock_score", "lock_score_low", "lock_score_high"]]
    assert (
        by_method.loc["ceiling", "lock score [interval over pairs and seeds]"] == f"{score:.2f} [{low:.2f}, {high:.2f}]"
    )
    percentile = figures.loc["ceiling", "target_percentile"]
    assert by_method.loc["ceiling"].iloc[0].startswith(f"{percentile:.1f} [")
    assert (
        by_method.loc["ceiling", "lowest target percentile possible"] == f"{percentile:.1f}"
    )  # it knows the validation accuracies
    over_seeds = by_method["lock score: interval over seeds"]
    assert over_seeds["ceiling"] == "-"  # this method has no randomness
    assert re.fullmatch(r"\[-?\d\.\d\d, -?\d\.\d\d\]", over_seeds["random"])
    assert by_method.loc["best of 50", "source look-ups a run"] == "50"
    assert by_method.loc["ceiling", "target look-ups a run"] == "4096"
    assert set(by_method["task pairs"]) == {"3"}
    assert list(by_method["seeds"]) == ["1", "3", "3", "1", "1"]


def test_tests_leave_out_the_method_compared_with(statistics):
    table = comparison_table(statistics.tests)
    assert list(table["method"]) == [method for method in METHODS if method != COMPARE_WITH]
    assert set(table["verdict"]) <= {"better", "worse", "not shown to be better"}
    assert all(re.fullmatch(r"[0-3] of 3", text) for text in table["task pairs with a higher lock score"])


def test_scores_stand_pair_by_method(statistics):
    table = scores_table(statistics.pairs)
    assert list(table.columns) == ["source", "target", *METHODS]
    assert table[["source", "target"]].to_numpy().tolist() == [
        ["digit", "edges"], ["digit", "jigsaw"], ["noise", "jigsaw"],
    ]  # fmt: skip
    row = statistics.pairs.query("method == 'ceiling' and source == 'noise'").iloc[0]
    assert table["ceiling"].iloc[2] == f"{row['lock_score']:.2f}"


def test_a_cross_stands_for_a_score_of_0_only_where_all_seeds_are_outside_the_budget(statistics):
    pairs = statistics.pairs.assign(lock_score=0.0, outside_budget_pct=[100.0, 66.7, 0.0] * len(METHODS))
    table = scores_table(pairs)
    assert [table[method].tolist() for method in METHODS] == [["✗", "0.00", "0.00"]] * len(METHODS)
    assert all(are_figures(table)[2:])
    assert "$\\times$" in to_latex(table) and "✗" not in to_latex(table)
    assert to_latex(table).rstrip().endswith(CROSS_MEANS.replace("✗", r"$\times$"))
    assert "outside the source budget" not in to_latex(table.replace("✗", "0.00"))


def test_a_choice_outside_the_budget_has_a_cross():
    chosen = pd.DataFrame(
        {
            "method": ["in", "out"], "arch": ["a", "b"], "in_words": ["w", "x"], "n_same": [2, 1], "n_seeds": [3, 1],
            "lock_score": [0.5, 0.0], "is_within_budget": [True, False], "source_test": 90.0, "target_test": 0.5,
        }
    )  # fmt: skip
    assert choices_table(chosen).to_numpy().tolist() == [
        ["in", "2 of 3", "0.50", "90.00", "0.5000", "w", "a"], ["out", "1 of 1", "✗", "90.00", "0.5000", "x", "b"],
    ]  # fmt: skip


def test_a_method_may_be_called_as_a_column_is(statistics):
    pairs = statistics.pairs.assign(method=statistics.pairs["method"].replace("random", "source"))
    table = scores_table(pairs)
    assert list(table.columns) == ["source", "target", "most accurate", "source", *METHODS[2:]]
    assert len(to_markdown(table).splitlines()) == 5
    assert to_latex(table.replace("✗", "0.00")).count("source") == 4  # twice in each of the headings of a long table


def test_small_metrics_have_more_decimals(statistics):
    pairs = statistics.pairs.head(1).assign(source_test=-0.61234, target_test=55.5555, target_drop=-0.04)
    row = pairs_table(pairs).iloc[0]
    assert (row["test metric on the source"], row["test metric on the target"]) == ("-0.6123", "55.56")
    assert row["target test metric: drop against the reference"] == "-0.04"


def test_columns_of_figures_are_told_from_text(statistics):
    table = comparison_table(statistics.tests)
    assert are_figures(table) == [False, True, True, True, True, True, False]
    assert are_figures(table.head(0)) == [False] * 7


def test_markdown_keeps_its_columns_whatever_a_method_is_called(statistics):
    table = summary_table(statistics.summary)
    table.loc[0, "method"] = HOSTILE
    lines = to_markdown(table).splitlines()
    assert len(lines) == 2 + len(METHODS)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(table.columns) + 1}
    assert lines[2].startswith(
        r"| 100% of a\|b\_c &amp; \`x\` \$y^2\$ \#1 \{z\} \\ \~ &lt;b&gt; \[i\] \*j\* k | 88."
    )  # fmt: skip
    assert lines[1].startswith("|---|---:|---:|")


def test_latex_keeps_its_columns_whatever_a_method_is_called(statistics):
    table = summary_table(statistics.summary)
    table.loc[0, "method"] = HOSTILE
    text = to_latex(table)
    row = next(line for line in text.splitlines() if "100" in line)
    assert row.startswith(
        r"100\% of a|b\_c \& `x` \$y\textasciicircum{}2\$ \#1 \{z\} \textbackslash{} \textasciitilde{} "
        r"\textless{}b\textgreater{} {[}i] *j* k & 88."
    )
    assert len(re.findall(r"(?<!\\)&", row)) == len(table.columns) - 1
    for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\begin{longtable}{lrrr", r"\end{longtable}"):
        assert rule in text
    assert all(line.isascii() for line in to_latex(pd.DataFrame({"λ ≥ 1 → ±": ["1"]})).splitlines())


def test_a_line_never_begins_with_an_option(statistics):
    table = pd.DataFrame({"method": ["[x]"], "score": ["1"]})
    assert "{[}x] & 1" in to_latex(table)


def test_csv_holds_the_figures_themselves(statistics):
    text = to_csv(statistics.tests.assign(method=HOSTILE))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(statistics.tests)
    assert {row["method"] for row in rows} == {HOSTILE}
    for row, (_, figures) in zip(rows, statistics.tests.iterrows()):
        assert float(row["difference"]) == pytest.approx(figures["difference"], rel=1e-5)
        assert (row["seeds_low"] == "") == np.isnan(figures["seeds_low"])
