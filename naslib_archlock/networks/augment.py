"""Random changes of training images, with which a network learns more from the same images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from .augmentations import CROP, FLIP

_PADDED = 8  # a crop moves an image by up to an eighth of its size, 4 of 32 pixels


def augmented(images: Tensor, names: Sequence[str], rng: np.random.Generator) -> Tensor:
    """Change each image at random.

    Args:
        images: ``n x channels x height x width``.
        names: ``flip`` mirrors every second image, left and right; ``crop`` cuts the image out of itself with a black
            border. Without names, the images are returned as they are, and no random number is drawn.
        rng: decides what happens to each image.
    Returns:
        as many images of the same size.
    """
    if CROP in names:
        images = _cropped(images, rng)
    if FLIP in names:
        mirrored = torch.from_numpy(rng.random(len(images)) < 0.5).to(images.device)
        images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
    return images


def _cropped(images: Tensor, rng: np.random.Generator) -> Tensor:
    n, _, height, width = images.shape
    border = [height // _PADDED, width // _PADDED]
    shift = torch.from_numpy(rng.integers(0, np.array([border]) * 2 + 1, (n, 2))).to(images.device)
    rows = shift[:, :1] + torch.arange(height, device=images.device)
    columns = shift[:, 1:] + torch.arange(width, device=images.device)
    bordered = pad(images, (border[1], border[1], border[0], border[0]))
    image = torch.arange(n, device=images.device)[:, None, None]
    cut_out = bordered.permute(0, 2, 3, 1)[image, rows[:, :, None], columns[:, None, :]]
    return cut_out.permute(0, 3, 1, 2)
