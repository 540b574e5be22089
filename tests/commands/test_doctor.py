"""``archlock doctor``: it finds what is installed, and tells how to get what is missing."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from naslib_archlock.commands import doctor
from naslib_archlock.commands import main as cli

TNB_FILE = "transnas-bench_v10141024.pth"


def findings(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, str]]:
    assert cli.main(["doctor", "--json"]) == 0
    return {f["name"]: f for f in json.loads(capsys.readouterr().out)["findings"]}


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of NASLib with an empty data folder; no other NASLib can be found."""
    (tmp_path / "naslib" / "data").mkdir(parents=True)
    (tmp_path / "naslib" / "__init__.py").touch()
    (tmp_path / "naslib" / "__version__.py").write_text('# text\n__version__ = "9.8.7"\n')
    monkeypatch.setenv("NASLIB_HOME", str(tmp_path))
    monkeypatch.setattr("naslib_archlock.plugin.compat.importlib.util.find_spec", lambda name: None)
    return tmp_path


def test_it_names_versions_and_files(empty_home, capsys, monkeypatch):
    (empty_home / "naslib" / "data" / "zc_nasbench201.json").write_text("{}")
    (empty_home / "naslib" / "data" / TNB_FILE).touch()
    monkeypatch.setattr("naslib_archlock.plugin.compat.load_naslib", lambda: None)
    found = findings(capsys)
    assert found["python"]["detail"].startswith(".".join(map(str, sys.version_info[:3])))
    assert found["numpy"]["detail"] == importlib.metadata.version("numpy")
    assert found["NASLib"] == {
        "name": "NASLib", "state": "ok", "detail": f"9.8.7 at {empty_home}", "advice": "",
    }  # fmt: skip
    assert found["zc_nasbench201.json"]["state"] == "ok"
    assert found[TNB_FILE]["state"] == "warning"  # the file is empty
    assert found["nb201_cifar10_full_training.pickle"]["state"] == "missing"
    assert all(f["advice"] for f in found.values() if f["state"] != "ok")


def test_it_says_where_the_cache_is_and_how_large(own_cache):
    folder = own_cache / "naslib_archlock"
    assert (doctor._cache().state, doctor._cache().detail.split(", ")[0]) == ("ok", f"0.0 MB in {folder}")
    (folder / "below").mkdir(parents=True)
    (folder / "a").write_bytes(bytes(1_200_000))
    (folder / "below" / "b").write_bytes(bytes(300_000))
    assert doctor._cache().detail == f"1.5 MB in {folder}, which may be deleted at any time"
    assert not doctor._cache().advice


def test_it_warns_of_a_cache_that_cannot_be_written(own_cache, monkeypatch):
    own_cache.mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert doctor._cache().state == "warning"
    assert str(own_cache) in doctor._cache().detail and "XDG_CACHE_HOME" in doctor._cache().advice


def test_it_warns_of_a_file_in_the_place_of_the_cache(own_cache):
    own_cache.write_text("in the way")
    assert doctor._cache().state == "warning"
    assert doctor._cache().detail == f"{own_cache} cannot be written"


@pytest.mark.usefixtures("torch")
def test_it_says_how_to_get_the_imagenet_probe(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    found = doctor._imagenet_probe()
    assert (found.state, found.advice) == ("missing", "pip install 'naslib_archlock[imagenet]'")


@pytest.mark.usefixtures("torch")
def test_it_sees_the_imagenet_probe_only_with_timm_and_the_right_weights(tmp_path, monkeypatch):
    from naslib_archlock.embedding import probe_weights
    from naslib_archlock.errors import EmbeddingError

    (tmp_path / "w.pth").write_bytes(bytes(1_500_000))
    monkeypatch.setattr(probe_weights, "lite0_file", lambda: tmp_path / "w.pth")
    monkeypatch.setattr(importlib.metadata, "version", {"timm": "1.0"}.__getitem__)
    assert doctor._imagenet_probe().state == "ok"
    assert "1.5 MB" in doctor._imagenet_probe().detail

    def not_there(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", not_there)
    assert doctor._imagenet_probe().state == "missing"

    def damaged():
        raise EmbeddingError("w.pth does not hold the weights; install again")

    monkeypatch.setattr(probe_weights, "lite0_file", damaged)
    assert (doctor._imagenet_probe().state, doctor._imagenet_probe().advice) == ("warning", "install again")


@pytest.mark.parametrize(("version", "state"), [("1.5.2", "ok"), ("1.6", "warning"), ("1.10.0", "warning")])
def test_it_warns_of_versions_that_naslib_does_not_stand(version, state, empty_home, monkeypatch):
    versions = {"scikit-learn": version, "numpy": "2.3.5", "setuptools": "79.0.1"}
    monkeypatch.setattr(importlib.metadata, "version", versions.get)
    monkeypatch.setattr("naslib_archlock.plugin.compat.load_naslib", lambda: None)
    warnings = [f.name for f in doctor._naslib() if f.state == "warning"]
    assert warnings == (["scikit-learn"] if state == "warning" else [])


@pytest.mark.usefixtures("torch")
def test_without_naslib_it_says_how_to_get_it(tmp_path, child_environment):
    command = [sys.executable, "-m", "naslib_archlock", "doctor"]
    environment = {**child_environment, "NASLIB_HOME": str(tmp_path)}
    environment["PYTHONPATH"] = os.pathsep.join(
        part for part in environment["PYTHONPATH"].split(os.pathsep) if not (Path(part) / "naslib").is_dir()
    )
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0
    assert f"missing  NASLib           NASLib was not found: it is not importable, and {tmp_path} holds" in done.stdout
    assert "-> get it with 'git clone -b Develop" in done.stdout


def test_it_names_the_extra_of_each_optional_library_that_is_missing(monkeypatch):
    def version(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    found = {f.name: f for f in doctor._optional()}
    assert found["pymoo"].detail == "only for the method nsga2 of a study; not installed"
    assert found["pymoo"].advice == "pip install 'naslib_archlock[studies]'"
    assert {f.state for f in found.values()} == {"missing"}


@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize(
    ("cuda", "has_gpu", "hint"), [("12.4", False, True), ("12.4", True, False), (None, False, False)]
)
def test_it_says_how_to_get_the_small_torch_where_the_large_one_is_of_no_use(torch, monkeypatch, cuda, has_gpu, hint):
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "a GPU")
    found = doctor._torch()
    assert found.state == "ok"
    assert ("--index-url https://download.pytorch.org/whl/cpu" in found.advice) == hint


def test_without_torch_it_goes_on_and_says_how_to_get_it(monkeypatch):
    for name in [name for name in sys.modules if name == "safetensors.torch" or name.endswith(".probe_weights")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    found = {finding.name: finding for finding in doctor.examine()}
    assert found["torch"].state == found["ImageNet probe"].state == "missing"
    assert "download.pytorch.org/whl/cpu" in found["torch"].advice
    assert "needs torch" in found["ImageNet probe"].detail
