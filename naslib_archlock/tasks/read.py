"""The images of a task by what a config or a command line calls it."""

from __future__ import annotations

from pathlib import Path

from .digits_tasks import digits_task
from .image_folder import read_image_folder
from .labelled_images import LabelledImages
from .names import is_image_folder


def read_task(task: str, size: int, max_images: int, seed: int, skip_unreadable: bool) -> LabelledImages:
    """The images of a folder at ``size`` pixels a side, or the training images of a digits task.

    Args: max_images, seed, skip_unreadable: of a folder, see ``read_image_folder``.
    Raises: ImageError, ConfigError, UnknownNameError.
    """
    if is_image_folder(task):
        return read_image_folder(Path(task), size, max_images, seed, skip_unreadable)
    return digits_task(task)["train"]
