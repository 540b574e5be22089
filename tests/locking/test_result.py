"""What a finished search reports, and what its result offers to a script."""

from __future__ import annotations

import json

import pytest
from preparing import run

from naslib_archlock.benchmarks.lock_score import LockScale
from naslib_archlock.config.load import load_config
from naslib_archlock.errors import ConfigError
from naslib_archlock.locking.prepare import open_benchmark
from naslib_archlock.locking.result import Result, finish, wall_times
from naslib_archlock.spaces.known import DIGITS, TRANSBENCH101_MACRO
from naslib_archlock.strategies.base import Evaluated
from naslib_archlock.strategies.strategy import STRATEGIES

pytestmark = pytest.mark.usefixtures("fast_training")


def test_target_look_ups_that_were_not_made_are_explained(toy_config):
    keys = ("archlock.scheme", "tk", "archlock.source_queries", "12", "archlock.target_queries")
    for n_wanted, is_said in (("1", False), ("12", True)):  # 12 source look-ups never all lie within the budget
        config = toy_config(*keys, n_wanted)
        result = finish(config, open_benchmark(config), run(config).search)
        said = f"{12 - result['target_queries']} of 12 target look-ups were not made"
        assert any(said in note for note in result["notes"]) == is_said


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("scheme", ["s", "tk", "tu"])
def test_a_result_holds_the_figures_of_the_cell_found(toy_config, toy_ranker, scheme, strategy):
    targets = ("archlock.target", "normal,autoencoder")
    config = toy_config(
        "archlock.scheme", scheme, *targets, "archlock.strategy", strategy, "archlock.source_queries", "15",
        "archlock.source_floor", "50",
    )  # fmt: skip
    benchmark = open_benchmark(config)
    prepared = run(config, toy_ranker)
    result = finish(config, benchmark, prepared.search)
    assert json.loads(json.dumps(result)) == result
    for figures in (result, result["s"]):
        cell = tuple(figures["cell"])
        assert figures["arch"] == benchmark.space.to_str(cell)
        assert figures["source_val"] == benchmark.accuracy(cell, task="class_scene", split="val")
        assert figures["source_test"] == benchmark.accuracy(cell, task="class_scene", split="test")
        assert figures["targets"] == {
            task: benchmark.accuracy(cell, task=task, split="test") for task in ("normal", "autoencoder")
        }
        assert 0 < figures["source_queries"] <= 15
        assert figures["target_queries"] == 0
        among = benchmark.accuracies("class_scene", "val")
        worse, better = (100 * some.mean() for some in (among < figures["source_val"], among > figures["source_val"]))
        assert worse - 0.1 <= figures["source_percentile"] <= 100 - better + 0.1  # equals share a percentile
        for task in ("normal", "autoencoder"):
            scored = LockScale(benchmark, "class_scene", task, 2.0).score(cell)
            assert figures["target_percentiles"][task] == scored.target_percentile
            assert figures["target_test_percentiles"][task] == scored.target_test_percentile
            assert figures["lock_scores"][task] == scored.lock_score
    for task, fall in result["percentile_falls"].items():
        of_s = result["s"]["target_percentiles"][task]
        assert fall == pytest.approx(100 * (of_s - result["target_percentiles"][task]) / of_s)
        assert result["limit_percentiles"][task] == LockScale(benchmark, "class_scene", task, 2.0).limit_percentile
    assert result["cell"] == list(prepared.search.best().arch)
    assert (result["scheme"], result["source"], result["seed"]) == (scheme, "class_scene", 0)
    assert "MADE UP" in result["notes"][0]
    if scheme == "s":
        assert {key: result[key] for key in result["s"]} == result["s"]


def test_timings_are_no_part_of_a_result():
    assert wall_times(preparation=0.1234, search=0.5678) == {"seconds_preparation": 0.123, "seconds": 0.568}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_result_is_compared_with_what_scheme_s_finds(toy_config, toy_ranker, strategy):
    keys = ("archlock.strategy", strategy, "search.epochs", "30", "archlock.source_floor", "50")
    config, config_s = toy_config(*keys), toy_config(*keys, "archlock.scheme", "s")
    benchmark = open_benchmark(config)
    prepared = run(config, toy_ranker)
    result = finish(config, benchmark, prepared.search)
    prepared_s = run(config_s, toy_ranker)
    result_s = finish(config_s, benchmark, prepared_s.search)
    assert result["s"] == result_s["s"]


def test_what_no_table_knows_and_no_network_was_trained_for_is_none(digit_images):
    """The images themselves are not looked at: only the place by the ranker is known."""
    folders = str(digit_images["low"]), str(digit_images["high"])
    config = load_config(
        None,
        ["search_space", "transbench101_micro", "dataset", folders[0], "archlock.target", folders[1],
         "archlock.image_size", "8", "archlock.opponents", "16", "archlock.source_queries", "0"],
    )  # fmt: skip
    result = finish(config, open_benchmark(config), run(config).search)
    for figures in (result, result["s"]):
        assert (figures["source_val"], figures["source_test"], figures["targets"]) == (None, None, {"high": None})
        assert figures["source_queries"] == 0
        assert figures["source_position"] >= 1
    assert result["source"] == "low"


# -- for a script ------------------------------------------------------------------------------------------------------

CELL = (3, 2, 1, 3, 1, 2)
REPORT = {"source": "digit", "source_val": 97.5, "source_test": 96.0, "targets": {"edges": 40.0, "noise": None}}


def test_a_result_has_the_architecture_and_its_figures_by_task_and_split():
    result = Result(DIGITS, CELL, REPORT, (Evaluated(CELL, 1.0, None, 97.5),))
    assert DIGITS.from_str(result.arch) == CELL
    assert result.accuracies == {"digit/val": 97.5, "digit/test": 96.0, "edges/test": 40.0, "noise/test": None}


def test_the_network_of_a_result_is_built_as_asked(torch):
    result = Result(DIGITS, CELL, REPORT, ())
    small, large = (result.module(7, in_channels=2, widths=(4, 8), cells_per_stage=n) for n in (1, 5))
    assert small(torch.zeros(3, 2, 8, 8)).shape == (3, 7)
    sizes = [sum(weight.numel() for weight in network.parameters()) for network in (small, large)]
    assert sizes[1] > 3 * sizes[0]


def test_a_space_without_networks_here_is_refused():
    arch = tuple(TRANSBENCH101_MACRO.all()[0].tolist())
    with pytest.raises(ConfigError, match="transbench101_macro"):
        Result(TRANSBENCH101_MACRO, arch, REPORT, ()).module(2)
