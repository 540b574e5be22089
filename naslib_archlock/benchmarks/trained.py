"""A benchmark of the user's own images: a network is trained when its accuracy is first looked up."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..compute.messages import LOGGER
from ..compute.parts import LocalProcesses, Workers
from ..compute.versions import library_versions
from ..errors import ConfigError, unknown
from ..networks.augmentations import AUGMENTATIONS
from ..networks.cell_network import CellNetwork
from ..networks.fit import FitSettings
from ..networks.folder_training import (
    FINE_TUNING_RATES,
    Figures,
    FolderTask,
    fine_tune_on,
    learning_settings,
    read_task,
    splits_of,
    train_on,
    trained_network,
)
from ..networks.network_kinds import NASBENCH201_NETWORK, SMALL
from ..spaces.cells import Cell
from ..spaces.metrics import TOP_1, Metric
from ..spaces.space import SearchSpace
from ..store.digests import digest
from ..store.files import make_folder
from ..store.kept_results import KeptResults
from ..store.status_file import kept_status
from ..tasks.image_folder import version_of
from ..tasks.labelled_images import digest_of
from ..tasks.names import SPLITS, check_names, is_image_folder, task_name
from .benchmark import Benchmark
from .training_oracle import TrainingOracle

# Images are larger and less uniform than digits, hence one more stage and more epochs than the embedded benchmark has.
# 12 epochs of few images are too few steps to learn anything, hence 100 steps at least.
FIT = FitSettings(epochs=12, widths=(16, 32, 64), min_steps=100, augmentations=AUGMENTATIONS)
_FIT_OF = {SMALL: FIT, NASBENCH201_NETWORK: replace(FIT, cells_per_stage=5, has_residual_blocks=True)}
FIRST_SHARE = 1 / 6  # the share of the steps after which a search may see that a network is hopeless: 2 epochs of 12


def fit_of(network: str, augmentations: Sequence[str]) -> FitSettings:
    """How networks are built and trained on folders of images.

    Args:
        network: a name in ``network_kinds``.
        augmentations: names in ``augmentations``.
    """
    return replace(_FIT_OF[network], augmentations=tuple(augmentations))


@dataclass(frozen=True)
class _Training:
    """One network to train: what makes it, and what its figures are kept as.

    Attributes:
        name: of the kept file.
        settings: a digest of all that its figures depend on.
        function, call: what trains it.
        what: in words.
    """

    name: str
    settings: str
    function: Callable[..., Figures]
    call: tuple[Any, ...]
    what: str


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
        device: str = "cpu",
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
            device: Where torch trains them.

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
        self._new_task = partial(
            FolderTask,
            image_size=image_size,
            max_images=max_images,
            skip_unreadable=skip_unreadable,
            seed=seed,
            device=device,
        )
        self._settings = settings
        self._tasks: dict[str, FolderTask] = {}
        self._digests: dict[str, str] = {}
        self._settings_of: dict[str, FitSettings] = {}
        self.fine_tuned_from = {task: tuple(other for other in folders if other != task) for task in folders}
        self._figures: dict[_Training, Figures] = {}
        self._folder: Path | None = None
        self._workers: Workers = LocalProcesses(1)

    @property
    def is_tabular(self) -> bool:
        return False

    def metric(self, task: str) -> Metric:
        return TOP_1

    def n_images(self, task: str, split: str) -> int:
        return len(splits_of(self._task(task))[split])

    def classes(self, task: str) -> tuple[str, ...]:
        """The names of a task's classes, in the order of the outputs of its networks. Raises: ImageError."""
        return read_task(self._task(task)).classes

    def cache_in(self, folder: Path) -> None:
        self._folder = folder

    def train_with(self, workers: Workers) -> None:
        """See ``Benchmark.train_with``. Workers on other machines must find the folders of images in the same place."""
        self._workers = workers

    def digest(self, task: str, *splits: str) -> str:
        """See ``Benchmark.digest``: here it is of the images, which this reads. Raises also: ImageError."""
        self.check_task(task)
        if task not in self._digests:
            # not of the splits: a search that trains nothing may have too few images to split
            self._digests[task] = digest_of(read_task(self._task(task)))
        return self._digests[task]

    def accuracy(self, arch: Cell, *, task: str, split: str, pretrained_on: str | None = None) -> float:
        """See ``Benchmark.accuracy``. Raises also: ImageError: If the folder cannot be read, or a split is empty."""
        self.check_task(task, pretrained_on)
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        (cell,) = self._functions([arch])
        return self._trained([self._training(cell, task, pretrained_on)])[0][split][0]

    def train_all(self, archs: Sequence[Cell], tasks: Sequence[str], pretrained_on: str | None = None) -> None:
        """See ``Benchmark.train_all``. Raises: as ``accuracy``."""
        for task in tasks:
            self.check_task(task, pretrained_on)
        functions = self._functions(archs)
        self._trained([self._training(cell, task, pretrained_on) for task in tasks for cell in functions])

    def trained_network(self, arch: Cell, task: str) -> tuple[CellNetwork, Figures]:
        """The network whose accuracy a look-up gives. It is trained now, in this process.

        Args:
            arch: an architecture of the space.
            task: the folder to train it on.
        Returns:
            the network, which must not be changed, and its metric on every split.

        Raises: as ``accuracy``.
        """
        self.check_task(task)
        (cell,) = self._functions([arch])
        return trained_network(self._task(task), self.space.network_cell(cell), self._learning(task))

    def _trained(self, trainings: Sequence[_Training]) -> list[Figures]:
        """Train networks, several at a time, unless they were trained before.

        Returns:
            the metric of each network in %, by split.
        """
        self._read_kept(trainings)
        missing = {t.name: t for t in trainings if t not in self._figures}
        for function in {t.function for t in missing.values()}:
            calls = {name: t.call for name, t in missing.items() if t.function is function}
            with closing(self._workers.results(function, calls)) as results:
                for name, figures in results:
                    self._keep(missing[name], figures)
        return [self._figures[training] for training in trainings]

    def source_oracle(self, task: str, max_queries: int) -> TrainingOracle:
        """See ``Benchmark.source_oracle``. The oracle trains several networks at a time, and stops hopeless ones."""
        self.check_task(task)

        def validation_accuracies(archs: Sequence[Cell], is_first_impression: bool) -> list[float]:
            share = FIRST_SHARE if is_first_impression else 1.0
            trainings = [self._training(cell, task, share=share) for cell in self._functions(archs)]
            return [figures["val"][0] for figures in self._trained(trainings)]

        return TrainingOracle(validation_accuracies, max_queries)

    def _task(self, task: str) -> FolderTask:
        """The folder as it is when it is first asked for: not before, as a target may be missing until the end."""
        if task not in self._tasks:
            # Absolute, because the worker of a cluster runs in a folder of its own.
            self._tasks[task] = self._new_task(os.path.abspath(task), version=version_of(Path(task)))
        return self._tasks[task]

    def _functions(self, archs: Sequence[Cell]) -> list[Cell]:
        return [tuple(cell) for cell in self.space.representatives(list(archs)).tolist()]

    def _training(self, cell: Cell, task: str, pretrained_on: str | None = None, share: float = 1.0) -> _Training:
        """The training of a function's network. With a ``share`` below 1 of the steps, it has a schedule of its own."""
        settings = replace(self._learning(task), share=share)
        canonical, arch = self.space.network_cell(cell), self.space.to_str(cell)
        made_from: dict[str, Any] = {
            "arch": arch,
            "images": self.digest(task),
            "settings": asdict(settings),
            "seed": self._task(task).seed,
            "device": self._task(task).device.partition(":")[0],
            "versions": library_versions(),
        }
        function: Callable[..., Figures] = train_on
        call: tuple[Any, ...] = (self._task(task), canonical, settings)
        what = f"{arch} on {task_name(task)}"
        if pretrained_on:
            of_source = self._learning(pretrained_on)
            made_from["pretrained_on"] = self.digest(pretrained_on), asdict(of_source)
            made_from["learning_rates"] = FINE_TUNING_RATES
            function = fine_tune_on
            call = (self._task(task), settings, self._task(pretrained_on), of_source, canonical)
            what = f"{arch} on {task_name(pretrained_on)}, then on {task_name(task)}"
        if share < 1:
            what += f", {share:.0%} of the steps"
        made_with = digest(made_from)
        return _Training(f"{''.join(map(str, cell))}_{made_with[:16]}", made_with, function, call, what)

    def _read_kept(self, trainings: Sequence[_Training]) -> None:
        if self._folder is None:
            return
        missing = [training for training in trainings if training not in self._figures]
        found = KeptResults(self._folder).read({training.name: training.settings for training in missing})
        self._figures.update({training: found[training.name] for training in missing if training.name in found})

    def _keep(self, training: _Training, figures: Figures) -> None:
        LOGGER.info("trained %s: %.2f%% of the validation images", training.what, figures["val"][0])
        if self._folder is not None:
            make_folder(self._folder)
            figures = KeptResults(self._folder).keep(training.name, training.settings, figures)
        self._figures[training] = figures
        status = kept_status()
        if status is not None:
            status.tell(trainings=len(self._figures))

    def _learning(self, task: str) -> FitSettings:
        """The settings with the steps that the task needs; its first network has to wait for them."""
        if task not in self._settings_of:
            self._settings_of[task] = learning_settings(self._task(task), self._settings)
        return self._settings_of[task]
