from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import pytest

from naslib_archlock.networks.fit import FitSettings
from naslib_archlock.networks.folder_training import (
    FolderTask,
    fine_tune_on,
    learning_settings,
    read_task,
    splits_of,
    train_on,
)

QUICK = FitSettings(epochs=2, batch_size=16, widths=(8, 16), augmentations=("flip", "crop"))
CELL = (3, 0, 1, 0, 0, 3)


@pytest.fixture
def task(digit_images) -> FolderTask:
    return FolderTask(str(digit_images["low"]), image_size=12, max_images=0, skip_unreadable=False, seed=0)


def test_a_network_is_scored_on_every_split(task):
    figures = train_on(task, CELL, QUICK)
    assert set(figures) == {"train", "val", "test"}
    assert all(len(values) == 1 and 0 <= values[0] <= 100 for values in figures.values())


def test_images_are_read_again_when_a_file_has_changed(task, tmp_path):
    assert read_task(task) is read_task(replace(task))
    assert read_task(replace(task, version="changed")) is not read_task(task)


def test_splits_share_no_image(task):
    splits = splits_of(task)
    keys = [{image.numpy().tobytes() for image in splits[split].images} for split in ("train", "val", "test")]
    assert sum(map(len, keys)) >= len(set.union(*keys)) > 0
    assert len(set.union(*keys)) == len({image.numpy().tobytes() for image in read_task(task).images})


def test_fine_tuning_starts_from_the_other_task(task, digit_images):
    other = replace(task, folder=str(digit_images["high"]))
    alone, tuned = train_on(task, CELL, QUICK), fine_tune_on(task, QUICK, other, QUICK, CELL)
    assert tuned != alone
    assert fine_tune_on(task, QUICK, other, QUICK, CELL) == tuned


def test_settings_without_a_least_number_of_steps_are_enough(task):
    assert learning_settings(task, QUICK) == QUICK


def test_training_repeats_no_warning_about_images(task, tmp_path, digit_images):
    import shutil

    folder = tmp_path / "low"
    shutil.copytree(digit_images["low"], folder)
    (folder / "0" / "no image.png").write_bytes(b"")
    odd = replace(task, folder=str(folder), skip_unreadable=True)
    with pytest.warns(UserWarning, match="left out"):
        read_task(odd)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train_on(replace(odd, version="in another process"), CELL, QUICK)


def test_a_folder_that_is_not_there(task):
    from naslib_archlock.errors import ImageError

    with pytest.raises(ImageError, match="nowhere"):
        train_on(replace(task, folder=str(Path("nowhere"))), CELL, QUICK)
