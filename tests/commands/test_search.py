"""``archlock search`` as a user sees it: what it prints and writes, and its messages."""

from __future__ import annotations

import json
import os
import re

import pytest
import yaml
from commanding import without_seconds

from naslib_archlock.benchmarks.benchmark import FROM_SCRATCH
from naslib_archlock.ranker.ranker import Ranker


def test_a_search_prints_and_writes_its_result(run, toy_args, folder):
    code, printed, out = run("search", "--json", *toy_args)
    assert code == 0
    result = json.loads(printed)
    assert set(result) >= {
        "scheme", "search_space", "source", "targets", "source_val", "source_test", "cell", "arch", "source_queries",
        "seed", "seconds", "fitness",
    }  # fmt: skip
    assert (result["scheme"], result["search_space"], result["source"]) == ("tu", "transbench101_micro", "class_scene")
    assert list(result["targets"]) == ["normal"]
    assert result["source_queries"] == 15
    files = [
        "cell.png", "config.yaml", "history.csv", "lock.png", "result.json", "run.json", "search.png", "status.json",
        "timings.json",
    ]  # fmt: skip
    assert sorted(os.listdir(folder)) == files
    assert set(re.search(f"written to {folder}: (.*)", out).group(1).split(", ")) == set(files) - {
        "run.json",
        "status.json",
    }
    written = [json.loads((folder / name).read_text()) for name in ("result.json", "timings.json")]
    assert set(written[1]) == {"seconds", "seconds_preparation", "made", "sha256"}
    assert {"date", "machine", "Python", "archlock", "numpy"} <= set(written[1].pop("made"))
    written[1].pop("sha256")
    assert {**written[0], **written[1]} == result
    for shown in (result["arch"], "scheme S finds", "normal test", f"{result['source_queries']} source look-ups"):
        assert shown in out
    assert FROM_SCRATCH in " ".join(out.split())
    assert "MADE UP" in " ".join(out.split())


def test_a_search_on_ranks_also_keeps_its_ranker(run, ranked_args, folder):
    code, printed, out = run("search", "--json", *ranked_args)
    assert code == 0
    assert json.loads(printed)["source_queries"] <= 15
    files = [
        "cell.png", "config.yaml", "history.csv", "lock.png", "ranker.safetensors", "result.json", "run.json",
        "search.png", "status.json",
        "timings.json",
    ]  # fmt: skip
    assert sorted(os.listdir(folder)) == files
    assert set(re.search(f"written to {folder}: (.*)", out).group(1).split(", ")) == set(files) - {
        "run.json",
        "status.json",
    }
    assert Ranker.load(folder / "ranker.safetensors").info.tasks


def test_a_run_without_a_ranker_leaves_none_of_another_run(run, ranked_args, folder):
    assert run("search", *ranked_args).code == 0
    code, out, _ = run("search", "--overwrite", *ranked_args, "archlock.strategy", "bayesian")
    assert code == 0
    assert "ranker.safetensors" not in out
    files = [
        "cell.png", "config.yaml", "history.csv", "lock.png", "result.json", "run.json", "search.png", "status.json",
        "timings.json",
    ]  # fmt: skip
    assert sorted(os.listdir(folder)) == files


@pytest.mark.parametrize("scheme", ["s", "tk", "tu"])
def test_macro_architectures_are_searched_by_evolution(run, toy_args, macro_tables, tmp_path, fast_training, scheme):
    keys = ["search_space", "transbench101_macro", "archlock.tables", macro_tables, "archlock.scheme", scheme]
    assert run("search", *toy_args, *keys, "archlock.strategy", "evolution").code == 0
    folder = tmp_path / "out" / "transbench101_macro" / "class_scene" / "archlock" / scheme / "0"
    assert Ranker.load(folder / "ranker.safetensors").info.family == "macro"
    assert json.loads((folder / "result.json").read_text())["source_queries"] <= 15


def test_counted_look_ups_of_targets_are_reported(run, toy_args, folder):
    keys = ["archlock.scheme", "tk", "archlock.target", "all", "archlock.targets_by", "worst"]
    code, out, _ = run("search", *toy_args, *keys, "archlock.target_queries", "9")
    assert code == 0
    assert "9 target look-ups" in out
    assert "worst target" in out
    result = json.loads((folder.parents[1] / "tk" / "0" / "result.json").read_text())
    assert (result["target_queries"], result["s"]["target_queries"]) == (9, 0)
    assert not result["leaks"]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["archlock.scheme", "tu", "archlock.target_queries", "5"], "which scheme tu must not see; use scheme tk"),
        (["archlock.scheme", "s", "archlock.target_queries", "5"], "which scheme s must not see; use scheme tk"),
        (["archlock.scheme", "tk", "archlock.target_queries", "4097"], "4097 is more than there are accuracies"),
        (["archlock.scheme", "tk", "archlock.target", "all", "archlock.target_queries", "2"], "too few for 3 targets"),
        (["archlock.source_budget_percentile", "3", "archlock.source_budget_pct", "3"], "two budgets for one source"),
        (["archlock.source_budget_percentile", "101"], r"archlock.source_budget_percentile=101.0 must lie in [0, 100]"),
    ],
)
def test_budgets_that_cannot_be_are_refused(fails, toy_args, keys, message):
    assert message in fails("search", *toy_args, *keys)


@pytest.mark.parametrize("strategy", ["bayesian", "evolution"])
def test_a_search_draws_a_picture(run, ranked_args, folder, strategy):
    assert run("search", *ranked_args, "archlock.strategy", strategy).code == 0
    assert (folder / "search.png").read_bytes().startswith(b"\x89PNG")


def test_without_json_no_json_is_printed(run, toy_args):
    code, out, _ = run("search", *toy_args)
    assert code == 0
    assert not any(line.startswith("{") for line in out.splitlines())


def test_the_written_config_runs_the_same_again(run, toy_args, folder, tmp_path):
    assert run("search", *toy_args).code == 0
    first = json.loads((folder / "result.json").read_text())
    config = folder / "config.yaml"
    again = run("search", "--config-file", config, "--json", "out_dir", tmp_path / "again")
    assert without_seconds(json.loads(again.out)) == first


def test_overrides_win_over_the_file(run, toy_args, folder, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("seed: 0\narchlock:\n  scheme: tk\nsearch:\n  epochs: 3\n")
    assert run("search", "--config-file", config, *toy_args, "archlock.scheme", "tu").code == 0
    assert yaml.safe_load((folder / "config.yaml").read_text())["search"]["epochs"] == 15


def test_options_may_stand_after_the_overrides(run, toy_args):
    code, out, _ = run("search", *toy_args, "--json")
    assert code == 0
    assert json.loads(out)


def test_a_ranker_is_trained_where_none_is_given(run, ranked_args, folder, fast_training):
    assert run("search", *ranked_args, "archlock.ranker", "").code == 0
    assert {task.split("/")[1] for task in Ranker.load(folder / "ranker.safetensors").info.tasks} == {
        "class_scene", "class_object", "autoencoder"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["search_space", "transbench101_mico"],
            "unknown search space 'transbench101_mico'.*mean 'transbench101_micro'",
        ),
        (["dataset", "class_scen"], "unknown task 'class_scen'.*did you mean 'class_scene'"),
        (
            ["dataset", "cifar10"],
            "unknown task 'cifar10' in the transbench101_micro benchmark, and no folder of",
        ),
        (["archlock.target", "nrmal"], "unknown task 'nrmal'.*did you mean 'normal'"),
        (["archlock.scheme", "tuu"], "unknown archlock.scheme 'tuu'; known: s, tk, tu"),
        (["archlock.scheme", "tk", "archlock.target", ""], "scheme tk needs archlock.target"),
        (["archlock.target", "class_scene"], "names class_scene, which is the source"),
        (["archlock.proxies", "nwod"], "unknown proxy 'nwod'.*did you mean 'nwot'"),
        (["archlock.proxys", "nwot"], "unknown key archlock.proxys; did you mean 'proxies'"),
        (["sede", "1"], "unknown key sede; did you mean 'seed'"),
        (["seed"], "'seed' has no value"),
        (["seed", "x"], "seed must be of type int"),
        (["archlock.skip_unreadable", "maybe"], "archlock.skip_unreadable must be of type bool"),
        (["archlock.exhaustive", "true"], "unknown key archlock.exhaustive"),
        (["archlock.strategy", "bayes"], "unknown archlock.strategy 'bayes'.*did you mean 'bayesian'"),
        (["archlock.strategy", "bayesian", "archlock.source_queries", "0"], "archlock.source_queries is 0"),
        (["archlock.cosine", "2"], "archlock.cosine=2.0 must lie in"),
        (
            ["archlock.scheme", "tk", "archlock.zero_cost", "zc_transbench101_micro.json"],
            "101_micro.json cannot be read",
        ),
        (["archlock.tables", "nowhere"], "no table of transbench101_micro in nowhere"),
        (["search_space", "nasbench201", "dataset", "cifar10"], "no table of nasbench201 in"),
    ],
)
def test_mistakes_in_the_configuration(fails, toy_args, folder, monkeypatch, tmp_path, overrides, message):
    monkeypatch.chdir(tmp_path)
    err = fails("search", *toy_args, *overrides)
    assert re.search(message, err), err
    assert len(err.strip().splitlines()) == 1
    assert not (folder / "result.json").exists()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["archlock.ranker", "nowhere.safetensors"], "ranker file nowhere.safetensors cannot be read"),
        (["archlock.target", "class_object"], "was trained on class_object.*archlock.leave_out class_object"),
        (["archlock.zero_cost", "zc_transbench101_micro.json"], "zc_transbench101_micro.json cannot be read"),
        (["archlock.embedding", "{task}.npy"], "trained with embedding proxies"),
    ],
)
def test_mistakes_in_searching_with_a_ranker(fails, ranked_args, folder, monkeypatch, tmp_path, overrides, message):
    monkeypatch.chdir(tmp_path)
    err = fails("search", *ranked_args, *overrides)
    assert re.search(message, err), err
    assert len(err.strip().splitlines()) == 1
    assert not (folder / "result.json").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "cannot be read"), (b"half", "cannot be read"), (b"\x80\x04K\x01.", "must be a safetensors file")],
)
def test_rankers_that_are_none(fails, ranked_args, tmp_path, content, message):
    path = tmp_path / "ranker.safetensors"
    path.write_bytes(content)
    err = fails("search", *ranked_args, "archlock.ranker", path)
    assert message in err
    assert str(path) in err


def test_a_ranker_cut_short(fails, ranked_args, toy_ranker_file, tmp_path):
    path = tmp_path / "cut.safetensors"
    path.write_bytes(toy_ranker_file.read_bytes()[:-100])
    assert "train-ranker" in fails("search", *ranked_args, "archlock.ranker", path)


def test_a_ranker_of_another_family(fails, ranked_args, macro_tables):
    err = fails("search", *ranked_args, "search_space", "transbench101_macro", "archlock.tables", macro_tables)
    assert "cannot rank transbench101_macro, a macro space" in err


def test_faults_of_the_table(fails, toy_args, toy_tables, tmp_path, rewrite_tables):
    def spoil(name, values):
        if name == "normal/test":
            values[7] = float("nan")
        return values

    folder = rewrite_tables(toy_tables, tmp_path / "spoilt", "transbench101_micro", change_column=spoil)
    err = fails("search", *toy_args, "archlock.tables", folder)
    assert "column normal/test is not a number for 64-41414-" in err
    table = folder / "transbench101_micro.csv.gz"
    table.write_bytes(table.read_bytes()[:-20])
    err = fails("search", *toy_args, "archlock.tables", folder)
    assert f"table {table} cannot be read" in err


def test_faults_of_the_zero_cost_file(fails, ranked_args, toy_tables, tmp_path, rewrite_tables):
    folder = rewrite_tables(
        toy_tables, tmp_path / "spoilt", "transbench101_micro", change_scores=lambda scores: scores.pop("class_scene")
    )
    err = fails("search", *ranked_args, "archlock.tables", folder)
    assert "unknown task 'class_scene' in zero-cost files of transbench101_micro; known: class_object" in err
    path = folder / "zc_transbench101_micro.json"
    for keys in ([], ["archlock.strategy", "bayesian", "archlock.scheme", "tk"]):
        args = [*ranked_args, "archlock.tables", folder, *keys]
        path.write_text('{"class_scene": {"(0, 0, 0, 2, ')
        assert f"zero-cost file {path} is not valid JSON" in fails("search", *args)
        path.write_text('{"class_scene": {"(0, 0, 0, 9, 0, 0)": {}}}')
        err = fails("search", *args)
        assert f"zero-cost file {path}: task 'class_scene', entry '(0, 0, 0, 9, 0, 0)'" in err


def test_configs_that_are_none(fails, toy_args, tmp_path):
    path = tmp_path / "config.yaml"
    assert str(path) in fails("search", "--config-file", path, *toy_args)
    path.write_text("seed: [1")
    assert f"config file {path} is not YAML" in fails("search", "--config-file", path, *toy_args)


def test_a_bug_is_not_hidden(run, toy_args, monkeypatch):
    """The command turns only errors made for users into messages."""

    def bug(*args):
        raise AttributeError("a bug")

    monkeypatch.setattr("naslib_archlock.commands.make_run.prepare", bug)
    with pytest.raises(AttributeError, match="a bug"):
        run("search", *toy_args)


def test_the_search_of_another_optimizer_is_not_made(fails, toy_args, tmp_path):
    for name in ("re", "bananas", "ArchLock"):
        assert f"optimizer '{name}' is not the search of this package" in fails("search", *toy_args, "optimizer", name)
    assert not (tmp_path / "out").exists()


def test_results_go_to_the_home_folder(run, toy_args, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "config.yaml"
    config.write_text("out_dir: ~/runs\narchlock: {target: normal}\n")
    at = toy_args.index("out_dir")
    args = [*toy_args[:at], *toy_args[at + 2 :]]
    assert run("search", "--config-file", config, *args).code == 0
    assert list((tmp_path / "home" / "runs").rglob("result.json"))
    assert not (tmp_path / "~").exists()


def test_a_long_search_says_how_far_it_is_and_the_time_left(run, toy_args, monkeypatch):
    """Both searches are counted: the one asked for, and the one under scheme S that it is compared with."""
    for name in ("_SECONDS_BEFORE", "_SECONDS_BETWEEN_LINES", "_SHARE_BETWEEN_LINES"):
        monkeypatch.setattr(f"naslib_archlock.compute.counted.{name}", 0.0)
    lines = run("search", *toy_args).err.splitlines()
    what = ["searching"] * 15 + ["searching under scheme S, to compare"] * 15
    assert [line.split(" after ")[0] for line in lines] == [f"{w}: {i} of 30 look-ups" for i, w in enumerate(what, 1)]
    assert all(" left; best lock so far: " in line for line in lines[:-1])
    assert lines[4].endswith(", 10 source look-ups left")
    assert lines[-1].endswith(", 0 source look-ups left")
