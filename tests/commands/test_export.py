"""``archlock export``: which architecture it means; ``tests/integration/test_network_export.py`` exports some."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from naslib_archlock.commands.export import found_by_run, named
from naslib_archlock.commands.main import parse
from naslib_archlock.errors import CellError, ConfigError, NaslibError, UnknownNameError
from naslib_archlock.spaces.known import DIGITS, NASBENCH201

CELL = (3, 2, 1, 3, 1, 2)
ARCH = NASBENCH201.to_str(CELL)


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A folder as a search on the embedded benchmark leaves it, as far as an export looks."""
    folder = tmp_path / "found"
    folder.mkdir()
    write(folder, {"search_space": "digits", "arch": ARCH}, "dataset: digit\n")
    return folder


def write(folder: Path, result: object, config: str) -> None:
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
    (folder / "config.yaml").write_text(config, encoding="utf-8")


# -- what a search found -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("torch")
def test_the_architecture_is_that_of_the_result(run_folder):
    assert found_by_run(run_folder) == (DIGITS, CELL, 10, 1, 8)


def test_the_result_of_a_real_search_can_be_read(run, toy_args, folder):
    assert run("search", *toy_args).code == 0
    found = found_by_run(folder)
    assert list(found.arch) == json.loads((folder / "result.json").read_text())["cell"]
    assert (found.space.name, *found[2:]) == ("transbench101_micro", 0, 0, 0)


@pytest.mark.usefixtures("torch")
def test_the_classes_of_ones_own_images_are_counted_where_they_still_are(run_folder, digit_images, tmp_path):
    result = {"search_space": "digits", "arch": ARCH}
    write(run_folder, result, f"dataset: {digit_images['low']}\narchlock: {{image_size: 32}}\n")
    assert found_by_run(run_folder)[2:] == (5, 3, 32)
    write(run_folder, result, f"dataset: {tmp_path / 'gone'}\n")
    assert found_by_run(run_folder)[2:] == (0, 3, 0)


@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize(
    ("space", "dataset", "known"),
    [
        ("digits", "rotation", (4, 1, 8)),
        ("digits", "edges", (0, 1, 8)),
        ("nasbench201", "cifar100", (100, 0, 0)),
        ("nasbench201", "autoencoder", (0, 0, 0)),  # a digits task has this name, too
    ],
)
def test_what_is_known_about_the_images_of_a_source(run_folder, space, dataset, known):
    write(run_folder, {"search_space": space, "arch": ARCH}, f"dataset: {dataset}\n")
    assert found_by_run(run_folder)[2:] == known


@pytest.mark.parametrize(
    ("result", "config"),
    [
        (None, "dataset: digit\n"),
        ([], "dataset: digit\n"),
        ({"search_space": "digits"}, "dataset: digit\n"),
        ({"search_space": "digit", "arch": ARCH}, "dataset: digit\n"),
        ({"search_space": "digits", "arch": "no cell"}, "dataset: digit\n"),
        ({"search_space": "digits", "arch": 3}, "dataset: digit\n"),
        ({"search_space": "digits", "arch": ARCH}, "dataset: [digit]\n"),
        ({"search_space": "digits", "arch": ARCH}, "seed: 0\n"),
        ({"search_space": "digits", "arch": ARCH}, "{"),
        ({"search_space": "digits", "arch": ARCH}, ""),
    ],
)
def test_a_folder_that_holds_no_result_is_said_to_be_none(run_folder, result, config):
    write(run_folder, result, config)
    with pytest.raises(ConfigError, match=f"{run_folder} does not hold the result of 'archlock search'"):
        found_by_run(run_folder)


def test_an_empty_folder_holds_no_result(tmp_path):
    with pytest.raises(ConfigError, match="does not hold the result"):
        found_by_run(tmp_path)


# -- what options name -------------------------------------------------------------------------------------------------


def test_an_architecture_string_is_read_in_its_space():
    args = parse(["export", ARCH, "--out", "x", "--space", "nasbench201"])
    assert named(args) == (NASBENCH201, CELL, 0, 0, 0)


@pytest.mark.parametrize(
    ("argv", "error", "message"),
    [
        ([ARCH], ConfigError, "is no folder of a run; for an architecture string, give --space"),
        ([ARCH, "--space", "nasbench20"], UnknownNameError, "did you mean 'nasbench201'"),
        ([ARCH, "--space", "transbench101_micro"], CellError, "is not a TransNAS-Bench-101 cell"),
    ],
)
def test_mistakes_in_naming_an_architecture(argv, error, message):
    with pytest.raises(error, match=message):
        named(parse(["export", *argv, "--out", "x"]))


@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "the number of classes is not known here: give --classes"),
        (["--classes", "3", "--format", "onnx"], "unknown export format 'onnx'"),
        (["--classes", "1"], "'1' must be an integer of at least 2"),
    ],
)
def test_mistakes_are_told_before_naslib_is_looked_for(run, tmp_path, monkeypatch, argv, message):
    monkeypatch.setenv("NASLIB_HOME", str(tmp_path / "nowhere"))
    code, out, err = run("export", ARCH, "--space", "digits", "--out", tmp_path / "out", *argv)
    assert (code, out) == (2, "")
    assert message in err
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("torch")
def test_without_naslib_the_packages_own_network_is_written(run, run_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("NASLIB_HOME", str(tmp_path / "nowhere"))
    monkeypatch.setattr("naslib_archlock.plugin.compat.importlib.util.find_spec", lambda name: None)
    code, out, err = run("export", run_folder, "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    assert "this package's own network" in out and "10 classes, 1 x 8 x 8 pixels" in out
    program = (tmp_path / "out" / "classify.py").read_text()
    assert program in out
    assert json.loads((tmp_path / "out" / "network.json").read_text())["network"] == "own"
    about = json.loads(run("export", run_folder, "--out", tmp_path / "out", "--json", "--classes", 3).out)
    assert (about["network"], about["classes"], about["channels"], about["image_size"]) == ("own", 3, 1, 8)


def test_naslibs_network_is_asked_for_by_name(fails, run_folder, tmp_path, monkeypatch):
    pytest.importorskip("torch")

    def missing() -> None:
        raise NaslibError("NASLib was not found")

    monkeypatch.setattr("naslib_archlock.plugin.network_export.load_naslib", missing)
    assert "NASLib was not found" in fails("export", run_folder, "--out", tmp_path / "out", "--network", "naslib")
