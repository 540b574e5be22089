from __future__ import annotations

import numpy as np
import pytest
import torch

from naslib_archlock.networks.augment import augmented
from naslib_archlock.networks.augmentations import CROP, FLIP


def images(n: int = 200, size: int = 16) -> torch.Tensor:
    """Images in which every pixel has a number of its own."""
    return torch.arange(1, n * 3 * size * size + 1, dtype=torch.float32).reshape(n, 3, size, size)


def test_without_names_nothing_changes_and_no_number_is_drawn():
    rng, some = np.random.default_rng(0), images()
    before = rng.bit_generator.state
    assert augmented(some, (), rng) is some
    assert rng.bit_generator.state == before


def test_about_half_of_the_images_are_mirrored():
    some = images()
    found = augmented(some, (FLIP,), np.random.default_rng(0))
    is_mirrored = [bool(torch.equal(new, old.flip(2))) for new, old in zip(found, some)]
    is_same = [bool(torch.equal(new, old)) for new, old in zip(found, some)]
    assert all(a != b for a, b in zip(is_mirrored, is_same))
    assert 60 < sum(is_mirrored) < 140


def test_a_crop_moves_an_image_by_up_to_an_eighth_of_its_size():
    some = images()
    found = augmented(some, (CROP,), np.random.default_rng(0))
    padded = torch.nn.functional.pad(some, (2, 2, 2, 2))
    shifts = set()
    for new, old in zip(found, padded):
        matches = [(y, x) for y in range(5) for x in range(5) if torch.equal(new, old[:, y : y + 16, x : x + 16])]
        assert len(matches) == 1
        shifts.update(matches)
    assert shifts == {(y, x) for y in range(5) for x in range(5)}


@pytest.mark.parametrize("names", [(FLIP,), (CROP,), (CROP, FLIP)])
def test_the_same_seed_gives_the_same_images(names):
    first, second, other = (augmented(images(), names, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert first.shape == images().shape
