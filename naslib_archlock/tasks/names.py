"""The names of tasks and of their splits. A config names a task of a benchmark, or the path of a folder of images."""

from __future__ import annotations

import os.path
import warnings
from collections.abc import Sequence

from ..errors import ConfigError
from ..spaces.known import SPACES

SPLITS = ("train", "val", "test")

SUBSET_MARK = "~"  # a task that is sampled from the classes of another task is called NAME~CLASSES

_KNOWN = frozenset(task for space in SPACES.values() for task in space.tasks)


def is_image_folder(task: str) -> bool:
    """Whether a config means a folder of images by ``task``.

    It does if ``task`` is a path, or the name of a folder in the working directory and of no benchmark's task.
    """
    return os.sep in task or "/" in task or (task not in _KNOWN and task != "" and os.path.isdir(task))


def warn_of_folder(task: str) -> None:
    """Warn if a name that means a benchmark's task is that of a folder in the working directory, too."""
    if not is_image_folder(task) and os.path.isdir(task):
        warnings.warn(
            f"{task} means the task of a benchmark here, not the folder of that name; write ./{task} for the folder",
            stacklevel=1,  # the same place from wherever it is called, so that it is said once
        )


def whole_task(name: str) -> str:
    """The name of the task that a task was sampled from, or its own name.

    Both share data, so a search that must not see one of them must not see the other.
    """
    return name.partition(SUBSET_MARK)[0]


def task_name(task: str) -> str:
    """The name of a task in results and file names: for a folder, its own name without the path to it."""
    return os.path.basename(os.path.realpath(task)) if is_image_folder(task) else task


def check_names(tasks: Sequence[str]) -> None:
    """Check that no two tasks go by one name, under which their results and files would be one, too.

    Args:
        tasks: names of tasks, and paths of folders.
    Raises:
        ConfigError: if two do.
    """
    first: dict[str, str] = {}
    for task in tasks:
        name = task_name(task)
        if name in first:
            raise ConfigError(
                f"{first[name]} and {task} go by the same name, {name}; leave one out, or rename a folder"
            )
        first[name] = task
