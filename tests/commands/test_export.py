"""``archlock export``: which architecture it means; ``tests/integration/test_network_export.py`` exports some."""

from __future__ import annotations

import json
import subprocess
import sys
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


# -- the trained network of a folder -----------------------------------------------------------------------------------


@pytest.fixture
def trained_run(run, digit_images, tmp_path, own_cache, few_steps) -> Path:
    """The folder of a search that trained networks."""
    keys = ["search_space", "transbench101_micro", "archlock.image_size", "12", "out_dir", tmp_path / "run"]
    assert run("search", "dataset", digit_images["low"], *keys, "--train-top", 2).code == 0
    return tmp_path / "run/transbench101_micro/low/archlock/tu/0"


@pytest.mark.usefixtures("torch")
def test_the_network_that_the_search_trained_is_written(run, trained_run, digit_images, tmp_path):
    """The file, in a process without this package, is right on as many test images as the search says."""
    out = tmp_path / "network"
    about = json.loads(run("export", trained_run, "--trained", "--out", out, "--json").out)
    result = json.loads((trained_run / "result.json").read_text())
    assert about["test_accuracy"] == result["source_test"]
    assert (about["network"], about["classes"], about["channels"], about["image_size"]) == ("own", 5, 3, 12)
    said = json.loads((out / "network.json").read_text())
    assert (said["arch"], said["classes"]) == (result["arch"], [str(digit) for digit in range(5)])

    import torch

    from naslib_archlock.networks.folder_training import FolderTask, splits_of

    task = FolderTask(str(digit_images["low"]), 12, 2000, False, 0)
    test = splits_of(task)["test"]
    torch.save((test.images, test.targets), tmp_path / "test.pt")
    code = (
        "import torch; images, labels = torch.load('test.pt'); network = torch.jit.load('network/network.pt').eval()\n"
        "with torch.no_grad(): print((network(images).argmax(1) == labels).double().mean().item())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert 100 * float(done.stdout) == pytest.approx(about["test_accuracy"], abs=1e-4)


@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--classes", "5"], "--trained writes the network that the search trained, so leave out --classes"),
        (["--image-size", "5", "--seed", "2"], "so leave out --image-size and --seed"),
        (["--network", "naslib"], "so leave out --network naslib"),
    ],
)
def test_what_a_trained_network_has_cannot_be_chosen(fails, run_folder, tmp_path, argv, message):
    assert message in fails("export", run_folder, "--trained", "--out", tmp_path / "out", *argv)
    assert not (tmp_path / "out").exists()


def test_only_a_run_on_a_folder_has_a_trained_network(fails, run, tmp_path):
    assert "needs the folder of a search's result" in fails("export", ARCH, "--trained", "--out", tmp_path / "out")
    assert run("search", "out_dir", tmp_path, "archlock.source_queries", 5).code == 0
    folder = tmp_path / "digits/digit/archlock/tu/0"
    message = fails("export", folder, "--trained", "--out", tmp_path / "out")
    assert "needs a run whose source is a folder of images, and here it is digit" in message


@pytest.mark.usefixtures("torch")
def test_a_folder_that_is_gone_is_named(fails, trained_run, digit_images, tmp_path):
    config = (trained_run / "config.yaml").read_text()
    (trained_run / "config.yaml").write_text(config.replace(str(digit_images["low"]), str(tmp_path / "gone")))
    assert "gone" in fails("export", trained_run, "--trained", "--out", tmp_path / "out")
