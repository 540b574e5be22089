"""The images that an audit trains on, by what a config calls their task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from ..benchmarks.naslib_provider import naslib
from ..benchmarks.trained import FIT
from ..config.sections import Config
from ..errors import ConfigError
from ..networks.fit import FitSettings
from ..spaces.known import TRANSBENCH101_MICRO, get_space
from ..tasks.digits_tasks import digits_task
from ..tasks.image_folder import read_image_folder, split_for_training
from ..tasks.labelled_images import LabelledImages
from ..tasks.names import is_image_folder


@lru_cache(maxsize=2)  # the source and a target
def splits_of(config: Config, task: str) -> Mapping[str, LabelledImages]:
    """``train``, ``val`` and ``test`` of a digits task, a folder of images, or a data set that NASLib loads.

    The digits tasks have splits of their own; others are split by class into 60, 20 and 20%, as in training candidates.

    Raises:
        ConfigError: for a task of TransNAS-Bench-101.
        ImageError, NaslibError, UnknownNameError.
    """
    section = config.archlock
    if is_image_folder(task):
        images = read_image_folder(
            Path(task), section.image_size, section.max_images, config.seed, section.skip_unreadable
        )
        return split_for_training(images, config.seed)
    if get_space(config.search_space).is_embedded:
        return digits_task(task)
    if task in TRANSBENCH101_MICRO.tasks and config.search_space != "nasbench201":
        raise ConfigError(
            f"the images of TransNAS-Bench-101's task {task} (Taskonomy) cannot be read here; give folders of images "
            "as dataset and archlock.target"
        )
    return split_for_training(naslib().read_dataset(task, section.max_images), config.seed)


@lru_cache(maxsize=2)
def splits_on(config: Config, task: str, device: str) -> Mapping[str, LabelledImages]:
    """``splits_of`` on a device of torch."""
    return {split: images.to(device) for split, images in splits_of(config, task).items()}


def fit_settings(config: Config) -> FitSettings:
    """How the networks of an audit are built and trained: as the config says, or else as suits the images."""
    section = config.audit
    is_digits = get_space(config.search_space).is_embedded and not is_image_folder(config.dataset)
    suited = FitSettings() if is_digits else FIT
    return replace(
        suited,
        epochs=section.epochs or suited.epochs,
        batch_size=section.batch_size,
        widths=section.width_list or suited.widths,
        cells_per_stage=section.cells_per_stage,
    )
