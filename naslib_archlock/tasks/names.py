"""What a task is called in a config: a name that a benchmark knows, or the path of a folder of images."""

from __future__ import annotations

import os.path

from ..spaces.known import SPACES

SPLITS = ("train", "val", "test")

SUBSET_MARK = "~"  # a task sampled from the classes of another is called NAME~WHICH

_KNOWN = frozenset(task for space in SPACES.values() for task in space.tasks)


def is_image_folder(task: str) -> bool:
    """Whether a config means a folder: a path, or the name of a folder that is here and of no benchmark's task."""
    return os.sep in task or "/" in task or (task not in _KNOWN and task != "" and os.path.isdir(task))


def whole_task(name: str) -> str:
    """The task that a task was sampled from, or the task itself. They share data: one gives the other away."""
    return name.partition(SUBSET_MARK)[0]


def task_name(task: str) -> str:
    """What results and file names call a task: a folder goes by its own name, without the way to it."""
    return os.path.basename(os.path.realpath(task)) if is_image_folder(task) else task
