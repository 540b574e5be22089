"""Reading a task that a command line names."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..tasks.base import LabelledImages
from ..tasks.digits import digits_task
from ..tasks.folder import read_image_folder
from ..tasks.names import is_image_folder


def read_task(task: str, args: argparse.Namespace, size: int) -> LabelledImages:
    """The images of a folder at ``size`` pixels a side, or the training images of a digits task.

    Raises: ImageError, ConfigError, UnknownNameError.
    """
    if is_image_folder(task):
        return read_image_folder(Path(task), size, args.max_images, args.seed, args.skip_unreadable)
    return digits_task(task)["train"]
