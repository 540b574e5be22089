"""The tasks of the embedded benchmark, over scikit-learn's digits (1,797 images of 8 x 8 pixels, ten classes).

The images are split once, for all tasks, into 1,000 for training, 400 for validation and 397 for testing, so that no
task tests on an image that another task trained on. The changes that a task makes to its images (it turns them, cuts
them up, or adds noise) are drawn once, from a seed of the task's own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cache

import numpy as np
import torch

from ..errors import unknown
from ..spaces.known import DIGITS
from .labelled_images import LabelledImages
from .names import SPLITS

SEED = 2026
_CUTS = (1000, 1400)  # positions of the first image for validation and for testing
_QUADRANTS = list(itertools.permutations(range(4)))
_NOISE = (0.02, 0.2)  # the least and the largest standard deviation, for pixels in [0, 1]

# A maker gets images (``n x 8 x 8`` in [0, 1]), their digits (``n``) and a generator. It returns the task's images, its
# targets, and its number of classes (0 if the targets are numbers).
_Maker = Callable[[np.ndarray, np.ndarray, np.random.Generator], "tuple[np.ndarray, np.ndarray, int]"]


def _digit(images: np.ndarray, digits: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    """Classification: which digit the image shows."""
    return images, digits, 10


def _rotation(images: np.ndarray, digits: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    """Self-supervised: by how many quarter turns the image was rotated (Gidaris et al., ICLR 2018)."""
    quarters = rng.integers(4, size=len(images))
    return np.stack([np.rot90(image, k) for image, k in zip(images, quarters)]), quarters, 4


def _jigsaw(images: np.ndarray, digits: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    """Self-supervised: in which of 24 orders the quadrants stand (after Noroozi and Favaro, ECCV 2016)."""
    order = rng.integers(len(_QUADRANTS), size=len(images))
    tiles = images.reshape(-1, 2, 4, 2, 4).swapaxes(2, 3).reshape(-1, 4, 4, 4)
    tiles = tiles[np.arange(len(images))[:, None], np.array(_QUADRANTS)[order]]
    return tiles.reshape(-1, 2, 2, 4, 4).swapaxes(2, 3).reshape(-1, 8, 8), order, len(_QUADRANTS)


def _noise(images: np.ndarray, digits: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    """Regression: how strong the noise is, from -1 to 1, in an image with a random gain and offset."""
    n = len(images)
    level, gain, offset = rng.uniform(-1, 1, n), rng.uniform(0.5, 1.5, n), rng.uniform(-0.5, 0.5, n)
    deviation = np.interp(level, (-1, 1), _NOISE)
    noise = deviation[:, None, None] * rng.standard_normal(images.shape)
    return gain[:, None, None] * images + offset[:, None, None] + noise, level[:, None], 0


def _autoencoder(
    images: np.ndarray, digits: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, int]:
    """Dense: the image itself, which a network must restore from features of half the resolution."""
    return images, images[:, None], 0


def _edges(images: np.ndarray, digits: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    """Dense: how the brightness changes downwards and to the right at every pixel."""
    return images, np.stack(np.gradient(images, axis=(1, 2)), axis=1), 0


_MAKERS: dict[str, _Maker] = {
    "digit": _digit,
    "rotation": _rotation,
    "jigsaw": _jigsaw,
    "noise": _noise,
    "autoencoder": _autoencoder,
    "edges": _edges,
}
DIGITS_TASKS = DIGITS.tasks


@cache
def split_digits() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Split -> its images, ``n x 8 x 8`` in [0, 1], and their digits, ``n``."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    parts = np.split(np.random.default_rng(SEED).permutation(len(bunch.images)), _CUTS)
    return {split: (bunch.images[rows] / 16, bunch.target[rows]) for split, rows in zip(SPLITS, parts)}


@cache
def digits_task(task: str) -> dict[str, LabelledImages]:
    """The splits ``train``, ``val`` and ``test`` of a task, whose images are ``n x 1 x 8 x 8``.

    Raises: UnknownNameError: if there is no such task.
    """
    if task not in _MAKERS:
        raise unknown("task", task, DIGITS_TASKS, "the digits tasks")
    rng = np.random.default_rng([SEED, DIGITS_TASKS.index(task)])
    made = {}
    for split, (of_split, digits) in split_digits().items():
        images, targets, n_classes = _MAKERS[task](of_split, digits, rng)
        made[split] = labelled(task, images, targets, n_classes)
    return made


def labelled(
    name: str, images: np.ndarray, targets: np.ndarray, n_classes: int, classes: tuple[str, ...] = ()
) -> LabelledImages:
    """A task of ``n x 8 x 8`` images; the other arguments are as in ``LabelledImages``."""
    dtype = torch.int64 if n_classes else torch.float32
    pixels = torch.tensor(images[:, None].copy(), dtype=torch.float32)
    return LabelledImages(name, pixels, torch.tensor(targets.copy(), dtype=dtype), n_classes, classes)
