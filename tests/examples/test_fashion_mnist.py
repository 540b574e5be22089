"""The example on real images, from the files of Fashion-MNIST to a network, as the guide goes.

The files are looked for where Debian's package ``dataset-fashion-mnist`` puts them, or in ``$FASHION_MNIST``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "fashion_mnist.py"
FILES = Path(os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist"))

pytestmark = [
    pytest.mark.usefixtures("torch"),
    pytest.mark.skipif(not FILES.is_dir(), reason="the files of Fashion-MNIST are not here"),
]


@pytest.fixture
def photos(tmp_path, child_environment) -> Path:
    """Two folders of 100 pictures each."""
    made = subprocess.run(
        [sys.executable, EXAMPLE, FILES, tmp_path / "photos", "--images", "100"],
        env=child_environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert made.stdout.count("100 images") == 2
    return tmp_path / "photos"


def test_the_classes_are_folders(photos):
    found = {folder.name: len(list(folder.iterdir())) for task in photos.iterdir() for folder in task.iterdir()}
    assert set(found) == {
        "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
    }  # fmt: skip
    assert set(found.values()) == {20}


@pytest.mark.slow
def test_from_pictures_to_a_network(photos, tmp_path, child_environment):
    def archlock(*args: object) -> str:
        command = [sys.executable, "-m", "naslib_archlock", *map(str, args)]
        done = subprocess.run(command, cwd=tmp_path, env=child_environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    keys = (
        "--config", "images", "dataset", photos / "clothes", "archlock.scheme", "tk",
        "archlock.target", photos / "others", "archlock.source_queries", 12, "archlock.target_queries", 3,
        "archlock.image_size", 28, "run_name", "fashion",
    )  # fmt: skip
    result = json.loads(archlock("search", "--json", *keys))
    assert result["source_queries"] == 12
    assert 1 <= result["target_queries"] <= 3  # only networks within the source budget are worth one
    assert result["s"]["source_val"] >= result["source_val"] > 40
    run = next(tmp_path.rglob("result.json")).parent
    archlock("report", run)
    assert "clothes" in (run / "report.html").read_text(encoding="utf-8")
    archlock("export", run, "--out", "network")
    code = "import torch; print(torch.jit.load('network/network.pt')(torch.zeros(2, 3, 28, 28)).shape)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=child_environment, capture_output=True, text=True, check=True
    )
    assert "[2, 5]" in loaded.stdout


def test_files_that_are_not_there(tmp_path, child_environment):
    done = subprocess.run(
        [sys.executable, EXAMPLE, tmp_path, tmp_path / "out"], env=child_environment, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "holds no train-images" in done.stderr
    assert not (tmp_path / "out").exists()
