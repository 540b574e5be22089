"""The pixels of image files as RGB bytes, whatever the files hold: grey, palettes, transparency, 16 bits, rotation.

Files of more than 8 bits a pixel seldom say how many of them they use: cameras and microscopes put 10, 12 or 14 bits
into files of 16. So such files are read in two passes: all of a folder are looked at before one is scaled.
"""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

# Pillow chooses the format by the file's content. Only these are allowed: others run programs (EPS runs Ghostscript).
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
_WHITES = (255, 1023, 4095, 16383, 65535)  # the largest number of 8, 10, 12, 14 and 16 bits
_FULL = _WHITES[-1]


class DeepImages:
    """The images of a folder that have more than 8 bits a channel, and what is white in them.

    Files of one raw format come from one source, so they share one white: that of the fewest bits, of 8, 10, 12, 14 and
    16, that hold the largest number in any of them.
    """

    def __init__(self) -> None:
        self._largest: dict[str, int] = {}

    def note(self, raw_format: str, largest: int) -> None:
        """Take the largest number in a file."""
        self._largest[raw_format] = max(largest, self._largest.get(raw_format, 0))

    def note_colours(self, raw_format: str, upper: int) -> None:
        """Take the largest number in a file of colours, of which Pillow reads the upper 8 of 16 bits."""
        if upper:  # black says nothing about the bits in use
            self.note(raw_format, upper << 8 | 255)

    def white(self, raw_format: str) -> int:
        """The number that is white in files of a raw format."""
        return next(white for white in _WHITES if white >= self._largest[raw_format])

    def narrow(self) -> dict[str, int]:
        """Raw format -> bits in use, for grey files that do not use all of 16 bits."""
        return {name: bits for name, bits in self._bits().items() if _is_grey(name)}

    def lost(self) -> list[str]:
        """The raw formats of colours that do not use all of 16 bits."""
        return [name for name in self._bits() if not _is_grey(name)]

    def _bits(self) -> dict[str, int]:
        whites = {raw_format: self.white(raw_format) for raw_format in self._largest}
        return {raw_format: white.bit_length() for raw_format, white in whites.items() if white < _FULL}


def _is_grey(raw_format: str) -> bool:
    return raw_format.startswith("I")


def look_at(path: Path, size: int, deep: DeepImages) -> np.ndarray | None:
    """The pixels of an image, ``size x size x 3`` bytes; None for a deep one, which is noted instead.

    Raises: nearly any error if the image cannot be read.
    """
    with _opened(path) as (image, raw_format):
        if image.mode[0] in "IF":  # Pillow's own conversion would clip at 255
            grey = np.asarray(image)
            if image.mode == "F" or grey.min() < 0 or grey.max() > _FULL:
                raise ValueError("its pixels are 32-bit numbers of unknown range; save it with 8 or 16 bits")
            deep.note(raw_format, int(grey.max()))
            return None
        if ";16" in raw_format:  # in colour: Pillow keeps the upper 8 bits
            deep.note_colours(raw_format, int(np.asarray(image.convert("RGB")).max()))
        return _fitted(image, size)


def read_deep(path: Path, size: int, deep: DeepImages) -> np.ndarray:
    """The pixels of an image that ``look_at`` noted, ``size x size x 3`` bytes."""
    with _opened(path) as (image, raw_format):
        grey = np.asarray(image) * (255 / deep.white(raw_format))
        return _fitted(Image.fromarray(grey.round().astype(np.uint8)), size)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Image.Image, str]]:
    """An image, turned as EXIF asks, and Pillow's name for how its file lays out a pixel (``I;16B``)."""
    if not stat.S_ISREG(os.stat(path).st_mode):  # reading a pipe would wait for ever
        raise ValueError("it is no file")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # most are about metadata: EXIF that is cut short, odd tags
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path, formats=_FORMATS) as image:
            arguments = image.tile[0][3] if image.tile else ""  # before it is loaded: then it has none
            raw_format = arguments if isinstance(arguments, str) else str((*(arguments or ()), "")[0])
            yield ImageOps.exif_transpose(image), raw_format


def _fitted(image: Image.Image, size: int) -> np.ndarray:
    """The middle square of an image, scaled."""
    return np.asarray(ImageOps.fit(_as_rgb(image), (size, size), Image.Resampling.BILINEAR))


def _as_rgb(image: Image.Image) -> Image.Image:
    """An image of at most 8 bits a channel in RGB, with transparent pixels on white."""
    if image.mode in ("1", "L", "RGB") and "transparency" not in image.info:
        return image.convert("RGB")  # nothing is transparent, and this takes a quarter of the memory
    rgba = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
