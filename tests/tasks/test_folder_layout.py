from __future__ import annotations

import os
import re
import warnings

import pytest
from pictures import SIZE, grey, make, save

from naslib_archlock.errors import ImageError
from naslib_archlock.tasks.image_folder import class_names, read_image_folder


def test_splits_are_no_classes(tmp_path):
    for part in ("train", "Val"):
        make(tmp_path / "f" / part, {"a": 2, "b": 2})
    with pytest.raises(
        ImageError, match=r"splits \(Val, train\), not classes.*name the training split alone, .*/train,"
    ):
        read_image_folder(tmp_path / "f", SIZE)
    make(tmp_path / "f", {"bus": 2})
    with pytest.raises(ImageError, match=r"splits \(Val, train\)"):
        read_image_folder(tmp_path / "f", SIZE)


SPLITS = [
    (["test", "train"], "train"), (["train", "val", "unlabeled"], "train"),
    (["test_set", "training_set"], "training_set"),
    (["seg_pred", "seg_test", "seg_train"], "seg_train"), (["train2017", "val2017"], "train2017"),
    (["dev", "Train", "extra"], "Train"), (["Images_Test", "imagesTrain"], "imagesTrain"), (["trainset"], "trainset"),
    (["cats", "dogs", "test"], "test"), (["flowers-train", "flowers-valid", "misc"], "flowers-train"),
    (["TRAINING DATA", "TESTING DATA"], "TRAINING DATA"), (["test1", "train"], "train"), (["train"], "train"),
    (["a", "holdout", "b"], "holdout"), (["validation", "test"], "validation"), (["trainval", "test"], "trainval"),
]  # fmt: skip


@pytest.mark.parametrize(("names", "hint"), SPLITS)
def test_splits_by_any_usual_name(tmp_path, names, hint):
    folder = make(tmp_path / "f", dict.fromkeys(names, 2))
    with pytest.raises(
        ImageError, match=rf"are splits \(.*the training split alone, {re.escape(f'{folder}/{hint}')}, or"
    ):
        class_names(folder)


@pytest.mark.parametrize(
    "names",
    [["bus", "car", "train"], ["train_station", "bus_stop"], ["bullet train", "steam train"], ["valley", "testudo"],
     ["crash_test", "driving"], ["set", "data"], ["trains", "planes"], ["images", "labels"], ["seg_train", "cats"]],
)  # fmt: skip
def test_classes_whose_names_only_sound_like_splits(tmp_path, names):
    assert class_names(make(tmp_path / "f", dict.fromkeys(names, 2))) == sorted(names)


def test_a_folder_train_of_folders_is_no_vehicle(tmp_path):
    folder = make(tmp_path / "f", {"bus": 2})
    make(folder / "train", {"a": 2, "b": 2})
    with pytest.raises(ImageError, match=r"splits \(train\)"):
        read_image_folder(folder, SIZE)


SYSTEM_FOLDERS = [
    "@eaDir", "$RECYCLE.BIN", "#recycle", ".thumbnails", "__MACOSX", "lost+found", "System Volume Information",
    "@Recycle", ".@__thumb", ".Trashes", ".ipynb_checkpoints", "#snapshot",
]  # fmt: skip


@pytest.mark.parametrize("name", SYSTEM_FOLDERS)
def test_folders_of_systems_are_ignored_at_every_depth(tmp_path, name):
    folder = make(tmp_path / "f", {"a": 2, "b": 2})
    save(folder / "b" / "deep" / "x.png", grey(77))
    for place in (folder, folder / "a", folder / "b" / "deep"):
        make(place, {name: 3})
        make(place / name, {"x.png": 2})  # a folder for each picture, as @eaDir has it
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = read_image_folder(folder, SIZE)
    assert data.targets.tolist() == [0, 0, 1, 1, 1]


def test_pictures_that_are_not_read_are_counted_and_named(tmp_path):
    folder = make(tmp_path / "f", {"a": 2, "b": 2})
    for path in ("a/x.HEIC", "a/y.heic", "b/z.avif", "b/notes.txt"):
        (folder / path).write_bytes(b"whatever")
    (folder / "b" / "download").write_bytes((folder / "a" / "00.png").read_bytes())  # a picture without a suffix
    (folder / "cover.jpg").write_bytes(b"beside the classes")
    os.mkfifo(folder / "b" / "pipe")
    with pytest.warns(UserWarning, match="5 pictures in .*/f are not read") as caught:
        assert len(read_image_folder(folder, SIZE)) == 4
    (said,) = (str(w.message) for w in caught)
    assert (
        "(2 .heic, 1 .jpg, 1 without a suffix, 1 .avif): cover.jpg, a/x.HEIC, a/y.heic, b/download, b/z.avif;" in said
    )


def test_a_class_of_pictures_that_are_not_read_is_an_error(tmp_path):
    folder = make(tmp_path / "f", {"a": 2, "b": 0})
    (folder / "b" / "x.heic").touch()
    with pytest.raises(ImageError, match=r"without images: 'b'.*1 pictures in .* not read \(1 .heic\): b/x.heic\)"):
        read_image_folder(folder, SIZE)
