from __future__ import annotations

import pytest

from naslib_archlock.benchmarks.benchmark import FROM_SCRATCH
from naslib_archlock.report.text import summary, table
from naslib_archlock.spaces.known import NASBENCH201

RESULT = {
    "scheme": "tk",
    "search_space": "nasbench201",
    "source": "cifar10",
    "cell": [3, 3, 4, 1, 3, 1],
    "arch": "|the official string|",
    "fitness": 12.5,
    "source_val": 90.5,
    "source_test": 90.25,
    "targets": {"cifar100": 60.0, "room_layout": -0.75},
    "source_queries": 42,
    "target_queries": 0,
    "seed": 3,
    "seconds": 1.25,
    "seconds_preparation": 6.5,
    "s": {"source_val": 91.0, "source_test": 91.25, "targets": {"cifar100": 70.5, "room_layout": -0.5}},
    "notes": ["these figures are for a test"],
}


def test_columns_are_aligned():
    assert table([["a", "bb"], ["ccc", "d"]]).splitlines() == ["a    bb", "ccc   d"]
    assert table([["", "x"], ["y", ""]]).splitlines() == ["   x", "y"]


def test_a_summary_says_what_was_found_and_what_it_does_not_say():
    text = summary(RESULT, NASBENCH201, FROM_SCRATCH)
    lines = text.splitlines()
    rows = {line.split("  ")[0]: line.split() for line in lines}
    assert rows["found (tk)"][-4:] == ["90.50", "90.25", "60.00", "-0.7500"]
    assert rows["scheme S finds"][-4:] == ["91.00", "91.25", "70.50", "-0.5000"]
    assert rows["difference"][-4:] == ["-0.50", "-1.00", "-10.50", "-0.2500"]
    assert "node3 = skip(node0) + conv3x3(node1) + skip(node2)" in text
    assert "|the official string|   (canonical (3, 3, 4, 1, 3, 1))" in text
    assert "42 source look-ups; search 1.25 s, preparation 6.50 s" in lines
    assert "Note: these figures are for a test." in text
    assert FROM_SCRATCH in " ".join(lines)
    assert all(len(line) <= 100 for line in lines)


def test_rank_percentiles_stand_beside_those_of_scheme_s_and_the_limit():
    found = {
        "source_percentile": 98.76,
        "target_percentiles": {"cifar100": 40.0, "room_layout": 7.04},
        "mean_target_percentile": 23.52,
        "worst_target_percentile": 40.0,
    }
    of_s = {
        "source_percentile": 100.0,
        "target_percentiles": {"cifar100": 80.0, "room_layout": 0.0},
        "mean_target_percentile": 40.0,
        "worst_target_percentile": 80.0,
    }
    against = {
        "percentile_falls": {"cifar100": 50.0, "room_layout": None},
        "limit_percentiles": {"cifar100": 33.3, "room_layout": 0.0},
        "limit_mean_percentile": 20.0,
        "limit_worst_percentile": 35.5,
    }
    text = summary({**RESULT, **found, **against, "s": {**RESULT["s"], **of_s}}, NASBENCH201, FROM_SCRATCH)
    rows = {line.split("  ")[0]: line.split() for line in text[text.index("rank percentile") :].splitlines()}
    assert rows["found (tk)"][-5:] == ["98.8", "40.0", "7.0", "23.5", "40.0"]
    assert rows["scheme S finds"][-5:] == ["100.0", "80.0", "0.0", "40.0", "80.0"]
    assert rows["fall against S"][-2:] == ["50.0%", "-"]
    assert rows["lowest possible"][-4:] == ["33.3", "0.0", "20.0", "35.5"]
    assert "100 is the best architecture" in text


def test_a_summary_without_timings_and_look_ups():
    timeless = {key: value for key, value in RESULT.items() if not key.startswith("seconds")}
    assert "42 source look-ups" in summary(timeless, NASBENCH201, FROM_SCRATCH).splitlines()
    assert "look-ups" not in summary({**timeless, "source_queries": 0}, NASBENCH201, FROM_SCRATCH)
    looked_up = summary({**timeless, "target_queries": 7}, NASBENCH201, FROM_SCRATCH)
    assert "42 source look-ups; 7 target look-ups" in looked_up.splitlines()


@pytest.mark.parametrize("word", ["trained from scratch", "transfer"])
def test_the_limit_names_what_is_not_measured(word):
    assert word in FROM_SCRATCH


def test_figures_of_few_images_carry_intervals():
    def with_intervals(result):
        figures = {"source_val": [80.0, 95.0], "source_test": [79.0, 94.0]}
        return {
            **result,
            "targets": {"cifar100": 60.0},
            "intervals": {**figures, "targets": {"cifar100": [50.0, 69.0]}},
        }

    text = summary({**with_intervals(RESULT), "s": with_intervals(RESULT["s"])}, NASBENCH201, FROM_SCRATCH)
    assert "90.50 [80.0, 95.0]" in text
    assert "60.00 [50.0, 69.0]" in text
    assert "difference" in text
    assert "95% intervals" in text
    assert all(len(line) <= 100 for line in text.splitlines())
