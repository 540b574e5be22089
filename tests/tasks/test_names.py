from __future__ import annotations

import os

import pytest

from naslib_archlock.errors import ConfigError
from naslib_archlock.spaces.known import SPACES
from naslib_archlock.tasks.names import (
    SUBSET_MARK,
    HiddenTasks,
    check_names,
    is_image_folder,
    is_published,
    same_task,
    task_key,
    task_name,
    warn_of_folder,
    whole_task,
)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("path", ["a/b", "./photos", "/photos", "photos/", os.path.join("..", "photos")])
def test_a_path_means_a_folder_whether_it_exists_or_not(here, path):
    assert is_image_folder(path)


def test_a_bare_name_means_a_folder_only_if_there_is_one(here):
    assert not is_image_folder("photos")
    (here / "photos").write_text("a file")
    assert not is_image_folder("photos")
    (here / "photos").unlink()
    (here / "photos").mkdir()
    assert is_image_folder("photos")
    assert not is_image_folder("")


@pytest.mark.parametrize("task", sorted({task for space in SPACES.values() for task in space.tasks}))
def test_a_folder_of_the_same_name_does_not_hide_a_benchmarks_task(here, task):
    (here / task).mkdir()
    assert not is_image_folder(task)
    assert task_name(task) == task
    assert is_image_folder(f"./{task}")


@pytest.mark.parametrize("task", ["photos", "./photos", "photos/", "photos/.", "other/../photos"])
def test_a_folder_goes_by_its_own_name(here, task):
    (here / "photos").mkdir()
    (here / "other").mkdir()
    assert task_name(task) == "photos"


def test_a_folder_goes_by_the_name_that_a_link_leads_to(here):
    """Two names of one folder are one task, so a search cannot see a hidden target under another name."""
    (here / "photos").mkdir()
    (here / "link").symlink_to(here / "photos", target_is_directory=True)
    assert task_name("./link") == task_name("link") == "photos"


def test_the_working_directory_has_a_name(here):
    assert task_name("./") == here.name


@pytest.mark.parametrize("name", ["digit", "photos", ""])
def test_a_sampled_task_belongs_to_a_whole_one(name):
    assert whole_task(name) == name
    assert whole_task(f"{name}{SUBSET_MARK}0-3-7") == name
    assert whole_task(f"{name}{SUBSET_MARK}12classes-0123abcd") == name
    assert whole_task(f"{name}{SUBSET_MARK}0-3{SUBSET_MARK}1") == name


# -- names of one task -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        ("cifar10", "cifar10-valid", "CIFAR-10", "Cifar_10 train", "cifar10valid", "cifar10.test"),
        ("cifar100", "cifar100-valid", "CIFAR-100"),
        ("ImageNet16-120", "ImageNet16", "imagenet16-120", "ImageNet_16_120", "imagenet16_120-test"),
        ("segmentsemantic", "seg_semantic", "segment_semantic", "Semantic Segmentation"),
        ("class_scene", "ClassScene", "cls-scene", "class_places"),
        ("room_layout", "RoomLayout", "room-layout"),
        ("flowers", "Flowers", "flowers_val", "FLOWERS test"),
        ("my flowers", "my_flowers", "My-Flowers"),
        ("caf\u00e9", "cafe\u0301"),
    ],
)
def test_names_of_one_task(names):
    assert len({task_key(name) for name in names}) == 1
    assert all(same_task(name, ["other", names[0]]) == names[0] for name in names)
    sampled = {task_key(f"{name}{SUBSET_MARK}0-3") for name in names}
    assert len(sampled) == 1 and sampled != {task_key(names[0])}
    assert all(name in HiddenTasks([other]) for name in names for other in names)


def test_names_of_different_tasks():
    names = [*{task for space in SPACES.values() for task in space.tasks}, "svhn", "v1.0", "v10", "c++", "c", "val"]
    assert len({task_key(name) for name in [*names, "test", "a/x", "b/x", "", "-", "~0"]}) == len(names) + 6
    assert all(is_published(name) for name in ("svhn", "cifar10-valid", "noise", "seg_semantic", "CIFAR10~0-3"))
    assert not any(is_published(name) for name in ("flowers", "cifar", "imagenet", ""))


def test_what_shares_data_with_a_hidden_task_is_hidden():
    hidden = HiddenTasks(["Flowers", "cars~0-3"])
    assert list(hidden) == ["Flowers", "cars~0-3"] and len(hidden) == 2
    for name in ("flowers", "flowers~1-2", "cars", "cars~0-3", "CARS~4-5"):
        assert name in hidden
    for name in ("flower", "mine", "", None, 3):
        assert name not in hidden
    assert "" not in HiddenTasks([]) and "x" not in HiddenTasks([])


def test_the_source_is_not_hidden_by_another_sample_of_the_same_images():
    hidden = HiddenTasks(["cars~0-3"], source="Cars~1-2")
    assert "cars~1-2" not in hidden
    assert "cars" in hidden and "cars~0-3" in hidden and "cars~4-5" in hidden


def test_a_folder_that_a_benchmarks_task_hides_is_said(here):
    for task in ("noise", "cifar10"):
        warn_of_folder(task)  # no folder, no warning
        (here / task).mkdir()
        with pytest.warns(UserWarning, match=f"{task} means the task of a benchmark.*write ./{task} for the folder"):
            warn_of_folder(task)
        warn_of_folder(f"./{task}")


def test_two_tasks_of_one_name_are_refused(here):
    for folder in ("flowers/train", "cars/train", "noise"):
        (here / folder).mkdir(parents=True)
    (here / "link").symlink_to(here / "flowers", target_is_directory=True)
    check_names(["flowers/train", "digit", "noise"])
    for pair in (("flowers/train", "cars/train"), ("noise", "./noise"), ("flowers", "./link"), ("cars", "cars/")):
        with pytest.raises(ConfigError, match=f"^{pair[0]} and {pair[1]} go by the same name"):
            check_names(pair)
