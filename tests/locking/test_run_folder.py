"""The folder of a run by itself; ``tests/commands/test_make_run.py`` interrupts whole runs."""

from __future__ import annotations

import json
import os

import pytest

from naslib_archlock.config.load import load_config
from naslib_archlock.config.sections import Config
from naslib_archlock.errors import OutputError
from naslib_archlock.locking import run_folder as run_folder_module
from naslib_archlock.locking.inputs import input_digests
from naslib_archlock.locking.prepare import open_benchmark, prepare
from naslib_archlock.locking.run_folder import RunFolder, is_same_run, open_run_folder, read_result
from naslib_archlock.spaces.known import DIGITS
from naslib_archlock.store.reading import UnreadableError
from naslib_archlock.strategies.base import Search

CELL = (3, 2, 1, 3, 1, 2)
FOUND = {"cell": list(CELL), "arch": DIGITS.to_str(CELL)}
RESULT, TIMINGS = {**FOUND, "s": FOUND, "seed": 0}, {"seconds": 1.5}
HISTORY = "step,task\n1,digit\n"


@pytest.fixture
def config(tmp_path) -> Config:
    return config_of(tmp_path)


@pytest.fixture
def other(tmp_path) -> Config:
    """Another configuration that names the same folder."""
    return config_of(tmp_path, "archlock.source_budget_pct", "7")


def config_of(tmp_path, *overrides: str) -> Config:
    keys = ["search_space", "digits", "dataset", "digit", "archlock.target", "edges", "out_dir", str(tmp_path)]
    return load_config(None, [*keys, "search.epochs", "9", "archlock.source_queries", "9", *overrides])


def new_search(config: Config, steps: int) -> Search:
    search = prepare(config, open_benchmark(config)).search
    for _ in range(steps):
        search.step()
    return search


def opened(config: Config, resume: bool | None = False, overwrite: bool = False, **inputs: str) -> RunFolder:
    """The folder of a run without its lock. Args: inputs: digests instead of those of real files."""
    benchmark = open_benchmark(config)
    return RunFolder(config.save, config, benchmark, inputs or input_digests(config, benchmark), resume, overwrite)


def begun(config: Config, resume: bool = False, overwrite: bool = False, **inputs: str) -> RunFolder:
    run_folder = opened(config, resume, overwrite, **inputs)
    run_folder.begin()
    return run_folder


def finished(config: Config) -> RunFolder:
    run_folder = begun(config)
    run_folder.keep_result(RESULT, TIMINGS, HISTORY, {"search.png": b"picture"})
    return run_folder


# -- whose folder it is ------------------------------------------------------------------------------------------------


def test_a_folder_is_that_of_the_run_whose_config_it_holds(config, other):
    assert not is_same_run(config, config.save)
    run_folder = opened(config)
    assert not is_same_run(config, config.save)  # it is empty so far
    run_folder.begin()
    assert is_same_run(config, config.save)
    assert config.save == other.save
    assert not is_same_run(other, other.save)
    (config.save / "config.yaml").write_text("[" * 2000)
    assert not is_same_run(config, config.save)


@pytest.mark.parametrize("options", [{}, {"resume": True}, {"resume": True, "overwrite": True}])
@pytest.mark.parametrize("left", ["result.json", "state.json", "ranker.safetensors"])
def test_what_another_run_has_made_is_refused(config, other, left, options):
    begun(config)
    (config.save / left).mkdir()
    with pytest.raises(
        OutputError,
        match="another configuration.*another out_dir or run_name, or .* --overwrite",
    ):
        opened(other, **{"resume": False, "overwrite": False, **options})


def test_a_config_alone_is_nothing_to_lose(config, other):
    begun(config)
    begun(other)
    assert is_same_run(other, other.save)


def test_there_must_be_a_run_to_resume_and_no_folder_is_made_for_it(config):
    run = open_run_folder(config, open_benchmark(config), resume=True)
    with pytest.raises(OutputError, match="holds no run to resume; run without --resume"), run:
        pass
    assert not config.save.exists()


def test_an_overwrite_takes_nothing_away_before_it_begins(config, other):
    finished(config)
    before = sorted(os.listdir(config.save))
    run_folder = opened(other, overwrite=True)
    assert (
        sorted(os.listdir(config.save))
        == before
        == ["config.yaml", "history.csv", "result.json", "run.json", "search.png", "timings.json"]
    )
    assert is_same_run(config, config.save)
    run_folder.begin()
    assert sorted(os.listdir(config.save)) == ["config.yaml", "run.json"]
    assert is_same_run(other, other.save)


def test_the_same_run_begins_with_what_is_there(config):
    finished(config)
    before = sorted(os.listdir(config.save))
    begun(config)
    assert sorted(os.listdir(config.save)) == before


def test_the_training_of_a_ranker_begins_the_run(config, other):
    finished(config)
    checkpoint = opened(other, overwrite=True).begin_training()
    assert checkpoint.parent == other.save
    assert sorted(os.listdir(config.save)) == ["config.yaml", "run.json"]


# -- the result --------------------------------------------------------------------------------------------------------


def test_a_result_and_its_timings_are_found_by_who_resumes(config):
    finished(config)
    assert opened(config, resume=True).result() == {**RESULT, **TIMINGS}
    assert opened(config).result() is None


def test_a_run_without_a_result_is_not_finished(config):
    begun(config)
    assert opened(config, resume=True).result() is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("result.json", "{"),
        ("result.json", json.dumps({**RESULT, "cell": [0] * 6})),  # another cell than the string says
        ("result.json", json.dumps({**RESULT, "s": {**FOUND, "arch": "none"}})),
        ("timings.json", "[]"),
        ("history.csv", HISTORY.replace("1", "2")),
    ],
)
def test_a_damaged_result_is_said_and_counts_as_none(config, name, content):
    finished(config)
    (config.save / name).write_text(content)
    with pytest.warns(UserWarning, match="cannot be used .*; the run is made again"):
        assert opened(config, resume=True).result() is None


@pytest.mark.parametrize("name", ["timings.json", "history.csv", "search.png"])
def test_the_result_comes_last(config, name):
    """It marks a run as finished, so nothing may be missing beside it."""
    run_folder = begun(config)
    (config.save / name).mkdir()
    with pytest.raises(OutputError, match=f"{name} cannot be written"):
        run_folder.keep_result(RESULT, TIMINGS, HISTORY, {"search.png": b"picture"})
    assert not (config.save / "result.json").exists()


def test_files_that_are_there_are_listed_and_those_of_an_interruption_are_tidied_away(config):
    run_folder = finished(config)
    run_folder.keep_state(new_search(config, 0).state())
    run_folder.begin_training().write_bytes(b"half")
    run_folder.tidy()
    assert sorted(os.listdir(config.save)) == sorted(["run.json", *run_folder.files()])
    assert run_folder.files() == ["result.json", "config.yaml", "timings.json", "history.csv", "search.png"]
    run_folder.tidy()  # there may be nothing to do


# -- the inputs of the run ---------------------------------------------------------------------------------------------


def test_a_run_whose_inputs_changed_begins_anew_and_says_so(config):
    run_folder = begun(config, table="1", scores="2")
    run_folder.keep_state(new_search(config, 5).state())
    with pytest.warns(UserWarning, match="^scores changed since the run in .* began; the run begins anew$"):
        changed = opened(config, resume=True, table="1", scores="3")
    search = new_search(config, 0)
    changed.restore(search)
    assert search.history == []
    changed.begin()
    assert sorted(os.listdir(config.save)) == ["config.yaml", "run.json"]
    opened(config, resume=True, table="1", scores="3")  # without a warning


def test_a_finished_run_whose_inputs_changed_is_made_again(config):
    finished(config)
    with pytest.warns(UserWarning, match="^table, task digit, .* changed since"):
        assert opened(config, resume=None, table="1").result() is None


def test_a_finished_run_whose_targets_were_measured_anew_is_made_again(config, monkeypatch):
    finished(config)
    monkeypatch.setattr(run_folder_module, "measured_digests", lambda *args: {"test figures of task edges": "new"})
    with pytest.warns(UserWarning, match="test figures of task edges, .* changed since .*result.json was written"):
        assert opened(config, resume=True).result() is None


def test_a_run_that_lost_its_digests_begins_anew(config):
    finished(config)
    (config.save / "run.json").unlink()
    with pytest.warns(UserWarning, match="run.json changed since"):
        assert opened(config, resume=True).result() is None


def test_a_changed_figure_is_noticed_by_every_reader(config):
    finished(config)
    assert read_result(config.save) == RESULT
    text = (config.save / "result.json").read_text().replace('"seed": 0', '"seed": 1')
    (config.save / "result.json").write_text(text)
    with pytest.raises(UnreadableError, match="result.json was changed after the run"):
        read_result(config.save)
    (config.save / "run.json").unlink()  # as under NASLib's runners, which write none
    assert read_result(config.save) == {**RESULT, "seed": 1}


# -- the state of the search -------------------------------------------------------------------------------------------


def test_a_search_goes_on_from_the_state_that_was_kept(config):
    search = new_search(config, 5)
    begun(config).keep_state(search.state())
    resumed = new_search(config, 0)
    opened(config, resume=True).restore(resumed)
    assert resumed.state() == search.state()
    assert len(resumed.history) == 5


def test_who_does_not_resume_begins_at_the_beginning(config):
    begun(config).keep_state(new_search(config, 5).state())
    fresh = new_search(config, 0)
    opened(config).restore(fresh)
    assert fresh.history == []


def test_a_state_that_cannot_be_used_is_said_and_changes_nothing(config):
    search = new_search(config, 5)
    state = search.state()
    state["rng"] = {"bit_generator": "MT19937"}  # which a search takes in last, when the history is its own already
    begun(config).keep_state(state)
    fresh = new_search(config, 0)
    start = fresh.state()
    with pytest.warns(UserWarning, match="state.json cannot be used .*; the search starts again"):
        opened(config, resume=True).restore(fresh)
    assert fresh.state() == start
    assert fresh.oracle.known == {}


# -- the ranker --------------------------------------------------------------------------------------------------------


def test_the_ranker_is_kept_and_the_checkpoint_of_its_training_is_not(config, toy_ranker):
    run_folder = opened(config)
    checkpoint = run_folder.begin_training()
    checkpoint.write_bytes(b"half")
    run_folder.keep_ranker(toy_ranker)
    assert not checkpoint.exists()
    resumed = opened(config, resume=True)
    assert resumed.ranker().to_bytes() == toy_ranker.to_bytes()
    assert opened(config).ranker() is None


def test_a_state_made_with_another_ranker_is_not_used(config, toy_ranker):
    run_folder = begun(config)
    run_folder.keep_ranker(toy_ranker)
    run_folder.keep_state(new_search(config, 5).state())
    resumed = opened(config, resume=True)
    resumed.keep_ranker(None)
    search = new_search(config, 0)
    with pytest.warns(UserWarning, match="made with another ranker"):
        resumed.restore(search)
    assert search.history == []
    resumed.keep_ranker(resumed.ranker())
    resumed.restore(search)
    assert len(search.history) == 5


def test_a_damaged_ranker_is_said_and_counts_as_none(config, toy_ranker):
    run_folder = begun(config)
    run_folder.keep_ranker(toy_ranker)
    path = config.save / "ranker.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="cannot be read .*; it is made again"):
        assert opened(config, resume=True).ranker() is None
