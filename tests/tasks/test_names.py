from __future__ import annotations

import os

import pytest

from naslib_archlock.errors import ConfigError
from naslib_archlock.spaces.known import SPACES
from naslib_archlock.tasks.names import (
    SUBSET_MARK,
    check_names,
    is_image_folder,
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
