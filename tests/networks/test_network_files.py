"""What every exported network is written as; ``tests/integration/test_network_export.py`` exports NASLib's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
import torch
from PIL import Image
from torch import fx, nn

from naslib_archlock.errors import CellError, ConfigError, UnknownNameError
from naslib_archlock.networks.network_files import HAS_PROGRAMS, Export
from naslib_archlock.spaces.known import NASBENCH201
from naslib_archlock.tasks.pixels import DeepImages, look_at

QUICK = (0, 0, 0, 4, 0, 0)


def small_network(channels: int = 3) -> fx.GraphModule:
    """A network for images whose sides are even, of three classes."""
    layers = (nn.Conv2d(channels, 2, 2, stride=2), nn.BatchNorm2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return fx.symbolic_trace(nn.Sequential(*layers, nn.Linear(2, 3)))


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_files_and_what_they_say(tmp_path):
    written = Export(NASBENCH201, QUICK, 3, image_size=6, task="mine", seed=5).write(tmp_path, small_network, kind="x")
    assert sorted(path.name for path in written) == ["classify.py", "network.json", "network.pt", "network.safetensors"]
    assert sorted(written) == sorted(tmp_path.iterdir())
    about = json.loads((tmp_path / "network.json").read_text())
    assert about["arch"] == NASBENCH201.to_str(QUICK)
    assert about["drawing"] == NASBENCH201.draw(QUICK)
    said = {"space": "nasbench201", "task": "mine", "n_classes": 3, "in_channels": 3, "image_size": 6, "seed": 5}
    assert {**said, "kind": "x"}.items() <= about.items()


def test_the_seed_decides_the_weights_and_global_generators_stay(tmp_path):
    before = torch.get_rng_state()
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        Export(NASBENCH201, QUICK, 3, image_size=6, seed=seed).write(tmp_path / folder, small_network)
    assert torch.equal(torch.get_rng_state(), before)
    a, b, c = (files_of(tmp_path / folder)["network.safetensors"] for folder in "abc")
    assert a == b != c


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_program_classifies_an_image(tmp_path, channels):
    """It runs as a process of its own, in the folder, and gives what the module gives for the same pixels."""
    export = Export(NASBENCH201, QUICK, 3, in_channels=channels, image_size=6)
    export.write(tmp_path, lambda: small_network(channels))
    pixels = np.random.default_rng(0).integers(0, 255, (6, 6, channels), np.uint8)
    Image.fromarray(pixels.squeeze()).save(tmp_path / "image.png")
    done = subprocess.run(
        [sys.executable, "classify.py", "image.png"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    module = torch.jit.load(str(tmp_path / "network.pt")).eval()
    expected = module(torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255).softmax(1)[0]
    said = dict(line.split(": ") for line in done.stdout.splitlines())
    assert list(said) == ["0", "1", "2"]
    assert [float(probability) for probability in said.values()] == pytest.approx(expected.tolist(), abs=1e-4)


def test_the_program_names_the_classes_and_takes_the_middle_square_as_a_search_does(tmp_path):
    classes = ("a cat", 'it\'s "quoted"', "dog")
    Export(NASBENCH201, QUICK, 3, image_size=6, classes=classes).write(tmp_path, small_network)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (9, 20, 3), np.uint8)).save(tmp_path / "wide.png")
    done = subprocess.run(
        [sys.executable, "classify.py", "wide.png"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    pixels = look_at(tmp_path / "wide.png", 6, DeepImages())
    assert pixels is not None
    module = torch.jit.load(str(tmp_path / "network.pt")).eval()
    expected = module(torch.tensor(pixels).permute(2, 0, 1)[None] / 255).softmax(1)[0]
    rows = [line.rsplit(": ", 1) for line in done.stdout.splitlines()]
    assert [name for name, _ in rows] == list(classes)
    assert [float(probability) for _, probability in rows] == pytest.approx(expected.tolist(), abs=1e-4)


@pytest.mark.skipif(not HAS_PROGRAMS, reason="this torch is too old for torch.export")
def test_another_format_replaces_the_files_of_the_first(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    Export(NASBENCH201, QUICK, 3, image_size=6).write(tmp_path, small_network)
    Export(NASBENCH201, QUICK, 3, image_size=6, fmt="torch.export").write(tmp_path, small_network)
    programs = {"network.pt2", "network_eval.pt2"}
    assert set(files_of(tmp_path)) == {"classify.py", "network.json", "network.safetensors", "mine.txt", *programs}
    evaluate = torch.export.load(str(tmp_path / "network_eval.pt2")).module()
    assert evaluate(torch.zeros(5, 3, 6, 6)).shape == (5, 3)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"n_classes": 1}, ConfigError, "n_classes is 1; an exported network needs at least 2"),
        ({"in_channels": 0}, ConfigError, "in_channels is 0"),
        ({"image_size": 5000}, ConfigError, "at most 4096"),
        ({"fmt": "torchscrip"}, UnknownNameError, "unknown export format.*did you mean 'torchscript'"),
        ({"arch": (0, 0, 0, 0, 0, 0)}, ConfigError, "is disconnected"),
        ({"arch": (3, 3, 3)}, CellError, "six integers"),
    ],
)
def test_mistakes(settings, error, message):
    with pytest.raises(error, match=message):
        Export(**{"space": NASBENCH201, "arch": QUICK, "n_classes": 3, **settings})


def test_images_that_do_not_fit_leave_no_file(tmp_path):
    with pytest.raises(ConfigError, match="images of 1 x 1 pixels do not fit"):
        Export(NASBENCH201, QUICK, 3, image_size=1).write(tmp_path / "out", small_network)
    assert not (tmp_path / "out").exists()
