"""Folders of small images for tests."""

from __future__ import annotations

import numpy as np
from PIL import Image

SIZE = 8


def save(path, pixels, **options):
    """Write an array, or a Pillow image, as an image file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(np.asarray(pixels))
    image.save(path, **options)
    return path


def grey(value, size=SIZE):
    return np.full((size, size), value, dtype=np.uint8)


def make(folder, n_of_class, suffix=".png"):
    """A folder with so many grey images of each class, the k-th of class c of brightness ``20 c + k``.

    Each has a brighter corner, as a task of which every image is of one colour is refused.
    """
    for c, (name, n) in enumerate(n_of_class.items()):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for k in range(n):
            image = grey(20 * c + k)
            image[-2:, -2:] += 15
            save(folder / name / f"{k:02}{suffix}", image)
    return folder
