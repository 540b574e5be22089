from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from pictures import SIZE, make, save

from naslib_archlock.errors import ImageError
from naslib_archlock.tasks.image_folder import read_image_folder

DEEP = [(255, np.uint16), (1023, np.uint16), (4095, np.uint16), (16383, np.uint16), (255, np.int32), (65535, np.int32)]


@pytest.mark.parametrize("suffix", [".tif", ".png"])
@pytest.mark.parametrize(("white", "kind"), DEEP)
def test_deep_images_of_fewer_bits_are_scaled_alike(tmp_path, white, kind, suffix):
    if suffix == ".png" and kind is np.int32:
        pytest.skip("PNG has no 32 bits")
    bright = np.linspace(0, white, 64).reshape(8, 8).astype(kind)
    for name, pixels in (("0", bright), ("1", bright // 2)):  # dark beside bright stays dark
        for label in "ab":
            save(tmp_path / "f" / label / f"{name}{suffix}", np.roll(pixels, label == "b"))
    if white < 65535:
        with pytest.warns(UserWarning, match=f"{white} is taken for white"):
            data = read_image_folder(tmp_path / "f", SIZE)
    else:
        data = read_image_folder(tmp_path / "f", SIZE)
    np.testing.assert_allclose(data.images[0, 0], bright / white, atol=0.5 / 255 + 1e-6)
    np.testing.assert_allclose(data.images[1, 0], bright // 2 / white, atol=0.5 / 255 + 1e-6)


def deep_colours(level):
    """A PNG of 16 bits a channel, which Pillow reads and does not write."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + np.linspace(0, level, 3 * SIZE).astype(">u2").tobytes() for _ in range(SIZE))
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_deep_colours_of_few_bits_are_refused(tmp_path):
    folder = make(tmp_path / "f", {"a": 2, "b": 2})
    (folder / "a" / "x.png").write_bytes(deep_colours(4095))
    with pytest.raises(ImageError, match="colour images of 16 bits in .* save them with 8 bits"):
        read_image_folder(folder, SIZE)
    (folder / "a" / "y.png").write_bytes(deep_colours(65535))  # bright beside dark: the dark one is meant so
    assert len(read_image_folder(folder, SIZE)) == 6
    for name, level in (("x", 0), ("y", 0)):  # black says nothing about bits
        (folder / "a" / f"{name}.png").write_bytes(deep_colours(level))
    with pytest.warns(UserWarning, match="duplicates"):
        assert len(read_image_folder(folder, SIZE)) == 6
