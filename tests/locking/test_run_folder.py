"""The folder of a run by itself; ``tests/commands/test_make_run.py`` interrupts whole runs."""

from __future__ import annotations

import json
import os

import pytest

from naslib_archlock.config.load import load_config
from naslib_archlock.config.sections import Config
from naslib_archlock.errors import OutputError
from naslib_archlock.locking.prepare import open_benchmark, prepare
from naslib_archlock.locking.run_folder import RunFolder, is_same_run
from naslib_archlock.spaces.known import DIGITS
from naslib_archlock.strategies.base import Search

CELL = (3, 2, 1, 3, 1, 2)
FOUND = {"cell": list(CELL), "arch": DIGITS.to_str(CELL)}
RESULT, TIMINGS = {**FOUND, "s": FOUND, "seed": 0}, {"seconds": 1.5}


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


def begun(config: Config, resume: bool = False, overwrite: bool = False) -> RunFolder:
    run_folder = RunFolder(config, resume, overwrite)
    run_folder.begin()
    return run_folder


def finished(config: Config) -> RunFolder:
    run_folder = begun(config)
    run_folder.keep_result(RESULT, TIMINGS, {"search.png": b"picture"})
    return run_folder


# -- whose folder it is ------------------------------------------------------------------------------------------------


def test_a_folder_is_that_of_the_run_whose_config_it_holds(config, other):
    assert not is_same_run(config)
    run_folder = RunFolder(config, resume=False, overwrite=False)
    assert not is_same_run(config)  # it is empty so far
    run_folder.begin()
    assert is_same_run(config)
    assert config.save == other.save
    assert not is_same_run(other)
    (config.save / "config.yaml").write_text("[" * 2000)
    assert not is_same_run(config)


@pytest.mark.parametrize("options", [{}, {"resume": True}, {"resume": True, "overwrite": True}])
@pytest.mark.parametrize("left", ["result.json", "state.json", "ranker.safetensors", "networks"])
def test_what_another_run_has_made_is_refused(config, other, left, options):
    begun(config)
    (config.save / left).mkdir()
    with pytest.raises(OutputError, match="another configuration.*another out_dir, or give --overwrite"):
        RunFolder(other, **{"resume": False, "overwrite": False, **options})


def test_a_config_alone_is_nothing_to_lose(config, other):
    begun(config)
    begun(other)
    assert is_same_run(other)


def test_there_must_be_a_run_to_resume_and_no_folder_is_made_for_it(config):
    with pytest.raises(OutputError, match="holds no run to resume; run without --resume"):
        RunFolder(config, resume=True, overwrite=False)
    assert not config.save.exists()


def test_an_overwrite_takes_nothing_away_before_it_begins(config, other):
    finished(config)
    before = sorted(os.listdir(config.save))
    run_folder = RunFolder(other, resume=False, overwrite=True)
    assert sorted(os.listdir(config.save)) == before == ["config.yaml", "result.json", "search.png", "timings.json"]
    assert is_same_run(config)
    run_folder.begin()
    assert os.listdir(config.save) == ["config.yaml"]
    assert is_same_run(other)


def test_the_same_run_begins_with_what_is_there(config):
    finished(config)
    before = sorted(os.listdir(config.save))
    begun(config)
    assert sorted(os.listdir(config.save)) == before


def test_the_training_of_a_ranker_begins_the_run(config, other):
    finished(config)
    checkpoint = RunFolder(other, resume=False, overwrite=True).begin_training()
    assert checkpoint.parent == other.save
    assert os.listdir(config.save) == ["config.yaml"]


# -- the result --------------------------------------------------------------------------------------------------------


def test_a_result_and_its_timings_are_found_by_who_resumes(config):
    finished(config)
    assert RunFolder(config, resume=True, overwrite=False).result() == {**RESULT, **TIMINGS}
    assert RunFolder(config, resume=False, overwrite=False).result() is None


def test_a_run_without_a_result_is_not_finished(config):
    begun(config)
    assert RunFolder(config, resume=True, overwrite=False).result() is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("result.json", "{"),
        ("result.json", json.dumps({**RESULT, "cell": [0] * 6})),  # another cell than the string says
        ("result.json", json.dumps({**RESULT, "s": {**FOUND, "arch": "none"}})),
        ("timings.json", "[]"),
    ],
)
def test_a_damaged_result_is_said_and_counts_as_none(config, name, content):
    finished(config)
    (config.save / name).write_text(content)
    with pytest.warns(UserWarning, match="cannot be used .*; the run is made again"):
        assert RunFolder(config, resume=True, overwrite=False).result() is None


@pytest.mark.parametrize("name", ["timings.json", "search.png"])
def test_the_result_comes_last(config, name):
    """It marks a run as finished, so nothing may be missing beside it."""
    run_folder = begun(config)
    (config.save / name).mkdir()
    with pytest.raises(OutputError, match=f"{name} cannot be written"):
        run_folder.keep_result(RESULT, TIMINGS, {"search.png": b"picture"})
    assert not (config.save / "result.json").exists()


def test_files_that_are_there_are_listed_and_those_of_an_interruption_are_tidied_away(config):
    run_folder = finished(config)
    run_folder.keep_state(new_search(config, 0).state())
    run_folder.begin_training().write_bytes(b"half")
    run_folder.networks.mkdir()
    (run_folder.networks / "one.json").write_text("{}")
    run_folder.tidy()
    assert sorted(os.listdir(config.save)) == sorted(run_folder.files())
    assert run_folder.files() == ["result.json", "config.yaml", "timings.json", "search.png"]
    run_folder.tidy()  # there may be nothing to do


# -- the state of the search -------------------------------------------------------------------------------------------


def test_a_search_goes_on_from_the_state_that_was_kept(config):
    search = new_search(config, 5)
    begun(config).keep_state(search.state())
    resumed = new_search(config, 0)
    RunFolder(config, resume=True, overwrite=False).restore(resumed)
    assert resumed.state() == search.state()
    assert len(resumed.history) == 5


def test_who_does_not_resume_begins_at_the_beginning(config):
    begun(config).keep_state(new_search(config, 5).state())
    fresh = new_search(config, 0)
    RunFolder(config, resume=False, overwrite=False).restore(fresh)
    assert fresh.history == []


def test_a_state_that_cannot_be_used_is_said_and_changes_nothing(config):
    search = new_search(config, 5)
    state = search.state()
    state["rng"] = {"bit_generator": "MT19937"}  # which a search takes in last, when the history is its own already
    begun(config).keep_state(state)
    fresh = new_search(config, 0)
    start = fresh.state()
    with pytest.warns(UserWarning, match="state.json cannot be used .*; the search starts again"):
        RunFolder(config, resume=True, overwrite=False).restore(fresh)
    assert fresh.state() == start
    assert fresh.oracle.known == {}


# -- the ranker --------------------------------------------------------------------------------------------------------


def test_the_ranker_is_kept_and_the_checkpoint_of_its_training_is_not(config, toy_ranker):
    run_folder = RunFolder(config, resume=False, overwrite=False)
    checkpoint = run_folder.begin_training()
    checkpoint.write_bytes(b"half")
    run_folder.keep_ranker(toy_ranker)
    assert not checkpoint.exists()
    resumed = RunFolder(config, resume=True, overwrite=False)
    assert resumed.ranker().to_bytes() == toy_ranker.to_bytes()
    assert RunFolder(config, resume=False, overwrite=False).ranker() is None


def test_a_state_made_with_another_ranker_is_not_used(config, toy_ranker):
    run_folder = begun(config)
    run_folder.keep_ranker(toy_ranker)
    run_folder.keep_state(new_search(config, 5).state())
    resumed = RunFolder(config, resume=True, overwrite=False)
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
        assert RunFolder(config, resume=True, overwrite=False).ranker() is None
