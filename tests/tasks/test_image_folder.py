from __future__ import annotations

import io
import os
import subprocess
import sys
import warnings
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pictures import SIZE, grey, make, save
from PIL import Image
from sklearn.datasets import load_digits

from naslib_archlock.errors import ConfigError, ImageError
from naslib_archlock.tasks.folder_layout import SUFFIXES
from naslib_archlock.tasks.image_folder import (
    FEWEST,
    FRACTIONS,
    class_subset,
    read_image_folder,
    split_for_training,
    stratified_split,
)
from naslib_archlock.tasks.labelled_images import LabelledImages

DIGITS = load_digits()


def levels(data):
    """The brightness, 0 to 255, of each image's first pixel."""
    return (data.images[:, 0, 0, 0] * 255).round().int().tolist()


@pytest.fixture
def read_one(tmp_path):
    """A function that reads one image, the first one in a folder, as ``3 x SIZE x SIZE`` numbers."""
    make(tmp_path / "f", {"a": 2, "b": 2})

    def read(pixels, suffix=".png", **options):
        (tmp_path / "f" / "a" / "00.png").unlink()
        save(tmp_path / "f" / "a" / f"00{suffix}", pixels, **options)
        return read_image_folder(tmp_path / "f", SIZE).images[0].numpy()

    return read


# -- what is read ------------------------------------------------------------------------------------------------------


def test_digits_come_back_as_they_were_saved(tmp_path):
    rows = np.concatenate([np.flatnonzero(DIGITS.target == digit)[:3] for digit in range(10)])
    pixels = (DIGITS.images[rows] * 15).astype(np.uint8)
    for k, row in enumerate(rows):
        save(tmp_path / "digits" / f"d{DIGITS.target[row]}" / f"{row:04}.png", pixels[k])
    data = read_image_folder(tmp_path / "digits", SIZE)
    assert (data.name, data.n_classes, len(data)) == ("digits", 10, 30)
    assert (data.images.dtype, data.targets.dtype) == (torch.float32, torch.int64)
    assert data.images.shape == (30, 3, 8, 8)
    assert data.images.is_contiguous()
    np.testing.assert_array_equal(data.targets, DIGITS.target[rows])
    for channel in range(3):
        np.testing.assert_allclose(data.images[:, channel], pixels / 255, atol=1e-6)


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".PNG", ".JpG"])
def test_every_suffix_in_either_case(tmp_path, suffix):
    if suffix == ".webp":
        pytest.importorskip("PIL._webp")
    data = read_image_folder(make(tmp_path / "f", {"a": 2, "b": 2}, suffix), SIZE)
    np.testing.assert_allclose(data.images[:, :, :4, :4].mean(dim=(1, 2, 3)) * 255, [0, 1, 20, 21], atol=1.5)
    assert data.targets.tolist() == [0, 0, 1, 1]


def test_the_name_and_the_order_do_not_depend_on_how_the_folder_is_written(tmp_path, monkeypatch):
    make(tmp_path / "f", {"b": 3, "B": 2, "a1": 2, "a": 2})
    save(tmp_path / "f" / "b" / "00" / "0.png", grey(9))  # '00.png' < '00/0.png'
    monkeypatch.chdir(tmp_path / "f")
    data = read_image_folder(type(tmp_path)("."), SIZE)
    assert data.name == "f"
    assert data.targets.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 3, 3]
    assert levels(data) == [20, 21, 60, 61, 40, 41, 0, 9, 1, 2]


def test_order_of_creation_does_not_count(tmp_path):
    made = []
    for order in (range(24), np.random.default_rng(0).permutation(24)):
        folder = tmp_path / str(len(made)) / "f"
        for k in order:
            save(folder / "cab"[k % 3] / f"{k}.png", np.add.outer(np.arange(SIZE), np.full(SIZE, 5 * k)).astype("u1"))
        made.append(read_image_folder(folder, SIZE, max_images=12, seed=1))
    assert torch.equal(made[0].images, made[1].images)
    assert torch.equal(made[0].targets, made[1].targets)


def test_what_is_no_image_or_hidden_is_ignored(tmp_path):
    folder = make(tmp_path / "f", {"a": 2, "b": 2})
    for name in (".git", "__MACOSX", ".ipynb_checkpoints"):
        make(folder, {name: 3})
        make(folder / "a", {name: 3})
    for path in ("labels.csv", "cover.png", "a/readme.txt", "a/._00.png", "b/png", "b/00.png.part"):
        (folder / path).write_text("no image")
    assert read_image_folder(folder, SIZE).targets.tolist() == [0, 0, 1, 1]


def test_folders_in_a_class_are_searched(tmp_path):
    folder = make(tmp_path / "f", {"a": 2, "b": 0})
    make(folder / "b", {"x": 1, "y": 2})
    make(folder / "b" / "x", {"deep": 1})
    assert read_image_folder(folder, SIZE).targets.tolist() == [0, 0, 1, 1, 1, 1]


def test_links_are_followed_but_not_in_circles(tmp_path):
    folder = make(tmp_path / "f", {"a": 2})
    make(tmp_path / "elsewhere", {"b": 3})
    os.symlink(tmp_path / "elsewhere" / "b", folder / "b")
    os.symlink(folder / "a", folder / "a" / "loop")
    os.symlink(folder, folder / "a" / "up")
    os.symlink(tmp_path, folder / "a" / "further_up")
    assert read_image_folder(folder, SIZE).targets.tolist() == [0, 0, 1, 1, 1]


# -- kinds of images ---------------------------------------------------------------------------------------------------


def test_grey_images(read_one):
    pixels = (np.arange(64).reshape(8, 8) * 4).astype(np.uint8)
    np.testing.assert_allclose(read_one(pixels), np.stack([pixels] * 3) / 255, atol=1e-6)


def test_palette_images(read_one):
    image = Image.new("P", (SIZE, SIZE), 1)
    image.putpalette([0, 0, 0, 255, 51, 102])
    assert read_one(image)[:, 3, 3] == pytest.approx([1, 0.2, 0.4])


def test_two_level_images(read_one):
    image = read_one(np.eye(SIZE, dtype=bool))
    np.testing.assert_array_equal(image, np.stack([np.eye(SIZE)] * 3))


def test_transparency_is_laid_on_white(read_one):
    pixels = np.zeros((SIZE, SIZE, 4), dtype=np.uint8)
    pixels[:, :2] = 200, 100, 0, 255
    pixels[:, 2:4] = 200, 100, 0, 0
    pixels[:, 4:] = 200, 100, 0, 51  # a fifth
    image = read_one(pixels)
    assert image[:, 0, 0] == pytest.approx(np.array([200, 100, 0]) / 255)
    assert image[:, 0, 3] == pytest.approx([1, 1, 1])
    assert image[:, 0, 7] == pytest.approx(np.array([244, 224, 204]) / 255)  # 255 - (255 - c) / 5


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_a_transparent_colour_is_white(read_one, mode):
    image = Image.new(mode, (SIZE, SIZE))
    if mode == "P":
        image.putpalette([10, 20, 30])
    image.info["transparency"] = (0, 0, 0) if mode == "RGB" else 0
    np.testing.assert_array_equal(read_one(image), 1)


def test_grey_with_transparency(read_one):
    alpha = grey(0)
    alpha[0, 0] = 255
    image = read_one(Image.merge("LA", [Image.fromarray(grey(100)), Image.fromarray(alpha)]))
    assert image[:, 0, 0] == pytest.approx([100 / 255] * 3)
    assert (image[:, 1:, 1:] == 1).all()


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_16_bits_keep_their_range(read_one, suffix):
    pixels = (np.arange(64).reshape(8, 8) * 1040).astype(np.uint16)
    np.testing.assert_allclose(read_one(pixels, suffix), np.stack([pixels] * 3) / 65535, atol=0.5 / 255 + 1e-6)


def test_16_bits_with_the_high_byte_first(tmp_path):
    folder = make(tmp_path / "f", {"a": 1, "b": 2})
    save(folder / "a" / "x.tif", Image.frombytes("I;16B", (SIZE, SIZE), np.full(64, 0x8000, ">u2").tobytes()))
    assert levels(read_image_folder(folder, SIZE)) == [0, 128, 20, 21]


@pytest.mark.parametrize("pixels", [np.full((8, 8), 0.5, np.float32), np.full((8, 8), 1 << 20), np.full((8, 8), -1)])
def test_numbers_of_unknown_range_are_not_guessed_at(tmp_path, pixels):
    folder = make(tmp_path / "f", {"a": 2, "b": 2})
    save(folder / "a" / "x.tif", pixels.astype(np.int32) if pixels.dtype.kind == "i" else pixels)
    with pytest.raises(ImageError, match="unknown range; save it with 8 or 16 bits"):
        read_image_folder(folder, SIZE)


def test_cmyk_jpeg(read_one):
    image = read_one(Image.new("CMYK", (SIZE, SIZE), (0, 255, 255, 0)), ".jpg")
    assert image[:, 4, 4] == pytest.approx([1, 0, 0], abs=0.02)


# The bright corner of the file is top left, and ``corner`` is where it must be shown. EXIF tells on which sides of the
# picture the file's first row and first column belong. For orientation 6, these are the right and the top.
@pytest.mark.parametrize(
    ("orientation", "corner"),
    [(1, (0, 0)), (2, (0, -1)), (3, (-1, -1)), (4, (-1, 0)), (5, (0, 0)), (6, (0, -1)), (7, (-1, -1)), (8, (-1, 0))],
)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_exif_orientation(read_one, orientation, corner, suffix):
    pixels = grey(0)
    pixels[:4, :4] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = read_one(pixels, suffix, exif=exif)
    bright = [(y, x) for y in (0, -1) for x in (0, -1) if image[0, y, x] > 0.9]
    assert bright == [corner]


def test_only_the_first_frame_of_an_animation(read_one):
    frames = [Image.fromarray(grey(value)) for value in (50, 150, 250)]
    image = read_one(frames[0], ".gif", save_all=True, append_images=frames[1:])
    np.testing.assert_allclose(image, 50 / 255, atol=1e-6)


@pytest.mark.parametrize("shape", [(16, 48), (48, 16)])
def test_the_middle_square_is_scaled(read_one, shape):
    pixels = np.zeros(shape, dtype=np.uint8)
    middle = pixels[:, 16:32] if shape[1] > 16 else pixels[16:32]
    middle[:] = np.arange(8).repeat(2)[:, None] * 20 + 100
    image = read_one(pixels)
    # Each pixel of the result covers two by two pixels of the middle. Bilinear weights reach into the neighbours, which
    # cancels out except at the ends.
    np.testing.assert_allclose(
        image[0, 1:-1, 1:-1], (np.arange(1, 7) * 20 + 100)[:, None].repeat(6, 1) / 255, atol=2e-3
    )
    assert (image > 0.3).all()


def test_scaling_down_is_antialiased(read_one):
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    np.testing.assert_allclose(read_one(board.astype(np.uint8)), 0.5, atol=0.02)


def test_scaling_up(read_one):
    np.testing.assert_allclose(read_one(grey(100, 2)), 100 / 255, atol=1e-6)


# -- a choice of the images --------------------------------------------------------------------------------------------


@pytest.fixture
def opened(monkeypatch):
    """The files that Pillow was asked to open."""
    paths = []
    open_image = Image.open

    def counting(path, *args, **kwargs):
        paths.append(path)
        return open_image(path, *args, **kwargs)

    monkeypatch.setattr(Image, "open", counting)
    return paths


def test_only_the_chosen_images_are_opened(tmp_path, opened):
    folder = make(tmp_path / "f", {"a": 20, "b": 20, "c": 3})
    data = read_image_folder(folder, SIZE, max_images=11)
    assert len(opened) == len(set(opened)) == len(data) == 11
    assert data.targets.bincount().tolist() == [4, 4, 3]
    opened.clear()
    assert len(read_image_folder(folder, SIZE, max_images=99)) == len(opened) == 43


def test_a_choice_is_even_and_random(tmp_path):
    folder = make(tmp_path / "f", {"a": 9, "b": 2, "c": 9})
    choices, shares = set(), set()
    for seed in range(12):
        data = read_image_folder(folder, SIZE, max_images=9, seed=seed)
        n = data.targets.bincount().tolist()
        assert n[1] == 2
        assert sorted(n) == [2, 3, 4]
        assert levels(data) == sorted(set(levels(data)))  # each image once, in the order of the folder
        choices.add(tuple(levels(data)))
        shares.add(tuple(n))
    assert len(choices) > 10
    assert shares == {(3, 2, 4), (4, 2, 3)}  # no class always gets more images


SPLIT_OF_A_SUBSET = """
import hashlib
from pathlib import Path
import numpy as np
from naslib_archlock.tasks.image_folder import class_subset, read_image_folder, stratified_split

def fingerprints(folder):
    data = class_subset(read_image_folder(Path(folder), 8, 12, 3), 2, np.random.default_rng(1))
    return [
        (part.name, hashlib.sha256(part.images.numpy().tobytes()).hexdigest(), part.targets.tolist())
        for part in stratified_split(data, np.random.default_rng(2)).values()
    ]
"""


def test_another_process_reads_and_splits_the_same(tmp_path, child_environment):
    folder = make(tmp_path / "f", {"a": 9, "b": 9, "c": 9})
    command = [sys.executable, "-c", SPLIT_OF_A_SUBSET + "import sys; print(fingerprints(sys.argv[1]))", str(folder)]
    printed = subprocess.run(command, env=child_environment, capture_output=True, text=True, check=True).stdout
    here: dict = {}
    exec(SPLIT_OF_A_SUBSET, here)
    assert eval(printed) == here["fingerprints"](folder)


def test_global_generators_are_left_alone(tmp_path):
    folder = make(tmp_path / "f", {"a": 9, "b": 9})
    before = np.random.get_state()[1].copy(), torch.get_rng_state()
    stratified_split(read_image_folder(folder, SIZE, max_images=8), np.random.default_rng(0))
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])
    assert torch.equal(torch.get_rng_state(), before[1])


# -- folders that are no task ------------------------------------------------------------------------------------------


def test_a_folder_that_is_not_there_or_is_a_file(tmp_path):
    with pytest.raises(
        ImageError, match=r"nothing cannot be listed \(No such file.*one sub-folder of images per class"
    ):
        read_image_folder(tmp_path / "nothing", SIZE)
    (tmp_path / "file").touch()
    with pytest.raises(ImageError, match=r"file cannot be listed \(Not a directory"):
        read_image_folder(tmp_path / "file", SIZE)


def test_no_sub_folders(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ImageError, match="has no sub-folders; a task is a folder with one sub-folder.*per class$"):
        read_image_folder(tmp_path, SIZE)
    for k in range(3):
        save(tmp_path / f"{k}.png", grey(k))
    with pytest.raises(ImageError, match=r"put the images that lie in it \(3\) into one sub-folder per class"):
        read_image_folder(tmp_path, SIZE)


def test_sub_folders_without_images(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "x.txt").touch()
    with pytest.raises(ImageError, match=r"hold no images that can be read; .*\.jpg, \.jpeg"):
        read_image_folder(tmp_path, SIZE)


def test_a_single_class(tmp_path):
    with pytest.raises(ImageError, match="only one class, 'cats'; a task needs at least two: if that.*name it"):
        read_image_folder(make(tmp_path / "f", {"cats": 3, ".hidden": 3}), SIZE)


def test_classes_with_too_few_images_are_named(tmp_path):
    with pytest.raises(ImageError, match="classes without images: 'b', 'd'; at least 2 are needed") as caught:
        read_image_folder(make(tmp_path / "f", {"a": 2, "b": 0, "c": 1, "d": 0}), SIZE)
    assert str(tmp_path / "f") in str(caught.value)
    with pytest.raises(ImageError, match="classes with a single image: 'c', 'd'; .*validation part"):
        read_image_folder(make(tmp_path / "g", {"a": 2, "c": 1, "d": 1}), SIZE)


def test_of_many_only_the_first_are_named(tmp_path):
    with pytest.raises(ImageError, match="'0', '1', '2', '3', '4' and 3 more;"):
        read_image_folder(make(tmp_path / "f", {**dict.fromkeys("01234567", 1), "x": 2}), SIZE)


def test_duplicates_are_reported(tmp_path):
    folder = make(tmp_path / "f", {"a": 3, "b": 3})
    (folder / "b" / "copy.png").write_bytes((folder / "a" / "01.png").read_bytes())
    Image.open(folder / "a" / "01.png").save(folder / "a" / "again.bmp")  # other bytes, the same pixels
    with pytest.warns(UserWarning, match="2 images of .* duplicates.*: a/again.bmp of a/01.png, b/copy.png of a/01"):
        read_image_folder(folder, SIZE)


def test_a_task_of_which_every_image_is_of_one_colour_is_refused(tmp_path):
    for case, levels in (("black", [0, 0, 0, 0]), ("one colour each", [0, 50, 100, 150])):
        for k, level in enumerate(levels):
            save(tmp_path / case / "ab"[k % 2] / f"{k}.png", grey(level))
        with pytest.raises(ImageError, match="every image of .* is of one colour at 8 pixels a side"):
            read_image_folder(tmp_path / case, SIZE)
    save(tmp_path / "black" / "a" / "x.png", np.arange(64, dtype=np.uint8).reshape(8, 8))
    with pytest.warns(UserWarning, match="duplicates"):
        assert len(read_image_folder(tmp_path / "black", SIZE)) == 5


@pytest.mark.parametrize("closed", ["f/b", "f/b/deep", "f"])
def test_a_folder_that_cannot_be_listed(tmp_path, monkeypatch, closed):
    folder = make(tmp_path / "f", {"a": 2, "b": 2})
    make(folder / "b", {"deep": 1})

    def refusing(function):
        def listing(path):
            if os.fspath(path) == str(tmp_path / closed):
                raise PermissionError(13, "Permission denied", str(path))
            return function(path)

        return listing

    for name in ("scandir", "listdir"):
        monkeypatch.setattr(os, name, refusing(getattr(os, name)))
    with pytest.raises(ImageError, match=rf"{closed} cannot be listed \(Permission denied\)"):
        read_image_folder(folder, SIZE)


def test_a_link_that_leads_nowhere(tmp_path):
    folder = make(tmp_path / "f", {"a": 2, "b": 2})
    os.symlink(tmp_path / "unmounted", folder / "c")
    with pytest.raises(ImageError, match=r"c cannot be listed \(No such file"):
        read_image_folder(folder, SIZE)
    (folder / "c").unlink()
    os.symlink(tmp_path / "unmounted.png", folder / "a" / "c.png")
    with pytest.raises(ImageError, match=r"1 images in .* cannot be read: a/c.png \(FileNotFoundError"):
        read_image_folder(folder, SIZE)


def test_impossible_numbers(tmp_path):
    folder = make(tmp_path / "f", {"a": 2, "b": 4, "c": 2})
    for size, max_images in ((0, 0), (8, -1)):
        with pytest.raises(ConfigError, match=f"size={size} must .* max_images={max_images}"):
            read_image_folder(folder, size, max_images)
    with pytest.raises(ConfigError, match="max_images=5 is too few for the 3 classes of .*; it must be at least 6"):
        read_image_folder(folder, SIZE, 5)
    assert read_image_folder(folder, SIZE, 6).targets.bincount().tolist() == [2, 2, 2]


# -- images that cannot be read ----------------------------------------------------------------------------------------


def jpeg():
    pixels = np.random.default_rng(0).integers(256, size=(64, 64), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


BROKEN = {
    "truncated.jpg": jpeg()[:900],
    "text.png": b"<html>404 Not Found</html>",
    "empty.gif": b"",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_image_is_an_error_that_says_how_to_go_on(tmp_path, name):
    folder = make(tmp_path / "f", {"a": 2, "b": 2})
    (folder / "a" / name).write_bytes(BROKEN[name])
    with pytest.raises(ImageError, match=rf"1 images in .*/f cannot be read: a/{name} \(.*--skip-unreadable$"):
        read_image_folder(folder, SIZE)
    with pytest.warns(UserWarning, match=rf"1 unreadable images in .*/f are left out: a/{name} \(") as caught:
        data = read_image_folder(folder, SIZE, skip_unreadable=True)
    assert caught[0].filename == __file__
    assert (levels(data), data.targets.tolist()) == ([0, 1, 20, 21], [0, 0, 1, 1])


def test_a_program_under_an_image_name_is_not_run(tmp_path):
    folder = make(tmp_path / "f", {"a": 2, "b": 2})
    with (folder / "a" / "program.png").open("wb") as f:
        Image.fromarray(grey(0)).save(f, "EPS")  # Pillow would start Ghostscript to read it
    with pytest.raises(ImageError, match=r"a/program.png \(UnidentifiedImageError"):
        read_image_folder(folder, SIZE)


def test_every_prefix_of_a_png_is_either_read_or_reported(tmp_path):
    folder = make(tmp_path / "f", {"a": 2, "b": 2})
    path = save(folder / "a" / "x.png", np.arange(64, dtype=np.uint8).reshape(8, 8))
    whole, original = path.read_bytes(), read_image_folder(folder, SIZE).images
    for length in range(0, len(whole), 3):
        path.write_bytes(whole[:length])
        try:
            assert torch.equal(read_image_folder(folder, SIZE).images, original)
        except ImageError as err:
            assert "a/x.png" in str(err)


@pytest.mark.parametrize("times", [1.5, 3])  # multiples of the limit: Pillow warns at the first and refuses the second
def test_a_decompression_bomb_is_unreadable(tmp_path, monkeypatch, times):
    folder = make(tmp_path / "f", {"a": 2, "b": 2})
    save(folder / "a" / "bomb.png", grey(0, 40))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", int(1600 / times))
    with pytest.raises(ImageError, match=r"a/bomb.png \(DecompressionBomb(Warning|Error)"):
        read_image_folder(folder, SIZE)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1600)
    assert len(read_image_folder(folder, SIZE)) == 5


def test_many_broken_images_are_counted(tmp_path):
    folder = make(tmp_path / "f", {"a": 2, "b": 2})
    for k in range(7):
        (folder / "b" / f"x{k}.png").touch()
    with pytest.raises(ImageError, match=r"^7 images in .*b/x0.png .*b/x4.png .* and 2 more; repair") as caught:
        read_image_folder(folder, SIZE)
    assert "x5" not in str(caught.value)


@pytest.mark.parametrize(("n", "what"), [(2, "without images: 'b'"), (1, "with a single image: 'b'")])
def test_classes_are_checked_again_without_the_broken_images(tmp_path, n, what):
    folder = make(tmp_path / "f", {"a": 2, "b": 2})
    for k in range(n):
        (folder / "b" / f"{k:02}.png").write_bytes(b"")
    with pytest.warns(UserWarning, match="left out"), pytest.raises(ImageError, match=what):
        read_image_folder(folder, SIZE, skip_unreadable=True)


def test_nothing_readable_at_all(tmp_path):
    folder = make(tmp_path / "f", {"a": 2, "b": 2})
    for path in folder.rglob("*.png"):
        path.write_bytes(b"")
    with (
        pytest.warns(UserWarning, match="^4 unreadable"),
        pytest.raises(ImageError, match="no images that can be read"),
    ):
        read_image_folder(folder, SIZE, skip_unreadable=True)


def test_a_good_folder_is_read_without_warnings(tmp_path):
    folder = make(tmp_path / "f", {"a": 2, "b": 2})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_image_folder(folder, SIZE, skip_unreadable=True)


# -- subsets of the classes --------------------------------------------------------------------------------------------


def task(*n_of_class, name="t", shuffle=0):
    """A task with the given number of images per class; the only pixel of an image is its number."""
    labels = np.random.default_rng(shuffle).permutation(np.repeat(np.arange(len(n_of_class)), n_of_class))
    images = torch.arange(len(labels), dtype=torch.float32).reshape(-1, 1, 1, 1)
    return LabelledImages(name, images, torch.from_numpy(labels.astype(np.int64)), len(n_of_class))


def numbers(data):
    return data.images.flatten().int().tolist()


@given(st.lists(st.integers(1, 6), min_size=2, max_size=30), st.data(), st.integers(0, 99))
def test_a_subset_has_all_images_of_its_classes(n_of_class, draw, seed):
    whole = task(*n_of_class, shuffle=seed)
    n_classes = draw.draw(st.integers(2, len(n_of_class)))
    part = class_subset(whole, n_classes, np.random.default_rng(seed))
    old = whole.targets[numbers(part)]
    chosen = sorted(set(old.tolist()))
    assert len(chosen) == part.n_classes == n_classes
    assert part.targets.tolist() == [chosen.index(label) for label in old.tolist()]
    assert numbers(part) == [k for k, label in enumerate(whole.targets.tolist()) if label in chosen]
    assert part.targets.dtype == torch.int64


def test_subsets_are_random_and_named_after_their_classes():
    rng = np.random.default_rng(0)
    names = Counter(class_subset(task(1, 1, 1, 1), 2, rng).name for _ in range(200))
    assert set(names) == {f"t~{a}-{b}" for a in range(4) for b in range(a + 1, 4)}
    assert min(names.values()) > 15


def test_names_of_large_subsets_are_short_and_differ():
    whole, rng = task(*[1] * 1000), np.random.default_rng(0)
    names = {class_subset(whole, 500, rng).name for _ in range(20)}
    assert len(names) == 20
    assert all(name.startswith("t~500classes-") and len(name) < 30 for name in names)


@pytest.mark.parametrize("n_classes", [-1, 0, 1, 4])
def test_an_impossible_number_of_classes(n_classes):
    with pytest.raises(ConfigError, match=f"subset of {n_classes} classes .* task 't', which has 3; .* at least 2"):
        class_subset(task(1, 1, 1), n_classes, np.random.default_rng(0))


NUMBERS = LabelledImages("noise", torch.zeros(4, 1, 2, 2), torch.zeros(4, 1), 0)


def test_a_task_without_classes_has_no_subsets_and_no_split():
    with pytest.raises(ConfigError, match="task 'noise', which has 0"):
        class_subset(NUMBERS, 2, np.random.default_rng(0))
    with pytest.raises(ImageError, match="'noise' has no classes to split by; it predicts numbers"):
        stratified_split(NUMBERS, np.random.default_rng(0))


# -- splits ------------------------------------------------------------------------------------------------------------


def counts(splits, n_classes):
    return np.stack([splits[s].targets.bincount(minlength=n_classes).numpy() for s in ("train", "val", "test")])


def test_a_split_by_hand():
    splits = stratified_split(task(2, 3, 4, 5, 10, 100), np.random.default_rng(0))
    assert list(splits) == ["train", "val", "test"]
    np.testing.assert_array_equal(counts(splits, 6), [[1, 1, 2, 3, 6, 60], [1, 1, 1, 1, 2, 20], [0, 1, 1, 1, 2, 20]])
    assert [part.name for part in splits.values()] == ["t"] * 3


FRACTION = st.tuples(st.integers(1, 50), st.integers(1, 50), st.integers(0, 50)).map(
    lambda parts: tuple(part / sum(parts) for part in parts)
)


@given(st.lists(st.integers(2, 40), min_size=1, max_size=8), FRACTION, st.integers(0, 99))
def test_a_split_deals_every_image_out_once_and_evenly(n_of_class, fractions, seed):
    whole = task(*n_of_class, shuffle=seed)
    splits = stratified_split(whole, np.random.default_rng(seed), fractions)
    dealt = [number for part in splits.values() for number in numbers(part)]
    assert sorted(dealt) == list(range(len(whole)))
    for part in splits.values():
        assert torch.equal(part.targets, whole.targets[numbers(part)])
    n = counts(splits, len(n_of_class))
    assert (n[:2] >= 1).all()
    assert ((n[2] >= 1) == [size > 2 and fractions[2] > 0 for size in n_of_class]).all()
    wanted = np.array(fractions)[:, None] * n_of_class
    enough = (wanted >= 1).all(axis=0)  # no split needs more than its fraction to get one image
    assert (np.abs(n - wanted)[:, enough] <= 1 + 1e-9).all()


def test_a_split_is_random_and_mixed_and_its_seed_decides():
    whole = task(50, 50, shuffle=1)
    first, again, other = (stratified_split(whole, np.random.default_rng(seed)) for seed in (0, 0, 1))
    for split in first:
        assert numbers(first[split]) == numbers(again[split])
        assert set(numbers(first[split])) != set(numbers(other[split]))
        assert 0 < sum(first[split].targets[:10].tolist()) < 10  # the first batch has both classes


def test_a_class_that_cannot_be_split():
    for n in (0, 1):
        with pytest.raises(ImageError, match=f"class 1 of task 't' has {n} images; at least 2 are needed"):
            stratified_split(task(2, n), np.random.default_rng(0))


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (0.6, 0.6, -0.2), (0, 0.5, 0.5), (1, 0, 0), (0.6, 0.2, 0.3)])
def test_impossible_fractions(fractions):
    with pytest.raises(ConfigError, match="three numbers, of train, val and test, that add up to 1"):
        stratified_split(task(9, 9), np.random.default_rng(0), fractions)
    assert sum(FRACTIONS) == pytest.approx(1)


def test_a_pipe_is_not_waited_for(tmp_path):
    folder = make(tmp_path / "f", {"a": 2, "b": 2})
    os.mkfifo(folder / "a" / "x.png")
    with pytest.raises(ImageError, match="it is no file"):
        read_image_folder(folder, SIZE)


@pytest.mark.parametrize("name", ["a\nb", "\udcff", "\x1b[2J"])
def test_a_name_that_cannot_be_printed_is_refused(tmp_path, name):
    with pytest.raises(ImageError, match="a name that can be printed on one line; rename it"):
        read_image_folder(make(tmp_path / name, {"a": 2, "b": 2}), SIZE)


def test_an_impossible_size_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"size=100000 must lie in \[1, 4096\]"):
        read_image_folder(make(tmp_path / "f", {"a": 2, "b": 2}), 100_000)


def test_too_few_images_to_measure_anything_are_refused():
    for n, is_enough in ((2, False), (20, False), (25, True)):
        data = task(n, n)
        if is_enough:
            assert min(len(part) for part in split_for_training(data, 0).values()) >= FEWEST
        else:
            with pytest.raises(ImageError, match="too few images to train, validate and test on: .* give 50 or more"):
                split_for_training(data, 0)
