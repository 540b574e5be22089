"""The package's own network as files: the same as the module that they were written from."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("torch")
import safetensors.torch
import torch

from naslib_archlock.errors import ConfigError
from naslib_archlock.networks.cell_network import CellNetwork
from naslib_archlock.networks.network_files import Export
from naslib_archlock.networks.own_export import export_own_network, export_trained_network
from naslib_archlock.spaces.known import DIGITS, NASBENCH201, TRANSBENCH101_MACRO, TRANSBENCH101_MICRO


@pytest.mark.parametrize(
    ("space", "cell"),
    [(DIGITS, (1, 2, 3, 3, 0, 1)), (NASBENCH201, (3, 1, 2, 4, 0, 1)), (TRANSBENCH101_MICRO, (0, 2, 3, 0, 1, 1))],
)
def test_the_file_computes_what_the_module_computes(tmp_path, space, cell):
    export_own_network(Export(space, cell, 4, in_channels=2, image_size=8, seed=3), tmp_path, (4, 8), 2)
    torch.manual_seed(3)
    module = CellNetwork(space.network_cell(cell), 2, 4, widths=(4, 8), cells_per_stage=2)
    loaded = torch.jit.load(str(tmp_path / "network.pt"))
    images = torch.randn(6, 2, 12, 12, generator=torch.Generator().manual_seed(0))
    assert loaded.training
    torch.testing.assert_close(loaded(images), module(images))  # in training
    torch.testing.assert_close(loaded.eval()(images), module.eval()(images))  # with the new running statistics
    fresh = CellNetwork(space.network_cell(cell), 2, 4, widths=(4, 8), cells_per_stage=2)
    weights = safetensors.torch.load_file(str(tmp_path / "network.safetensors"))
    assert fresh.load_state_dict(weights, strict=False).unexpected_keys == []
    about = json.loads((tmp_path / "network.json").read_text())
    assert (about["network"], about["widths"], about["cells_per_stage"]) == ("own", [4, 8], 2)


def test_the_file_can_be_trained(tmp_path):
    export_own_network(Export(DIGITS, (1, 2, 3, 3, 0, 1), 2, in_channels=1, image_size=8), tmp_path, (4,), 1)
    network = torch.jit.load(str(tmp_path / "network.pt"))
    images = torch.randn(16, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    labels = (images.mean((1, 2, 3)) > 0).long()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    losses = []
    for _ in range(40):
        loss = torch.nn.functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_large_images_are_halved_first_as_in_a_search(tmp_path):
    export_own_network(Export(DIGITS, (1, 2, 3, 3, 0, 1), 3, image_size=64), tmp_path, (4,), 1)
    weights = safetensors.torch.load_file(str(tmp_path / "network.safetensors"))
    strided = CellNetwork(DIGITS.network_cell((1, 2, 3, 3, 0, 1)), 3, 3, widths=(4,), stem_strides=1)
    strided.load_state_dict(weights, strict=False)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    loaded = torch.jit.load(str(tmp_path / "network.pt")).eval()
    torch.testing.assert_close(loaded(images), strided.eval()(images))


def test_a_trained_network_is_written_and_stays_as_it_is(tmp_path):
    export = Export(DIGITS, (1, 2, 3, 3, 0, 1), 2, in_channels=1, image_size=8, classes=("cat", "dog"))
    network = CellNetwork(DIGITS.network_cell(export.cell), 1, 2, widths=(4,)).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    export_trained_network(export, tmp_path, network, test_accuracy=97.5)
    images = torch.randn(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(torch.jit.load(str(tmp_path / "network.pt")).eval()(images), network(images))
    assert not network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    about = json.loads((tmp_path / "network.json").read_text())
    assert (about["trained"], about["test_accuracy"], about["classes"]) == (True, 97.5, ["cat", "dog"])


def test_a_space_without_own_networks_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="transbench101_macro has no networks that this package builds"):
        export_own_network(Export(TRANSBENCH101_MACRO, (1, 2, 3, 4, 0, 0), 3), tmp_path / "out")
    assert not (tmp_path / "out").exists()
