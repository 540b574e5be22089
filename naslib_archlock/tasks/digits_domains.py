"""Domains of scikit-learn's digits: the same ten digits, drawn in five ways.

A network that was trained on one domain is worth much on another one, above all to an attacker with few images. This is
the setting of non-transferable learning (Wang et al., ICLR 2022), which takes digits of several data sets. Images are
split as in ``digits_tasks``; what a domain draws at random, it draws once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from ..errors import unknown
from ..spaces.known import DIGITS_DOMAINS
from .digits_tasks import SEED, labelled, split_digits
from .labelled_images import LabelledImages

_CLASSES = tuple("0123456789")
_NOISE = 0.3  # the standard deviation, for pixels in [0, 1]
_CONTRAST, _OFFSET = (0.15, 0.5), (0.0, 0.5)
# A maker gets images (``n x 8 x 8`` in [0, 1]) and a generator, and returns the images of the domain.
Maker = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def _plain(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return images


def _noisy(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Adds normal noise to every pixel."""
    return np.asarray(images + _NOISE * rng.standard_normal(images.shape))


def _faint(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gives each image a low contrast and a brightness of its own."""
    shape = (len(images), 1, 1)
    return np.asarray(rng.uniform(*_CONTRAST, shape) * images + rng.uniform(*_OFFSET, shape))


def _outline(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Replaces each pixel by the length of the brightness gradient."""
    return np.asarray(np.hypot(*np.gradient(images, axis=(1, 2))))


def _bold(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Replaces each pixel by the brightest of itself and its four neighbours."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    shifts = ((1, 1), (0, 1), (2, 1), (1, 0), (1, 2))
    return np.asarray(np.max([padded[:, y : y + 8, x : x + 8] for y, x in shifts], axis=0))


_MAKERS: dict[str, Maker] = {"plain": _plain, "noisy": _noisy, "faint": _faint, "outline": _outline, "bold": _bold}
DOMAINS = DIGITS_DOMAINS.tasks


@cache
def digits_domain(name: str) -> dict[str, LabelledImages]:
    """The splits ``train``, ``val`` and ``test`` of a domain, whose images are ``n x 1 x 8 x 8``.

    Raises: UnknownNameError: if there is no such domain.
    """
    if name not in _MAKERS:
        raise unknown("domain", name, DOMAINS, "the domains of digits")
    return draw_domain(name, _MAKERS[name], np.random.default_rng([SEED, len(_MAKERS), DOMAINS.index(name)]))


def draw_domain(name: str, maker: Maker, rng: np.random.Generator) -> dict[str, LabelledImages]:
    """The splits of a domain that a maker draws.

    Args:
        maker: gets images (``n x 8 x 8`` in [0, 1]) and ``rng``, and returns images of that shape.
    """
    return {
        split: labelled(name, maker(images, rng), digits, len(_CLASSES), _CLASSES)
        for split, (images, digits) in split_digits().items()
    }
