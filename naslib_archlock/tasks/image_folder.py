"""Folders of images as classification tasks: each sub-folder is a class, as in torchvision's ``ImageFolder``.

Some flaws would silently change the task, so they are errors here, unlike in torchvision: a class without images, an
image that cannot be read, sub-folders that are splits instead of classes, and images that show nothing. Others are
said: pictures that are not read, and copies of one image.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch

from ..compute.seeding import stream
from ..errors import UNPRINTABLE, ConfigError, ImageError, named, shown
from ..store.digests import digest
from .folder_layout import SUFFIXES, is_ignored, is_image, is_unread_picture, splits_among, training_split
from .labelled_images import LabelledImages
from .names import SPLITS, SUBSET_MARK, task_name
from .pixels import DeepImages, look_at, read_deep

FRACTIONS = (0.6, 0.2, 0.2)
FEWEST = 10  # images to validate on, and to test on: fewer measure nothing
_LAYOUT = "a task is a folder with one sub-folder of images per class"
_NEEDED = "at least 2 are needed, for a training and a validation part"
_N_NAMED = 5  # a message about images or classes names at most so many of them
_LARGEST = 4096  # pixels a side
_MAX_LISTED = 32  # the name of a subset lists its classes in at most so many characters


def read_image_folder(
    folder: Path, size: int, max_images: int = 0, seed: int = 0, skip_unreadable: bool = False
) -> LabelledImages:
    """The images of a folder, labelled by sub-folder: class 0 is the first of the sorted names.

    The sub-folders of a class are searched too. Hidden files and folders and those of systems (``folder_layout``) are
    ignored, and so are files that are not images (``SUFFIXES``, in either case) or lie beside the classes; a warning
    counts those that are pictures. All images become RGB: transparent pixels are laid on white, images are turned as
    EXIF asks, an animation gives its first frame, and more than 8 bits are scaled (``pixels``). The shorter side
    becomes ``size`` pixels long and the centre is cut out. Colour profiles are ignored.

    Args:
        folder: the folder of one sub-folder per class.
        size: pixels a side.
        max_images: the largest number of images to read, 0 for all. They are drawn evenly from the classes, as far as
            these have images, and no other image is opened.
        seed: decides which images are drawn.
        skip_unreadable: whether to leave out images that cannot be read, with a warning.
    Returns:
        images ``n x 3 x size x size`` in [0, 1], in the order of the class names and of the paths below them.
    Raises:
        ImageError: if the folder has another layout, a class has fewer than two images, an image cannot be read, or
            every image is of one colour.
        ConfigError: if ``size`` or ``max_images`` is impossible.
    """
    if not 1 <= size <= _LARGEST or max_images < 0:
        raise ConfigError(
            f"size={size} must lie in [1, {_LARGEST}] and max_images={max_images} be at least 0 (0: all images)"
        )
    name = _checked_name(folder)
    found, unread = image_files(folder)
    names = list(found)
    paths = [path for paths in found.values() for path in paths]
    labels = np.repeat(np.arange(len(names), dtype=np.int64), [len(paths) for paths in found.values()])
    if 0 < max_images < len(paths):
        if max_images < 2 * len(names):
            raise ConfigError(
                f"max_images={max_images} is too few for the {len(names)} classes of {folder}; it must be at least "
                f"{2 * len(names)}, two of each class"
            )
        chosen = _balanced_choice(labels, max_images, np.random.default_rng(seed))
        paths, labels = [paths[row] for row in chosen], labels[chosen]
    pixels, readable = _read_images(folder, paths, size, skip_unreadable)
    labels, paths = labels[readable], [paths[row] for row in np.flatnonzero(readable)]
    _check_classes(folder, dict(zip(names, np.bincount(labels, minlength=len(names)).tolist())), unread)
    if not np.ptp(pixels.reshape(len(pixels), -1, 3), axis=1).any():
        raise ImageError(
            f"every image of {folder} is of one colour at {size} pixels a side, so there is nothing to learn; look at "
            "the files, which may hold numbers on another scale than their format"
        )
    if unread:
        warnings.warn(f"{_about_unread(folder, unread)}; {_LAYOUT}, as {', '.join(SUFFIXES)}", stacklevel=2)
    copies = _copies(pixels)
    if copies:
        pairs = [f"{_below(folder, paths[row])} of {_below(folder, paths[first])}" for row, first in copies]
        warnings.warn(
            f"{len(copies)} images of {folder} are duplicates at {size} pixels a side: {_some(pairs)}; where one image "
            "is in the training and in the test part, figures are too good: remove the copies",
            stacklevel=2,
        )
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)
    return LabelledImages(name, images.div_(255), torch.from_numpy(labels), len(names), tuple(names))


def version_of(folder: Path) -> str:
    """A digest of the names, sizes and times of a folder's images: it changes when a file does. Raises: ImageError."""
    paths = [path for name in class_names(folder) for path in _pictures(folder, name)[0]]
    return digest([(str(path), *_size_and_time(path)) for path in paths])


def _size_and_time(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:  # a broken link, which is reported when the images are read
        return 0, 0
    return found.st_size, found.st_mtime_ns


def class_subset(data: LabelledImages, n_classes: int, rng: np.random.Generator) -> LabelledImages:
    """A task with a random choice of the classes, as ArchLock samples its tasks from the classes of ImageNet.

    Args:
        data: the task to sample from.
        n_classes: the number of classes to choose, at least 2.
        rng: draws the classes.
    Returns:
        the images of these classes in their old order, with the classes renumbered from 0 in their old order. The
        name is the task's name, ``SUBSET_MARK`` and the old class numbers, or a hash of these if they are many.
    Raises: ConfigError: if the task has fewer classes.
    """
    if not 2 <= n_classes <= data.n_classes:
        raise ConfigError(
            f"a subset of {n_classes} classes cannot be taken from task {data.name!r}, which has {data.n_classes}; "
            "it takes at least 2 and at most all"
        )
    chosen = np.sort(rng.choice(data.n_classes, n_classes, replace=False))
    labels = data.targets.numpy()
    rows = np.flatnonzero(np.isin(labels, chosen))
    listing = "-".join(map(str, chosen.tolist()))
    if len(listing) > _MAX_LISTED:
        listing = f"{n_classes}classes-{hashlib.sha256(listing.encode()).hexdigest()[:12]}"
    targets = torch.from_numpy(np.searchsorted(chosen, labels[rows]))
    return LabelledImages(f"{data.name}{SUBSET_MARK}{listing}", data.images[torch.from_numpy(rows)], targets, n_classes)


def stratified_split(
    data: LabelledImages, rng: np.random.Generator, fractions: Sequence[float] = FRACTIONS
) -> dict[str, LabelledImages]:
    """Deal the images of each class out to ``train``, ``val`` and ``test``.

    Every split gets its fraction of each class, to within one image. ``train`` and ``val`` get at least one image of
    each class. ``test`` gets at least one image of each class that has three or more, unless its fraction is 0.

    Args:
        data: the task to split.
        rng: decides which images go where, and their order in each split.
        fractions: of ``train``, ``val`` and ``test``; they add up to 1, and the first two are above 0.
    Returns: split -> images.
    Raises:
        ImageError: if the task has no classes, or a class has fewer than two images.
        ConfigError: if ``fractions`` are not as above.
    """
    if len(fractions) != len(SPLITS) or min(fractions) < 0 or 0 in fractions[:2] or not np.isclose(sum(fractions), 1):
        raise ConfigError(
            f"fractions={tuple(fractions)} must be three numbers, of train, val and test, that add up to 1; "
            "those of train and val above 0"
        )
    if not data.is_classification:
        raise ImageError(f"task {data.name!r} has no classes to split by; it predicts numbers")
    parts: dict[str, list[np.ndarray]] = {split: [] for split in SPLITS}
    for label in range(data.n_classes):
        rows = rng.permutation(np.flatnonzero(data.targets.numpy() == label))
        n, reserved = len(rows), int(len(rows) > 2 and fractions[2] > 0)  # an image for test
        if n < 2:
            raise ImageError(f"class {label} of task {data.name!r} has {n} images; {_NEEDED}")
        val_from = int(np.clip(round(n * fractions[0]), 1, n - 1 - reserved))
        test_from = int(np.clip(round(n * (fractions[0] + fractions[1])), val_from + 1, n - reserved))
        for split, part in zip(SPLITS, np.split(rows, (val_from, test_from))):
            parts[split].append(part)
    return {split: data.take(torch.from_numpy(rng.permutation(np.concatenate(rows)))) for split, rows in parts.items()}


def split_for_training(
    data: LabelledImages, seed: int, fractions: Sequence[float] = FRACTIONS
) -> dict[str, LabelledImages]:
    """The ``stratified_split`` on which networks are trained and tested; none is too small to measure anything.

    Args:
        data: the task to split.
        seed: decides which images go where.
        fractions: as in ``stratified_split``.
    Raises: ImageError: if the task cannot be split, or ``val`` or ``test`` would have fewer than ``FEWEST`` images.
    """
    splits = stratified_split(data, rng=stream(seed, "split"), fractions=fractions)
    n_val, n_test = len(splits["val"]), len(splits["test"])
    if min(n_val, n_test) < FEWEST:
        raise ImageError(
            f"{data.name} has too few images to train, validate and test on: {len(data)}, of which {n_val} would "
            f"validate and {n_test} test; {FEWEST} are needed for each, as one image of {FEWEST} is {100 / FEWEST:g} "
            f"points: give {round(FEWEST / min(fractions))} or more, better hundreds"
        )
    return splits


# -- the classes and files of a folder ---------------------------------------------------------------------------------


def _checked_name(folder: Path) -> str:
    """The task's name in results and file names. Raises: ImageError: if the folder's name cannot be used as such."""
    name = task_name(f"{folder}/")
    if SUBSET_MARK in name:
        raise ImageError(
            f"the folder {folder} must not have {SUBSET_MARK!r} in its name, which marks sampled tasks; rename it"
        )
    if UNPRINTABLE.search(name):
        raise ImageError(f"the folder {shown(name)} must have a name that can be printed on one line; rename it")
    return name


def image_files(folder: Path) -> tuple[dict[str, list[Path]], list[Path]]:
    """The images of each class by its name, and the pictures in the folder that are not read. None is opened.

    Raises:
        ImageError: if the folder has another layout, or a class has fewer than two images.
    """
    found, unread = {}, _beside_the_classes(folder)
    for name in class_names(folder):
        found[name], others = _pictures(folder, name)
        unread += others
    _check_classes(folder, {name: len(paths) for name, paths in found.items()}, unread)
    return found, unread


def class_names(folder: Path) -> list[str]:
    """The sorted names of the sub-folders. Raises: ImageError: if there are none, or some are splits."""
    entries = _entries(folder)
    # A broken link stays in the list and fails when it is read; without it, its class would be missing from the task.
    names = [entry for entry in entries if not os.path.isfile(folder / entry)]
    if not names:
        loose = sum(map(is_image, entries))
        hint = f"; put the images that lie in it ({loose}) into one sub-folder per class" if loose else ""
        raise ImageError(f"image folder {folder} has no sub-folders; {_LAYOUT}{hint}")
    splits = splits_among(folder, names)
    if splits:
        raise ImageError(
            f"sub-folders of {folder} are splits ({_some(sorted(splits))}), not classes; {_LAYOUT}, and is split here: "
            f"name the training split alone, {folder / training_split(splits)}, or rename a class that is called so"
        )
    return names


def _entries(folder: Path) -> list[str]:
    """The sorted names in a folder, without those that are ignored. Raises: ImageError: if it cannot be listed."""
    try:
        return sorted(entry for entry in os.listdir(folder) if not is_ignored(entry))
    except OSError as err:
        _refuse_folder(err)
    except ValueError as err:  # the name holds a NUL
        raise ImageError(f"image folder {folder} cannot be listed ({err}); {_LAYOUT}") from err


def _beside_the_classes(folder: Path) -> list[Path]:
    """The pictures that lie beside the classes, and so belong to none."""
    files = [folder / entry for entry in _entries(folder) if os.path.isfile(folder / entry)]
    return [path for path in files if is_image(path.name) or is_unread_picture(path)]


def _pictures(folder: Path, name: str) -> tuple[list[Path], list[Path]]:
    """The images of a class, and the pictures that are not read, sorted.

    Raises: ImageError: if a folder cannot be listed.
    """
    top = folder / name
    # A link that leads back to one of these folders closes a circle.
    seen = {os.path.realpath(folder), *map(str, Path(os.path.realpath(folder)).parents)}
    images, unread = [], []
    for here, folders, files in os.walk(top, onerror=_refuse_folder, followlinks=True):
        real = os.path.realpath(here)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(entry for entry in folders if not is_ignored(entry))
        images += [Path(here, entry) for entry in files if is_image(entry)]
        unread += [Path(here, entry) for entry in files if is_unread_picture(Path(here, entry))]

    def place(path: Path) -> str:
        return path.relative_to(top).as_posix()

    return sorted(images, key=place), sorted(unread, key=place)


def _about_unread(folder: Path, paths: Sequence[Path]) -> str:
    kinds = Counter(named(path.suffix.lower() or "without a suffix") for path in paths)
    counts = _some([f"{n} {kind}" for kind, n in kinds.most_common()])
    examples = _some([_below(folder, path) for path in paths])
    return f"{len(paths)} pictures in {folder} are not read ({counts}): {examples}"


def _below(folder: Path, path: Path) -> str:
    return named(str(path.relative_to(folder)))


def _copies(pixels: np.ndarray) -> list[tuple[int, int]]:
    """Rows that repeat an earlier one, and the first row that they repeat."""
    first: dict[bytes, int] = {}
    keys = [hashlib.sha256(image.tobytes()).digest() for image in pixels]
    pairs = [(row, first.setdefault(key, row)) for row, key in enumerate(keys)]
    return [(row, original) for row, original in pairs if row != original]


def _refuse_folder(err: OSError) -> NoReturn:
    raise ImageError(f"image folder {err.filename} cannot be listed ({err.strerror}); {_LAYOUT}") from err


def _check_classes(folder: Path, counts: dict[str, int], unread: Sequence[Path]) -> None:
    """Check that there are at least two classes, each with at least two images.

    Args:
        folder: named in the error.
        counts: class name -> number of images.
        unread: pictures that are not read, which may be what a class lacks.
    Raises: ImageError: if there are not.
    """
    also = f" ({_about_unread(folder, unread)})" if unread else ""
    if not any(counts.values()):
        raise ImageError(
            f"the sub-folders of {folder} hold no images that can be read{also}; {_LAYOUT}, as {', '.join(SUFFIXES)}"
        )
    if len(counts) == 1:
        raise ImageError(
            f"image folder {folder} has only one class, {next(iter(counts))!r}; a task needs at least two: if that "
            "sub-folder holds the classes, name it"
        )
    for n, what in ((0, "without images"), (1, "with a single image")):
        few = [repr(name) for name, count in counts.items() if count == n]
        if few:
            raise ImageError(
                f"{folder} has classes {what}: {_some(few)}; {_NEEDED}: add images, or remove the folder{also}"
            )


def _balanced_choice(labels: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Choose images so that the classes take turns, each as long as it has images.

    Args:
        labels: the class of each image, ``m`` integers.
        n: the number of images to choose.
        rng: draws the images, and the classes that the last, incomplete round of turns reaches.
    Returns: ``n`` positions in ascending order.
    """
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        turn[rows] = rng.permutation(len(rows))
    return np.sort(np.lexsort((rng.random(len(labels)), turn))[:n])


def _some(items: Sequence[str]) -> str:
    """A list of the first few items, and the number of the others."""
    more = f" and {len(items) - _N_NAMED} more" if len(items) > _N_NAMED else ""
    return ", ".join(items[:_N_NAMED]) + more


# -- images ------------------------------------------------------------------------------------------------------------


def _read_images(
    folder: Path, paths: Sequence[Path], size: int, skip_unreadable: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The pixels of all images that can be read.

    Args:
        folder: named in messages.
        paths: the ``m`` images to read.
        size: pixels a side.
        skip_unreadable: whether to leave out images that cannot be read, with a warning.
    Returns:
        the ``n`` readable images, ``n x size x size x 3`` bytes, and ``m`` booleans: whether each was readable.
    Raises: ImageError: if some cannot be read and must not be left out.
    """
    try:
        pixels = np.empty((len(paths), size, size, 3), dtype=np.uint8)
    except MemoryError as err:
        raise ImageError(
            f"the {len(paths)} images of {folder} do not fit into memory at {size} pixels a side; take fewer, or "
            "smaller ones"
        ) from err
    readable = np.zeros(len(paths), dtype=bool)
    failures, deep, deep_rows = [], DeepImages(), []
    for row, path in enumerate(paths):
        try:
            found = look_at(path, size, deep)
        except Exception as err:  # on a broken file, Pillow's decoders raise nearly any error
            failures.append(f"{path.relative_to(folder)} ({type(err).__name__}: {err})")
            continue
        readable[row] = True
        if found is None:
            deep_rows.append(row)
        else:
            pixels[row] = found
    for row in deep_rows:
        pixels[row] = read_deep(paths[row], size, deep)
    if deep.lost():
        raise ImageError(
            f"colour images of 16 bits in {folder} use few of them ({', '.join(deep.lost())}), and only the upper 8 "
            "can be read; save them with 8 bits"
        )
    if failures and not skip_unreadable:
        raise ImageError(
            f"{len(failures)} images in {folder} cannot be read: {_some(failures)}; repair or remove them, or leave "
            "them out with --skip-unreadable"
        )
    if failures:
        warnings.warn(f"{len(failures)} unreadable images in {folder} are left out: {_some(failures)}", stacklevel=3)
    for raw_format, n_bits in deep.narrow().items():
        warnings.warn(
            f"the deep images in {folder} (Pillow calls them {raw_format}) use {n_bits} bits: {2**n_bits - 1} is taken "
            "for white",
            stacklevel=3,
        )
    return pixels[readable], readable
