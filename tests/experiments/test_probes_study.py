"""The study of probe networks: what it reads of Fashion-MNIST, and what it says about distances and ranks."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

pytest.importorskip("torch")
from experiments.probes import run as study


@pytest.fixture
def idx_files(tmp_path):
    """Twenty images in the files of Fashion-MNIST, two of each class; every pixel is ten times the class."""
    classes = np.arange(20, dtype=np.uint8) % 10
    images = np.repeat(classes * 10, 28 * 28).reshape(20, 28, 28)
    for name, array in (("images-idx3", images), ("labels-idx1", classes)):
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
        (tmp_path / f"train-{name}-ubyte.gz").write_bytes(gzip.compress(header + array.tobytes()))
    return tmp_path


def test_a_task_has_the_images_of_its_classes(idx_files):
    images, classes = study.fashion_mnist(idx_files, "train")
    assert images.shape == (20, 1, 28, 28) and images.max() == pytest.approx(90 / 255)
    task = study.fashion_task("shoes", images, classes, 5)
    assert task.targets.tolist() == [0, 1, 2, 0, 1]
    assert (task.images[:, 0, 0, 0] * 25.5).round().tolist() == [5, 7, 9, 5, 7]


def test_an_image_is_turned_as_often_as_its_target_says(idx_files):
    images, classes = study.fashion_mnist(idx_files, "train")
    images[:, :, 0, 0] = 1  # the top left corner; a quarter turn moves it to the bottom left one
    task = study.fashion_task(study.TURNS, images, classes, 4)
    corners = [(0, 0), (27, 0), (27, 27), (0, 27)]
    assert task.targets.tolist() == [0, 1, 2, 3]
    assert [task.images[i, 0, y, x].item() for i, (y, x) in enumerate(corners)] == [1] * 4


def test_distances_by_hand():
    about = study.about_distances(np.array([[0.1, 0.5], [0.3, 0.4]]))
    assert about == pytest.approx({"to_itself": 0.25, "to_others": 0.4, "nearest_is_itself": 1})
    assert study.of_pairs(np.array([[0.1, 0.5], [0.3, 0.4]])).tolist() == [0.4]


def test_ranks_by_hand():
    right = np.arange(12.0)
    about = study.about_ranks({"good": [right, 2 * right], "bad": [-right, -right]}, right.tolist())
    assert about["with_accuracies"]["good"]["mean"] == pytest.approx(1)
    assert (about["between_probes"], about["between_seeds"]) == pytest.approx((-1, 1))
    assert about["gain_of_second"] == pytest.approx([-2, -2])
