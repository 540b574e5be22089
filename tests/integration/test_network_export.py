"""Exported networks, compared with NASLib's own, and alone in a process without NASLib and this package."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from sklearn.datasets import load_digits

from naslib_archlock.benchmarks.trained import fit_of
from naslib_archlock.compute.threads import single_threaded
from naslib_archlock.errors import CellError, ConfigError, OutputError, UnknownNameError
from naslib_archlock.networks.cell_network import CellNetwork
from naslib_archlock.networks.network_files import HAS_PROGRAMS, Export
from naslib_archlock.networks.own_export import export_own_network
from naslib_archlock.plugin.live_scores import build_network
from naslib_archlock.plugin.network_export import export_network, load_network
from naslib_archlock.spaces.known import DIGITS, NASBENCH201, TRANSBENCH101_MACRO, TRANSBENCH101_MICRO
from naslib_archlock.store import weights

ALL_OPS = (3, 1, 2, 4, 0, 1)
QUICK = (0, 0, 0, 4, 0, 0)
CELLS = [
    (NASBENCH201, ALL_OPS),
    (NASBENCH201, (0, 4, 3, 2, 1, 2)),  # node 1 is dead, but a convolution of zeros still has a bias
    (NASBENCH201, (1, 1, 1, 1, 1, 1)),
    (TRANSBENCH101_MICRO, (3, 1, 2, 2, 0, 1)),
    (TRANSBENCH101_MICRO, (0, 2, 3, 0, 1, 1)),
    (TRANSBENCH101_MICRO, (1, 1, 1, 1, 1, 1)),
]
IDS = [f"{space.name}-{''.join(map(str, cell))}" for space, cell in CELLS]
needs_programs = pytest.mark.skipif(not HAS_PROGRAMS, reason="this torch is too old for torch.export")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with single_threaded():
        yield


def export(folder: Path, space: Any = NASBENCH201, cell: Any = QUICK, **settings: Any) -> list[Path]:
    return export_network(Export(space, cell, **{"n_classes": 5, "image_size": 8, **settings}), folder)


def images_of(n: int, channels: int = 3, size: int = 8) -> torch.Tensor:
    return torch.randn(n, channels, size, size, generator=torch.Generator().manual_seed(0))


def generators() -> tuple[Any, ...]:
    return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()


@pytest.mark.parametrize(("space", "cell"), CELLS, ids=IDS)
def test_the_same_as_naslibs_network(space, cell, tmp_path):
    export(tmp_path, space, cell, in_channels=2, seed=3)
    torch.manual_seed(3)
    naslibs = build_network(space, "mine", cell, 5, in_channels=2)
    others = [load_network(tmp_path), torch.jit.load(str(tmp_path / "network.pt"))]
    for other in others:
        assert other.training
    images = images_of(6, channels=2, size=12)  # another size than in the export
    outputs = naslibs(images)
    assert outputs.shape == (6, 5)
    for other in others:  # in training, and later with the new running statistics
        torch.testing.assert_close(other(images), outputs)
    trained = naslibs.eval()(images)
    assert not torch.allclose(trained, outputs, atol=1e-3)
    for other in others:
        torch.testing.assert_close(other.eval()(images), trained)


# The process can import neither NASLib nor this package, so it gets the digits as a file.
ALONE = """
import json, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("naslib", "naslib_archlock"):
            raise ImportError(name + " is blocked")

sys.meta_path.insert(0, Blocked())
import numpy as np
import torch

torch.set_num_threads(1)  # beside other tests
folder, kind, steps = sys.argv[1], sys.argv[2], 40
data = np.load(sys.argv[3])
images, labels = torch.from_numpy(data["images"]), torch.from_numpy(data["labels"])
if kind == "torchscript":
    network = torch.jit.load(folder + "/network.pt")
    evaluated = lambda: network.eval()
else:
    network = torch.export.load(folder + "/network.pt2").module()
    other = torch.export.load(folder + "/network_eval.pt2").module()
    evaluated = lambda: other if other.load_state_dict(network.state_dict()) else None
before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
losses = []
for step in range(steps):
    rows = torch.arange(32 * step, 32 * step + 32) % len(images)
    loss = torch.nn.functional.cross_entropy(network(images[rows]), labels[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
after = network.state_dict()
same = [name for name in before if torch.equal(before[name], after[name])]
in_training = network(images[:7]).detach()
with torch.no_grad():
    seven, one = evaluated()(images[:7]), evaluated()(images[:1])
    accuracy = (evaluated()(images[-300:]).argmax(1) == labels[-300:]).float().mean().item()
print(json.dumps({
    "losses": losses, "unchanged": same, "shapes": [list(seven.shape), list(one.shape)], "accuracy": accuracy,
    "modes_differ": (seven - in_training).abs().max().item(), "alone_differs": (seven[:1] - one).abs().max().item(),
    "modules": [name for name in sys.modules if name.startswith("naslib")],
}))
"""


@pytest.mark.parametrize(
    ("space", "cell", "fmt"),
    [
        (NASBENCH201, (0, 1, 0, 2, 0, 4), "torchscript"),
        (TRANSBENCH101_MICRO, (0, 1, 0, 2, 0, 1), "torchscript"),
        pytest.param(NASBENCH201, (0, 1, 0, 2, 0, 4), "torch.export", marks=needs_programs),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_trains_in_a_process_that_has_only_torch(space, cell, fmt, tmp_path):
    export(tmp_path, space, cell, n_classes=10, in_channels=1, fmt=fmt)
    digits = load_digits()
    images = (digits.images[:, None] / 16).astype(np.float32)
    np.savez(tmp_path / "digits.npz", images=images, labels=digits.target.astype(np.int64))
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "NASLIB_HOME")}
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(tmp_path), fmt, str(tmp_path / "digits.npz")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert np.mean(seen["losses"][-5:]) < 0.5 * np.mean(seen["losses"][:5])
    assert seen["accuracy"] > 0.5
    assert seen["unchanged"] == []  # the weights and running statistics
    assert seen["shapes"] == [[7, 10], [1, 10]]
    assert seen["modes_differ"] > 1e-2
    assert seen["alone_differs"] < 1e-4
    assert seen["modules"] == []


def test_files_and_their_metadata(tmp_path):
    written = export(tmp_path / "new" / "folder", TRANSBENCH101_MICRO, (3, 1, 2, 2, 0, 1), task="class_scene", seed=4)
    folder = tmp_path / "new" / "folder"
    assert sorted(written) == sorted(folder.iterdir())
    assert {path.name for path in written} == {"network.safetensors", "network.json", "network.pt", "classify.py"}
    about = json.loads((folder / "network.json").read_text())
    assert about["arch"] == "64-41414-3_12_201"
    assert about["cell"] == [3, 1, 2, 2, 0, 1]
    assert about["drawing"] == TRANSBENCH101_MICRO.draw((3, 1, 2, 2, 0, 1))
    assert (about["space"], about["task"], about["n_classes"]) == ("transbench101_micro", "class_scene", 5)
    assert (about["in_channels"], about["image_size"], about["seed"]) == (3, 8, 4)
    assert about["versions"]["torch"] == torch.__version__
    with safetensors.safe_open(str(folder / "network.safetensors"), framework="np") as f:
        metadata = f.metadata()
    assert {"format": next(iter(metadata)), **json.loads(next(iter(metadata.values())))["about"]} == {
        key: value for key, value in about.items() if key != "drawing"
    }


@pytest.mark.parametrize(
    ("fmt", "space", "cell"),
    [
        ("torchscript", NASBENCH201, ALL_OPS),
        pytest.param("torch.export", TRANSBENCH101_MICRO, (0, 1, 0, 2, 0, 1), marks=needs_programs),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_all_files_hold_the_same_weights_under_readable_names(fmt, space, cell, tmp_path):
    before = generators()
    written = export(tmp_path, space, cell, fmt=fmt)
    loaded = load_network(tmp_path).eval()
    assert generators() == before
    weights = safetensors.numpy.load_file(str(tmp_path / "network.safetensors"))
    networks = [path for path in written if path.suffix in (".pt", ".pt2")]
    assert len(networks) == (1 if fmt == "torchscript" else 2)
    for path in networks:
        network = torch.jit.load(str(path)) if path.suffix == ".pt" else torch.export.load(str(path)).module()
        state = network.state_dict()
        assert set(state) == set(weights)
        for name, tensor in state.items():
            np.testing.assert_array_equal(tensor.numpy(), weights[name])
    assert "makrograph_edge_1_2.seq.0.weight" in weights
    assert all(name.replace(".", "_").isidentifier() for name in weights)
    images = images_of(3)
    torch.testing.assert_close((network.eval() if fmt == "torchscript" else network)(images), loaded(images))


def test_a_transnas_task_gets_the_network_for_images_of_any_size(tmp_path):
    cell = (0, 0, 0, 2, 0, 0)
    for name, task in (("a", "mine"), ("b", "jigsaw")):
        export(tmp_path / name, TRANSBENCH101_MICRO, cell, task=task)
    images = images_of(2)
    expected = load_network(tmp_path / "a").eval()(images)
    torch.testing.assert_close(load_network(tmp_path / "b").eval()(images), expected)


def test_the_seed_decides_the_weights(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        export(tmp_path / name, seed=seed)
        torch.rand(3)
    a, b, c = ((tmp_path / name / "network.safetensors").read_bytes() for name in "abc")
    assert a == b
    weights = [safetensors.numpy.load(data) for data in (a, c)]
    name = "makrograph_edge_1_2.seq.0.weight"
    assert not np.array_equal(weights[0][name], weights[1][name])


def test_another_export_is_replaced(tmp_path):
    names = ("network.pt", "network.pt2", "network_eval.pt2", "network.json", "network.safetensors", "mine.txt")
    for name in names:
        (tmp_path / name).write_bytes(b"old")
    export(tmp_path)
    written = {"network.safetensors", "network.json", "network.pt", "classify.py"}
    assert {p.name for p in tmp_path.iterdir()} == {*written, "mine.txt"}
    export(tmp_path, cell=(0, 0, 0, 2, 0, 0), n_classes=3)
    assert (tmp_path / "mine.txt").read_bytes() == b"old"
    network = torch.jit.load(str(tmp_path / "network.pt"))
    assert network(images_of(2)).shape == load_network(tmp_path)(images_of(2)).shape == (2, 3)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"n_classes": 1}, ConfigError, "n_classes is 1; an exported network needs at least 2"),
        ({"n_classes": 10**12}, ConfigError, "needs at least 2, and at most 100000"),
        ({"in_channels": 0}, ConfigError, "in_channels is 0"),
        ({"image_size": 0}, ConfigError, "image_size is 0"),
        ({"image_size": 2}, ConfigError, "images of 2 x 2 pixels do not fit.*multiple of 4"),
        ({"image_size": 30}, ConfigError, "images of 30 x 30 pixels do not fit.*multiple of 4"),
        ({"fmt": "torchscrip"}, UnknownNameError, "unknown export format.*did you mean 'torchscript'"),
        ({"space": TRANSBENCH101_MACRO, "cell": (1, 2, 3, 4, 0, 0)}, ConfigError, "macro cannot be exported"),
        ({"space": DIGITS, "cell": (1, 2, 3, 3, 0, 0)}, ConfigError, "digits cannot be exported.*nasbench201"),
        ({"cell": (0, 0, 0, 0, 0, 0)}, ConfigError, "is disconnected"),
        ({"cell": (3, 0, 0, 0, 0, 3)}, ConfigError, "is disconnected"),
        ({"cell": (3, 3, 3)}, CellError, "six integers"),
        ({"cell": ALL_OPS, "space": TRANSBENCH101_MICRO}, CellError, "from 0 to 3"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_mistakes(settings, error, message, tmp_path):
    with pytest.raises(error, match=f"(?s){message}"):
        export(tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(HAS_PROGRAMS, reason="this torch is new enough for torch.export")
def test_torch_export_needs_a_newer_torch(tmp_path):
    with pytest.raises(ConfigError, match="needs torch 2.6 or newer.*choose torchscript"):
        export(tmp_path, fmt="torch.export")


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        export(tmp_path / "file" / "folder")


def test_files_that_are_no_network(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_network(tmp_path)
    path = tmp_path / "network.safetensors"
    path.write_bytes(b"not safetensors")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_network(tmp_path)
    path.write_bytes(safetensors.numpy.save({"x": np.zeros(2, np.float32)}, {"other": "{}"}))
    with pytest.raises(ConfigError, match="not a network of format.*other"):
        load_network(tmp_path)
    export(tmp_path)
    with safetensors.safe_open(str(path), framework="np") as f:
        metadata = f.metadata()
    path.write_bytes(safetensors.torch.save({"x": torch.zeros(2, dtype=torch.bfloat16)}, metadata))
    with pytest.raises(ConfigError, match="cannot be read.*bfloat16"):
        load_network(tmp_path)


def test_weights_of_this_packages_own_network_are_not_naslibs(tmp_path):
    export_own_network(Export(NASBENCH201, QUICK, 5, image_size=8), tmp_path, cells_per_stage=1)
    with pytest.raises(ConfigError, match="holds the weights of this package's own network.*load network.pt"):
        load_network(tmp_path)


def test_weights_that_contradict_their_metadata(tmp_path):
    export(tmp_path)
    path = tmp_path / "network.safetensors"
    tensors = {name: torch.from_numpy(t) for name, t in safetensors.numpy.load_file(str(path)).items()}
    with safetensors.safe_open(str(path), framework="np") as f:
        ((key, text),) = f.metadata().items()
    about = json.loads(text)["about"]
    less = {name: tensor for name, tensor in tensors.items() if name != "makrograph_edge_1_2.seq.0.weight"}
    more = {**tensors, "extra": torch.zeros(1)}
    for found, said in (
        (less, about),
        (more, about),
        (tensors, {**about, "n_classes": 6}),
        (tensors, {**about, "space": "nowhere"}),
        (tensors, {}),
    ):
        path.write_bytes(weights.encode(found, key, said))
        with pytest.raises(ConfigError, match="contradicts itself"):
            load_network(tmp_path)


def test_weights_that_do_not_match_their_checksum(tmp_path):
    export(tmp_path)
    path = tmp_path / "network.safetensors"
    whole = path.read_bytes()
    for at in range(0, len(whole), len(whole) // 50):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(ConfigError, match="export the network again"):
            load_network(tmp_path)


# -- this package's network of NAS-Bench-201 ---------------------------------------------------------------------------


def layers_in_order(network: torch.nn.Module, images: torch.Tensor) -> list[torch.nn.Module]:
    """The layers with weights, in the order in which they are called."""
    called: list[torch.nn.Module] = []
    kinds = (torch.nn.Conv2d, torch.nn.BatchNorm2d, torch.nn.Linear)
    layers = [module for module in network.modules() if isinstance(module, kinds)]
    hooks = [module.register_forward_hook(lambda module, *_: called.append(module)) for module in layers]
    network(images)
    for hook in hooks:
        hook.remove()
    return called


def test_the_network_nasbench201_is_naslibs():
    """With the same weights, layer by layer, the outputs are the same, in training and in evaluation."""
    cell, images = (3, 2, 1, 3, 2, 3), images_of(4)
    naslibs = build_network(NASBENCH201, "mine", cell, 5)
    settings = fit_of("nasbench201", ())
    ours = CellNetwork(
        NASBENCH201.network_cell(cell), 3, 5, widths=settings.widths, cells_per_stage=settings.cells_per_stage,
        has_residual_blocks=settings.has_residual_blocks,
    )  # fmt: skip
    theirs, own = layers_in_order(naslibs, images), layers_in_order(ours, images)
    assert len(own) == len(theirs) > 100
    for from_layer, to_layer in zip(theirs, own):
        weights = from_layer.state_dict()
        to_layer.load_state_dict({name: weights[name].reshape(to.shape) for name, to in to_layer.state_dict().items()})
    torch.testing.assert_close(ours(images), naslibs(images))
    torch.testing.assert_close(ours.eval()(images), naslibs.eval()(images))
