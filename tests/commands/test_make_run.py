"""The folder of a run: what is kept, replaced and resumed, wherever the run was interrupted."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from commanding import COMMAND, interrupt, train_again, without_seconds

from naslib_archlock.benchmarks.source_oracle import SourceOracle
from naslib_archlock.locking import result
from naslib_archlock.locking.run_folder import RunFolder
from naslib_archlock.store import checkpoint, sealed
from naslib_archlock.store.locks import alone_in
from naslib_archlock.store.sealed import seal
from naslib_archlock.store.status_file import StatusFile
from naslib_archlock.strategies.base import Search
from naslib_archlock.strategies.bayesian import BayesianSearch
from naslib_archlock.strategies.evolution import RegularizedEvolution

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
    """Once there is room on the disk, the run continues to the same result."""
    from naslib_archlock.store import cache, files

    monkeypatch.setattr(cache, "_keep", lambda *args: None)  # other tests cover the cache, and the status
    monkeypatch.setattr(StatusFile, "tell", lambda *args, **keys: None)
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
    assert n_writes == 12  # the digests (twice), the config, three states, three pictures, timings, history, the result
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


def files_in(folder: Path) -> dict[str, bytes]:
    """The content of each file of a run; the timings, the digests of them and the status differ from run to run."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and path.name not in ("timings.json", "run.json", "status.json")
    }


def test_a_run_with_another_configuration_gets_a_folder_of_its_own(run, toy_args, folder, tmp_path):
    assert run("search", *toy_args).code == 0
    before = files_in(folder)
    other = [*toy_args, "archlock.cosine", "0.5"]
    for _ in range(2):  # the second time, it finds its folder again
        assert run("search", *other).code == 0
        (below,) = (path for path in folder.iterdir() if path.is_dir())
    assert re.fullmatch("run-[0-9a-f]{8}", below.name)
    assert files_in(folder) == before
    assert f"this run is finished, in {below}" in run("search", "--resume", *other).out
    assert run("search", *other, "out_dir", tmp_path / "alone").code == 0
    alone = files_in(tmp_path / "alone" / folder.relative_to(tmp_path / "out"))
    assert {**files_in(below), "config.yaml": b""} == {**alone, "config.yaml": b""}


def test_a_run_with_a_name_is_not_moved(run, fails, toy_args, folder):
    named = [*toy_args, "run_name", "mine"]
    assert run("search", *named).code == 0
    before = files_in(folder / "mine")
    err = fails("search", *named, "archlock.cosine", "0.5")
    assert f"{folder / 'mine'} holds a run with another configuration" in err
    assert "--overwrite" in err
    assert files_in(folder / "mine") == before
    assert "run_name 'a/b' names an output folder" in fails("search", *toy_args, "run_name", "a/b")


def test_a_folder_in_which_another_process_is_at_work_is_refused(fails, toy_args, folder):
    with alone_in(folder):
        err = fails("search", *toy_args)
        assert f"another archlock command (process {os.getpid()} on " in err
        assert f"is at work on {folder}; wait for its end, or choose another out_dir or run_name" in err
    assert not list(folder.iterdir())


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
    monkeypatch.setattr("naslib_archlock.ranker.training.pair_accuracy", interrupt)
    assert run("search", *args).code == 130
    before = files_in(folder)
    assert set(before) == {".ranker.safetensors.checkpoint", "config.yaml"}
    assert run("search", *args, "archlock.cosine", "0.5").code == 130
    assert files_in(folder) == before


def test_the_same_run_may_be_run_again(run, toy_args, folder):
    results = []
    for _ in range(2):
        assert run("search", *toy_args).code == 0
        results.append(files_in(folder))
    assert results[0] == results[1]


@pytest.mark.parametrize("content", [b"\xff: [", b"a: 2024-13-01", b"[" * 2000])
def test_a_folder_with_an_unreadable_config_is_another_run(run, fails, toy_args, folder, content):
    assert run("search", *toy_args).code == 0
    (folder / "config.yaml").write_bytes(content)
    assert "holds a run with another configuration" in fails("search", "--resume", *toy_args)


# -- interruption ------------------------------------------------------------------------------------------------------


def interrupted_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise KeyboardInterrupt at the beginning of a step."""
    for kind in (BayesianSearch, RegularizedEvolution):
        monkeypatch.setattr(kind, "step", _stopping(kind.step, step))


def _stopping(original: Callable[[Search], None], step: int) -> Callable[[Search], None]:
    def stop(search, *args):
        if len(search.history) == step:
            raise KeyboardInterrupt
        original(search, *args)

    return stop


def interrupted_within(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise KeyboardInterrupt within a step, after its random numbers were drawn and its query was made."""
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
        args += ["search.epochs", "40"]  # goes beyond the first queries, which are random
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
    assert sorted(files_in(folder)) == ["config.yaml", *ranker, "state.json"]
    resumed = run("search", "--resume", "--json", *args)
    assert resumed.code == 0
    assert not (folder / "state.json").exists()
    uninterrupted, continued = searches
    assert continued.history == uninterrupted.history
    assert continued.oracle.known == uninterrupted.oracle.known
    results = [without_seconds(json.loads(outcome.out)) for outcome in (whole, resumed)]
    assert results[0] == results[1]


def test_resuming_uses_the_ranker_of_the_run(run, ranked_args, folder, monkeypatch, fast_training):
    args = [*ranked_args, "archlock.ranker", ""]
    with monkeypatch.context() as patch:
        interrupted_at(5, patch)
        assert run("search", *args).code == 130
    monkeypatch.setattr("naslib_archlock.locking.find_ranker.train_on_scores", train_again)
    assert run("search", "--resume", *args).code == 0


def test_the_state_is_kept_now_and_then(run, toy_args, folder, monkeypatch):
    """The saved state is for interruptions that no program can catch: a kill, or a power cut."""
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
        patch.setattr("naslib_archlock.commands.make_run.finish", interrupt)  # like a kill, without a message
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
        patch.setattr(RunFolder, "restore", interrupt)
        assert run("search", *toy_args).code == 130
    assert list(files_in(folder)) == ["config.yaml"]
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
    assert (code, out) == (0, first.out)
    assert err == f"this run is finished, in {folder}\n{first.err}"
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
    """A process may be killed after it has saved a ranker and before it has saved a state."""
    with monkeypatch.context() as patch:
        patch.setattr("naslib_archlock.commands.make_run.finish", interrupt)
        assert run("search", *ranked_args).code == 130
    assert sorted(files_in(folder)) == ["config.yaml", "ranker.safetensors"]
    other = [*ranked_args, "archlock.cosine", "0.5"]
    assert "holds a run with another configuration" in fails("search", "--resume", *other)
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "keep_ranker", interrupt)
        assert run("search", "--overwrite", *other).code == 130
    assert list(files_in(folder)) == ["config.yaml"]


def test_another_runs_state_is_not_resumed(run, fails, toy_args, folder, monkeypatch):
    with monkeypatch.context() as patch:
        interrupted_at(5, patch)
        assert run("search", *toy_args).code == 130
    state = (folder / "state.json").read_bytes()
    for options in (["--resume"], ["--resume", "--overwrite"]):
        assert "holds a run with another" in fails("search", *options, *toy_args, "archlock.cosine", "0.5")
        assert (folder / "state.json").read_bytes() == state
    assert run("search", "--resume", *toy_args).code == 0


def test_an_interrupted_overwrite_leaves_nothing_of_the_other_run(run, toy_args, folder, monkeypatch):
    """Otherwise, the old result would lie beside the new configuration."""
    assert run("search", *toy_args).code == 0
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "restore", interrupt)
        assert run("search", "--overwrite", *toy_args, "archlock.cosine", "0.5").code == 130
    assert not (folder / "result.json").exists()
    assert not (folder / "search.png").exists()
    assert yaml.safe_load((folder / "config.yaml").read_text())["archlock"]["cosine"] == 0.5


def test_an_overwrite_that_stops_at_any_moment_mixes_no_two_runs(run, ranked_args, folder, monkeypatch):
    """Either the whole old run is left and can continue, or none of its files."""
    other = [*ranked_args, "archlock.strategy", "bayesian"]  # this strategy keeps no ranker
    assert run("search", *ranked_args).code == 0
    old = files_in(folder)
    assert run("search", "--overwrite", *other).code == 0
    new = files_in(folder)
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
    for stop_at in range(1, 14):  # noqa: B007  # it is read by operation
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
        found = files_in(folder)
        assert found == (old if is_old else new)
    assert goes_on == [True] * 12 + [False]


def test_ctrl_c_while_training(run, ranked_args, folder, monkeypatch):
    monkeypatch.setattr("naslib_archlock.locking.find_ranker.train_on_scores", interrupt)
    code, out, err = run("search", *ranked_args, "archlock.ranker", "")
    assert (code, out, err) == (130, "", "archlock search: interrupted\n")
    assert not (folder / "result.json").exists()


@pytest.mark.parametrize(
    ("strategy", "steps", "every", "queries"), [("bayesian", 150, 5, 150), ("evolution", 600, 20, 0)]
)
def test_a_real_ctrl_c_of_a_real_process(
    run, ranked_args, folder, tmp_path, monkeypatch, child_environment, strategy, steps, every, queries
):
    """SIGINT stops the process at an arbitrary point, and the run resumes to the same result."""
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
        # A shell without job control, as in CI, makes its processes ignore SIGINT. Undo this.
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
