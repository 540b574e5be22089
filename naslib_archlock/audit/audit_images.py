"""The images that an audit trains on, by what a config calls their task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from ..benchmarks.naslib_provider import naslib
from ..benchmarks.trained import fit_of
from ..compute.intervals import accuracy_interval
from ..compute.threads import single_threaded_on
from ..config.sections import Config
from ..errors import ConfigError
from ..networks.fit import FitSettings, until_learnt
from ..spaces.known import TRANSBENCH101_MICRO, get_space
from ..tasks.embedded import embedded_task
from ..tasks.image_folder import read_image_folder, split_for_training
from ..tasks.labelled_images import LabelledImages
from ..tasks.names import is_image_folder, task_name


@lru_cache(maxsize=2)  # the source and a target
def splits_of(config: Config, task: str) -> Mapping[str, LabelledImages]:
    """``train``, ``val`` and ``test`` of a digits task, a folder of images, or a data set that NASLib loads.

    The digits tasks have splits of their own; others are split by class, as the protocol says.

    Raises:
        ConfigError: for a task of TransNAS-Bench-101.
        ImageError, NaslibError, UnknownNameError.
    """
    section = config.archlock
    if is_image_folder(task):
        images = read_image_folder(
            Path(task), section.image_size, section.max_images, config.seed, section.skip_unreadable
        )
        return split_for_training(images, config.seed, config.audit.rules.split)
    if get_space(config.search_space).is_embedded:
        return embedded_task(task)
    if task in TRANSBENCH101_MICRO.tasks and config.search_space != "nasbench201":
        raise ConfigError(
            f"the images of TransNAS-Bench-101's task {task} (Taskonomy) cannot be read here; give folders of images "
            "as dataset and archlock.target"
        )
    return split_for_training(naslib().read_dataset(task, section.max_images), config.seed, config.audit.rules.split)


@lru_cache(maxsize=2)
def splits_on(config: Config, task: str, device: str) -> Mapping[str, LabelledImages]:
    """``splits_of`` on a device of torch."""
    return {split: images.to(device) for split, images in splits_of(config, task).items()}


def learning_settings(config: Config, device: str) -> FitSettings:
    """``fit_settings`` with the steps in which a strong cell learns the source (``networks.fit.until_learnt``)."""
    with single_threaded_on(device):
        return until_learnt(splits_on(config, config.dataset, device)["train"], fit_settings(config), config.seed)


def notes_on_noise(config: Config, targets: Sequence[str]) -> list[str]:
    """Sentences on what the images of each target with classes cannot show, however many seeds there are."""
    notes = []
    for target in targets:
        splits, name = splits_of(config, target), task_name(target)
        train, n_test = splits["train"], len(splits["test"])
        if not train.is_classification:
            continue  # the interval is of a share of images
        low, high = accuracy_interval(50, n_test)
        notes.append(
            f"{name} has {n_test} test images: a figure of 50% has the 95% interval [{low:.1f}, {high:.1f}], beside "
            "that over seeds."
        )
        few = [
            f"{fraction:g}% ({n} images)"
            for fraction in config.audit.fraction_list
            if (n := round(len(train) * fraction / 100)) < 2 * train.n_classes
        ]
        if few:
            notes.append(
                f"Fewer than two images for each of the {train.n_classes} classes of {name} are {', '.join(few)} of "
                f"its {len(train)} training images: those figures are mostly noise."
            )
    return notes


def notes_on_untrained(config: Config, released: Mapping[str, float]) -> list[str]:
    """A sentence on networks that learnt nothing of the source before they were attacked, if there are any.

    Such a network predicts no better than a constant answer, as far as the test images can show. A constant answer
    gets the share of the most frequent class, or 0% of the variance of numbers.

    Args:
        released: role -> the mean test metric on the source of its networks, in %.
    """
    test, source = splits_of(config, config.dataset)["test"], task_name(config.dataset)
    if test.is_classification:
        constant = 100 * float(test.targets.bincount().max()) / len(test)
        untrained = {role: f for role, f in released.items() if accuracy_interval(f, len(test))[0] <= constant}
    else:
        constant = 0.0
        untrained = {role: figure for role, figure in released.items() if figure <= constant}
    if not untrained:
        return []
    figures = ", ".join(f"{role} ({figure:.1f}%)" for role, figure in untrained.items())
    return [
        f"Some networks learnt nothing of {source} that its {len(test)} test images can show: {figures}. A constant "
        f"answer gets {constant:.1f}%. Their weights are worth nothing to an attacker, which says nothing about the "
        "lock: train for longer (audit.epochs), or use more images."
    ]


def fit_settings(config: Config) -> FitSettings:
    """How the networks of an audit are built and trained: as the config says, or else as suits the images.

    Epochs that the config names are kept to, however few steps they are.
    """
    section = config.audit
    is_digits = get_space(config.search_space).is_embedded and not is_image_folder(config.dataset)
    networks = config.archlock
    suited = FitSettings() if is_digits else fit_of(networks.network, networks.augmentation_names)
    return replace(
        suited,
        epochs=section.epochs or suited.epochs,
        min_steps=0 if section.epochs else suited.min_steps,
        batch_size=section.batch_size,
        widths=section.width_list or suited.widths,
        cells_per_stage=section.cells_per_stage or suited.cells_per_stage,
    )
