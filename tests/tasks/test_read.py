from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from naslib_archlock.errors import ConfigError, ImageError, UnknownNameError
from naslib_archlock.tasks.digits_tasks import digits_task
from naslib_archlock.tasks.image_folder import read_image_folder
from naslib_archlock.tasks.read import read_task


@pytest.fixture
def folder(tmp_path):
    """Ten random grey images in each of two classes."""
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for k in range(10):
            pixels = rng.integers(256, size=(8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{k}.png")
    return tmp_path / "photos"


def same(a, b) -> bool:
    return (a.name, a.n_classes) == (b.name, b.n_classes) and all(
        torch.equal(x, y) for x, y in ((a.images, b.images), (a.targets, b.targets))
    )


def test_a_path_is_read_as_a_folder(folder):
    data = read_task(str(folder), 6, 8, 3, False)
    assert data.name == "photos"
    assert data.images.shape == (8, 3, 6, 6)
    assert same(data, read_image_folder(folder, 6, max_images=8, seed=3))
    assert not same(data, read_task(str(folder), 6, 8, 4, False))


def test_the_name_of_a_folder_in_the_working_directory_is_enough(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert same(read_task("photos", 8, 0, 0, False), read_image_folder(folder, 8))


def test_images_that_cannot_be_read_are_left_out_on_request(folder):
    (folder / "a" / "0.png").write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"a/0\.png"):
        read_task(str(folder), 8, 0, 0, False)
    with pytest.warns(UserWarning, match="1 unreadable images"):
        assert len(read_task(str(folder), 8, 0, 0, True)) == 19


@pytest.mark.parametrize("task", ["digit", "noise"])
def test_a_digits_task_gives_its_training_images(task):
    assert same(read_task(task, 224, 5, 0, False), digits_task(task)["train"])


def test_what_is_no_task_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownNameError, match="unknown task 'digits' in the digits tasks.*did you mean 'digit'"):
        read_task("digits", 8, 0, 0, False)
    with pytest.raises(ImageError, match="cannot be listed"):
        read_task("./digits", 8, 0, 0, False)
    with pytest.raises(ConfigError, match="size=0"):
        read_task("./digits", 0, 0, 0, False)


def test_a_folder_named_like_a_task(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    folder.rename("noise")
    with pytest.warns(UserWarning, match="write ./noise for the folder"):
        assert len(read_task("noise", 8, 0, 0, False)) == 1000
    assert len(read_task("./noise", 8, 0, 0, False)) == 20
    (folder.parent / "noise").rename("cifar10")
    with pytest.raises(UnknownNameError, match="write ./cifar10 for the folder"):
        read_task("cifar10", 8, 0, 0, False)
    assert len(read_task("./cifar10", 8, 0, 0, False)) == 20
