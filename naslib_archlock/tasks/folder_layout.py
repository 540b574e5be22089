"""What the files and folders in a folder of images are, by their names: pictures, splits, or a system's own."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

SUFFIXES = (
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".tif", ".tiff", ".webp",
    ".ppm", ".pgm", ".pbm", ".pnm",
)  # fmt: skip
# Pictures that are not read: Pillow cannot read them, cannot everywhere, or runs programs for them.
_UNREAD = (
    ".heic", ".heif", ".hif", ".avif", ".jxl", ".jp2", ".j2k", ".jpx", ".svg", ".svgz", ".psd", ".xcf", ".ico", ".icns",
    ".tga", ".dds", ".exr", ".hdr", ".dib", ".emf", ".wmf", ".eps", ".pcx", ".sgi", ".qoi", ".mpo", ".fits", ".dcm",
    ".dng", ".raw", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw",
)  # fmt: skip
_SIGNATURES = re.compile(rb"\x89PNG|\xff\xd8\xff|GIF8|II\*\0|MM\0\*|RIFF....WEBP|....ftyp(heic|heix|mif1|avif)", re.S)

# Thumbnails, waste and snapshots of file managers, network drives and archivers; names in small letters.
_OF_SYSTEMS = frozenset(
    {
        "__macosx", "$recycle.bin", "recycler", "recycled", "system volume information", "lost+found", "found.000",
        "@eadir", "@recycle", "@recently-snapshot", "@tmp", "@sharesnap", "#recycle", "#snapshot", "thumbs.db",
        "network trash folder", "temporary items", "__pycache__",
    }
)  # fmt: skip

TRAIN, VAL, TEST, UNLABELED = "train", "val", "test", "unlabeled"
_WORDS = {
    TRAIN: ("training", "trainval", "train", "trn"),
    VAL: ("validation", "validate", "valid", "minival", "val", "evaluation", "eval", "development", "dev"),
    TEST: ("testing", "test", "tst", "holdout"),
    UNLABELED: ("unlabeled", "unlabelled", "unsupervised"),
}
_ROLE = {word: role for role, words in _WORDS.items() for word in words}
_ANY_WORD = "|".join(sorted(_ROLE, key=len, reverse=True))
_FILLER = r"(?:data ?sets?|data|sub ?sets?|sets?|splits?|images?|imgs?|photos?|pictures?|pics?|folder|dir|[\W_\d])*"
_SPLIT = re.compile(f"{_FILLER}({_ANY_WORD}){_FILLER}")  # training_set, train2017, valImages
_SPLIT_OF = re.compile(f"(?<![a-z])({_ANY_WORD})(?![a-z])")  # seg_train
_HUMP = re.compile("(?<=[a-z])(?=[A-Z])")


def is_ignored(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or a system's own."""
    return name.startswith(".") or name.lower() in _OF_SYSTEMS


def is_image(name: str) -> bool:
    """Whether a file of this name is read as an image."""
    return not is_ignored(name) and name.lower().endswith(SUFFIXES)


def is_unread_picture(path: Path) -> bool:
    """Whether a file is a picture, by its suffix or its first bytes, that is not read."""
    if is_ignored(path.name) or is_image(path.name):
        return False
    if path.name.lower().endswith(_UNREAD):
        return True
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would wait for ever
            return False
        with path.open("rb") as f:
            return bool(_SIGNATURES.match(f.read(16)))
    except OSError:
        return False


def splits_among(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """The sub-folders that are splits of a data set, with their roles: ``train``, ``val``, ``test``, ``unlabeled``.

    A name is that of a split if it says nothing else (``training_set``, ``val2017``), or if it differs from another
    name only in the split (``seg_train`` beside ``seg_test``). A folder ``train`` that holds no folders, beside other
    classes alone, is a class: trains are vehicles.

    Args:
        folder: holds the sub-folders.
        names: of its sub-folders.
    """
    found: dict[str, str] = {}
    roles_of_rest: dict[tuple[str, str], dict[str, str]] = {}
    for name in names:
        low = _HUMP.sub("_", name).lower()
        whole, part = _SPLIT.fullmatch(low), _SPLIT_OF.search(low)
        if whole:
            found[name] = _ROLE[whole[1]]
        elif part:
            rest = low[: part.start()], low[part.end() :]
            roles_of_rest.setdefault(rest, {})[name] = _ROLE[part[1]]
    for roles in roles_of_rest.values():
        if len(set(roles.values())) > 1:
            found.update(roles)
    is_vehicle = len(names) > 1 and [name.lower() for name in found] == ["train"]
    return {} if is_vehicle and not _has_folders(folder / next(iter(found))) else found


def training_split(splits: dict[str, str]) -> str:
    """The name of the split to train on: a training split, or else whatever comes nearest to one."""
    order = (TRAIN, VAL, UNLABELED, TEST)
    return min(splits, key=lambda name: (order.index(splits[name]), len(name), name))


def _has_folders(folder: Path) -> bool:
    return any(not is_ignored(entry) and (folder / entry).is_dir() for entry in os.listdir(folder))
