"""The images of a task, by its name in a config or on a command line."""

from __future__ import annotations

import os.path
from pathlib import Path

from ..errors import UnknownNameError
from .embedded import EMBEDDED_TASKS, embedded_task
from .image_folder import read_image_folder
from .labelled_images import LabelledImages
from .names import is_image_folder, warn_of_folder


def read_task(task: str, size: int, max_images: int, seed: int, skip_unreadable: bool) -> LabelledImages:
    """The images of a folder, or the training images of a task that comes with the package.

    All arguments but ``task`` are passed on to ``read_image_folder``; digits images always have 8 pixels a side.

    Args:
        task: the path of a folder, or the name of a digits task or domain.
        size: pixels a side.
        max_images: the largest number of images to read, 0 for all.
        seed: decides which images are read.
        skip_unreadable: whether to leave out images that cannot be read.
    Raises:
        ImageError: if the folder or an image in it cannot be read.
        ConfigError: if ``size`` or ``max_images`` is impossible.
        UnknownNameError: if no such task has this name, also where a folder and a task elsewhere have it.
    """
    if is_image_folder(task):
        return read_image_folder(Path(task), size, max_images, seed, skip_unreadable)
    if task not in EMBEDDED_TASKS and os.path.isdir(task):
        raise UnknownNameError(
            f"{task} means a benchmark's task whose images do not come with it; write ./{task} for the folder of that "
            "name"
        )
    warn_of_folder(task)
    return embedded_task(task)["train"]
