"""A benchmark of the user's own images: a network is trained when its accuracy is first looked up."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from torch import Tensor

from ..compute.threads import single_threaded
from ..compute.versions import library_versions
from ..errors import ConfigError, unknown
from ..networks.cell_network import CellNetwork
from ..networks.fit import FitSettings, fine_tune, fit, scores, until_learnt
from ..spaces.cells import Cell
from ..spaces.metrics import TOP_1, Metric
from ..spaces.space import SearchSpace
from ..store.digests import digest
from ..store.files import make_folder
from ..store.kept_results import KeptResults
from ..tasks.image_folder import read_image_folder, split_for_training
from ..tasks.labelled_images import LabelledImages, digest_of
from ..tasks.names import SPLITS, check_names, is_image_folder, task_name
from .benchmark import Benchmark

# Images are larger and less uniform than digits, hence one more stage and more epochs than the embedded benchmark has.
# 12 epochs of few images are too few steps to learn anything, hence 100 steps at least.
FIT = FitSettings(epochs=12, widths=(16, 32, 64), min_steps=100)


FINE_TUNING_RATES = (0.03, 0.1)


class TrainedBenchmark(Benchmark):
    """Top-1 accuracy in % of a small network of the cell (``networks``), trained from scratch on a folder of images.

    Each folder is one task. It is split by class into 60% for training, 20% for validation and 20% for testing, and it
    is read when the first accuracy on it is looked up. Cells that compute the same function share one network. All
    networks of a task get the same number of steps, with which a strong cell learns it (``networks.fit.until_learnt``).

    A network can also be fine-tuned (``pretrained_on``): it is trained on another folder, and then all its weights are
    trained on the task's training images with a new head, at two learning rates; the better one by validation counts.
    """

    def __init__(
        self,
        space: SearchSpace,
        folders: Sequence[str],
        image_size: int,
        max_images: int,
        skip_unreadable: bool,
        seed: int,
        settings: FitSettings = FIT,
    ) -> None:
        """Check the tasks; nothing is read yet.

        Args:
            space: A search space of cells.
            folders: The tasks, each the path of a folder with one sub-folder for each class.
            image_size: The height and width that images are resized to.
            max_images: The largest number of images that are read from a folder; 0 for all.
            skip_unreadable: Whether an unreadable image is left out, rather than an error.
            seed: The seed of the splits and of the networks.
            settings: How networks are built and trained.

        Raises:
            ConfigError: If two folders have the same name, a task is no folder, or the space has no cells.
        """
        for folder in folders:
            if not is_image_folder(folder):
                hint = "; a name that holds a comma is given in a list, as ['./cats, dogs']" if len(folders) > 2 else ""
                raise ConfigError(f"dataset is a folder of images, so the target {folder!r} must be one, too{hint}")
        check_names(folders)
        if not space.builds_networks:
            raise ConfigError(f"networks of {space.name} cannot be trained on images here; choose a space of cells")
        self.space, self.tasks = space, tuple(folders)
        self._image_size, self._max_images, self._skip_unreadable = image_size, max_images, skip_unreadable
        self._seed, self._settings = seed, settings
        self._read: dict[str, LabelledImages] = {}
        self._splits: dict[str, Mapping[str, LabelledImages]] = {}
        self._digests: dict[str, str] = {}
        self._settings_of: dict[str, FitSettings] = {}
        self.fine_tuned_from = {task: tuple(other for other in folders if other != task) for task in folders}
        self._metrics: dict[tuple[str, Cell, str | None], dict[str, list[float]]] = {}
        self._bodies: dict[tuple[str, Cell], Mapping[str, Tensor]] = {}  # of networks trained here, by task
        self._folder: Path | None = None

    @property
    def is_tabular(self) -> bool:
        return False

    def metric(self, task: str) -> Metric:
        return TOP_1

    def n_images(self, task: str, split: str) -> int:
        return len(self._images(task)[split])

    def cache_in(self, folder: Path) -> None:
        self._folder = folder

    def digest(self, task: str, *splits: str) -> str:
        """See ``Benchmark.digest``: here it is of the images, which this reads. Raises also: ImageError."""
        self.check_task(task)
        if task not in self._digests:
            # not of the splits: a search that trains nothing may have too few images to split
            self._digests[task] = digest_of(self._whole(task))
        return self._digests[task]

    def accuracy(self, arch: Cell, *, task: str, split: str, pretrained_on: str | None = None) -> float:
        """See ``Benchmark.accuracy``. Raises also: ImageError: If the folder cannot be read, or a split is empty."""
        self.check_task(task, pretrained_on)
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        key = (task, tuple(self.space.representatives([arch])[0].tolist()), pretrained_on)
        if key not in self._metrics:
            self._metrics[key] = self._cached(*key)
        return self._metrics[key][split][0]

    def _cached(self, task: str, cell: Cell, pretrained_on: str | None) -> dict[str, list[float]]:
        """The accuracies of a network by split: from the cache folder, or from training it now."""
        if self._folder is None:
            return self._measured(task, cell, pretrained_on)
        made_from = {
            "arch": self.space.to_str(cell),
            "images": self.digest(task),
            "settings": asdict(self._settings),
            "seed": self._seed,
            "versions": library_versions(),
        }
        if pretrained_on:
            made_from["pretrained_on"], made_from["learning_rates"] = self.digest(pretrained_on), FINE_TUNING_RATES
        settings = digest(made_from)
        kept, name = KeptResults(self._folder), f"{''.join(map(str, cell))}_{settings[:16]}"
        found = kept.read({name: settings})
        if name not in found:
            make_folder(self._folder)
            found[name] = kept.keep(name, settings, self._measured(task, cell, pretrained_on))
        figures: dict[str, list[float]] = found[name]
        return figures

    def _measured(self, task: str, cell: Cell, pretrained_on: str | None) -> dict[str, list[float]]:
        images = self._images(task)
        how = f", then on {task_name(task)}" if pretrained_on else ""
        where = task_name(pretrained_on or task)
        print(f"training {self.space.to_str(cell)} on {where}{how}", file=sys.stderr)  # the user waits seconds
        with single_threaded():  # the networks are small
            if pretrained_on:
                body = self._body(pretrained_on, cell)
                canonical, settings = self.space.network_cell(cell), self._learning(task)
                return fine_tune(canonical, body, images, settings, [self._seed], FINE_TUNING_RATES)
            network = self._fit(task, cell)
            return {split: scores(network, data) for split, data in images.items()}

    def _body(self, task: str, cell: Cell) -> Mapping[str, Tensor]:
        """The weights before the head of a network that was trained on a task: it may have been in another process."""
        if (task, cell) not in self._bodies:
            self._fit(task, cell)
        return self._bodies[task, cell]

    def _fit(self, task: str, cell: Cell) -> CellNetwork:
        data, settings = self._images(task)["train"], self._learning(task)
        network = fit(self.space.network_cell(cell), data, settings, [self._seed])
        self._bodies[task, cell] = network.body.state_dict()
        return network

    def _learning(self, task: str) -> FitSettings:
        """The settings with the steps that the task needs; its first network has to wait for them."""
        if task not in self._settings_of:
            with single_threaded():
                self._settings_of[task] = until_learnt(self._images(task)["train"], self._settings, self._seed)
        return self._settings_of[task]

    def _images(self, task: str) -> Mapping[str, LabelledImages]:
        if task not in self._splits:
            self._splits[task] = split_for_training(self._whole(task), self._seed)
        return self._splits[task]

    def _whole(self, task: str) -> LabelledImages:
        if task not in self._read:
            self._read[task] = read_image_folder(
                Path(task), self._image_size, self._max_images, self._seed, self._skip_unreadable
            )
        return self._read[task]
