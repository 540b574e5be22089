"""``archlock init``: what it writes loads and runs, and it replaces no file without being asked."""

from __future__ import annotations

import json
import shlex

import pytest
import yaml

from naslib_archlock.commands import main as cli
from naslib_archlock.config.load import load_config


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def command_of(out: str) -> list[str]:
    """The command that the last line names."""
    return shlex.split(out.splitlines()[-1].partition("run it:  archlock ")[2])


@pytest.mark.parametrize("argv", [[], ["digits"], ["digits_domains"]])
def test_the_config_of_an_embedded_space_runs_as_it_is(run, argv):
    code, out, err = run("init", "space", *argv)
    assert (code, out.splitlines()[0], err) == (0, "written to archlock.yaml", "")
    assert command_of(out) == ["search", "--config-file", "archlock.yaml"]
    assert run(*command_of(out), "search.epochs", "30", "archlock.source_queries", "30").code == 0


def test_the_config_of_a_space_is_commented(run, tmp_path):
    assert run("init", "space", "nasbench201", "--out", "my file.yaml").code == 0
    text = (tmp_path / "my file.yaml").read_text()
    assert "archlock search --config-file my file.yaml" in text
    assert text.count("#") > 15
    assert load_config(tmp_path / "my file.yaml").search_space == "nasbench201"


@pytest.mark.usefixtures("torch")
def test_the_config_of_folders_runs_from_any_folder(run, digit_images, tmp_path, monkeypatch):
    code, out, _ = run("init", "folder", digit_images["low"], digit_images["high"], "--out", "mine.yaml")
    assert code == 0
    assert f"{digit_images['low']}: 5 classes, " in out
    config = load_config(tmp_path / "mine.yaml")
    assert (config.dataset, config.archlock.target) == (str(digit_images["low"]), str(digit_images["high"]))
    assert config.archlock.scheme == "tk"
    monkeypatch.chdir("/")
    fast = ["archlock.image_size", "8", "archlock.max_images", "40", "out_dir", str(tmp_path / "run")]
    assert run("search", "--config-file", tmp_path / "mine.yaml", *fast).code == 0
    assert list((tmp_path / "run").rglob("result.json"))


@pytest.mark.usefixtures("torch")
def test_a_folder_without_targets_gets_scheme_tu(run, digit_images, tmp_path):
    assert run("init", "folder", digit_images["low"]).code == 0
    assert load_config(tmp_path / "archlock.yaml").archlock.scheme == "tu"


def test_the_study_runs_as_it_is(run, tmp_path):
    code, out, _ = run("init", "study")
    assert (code, command_of(out)) == (0, ["compare", "study.yaml"])
    study = yaml.safe_load((tmp_path / "study.yaml").read_text())
    assert run(*command_of(out), "--seeds", "1", "--jobs", "1").code == 0
    assert list((tmp_path / "run" / study["name"]).glob("results.csv"))


def test_no_file_is_replaced_without_overwrite(run, fails, tmp_path):
    (tmp_path / "archlock.yaml").write_text("mine")
    assert "archlock.yaml exists; choose another name, or give --overwrite" in fails("init", "space")
    assert (tmp_path / "archlock.yaml").read_text() == "mine"
    about = json.loads(run("init", "space", "--overwrite", "--json").out)
    assert about == {"out": "archlock.yaml", "command": "archlock search --config-file archlock.yaml"}
    assert "search_space: digits" in (tmp_path / "archlock.yaml").read_text()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["space", "nasbench20"], "unknown config 'nasbench20'"),
        (["space", "digits", "images"], "leave out images"),
        (["study", "digits"], "a study takes no name: leave out digits"),
        (["space", "--out", "nowhere/a.yaml"], "nowhere/a.yaml cannot be written"),
    ],
)
def test_mistakes(fails, tmp_path, argv, message):
    assert message in fails("init", *argv)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("torch")
def test_folders_that_are_no_task_are_refused(fails, digit_images, tmp_path):
    assert "name your folder of images" in fails("init", "folder")
    assert "cannot be listed" in fails("init", "folder", "nowhere")
    (tmp_path / "loose").mkdir()
    assert "has no sub-folders" in fails("init", "folder", "loose")
    assert "which is the source" in fails("init", "folder", digit_images["low"], digit_images["low"])
    assert not (tmp_path / "archlock.yaml").exists()


def test_the_kind_must_be_known():
    with pytest.raises(SystemExit):
        cli.parse(["init", "spaces"])
