from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from naslib_archlock.audit.audit_images import fit_settings, splits_of, splits_on
from naslib_archlock.benchmarks.trained import FIT
from naslib_archlock.config.load import load_config
from naslib_archlock.config.sections import Config
from naslib_archlock.errors import ArchLockError, ConfigError
from naslib_archlock.networks.fit import FitSettings
from naslib_archlock.tasks.digits_tasks import digits_task


def on_digits(*overrides: str) -> Config:
    return load_config(None, ["search_space", "digits", "dataset", "digit", *overrides])


def test_a_digits_task_has_its_own_splits():
    splits, own = splits_of(on_digits(), "jigsaw"), digits_task("jigsaw")
    assert set(splits) == {"train", "val", "test"}
    assert all(torch.equal(splits[name].images, own[name].images) for name in splits)


def test_a_folder_is_split_by_class_into_60_20_and_20_percent(digit_images):
    folder = str(digit_images["low"])
    splits = splits_of(load_config(None, ["dataset", folder, "archlock.image_size", "8"]), folder)
    counts = {name: images.targets.bincount() for name, images in splits.items()}
    total = sum(counts.values())
    for name, share in (("train", 0.6), ("val", 0.2), ("test", 0.2)):
        assert (counts[name] - share * total).abs().max() < 1, name
    assert splits["train"].images.shape[2:] == (8, 8)


@pytest.mark.parametrize("n_images", [60, 2000])
def test_the_seed_draws_images_of_a_large_folder_and_splits_all_of_a_small_one(digit_images, n_images):
    folder = str(digit_images["low"])
    first, again, other = (
        splits_of.__wrapped__(
            load_config(None, ["dataset", folder, "archlock.max_images", str(n_images), "seed", seed]), folder
        )
        for seed in "001"
    )
    n_here = len(list(digit_images["low"].rglob("*.png")))
    assert sum(len(images) for images in first.values()) == min(n_images, n_here)
    assert torch.equal(first["train"].images, again["train"].images)
    assert not torch.equal(first["train"].images, other["train"].images)


def test_on_a_device_the_images_are_the_same():
    there, here = splits_on(on_digits(), "edges", "cpu"), splits_of(on_digits(), "edges")
    assert list(there) == list(here)
    assert all(torch.equal(there[name].targets, here[name].targets) for name in here)
    assert {images.images.device.type for images in there.values()} == {"cpu"}


def test_tasks_without_images_here_are_refused():
    config = load_config(None, ["search_space", "transbench101_micro", "dataset", "class_scene"])
    with pytest.raises(ConfigError, match="images of TransNAS-Bench-101's task class_scene"):
        splits_of(config, "class_scene")


def test_a_folder_with_too_few_images_is_named(tmp_path):
    for name in ("a", "b"):
        (tmp_path / "few" / name).mkdir(parents=True)
        for i in range(2):
            image = np.random.default_rng([ord(name), i]).integers(256, size=(8, 8, 3), dtype=np.uint8)
            Image.fromarray(image).save(tmp_path / "few" / name / f"{i}.png")
    with pytest.raises(ArchLockError, match="few has too few images"):
        splits_of(load_config(None, ["dataset", str(tmp_path / "few")]), str(tmp_path / "few"))


def test_networks_are_built_as_suits_the_images_unless_the_config_says_otherwise():
    suited = fit_settings(on_digits())
    assert (suited.widths, suited.epochs) == ((8, 16), FitSettings().epochs)
    for space in ("transbench101_micro", "digits"):
        of_folder = fit_settings(load_config(None, ["search_space", space, "dataset", "a/folder"]))
        assert (of_folder.widths, of_folder.epochs) == ((16, 32, 64), FIT.epochs)
    full = fit_settings(
        on_digits(
            "audit.widths", "16,32,64", "audit.cells_per_stage", "5", "audit.epochs", "200", "audit.batch_size", "7"
        )
    )
    assert (full.widths, full.cells_per_stage, full.epochs, full.batch_size) == ((16, 32, 64), 5, 200, 7)
