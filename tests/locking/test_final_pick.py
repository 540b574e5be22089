"""The last choice of a run, also the one of the paper's script, which leaks."""

from __future__ import annotations

import pytest
from preparing import run

from naslib_archlock.benchmarks.lock_score import rank_percentile
from naslib_archlock.commands import main as cli
from naslib_archlock.config.sections import LEAKS
from naslib_archlock.errors import ConfigError
from naslib_archlock.locking.final_pick import final_pick
from naslib_archlock.locking.prepare import open_benchmark
from naslib_archlock.locking.result import finish

PAPER = ("archlock.strategy", "paper", "archlock.source_floor", "55", "search.epochs", "15")


def config_of(toy_config, *more: str):
    return toy_config("archlock.scheme", "tk", *PAPER, "archlock.source_queries", "400", *more)


@pytest.mark.parametrize("target", ["normal", "normal,autoencoder"])
def test_the_leak_takes_the_finalist_that_is_truly_worst(toy_config, toy_ranker, target):
    config = config_of(toy_config, "archlock.target", target, "archlock.final_pick", LEAKS)
    benchmark = open_benchmark(config)
    search = run(config, toy_ranker).search
    targets = target.split(",")

    def mean_percentile(arch) -> float:
        return sum(rank_percentile(benchmark, arch, task, "val") for task in targets)

    chosen, queries = final_pick(config, benchmark, search)
    assert queries == len(search.finalists()) * len(targets) > len(targets)
    assert chosen.arch == min((e.arch for e in search.finalists()), key=mean_percentile)
    result = finish(config, benchmark, search)
    assert result["cell"] == list(chosen.arch)
    assert result["leaks"] and result["target_queries"] == queries
    assert result["notes"][0].startswith("LEAKS: the final pick looked at the true validation accuracy")
    assert not result["s"].get("leaks") and result["s"]["target_queries"] == 0


def test_with_nothing_to_choose_from_nothing_is_looked_at(toy_config, toy_ranker):
    config = config_of(
        toy_config, "archlock.target", "normal", "archlock.final_pick", LEAKS, "archlock.source_floor", "99",
        "archlock.source_queries", "20",
    )  # fmt: skip
    search = run(config, toy_ranker).search
    assert final_pick(config, open_benchmark(config), search) == (search.best(), 0)


def test_by_default_nothing_leaks(toy_config, toy_ranker):
    config = config_of(toy_config, "archlock.target", "normal")
    search = run(config, toy_ranker).search
    result = finish(config, open_benchmark(config), search)
    assert (result["leaks"], result["target_queries"]) == (False, 0)
    assert result["cell"] == list(search.best().arch)
    assert not any("LEAKS" in note for note in result["notes"])


@pytest.mark.parametrize("scheme", ["s", "tu"])
def test_schemes_that_must_not_see_the_target_refuse_the_leak(toy_config, scheme):
    with pytest.raises(ConfigError, match=f"which scheme {scheme} must not see"):
        toy_config("archlock.scheme", scheme, *PAPER, "archlock.final_pick", LEAKS)


def test_without_a_table_there_is_nothing_to_leak(digit_images, tmp_path, capsys, own_cache):
    keys = ["search_space", "transbench101_micro", "dataset", str(digit_images["low"]), "archlock.image_size", "8"]
    keys += ["archlock.scheme", "tk", "archlock.target", str(digit_images["high"]), "archlock.final_pick", LEAKS]
    assert cli.main(["search", *keys, "archlock.opponents", "16", "out_dir", str(tmp_path / "out")]) == 2
    assert f"archlock.final_pick {LEAKS} needs a table" in capsys.readouterr().err
