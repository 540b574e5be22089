"""The commands as a user sees them: exit codes, messages, files. No error of a user's ends in a traceback."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from naslib_archlock import __version__
from naslib_archlock.benchmarks.benchmark import FROM_SCRATCH
from naslib_archlock.benchmarks.source_oracle import SourceOracle
from naslib_archlock.commands import main as cli
from naslib_archlock.locking import result
from naslib_archlock.locking.run_folder import RunFolder
from naslib_archlock.ranker.ranker import Ranker
from naslib_archlock.report import search_pictures as plot
from naslib_archlock.store import checkpoint, sealed
from naslib_archlock.store.sealed import seal
from naslib_archlock.strategies.base import Search
from naslib_archlock.strategies.bayesian import BayesianSearch
from naslib_archlock.strategies.evolution import RegularizedEvolution

COMMAND = [sys.executable, "-m", "naslib_archlock"]


class Outcome(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def quick_pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than the rest of a short search: only the tests named after it draw."""
    if "picture" not in request.node.name:
        monkeypatch.setattr(plot, "search_picture", lambda *args: b"no picture")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process. Unexpected errors come through as they are."""

    def run_command(*argv: Any) -> Outcome:
        capsys.readouterr()
        try:
            code = cli.main([str(arg) for arg in argv])
        except SystemExit as stop:  # argparse
            code = int(stop.code or 0)
        return Outcome(code, *capsys.readouterr())

    return run_command


@pytest.fixture
def fails(run: Run) -> Callable[..., str]:
    """Runs a command that must end as a user's error; returns its message."""

    def run_command(*argv: Any) -> str:
        code, out, err = run(*argv)
        assert code == 2
        assert out == ""
        assert "Traceback" not in err
        assert err.startswith(f"archlock {argv[0]}: ")
        return err

    return run_command


@pytest.fixture
def folder(tmp_path) -> Path:
    """Where ``toy_args`` puts its run."""
    return tmp_path / "out" / "transbench101_micro" / "class_scene" / "archlock" / "tu" / "0"


# -- help --------------------------------------------------------------------------------------------------------------


def test_the_version_and_the_help(run):
    assert run("--version") == (0, f"archlock {__version__}\n", "")
    for command in ("search", "train-ranker", "compare", "report", "naslib", "doctor"):
        assert command in run("--help").out
        assert run(command, "--help").code == 0
    assert "--resume" in run("search", "--help").out


@pytest.mark.parametrize(
    ("argv", "message"),
    [([], "COMMAND"), (["serch"], "serch"), (["search", "--resme"], "--resme"), (["search", "--x"], "--x"),
     (["train-ranker"], "--out"), (["doctor", "seed", "1"], "seed"), (["search", "--config-file"], "--config-file")],
)  # fmt: skip
def test_wrong_usage(run, argv, message):
    code, out, err = run(*argv)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


# -- search ------------------------------------------------------------------------------------------------------------


def test_a_search_prints_and_writes_its_result(run, toy_args, folder):
    code, out, err = run("search", "--json", *toy_args)
    assert (code, err) == (0, "")
    result = json.loads(out.splitlines()[-1])
    assert set(result) >= {
        "scheme", "search_space", "source", "targets", "source_val", "source_test", "cell", "arch", "source_queries",
        "seed", "seconds", "fitness",
    }  # fmt: skip
    assert (result["scheme"], result["search_space"], result["source"]) == ("tu", "transbench101_micro", "class_scene")
    assert list(result["targets"]) == ["normal"]
    assert result["source_queries"] == 15
    files = ["config.yaml", "lock.png", "result.json", "search.png", "timings.json"]
    assert sorted(os.listdir(folder)) == files
    assert set(re.search(f"written to {folder}: (.*)", out).group(1).split(", ")) == set(files)
    written = [json.loads((folder / name).read_text()) for name in ("result.json", "timings.json")]
    assert {**written[0], **written[1]} == result
    assert set(written[1]) == {"seconds", "seconds_preparation"}
    for shown in (result["arch"], "scheme S finds", "normal test", f"{result['source_queries']} source look-ups"):
        assert shown in out
    assert FROM_SCRATCH in " ".join(out.split())
    assert "MADE UP" in " ".join(out.split())


def test_a_search_on_ranks_also_keeps_its_ranker(run, ranked_args, folder):
    code, out, err = run("search", "--json", *ranked_args)
    assert (code, err) == (0, "")
    assert json.loads(out.splitlines()[-1])["source_queries"] <= 15
    files = ["config.yaml", "lock.png", "ranker.safetensors", "result.json", "search.png", "timings.json"]
    assert sorted(os.listdir(folder)) == files
    assert set(re.search(f"written to {folder}: (.*)", out).group(1).split(", ")) == set(files)
    assert Ranker.load(folder / "ranker.safetensors").info.tasks


def test_a_run_without_a_ranker_leaves_none_of_another_run(run, ranked_args, folder):
    assert run("search", *ranked_args).code == 0
    code, out, _ = run("search", "--overwrite", *ranked_args, "archlock.strategy", "bayesian")
    assert code == 0
    assert "ranker.safetensors" not in out
    assert sorted(os.listdir(folder)) == ["config.yaml", "lock.png", "result.json", "search.png", "timings.json"]


@pytest.mark.parametrize("scheme", ["s", "tk", "tu"])
def test_macro_architectures_are_searched_by_evolution(run, toy_args, macro_tables, tmp_path, fast_training, scheme):
    keys = ["search_space", "transbench101_macro", "archlock.tables", macro_tables, "archlock.scheme", scheme]
    assert run("search", *toy_args, *keys).code == 0
    folder = tmp_path / "out" / "transbench101_macro" / "class_scene" / "archlock" / scheme / "0"
    assert Ranker.load(folder / "ranker.safetensors").info.family == "macro"
    assert json.loads((folder / "result.json").read_text())["source_queries"] <= 15


def test_macro_architectures_are_no_cells(fails, toy_args, macro_tables, folder):
    keys = ["search_space", "transbench101_macro", "archlock.tables", macro_tables, "archlock.strategy", "bayesian"]
    assert "choose evolution or exhaustive" in fails("search", *toy_args, *keys)


@pytest.mark.parametrize("strategy", ["bayesian", "evolution"])
def test_a_search_draws_a_picture(run, ranked_args, folder, strategy):
    assert run("search", *ranked_args, "archlock.strategy", strategy).code == 0
    assert (folder / "search.png").read_bytes().startswith(b"\x89PNG")


def test_without_json_no_json_is_printed(run, toy_args):
    code, out, _ = run("search", *toy_args)
    assert code == 0
    assert not any(line.startswith("{") for line in out.splitlines())


def without_seconds(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if not key.startswith("seconds")}


def test_the_written_config_runs_the_same_again(run, toy_args, folder, tmp_path):
    assert run("search", *toy_args).code == 0
    first = json.loads((folder / "result.json").read_text())
    config = folder / "config.yaml"
    again = run("search", "--config-file", config, "--json", "out_dir", tmp_path / "again")
    assert without_seconds(json.loads(again.out.splitlines()[-1])) == first


def test_overrides_win_over_the_file(run, toy_args, folder, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("seed: 0\narchlock:\n  scheme: tk\nsearch:\n  epochs: 3\n")
    assert run("search", "--config-file", config, *toy_args, "archlock.scheme", "tu").code == 0
    assert yaml.safe_load((folder / "config.yaml").read_text())["search"]["epochs"] == 15


def test_options_may_stand_after_the_overrides(run, toy_args):
    code, out, _ = run("search", *toy_args, "--json")
    assert code == 0
    assert json.loads(out.splitlines()[-1])


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
    """Only errors made for users are turned into messages."""

    def bug(*args):
        raise AttributeError("a bug")

    monkeypatch.setattr("naslib_archlock.commands.make_run.prepare", bug)
    with pytest.raises(AttributeError, match="a bug"):
        run("search", *toy_args)


# -- the output folder -------------------------------------------------------------------------------------------------


def test_an_output_folder_that_cannot_be_written(fails, toy_args, tmp_path):
    (tmp_path / "file").write_text("here")
    err = fails("search", *toy_args, "out_dir", tmp_path / "file" / "below")
    assert "cannot be written" in err
    assert "choose another with out_dir" in err


def test_a_disk_that_fills_up_leaves_no_result(fails, toy_args, folder, monkeypatch):
    from naslib_archlock.store import files

    replace = os.replace

    def full(part, target):
        if str(target).endswith("result.json"):
            raise OSError(28, "No space left on device")
        replace(part, target)

    monkeypatch.setattr(files.os, "replace", full)
    assert "result.json cannot be written: No space left on device" in fails("search", *toy_args)
    assert not (folder / "result.json").exists()
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_disk_that_is_full_at_any_write_ends_in_an_error_and_loses_nothing(
    run, fails, toy_args, folder, tmp_path, monkeypatch, step
):
    """The run then goes on, once there is room, to what it would have come to."""
    from naslib_archlock.store import cache, files

    monkeypatch.setattr(cache, "_keep", lambda *args: None)  # tests of its own see to that
    args = [*toy_args, "search.checkpoint_freq", "5"]
    original = getattr(os, step)
    calls = []

    def full(*where):
        calls.append(where)
        if len(calls) == full_at:
            raise OSError(28, "No space left on device")
        return original(*where)

    full_at = 0
    with monkeypatch.context() as patch:
        patch.setattr(files.os, step, full)
        assert run("search", *args, "out_dir", tmp_path / "whole").code == 0
    whole = tmp_path / "whole" / folder.relative_to(tmp_path / "out")
    n_writes = len(calls)
    assert n_writes == 8  # the config, three states, two pictures, timings, the result
    for full_at in range(1, n_writes + 1):  # noqa: B007  # it is read by full
        calls.clear()
        with monkeypatch.context() as patch:
            patch.setattr(files.os, step, full)
            err = fails("search", *args, "--overwrite")
        assert "cannot be written: No space left on device" in err
        assert not list(folder.glob(".*"))
        resume = ["--resume"] if (folder / "config.yaml").exists() else []
        assert run("search", *args, *resume).code == 0
        assert (folder / "result.json").read_bytes() == (whole / "result.json").read_bytes()
        shutil.rmtree(folder)


def test_another_runs_result_is_kept(run, fails, toy_args, folder):
    assert run("search", *toy_args).code == 0
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    err = fails("search", *toy_args, "archlock.cosine", "0.5")
    assert f"{folder} holds a run with another configuration" in err
    assert "--overwrite" in err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_overwrite_replaces_it(run, toy_args, folder):
    assert run("search", *toy_args).code == 0
    assert run("search", "--overwrite", *toy_args, "archlock.cosine", "0.5").code == 0
    assert yaml.safe_load((folder / "config.yaml").read_text())["archlock"]["cosine"] == 0.5


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["archlock.ranker", "no/such.safetensors"], "no/such.safetensors cannot be read"),
        (
            ["archlock.strategy", "evolution", "archlock.zero_cost", "no/zc_digits.json"],
            "no/zc_digits.json",
        ),
    ],
)
def test_an_overwrite_that_cannot_begin_loses_nothing(run, fails, toy_args, folder, overrides, message):
    assert run("search", *toy_args).code == 0
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert message in fails("search", "--overwrite", *toy_args, *overrides)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_another_runs_half_trained_ranker_is_kept(fails, run, toy_args, folder, monkeypatch, fast_training):
    args = [*toy_args, "archlock.strategy", "evolution"]
    monkeypatch.setattr("naslib_archlock.store.checkpoint.SECONDS", 0.0)
    monkeypatch.setattr("naslib_archlock.ranker.training.pair_accuracy", _interrupt)
    assert run("search", *args).code == 130
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(before) == {".ranker.safetensors.checkpoint", "config.yaml"}
    assert "--overwrite" in fails("search", *args, "archlock.cosine", "0.5")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_same_run_may_be_run_again(run, toy_args, folder):
    results = []
    for _ in range(2):
        assert run("search", *toy_args).code == 0
        results.append({p.name: p.read_bytes() for p in folder.iterdir() if p.name != "timings.json"})
    assert results[0] == results[1]


@pytest.mark.parametrize("content", [b"\xff: [", b"a: 2024-13-01", b"[" * 2000])
def test_a_folder_with_an_unreadable_config_is_another_run(run, fails, toy_args, folder, content):
    assert run("search", *toy_args).code == 0
    (folder / "config.yaml").write_bytes(content)
    assert "holds a run with another configuration" in fails("search", *toy_args)


# -- interruption ------------------------------------------------------------------------------------------------------


def interrupted_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Ctrl-C arrive at the beginning of a step."""
    for kind in (BayesianSearch, RegularizedEvolution):
        monkeypatch.setattr(kind, "step", _stopping(kind.step, step))


def _stopping(original: Callable[[Search], None], step: int) -> Callable[[Search], None]:
    def stop(search):
        if len(search.history) == step:
            raise KeyboardInterrupt
        original(search)

    return stop


def interrupted_within(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Ctrl-C arrive in the middle of a step: its random numbers are drawn, its look-up is made."""
    original = SourceOracle.validation_accuracy

    def stop(oracle, arch):
        answer = original(oracle, arch)
        if oracle.queries == step:
            raise KeyboardInterrupt
        return answer

    monkeypatch.setattr(SourceOracle, "validation_accuracy", stop)


def n_steps_kept(folder: Path) -> int:
    return len(sealed.read(folder / "state.json")["search"]["history"])


def searches_of(monkeypatch: pytest.MonkeyPatch) -> list[Search]:
    """The searches that are reported from now on."""
    searches: list[Search] = []
    finish = result.finish

    def recorded_finish(config, benchmark, search, *args):
        searches.append(search)
        return finish(config, benchmark, search, *args)

    monkeypatch.setattr("naslib_archlock.commands.make_run.finish", recorded_finish)
    return searches


@pytest.mark.parametrize(
    ("interrupt", "step", "strategy"),
    [(interrupted_at, 3, "evolution"), (interrupted_at, 9, "evolution"), (interrupted_within, 3, "evolution"),
     (interrupted_within, 9, "evolution"), (interrupted_within, 4, "exhaustive"), (interrupted_at, 3, "bayesian"),
     (interrupted_within, 3, "bayesian"), *((interrupted_at, step, "bayesian") for step in range(24, 32)),
     (interrupted_within, 27, "bayesian"), (interrupted_within, 39, "bayesian")],
)  # fmt: skip
def test_an_interrupted_run_resumes_to_the_same_result(
    run, ranked_args, folder, tmp_path, monkeypatch, interrupt, step, strategy
):
    args = [*ranked_args, "archlock.strategy", strategy]
    if strategy == "bayesian":
        args += ["search.epochs", "40"]  # also beyond the first look-ups, which are random
    searches = searches_of(monkeypatch)
    whole = run("search", "--json", *args, "out_dir", tmp_path / "whole")
    with monkeypatch.context() as patch:
        interrupt(step, patch)
        code, out, err = run("search", *args)
    assert code == 130
    assert out == ""
    assert f"state saved in {folder}; go on with --resume" in err
    assert "Traceback" not in err
    ranker = ["ranker.safetensors"] if strategy != "bayesian" else []
    assert sorted(os.listdir(folder)) == ["config.yaml", *ranker, "state.json"]
    resumed = run("search", "--resume", "--json", *args)
    assert resumed.code == 0
    assert not (folder / "state.json").exists()
    uninterrupted, continued = searches
    assert continued.history == uninterrupted.history
    assert continued.oracle.known == uninterrupted.oracle.known
    results = [without_seconds(json.loads(outcome.out.splitlines()[-1])) for outcome in (whole, resumed)]
    assert results[0] == results[1]


def test_resuming_uses_the_ranker_of_the_run(run, ranked_args, folder, monkeypatch, fast_training):
    args = [*ranked_args, "archlock.ranker", ""]
    with monkeypatch.context() as patch:
        interrupted_at(5, patch)
        assert run("search", *args).code == 130
    monkeypatch.setattr("naslib_archlock.locking.find_ranker.train_on_scores", _train_again)
    assert run("search", "--resume", *args).code == 0


def test_the_state_is_kept_now_and_then(run, toy_args, folder, monkeypatch):
    """For what no program can catch: a kill, or a power cut."""
    kept = []
    original = RunFolder.keep_state

    def spy(run_folder, state):
        original(run_folder, state)
        kept.append(n_steps_kept(folder))

    monkeypatch.setattr(RunFolder, "keep_state", spy)
    assert run("search", *toy_args, "search.checkpoint_freq", "4").code == 0
    assert kept == [4, 8, 12]


def test_the_state_is_kept_when_some_time_has_passed(run, toy_args, folder, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr("naslib_archlock.commands.make_run.finish", _interrupt)  # as a kill, without a word
        assert run("search", *toy_args).code == 130
    assert n_steps_kept(folder) == 15


def test_there_must_be_something_to_resume(fails, toy_args, folder):
    assert "holds no run to resume" in fails("search", "--resume", *toy_args)
    assert not folder.exists()
    folder.mkdir(parents=True)
    assert "holds no run to resume" in fails("search", "--resume", *toy_args)


def test_a_run_that_got_no_further_than_its_config_begins_at_the_beginning(
    run, toy_args, folder, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "restore", _interrupt)
        assert run("search", *toy_args).code == 130
    assert os.listdir(folder) == ["config.yaml"]
    assert run("search", "--resume", *toy_args).code == 0
    assert run("search", *toy_args, "out_dir", tmp_path / "whole").code == 0
    whole = tmp_path / "whole" / folder.relative_to(tmp_path / "out")
    assert (folder / "result.json").read_bytes() == (whole / "result.json").read_bytes()


def test_to_resume_a_finished_run_is_to_be_told_so(run, toy_args, folder, monkeypatch):
    first = run("search", "--json", *toy_args)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "state.json").write_text("left over, by a kill after the result was written")
    monkeypatch.setattr("naslib_archlock.commands.make_run.prepare", lambda *args: pytest.fail("made again"))
    code, out, err = run("search", "--resume", "--json", *toy_args)
    assert (code, err) == (0, "")
    assert out == f"this run is finished, in {folder}\n{first.out}"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("result.json", b'{"scheme": '), ("result.json", b"[]"), ("result.json", b'{"cell": [1]}'),
        ("result.json", b'{"cell": 1, "arch": 1, "s": {}}'), ("timings.json", b'{"seconds": '), ("timings.json", b"[]"),
    ],
)  # fmt: skip
def test_a_finished_run_whose_result_is_damaged_is_made_again(run, toy_args, folder, name, content):
    assert run("search", *toy_args).code == 0
    before = (folder / "result.json").read_bytes()
    (folder / name).write_bytes(content)
    with pytest.warns(UserWarning, match="cannot be used .*; the run is made again"):
        assert run("search", "--resume", *toy_args).code == 0
    assert (folder / "result.json").read_bytes() == before


@pytest.mark.parametrize("content", [
    b"", b"{}", b"[]", seal({}), seal({"ranker": "another", "search": {}}), seal({"ranker": None, "search": 3}),
    seal({"ranker": None, "search": {"history": 3, "rng": {}}}),
    seal({"ranker": None, "search": {"history": [[1]], "rng": {}}}),
    seal({"ranker": None, "search": {"history": [[[0, 0, 0, 2, 0, 0], 1.0, None, 50.0]], "rng": {}}}),
    seal({"ranker": None, "search": {"history": [], "rng": {"bit_generator": "MT19937"}}}),
])  # fmt: skip
@pytest.mark.parametrize("strategy", ["bayesian", "evolution"])
def test_a_state_that_cannot_be_used_is_said_and_the_search_starts_again(
    run, ranked_args, folder, tmp_path, monkeypatch, strategy, content
):
    args = [*ranked_args, "archlock.strategy", strategy]
    with monkeypatch.context() as patch:
        interrupted_at(5, patch)
        assert run("search", *args).code == 130
    (folder / "state.json").write_bytes(content)
    with pytest.warns(UserWarning, match="state.json cannot be used .*; the search starts again") as caught:
        assert run("search", "--resume", *args).code == 0
    assert len(caught) == 1
    assert run("search", *args, "out_dir", tmp_path / "whole").code == 0
    whole = tmp_path / "whole" / folder.relative_to(tmp_path / "out")
    assert (folder / "result.json").read_bytes() == (whole / "result.json").read_bytes()


def test_a_damaged_ranker_is_said_and_trained_again(run, ranked_args, folder, monkeypatch, fast_training):
    args = [*ranked_args, "archlock.ranker", ""]
    with monkeypatch.context() as patch:
        interrupted_at(5, patch)
        assert run("search", *args).code == 130
    path = folder / "ranker.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.warns(UserWarning, match="cannot be read \\(it does not match its checksum\\).* it is made again"):
        assert run("search", "--resume", *args).code == 0
    assert path.read_bytes() == whole


def test_nothing_of_another_configurations_run_is_taken_for_this_ones(run, fails, ranked_args, folder, monkeypatch):
    """A ranker that was kept, and then the process killed before there was a state."""
    with monkeypatch.context() as patch:
        patch.setattr("naslib_archlock.commands.make_run.finish", _interrupt)
        assert run("search", *ranked_args).code == 130
    assert sorted(os.listdir(folder)) == ["config.yaml", "ranker.safetensors"]
    other = [*ranked_args, "archlock.cosine", "0.5"]
    assert "holds a run with another configuration" in fails("search", *other)
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "keep_ranker", _interrupt)
        assert run("search", "--overwrite", *other).code == 130
    assert os.listdir(folder) == ["config.yaml"]


def test_another_runs_state_is_not_resumed(run, fails, toy_args, folder, monkeypatch):
    with monkeypatch.context() as patch:
        interrupted_at(5, patch)
        assert run("search", *toy_args).code == 130
    state = (folder / "state.json").read_bytes()
    for options in (["--resume"], ["--resume", "--overwrite"], []):
        assert "holds a run with another" in fails("search", *options, *toy_args, "archlock.cosine", "0.5")
        assert (folder / "state.json").read_bytes() == state
    assert run("search", "--resume", *toy_args).code == 0


def test_an_interrupted_overwrite_leaves_nothing_of_the_other_run(run, toy_args, folder, monkeypatch):
    """Else the old result would stand beside the new configuration."""
    assert run("search", *toy_args).code == 0
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "restore", _interrupt)
        assert run("search", "--overwrite", *toy_args, "archlock.cosine", "0.5").code == 130
    assert not (folder / "result.json").exists()
    assert not (folder / "search.png").exists()
    assert yaml.safe_load((folder / "config.yaml").read_text())["archlock"]["cosine"] == 0.5


def test_an_overwrite_that_stops_at_any_moment_mixes_no_two_runs(run, ranked_args, folder, monkeypatch):
    """Either the old run is there, and goes on to what it was; or nothing of it is."""
    other = [*ranked_args, "archlock.strategy", "bayesian"]  # it keeps no ranker
    assert run("search", *ranked_args).code == 0
    old = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "timings.json"}
    assert run("search", "--overwrite", *other).code == 0
    new = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "timings.json"}
    operations: list[Any] = []
    unlink, replace = Path.unlink, os.replace

    def stopping(original: Callable[..., None]) -> Callable[..., None]:
        def operation(*args: Any, **kwargs: Any) -> None:
            operations.append(args)
            if len(operations) == stop_at:
                raise KeyboardInterrupt
            original(*args, **kwargs)

        return operation

    goes_on = []
    for stop_at in range(1, 10):  # noqa: B007  # it is read by operation
        shutil.rmtree(folder)
        assert run("search", *ranked_args).code == 0
        operations.clear()
        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", stopping(unlink))
            patch.setattr(os, "replace", stopping(replace))
            assert run("search", "--overwrite", *other).code == 130
        is_old = (folder / "config.yaml").read_bytes() == old["config.yaml"]
        goes_on.append(is_old)
        assert run("search", "--resume", *(ranked_args if is_old else other)).code == 0
        found = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "timings.json"}
        assert found == (old if is_old else new)
    assert goes_on == [True] * 8 + [False]


def _train_again(*args: Any, **kwargs: Any) -> None:
    pytest.fail("trained again")


def _interrupt(*args: Any, **kwargs: Any) -> None:
    raise KeyboardInterrupt


def test_ctrl_c_while_training(run, ranked_args, folder, monkeypatch):
    monkeypatch.setattr("naslib_archlock.locking.find_ranker.train_on_scores", _interrupt)
    code, out, err = run("search", *ranked_args, "archlock.ranker", "")
    assert (code, out, err) == (130, "", "archlock search: interrupted\n")
    assert not (folder / "result.json").exists()


@pytest.mark.parametrize(
    ("strategy", "steps", "every", "queries"), [("bayesian", 150, 5, 150), ("evolution", 600, 20, 0)]
)
def test_a_real_ctrl_c_of_a_real_process(
    run, ranked_args, folder, tmp_path, monkeypatch, child_environment, strategy, steps, every, queries
):
    """The process is stopped by SIGINT wherever it happens to be, and the run resumes to the same result."""
    args = [
        *ranked_args, "archlock.strategy", strategy, "search.epochs", str(steps), "search.checkpoint_freq", str(every),
        "archlock.source_queries", str(queries),
    ]  # fmt: skip
    process = subprocess.Popen(
        [*COMMAND, "search", *args],
        env=child_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell without job control, such as a CI's, hands down that SIGINT is ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        deadline = time.monotonic() + 120
        while not (folder / "state.json").exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert out == ""
    assert "go on with --resume" in err
    assert "Traceback" not in err
    assert every <= n_steps_kept(folder) < steps

    searches = searches_of(monkeypatch)
    assert run("search", "--resume", *args).code == 0
    assert run("search", *args, "out_dir", tmp_path / "whole").code == 0
    continued, uninterrupted = searches
    assert len(continued.history) == steps
    assert continued.history == uninterrupted.history


def test_a_real_process_reports_an_error_without_a_traceback(child_environment):
    done = subprocess.run(
        [*COMMAND, "search", "archlock.schem", "s"], env=child_environment, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "archlock search: unknown key archlock.schem; did you mean 'scheme'?\n"


# -- train-ranker ------------------------------------------------------------------------------------------------------


@pytest.fixture
def train(run: Run, toy_args, tmp_path, fast_training) -> Run:
    """Runs ``train-ranker`` into ``tmp_path/new/ranker.safetensors``."""

    def run_command(*argv: Any) -> Outcome:
        return run("train-ranker", "--out", tmp_path / "new" / "ranker.safetensors", *toy_args, *argv)

    return run_command


def test_a_ranker_is_written_and_its_accuracies_are_reported(train, run, tmp_path, ranked_args):
    code, out, err = train("--json", "archlock.leave_out", "normal", "archlock.held_out_cells", "0.2")
    assert (code, err) == (0, "")
    report = json.loads(out.splitlines()[-1])
    trained = [f"transbench101_micro/{task}" for task in ("class_scene", "class_object", "autoencoder")]
    assert report["tasks"] == trained
    assert list(report["unseen_cells"]) == trained
    assert list(report["left_out_tasks"]) == ["transbench101_micro/normal"]
    for accuracy in (*report["unseen_cells"].values(), *report["left_out_tasks"].values()):
        assert 0.55 < accuracy <= 1
    assert report["pairs"] == 2 * 30 * 512
    assert report["seconds"] > 0
    for shown in ("unseen cells", "all cells; task left out", "30,720 pairs of 3 tasks"):
        assert shown in out
    path = Path(report["out"])
    assert path == tmp_path / "new" / "ranker.safetensors"
    assert Ranker.load(path).info.tasks == tuple(trained)
    assert run("search", *ranked_args, "archlock.ranker", path).code == 0


def test_a_seed_trains_the_same_bytes(train, tmp_path):
    path = tmp_path / "new" / "ranker.safetensors"
    contents = []
    for seed in (0, 0, 1):
        assert train("--overwrite", "seed", seed).code == 0
        contents.append(path.read_bytes())
    assert contents[0] == contents[1] != contents[2]


def test_an_existing_ranker_is_kept(train, tmp_path):
    path = tmp_path / "new" / "ranker.safetensors"
    path.parent.mkdir()
    path.write_text("precious")
    code, out, err = train()
    assert (code, out) == (2, "")
    assert f"{path} exists; choose another name, or give --overwrite" in err
    assert path.read_text() == "precious"
    assert train("--overwrite").code == 0
    assert Ranker.load(path)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["archlock.leave_out", "norml"], "unknown task 'norml'"),
        (["archlock.train_tasks", "norml"], "unknown task 'norml'"),
        (["archlock.leave_out", "class_scene,class_object,normal,autoencoder"], "no task is left"),
        (["archlock.proxies", "zen"], "none of zen has scores"),
        (["archlock.hidden", "0"], "widths from 1 to 4096"),
        (["archlock.tables", "nowhere"], "no zero-cost file"),
        (["archlock.embedding", "nowhere/{task}.npy"], "cannot be read"),
    ],
)
def test_mistakes_in_training(train, tmp_path, overrides, message):
    code, out, err = train(*overrides)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert not (tmp_path / "new" / "ranker.safetensors").exists()


def test_a_ranker_that_cannot_be_written(fails, toy_args, tmp_path, fast_training):
    (tmp_path / "file").write_text("here")
    assert "cannot be written" in fails("train-ranker", "--out", tmp_path / "file" / "r.safetensors", *toy_args)
    (tmp_path / "folder").mkdir()
    assert "exists" in fails("train-ranker", "--out", tmp_path / "folder", *toy_args)


def test_ctrl_c_while_training_a_ranker(train, tmp_path, monkeypatch):
    monkeypatch.setattr("naslib_archlock.locking.find_ranker.train_on_scores", _interrupt)
    assert train().code == 130
    assert os.listdir(tmp_path / "new") == []


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--jobs", "0"], "'0' must be an integer of at least 1"),
        (["--seed", "-1"], "'-1' must be an integer of at least 0"),
        (["--cells", "many"], "'many' must be an integer of at least 2"),
        (["--cells", "871"], "has 870 distinct architectures, fewer than the 871 asked for"),
        (["--image-size", "10"], "must be a multiple of 4"),
        (["--proxies", "nwt"], "did you mean 'nwot'?"),
        (["--probe", "resnet5"], "did you mean 'resnet50'?"),
        (
            ["--subsets", "1", "--subset-classes", "6"],
            "a subset of 6 classes cannot be taken from task 'low', which has 5",
        ),
    ],
)
def test_mistakes_in_asking_for_proxies(digit_images, tmp_path, capsys, args, message):
    """All are noticed before anything is computed, with or without NASLib."""
    command = ["proxies", "--out", str(tmp_path / "out"), *args, str(digit_images["low"])]
    try:
        assert cli.main(command) == 2
    except SystemExit as err:  # argparse's own
        assert err.code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.json"))
