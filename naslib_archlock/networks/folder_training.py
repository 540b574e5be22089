"""Networks that are trained on folders of images. Each function here can run in any process, or on another machine.

A process reads the images of a task once, and keeps the networks that it trained last: they are small.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..compute.threads import single_threaded_on
from ..spaces.cells import Cell
from ..tasks.image_folder import read_image_folder, split_for_training
from ..tasks.labelled_images import LabelledImages
from .cell_network import CellNetwork
from .fit import FitSettings, fine_tune, fit, scores, until_learnt

FINE_TUNING_RATES = (0.03, 0.1)

Figures = dict[str, list[float]]  # split -> the metric in %, of one network


@dataclass(frozen=True)
class FolderTask:
    """A folder of images as a task: how it is read and split, and where networks are trained on it.

    Attributes:
        folder: one sub-folder for each class.
        image_size: the height and width that images are resized to.
        max_images: the largest number of images that are read; 0 for all.
        skip_unreadable: whether an unreadable image is left out, rather than an error.
        seed: of the choice of images, the splits and the networks.
        device: of torch.
        version: changes when a file of the folder does, so that no process goes on with images that it read before
            (``tasks.image_folder.version_of``).
    """

    folder: str
    image_size: int
    max_images: int
    skip_unreadable: bool
    seed: int
    device: str = "cpu"
    version: str = ""


@lru_cache(maxsize=4)
def read_task(task: FolderTask) -> LabelledImages:
    """All images of a task, not split. Raises: ImageError."""
    return read_image_folder(Path(task.folder), task.image_size, task.max_images, task.seed, task.skip_unreadable)


@lru_cache(maxsize=4)
def splits_of(task: FolderTask) -> Mapping[str, LabelledImages]:
    """``train``, ``val`` and ``test`` of a task, on its device. Raises: ImageError: also if a split is too small."""
    splits = split_for_training(read_task(task), task.seed)
    return {split: images.to(task.device) for split, images in splits.items()}


def learning_settings(task: FolderTask, settings: FitSettings) -> FitSettings:
    """The settings with as many steps as a strong cell needs to learn the task (``fit.until_learnt``)."""
    with _quietly_on(task.device):
        return until_learnt(splits_of(task)["train"], settings, task.seed)


def train_on(task: FolderTask, cell: Cell, settings: FitSettings) -> Figures:
    """Train a network from scratch.

    Args:
        task: where.
        cell: canonical.
        settings: the network and its training.
    Returns:
        its metric on every split.
    """
    return trained_network(task, cell, settings)[1]


def fine_tune_on(
    task: FolderTask, settings: FitSettings, source: FolderTask, of_source: FitSettings, cell: Cell
) -> Figures:
    """Train a network on another task, and then all its weights on this one, with a new head.

    Args:
        task: where it is fine-tuned. Two learning rates are tried, and the better one by validation counts.
        settings: of the fine-tuning.
        source: where it is trained first.
        of_source: of this first training.
        cell: canonical.
    Returns:
        its metric on every split of ``task``.
    """
    network, _ = trained_network(source, cell, of_source)
    with _quietly_on(task.device):
        return fine_tune(cell, network.body.state_dict(), splits_of(task), settings, [task.seed], FINE_TUNING_RATES)


@lru_cache(maxsize=64)
def trained_network(task: FolderTask, cell: Cell, settings: FitSettings) -> tuple[CellNetwork, Figures]:
    """A network that is trained from scratch, and its metric on every split. It is kept, so it must not be changed.

    Args:
        task, cell, settings: as in ``train_on``.
    """
    with _quietly_on(task.device):
        splits = splits_of(task)
        network = fit(cell, splits["train"], settings, [task.seed])
        return network, {split: scores(network, images) for split, images in splits.items()}


@contextmanager
def _quietly_on(device: str) -> Iterator[None]:
    """Work on a device without warnings: what is wrong with the images was said when they were checked."""
    with single_threaded_on(device), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
