"""A benchmark without a table: images of one's own, and networks that are trained when their accuracy is asked for."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from ..compute.versions import library_versions
from ..errors import ConfigError, unknown
from ..networks.fit import FitSettings, fit_and_score
from ..spaces.cells import Cell
from ..spaces.space import SearchSpace
from ..store.digests import digest
from ..store.files import make_folder
from ..store.kept_results import KeptResults
from ..tasks.image_folder import read_image_folder, split_for_training
from ..tasks.labelled_images import LabelledImages, digest_of
from ..tasks.names import SPLITS, is_image_folder, task_name
from .benchmark import Benchmark

# Images are larger and less uniform than digits, hence one more stage and more epochs than the embedded benchmark has.
FIT = FitSettings(epochs=12, widths=(16, 32, 64))


class TrainedBenchmark(Benchmark):
    """Top-1 accuracy in % of a small network of the cell (``networks``), trained on a folder of images.

    Each folder is split by class into 60% for training, 20% for validation and 20% for testing. A folder is read, and a
    network trained, when its accuracy is first asked for; cells that compute the same function are trained once, and
    what came of it is kept (``keep_in``).
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
        """Raises: ConfigError: if two folders go by one name, or a task is no folder, or the space has no cells."""
        for folder in folders:
            if not is_image_folder(folder):
                raise ConfigError(f"dataset is a folder of images, so the target {folder!r} must be one, too")
        names = [task_name(folder) for folder in folders]
        if len(set(names)) < len(names):
            raise ConfigError(f"two of the folders {', '.join(folders)} go by the same name; rename one")
        if space.family != "cell":
            raise ConfigError(f"networks of {space.name} cannot be trained on images here; choose a space of cells")
        self.space, self.tasks = space, tuple(folders)
        self._image_size, self._max_images, self._skip_unreadable = image_size, max_images, skip_unreadable
        self._seed, self._settings = seed, settings
        self._splits: dict[str, Mapping[str, LabelledImages]] = {}
        self._digests: dict[str, str] = {}
        self._metrics: dict[tuple[str, Cell], dict[str, list[float]]] = {}
        self._folder: Path | None = None

    @property
    def is_measured(self) -> bool:
        return False

    def keep_in(self, folder: Path) -> None:
        self._folder = folder

    def accuracy(self, arch: Cell, *, task: str, split: str) -> float:
        """Raises also: ImageError: if the folder cannot be read, or a split of it is empty."""
        self.check_task(task)
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        key = (task, tuple(self.space.representatives([arch])[0].tolist()))
        if key not in self._metrics:
            self._metrics[key] = self._kept(*key)
        return self._metrics[key][split][0]

    def _kept(self, task: str, cell: Cell) -> dict[str, list[float]]:
        """Figures of a network by split, read where they are kept whole, else measured and kept."""
        if self._folder is None:
            return self._measured(task, cell)
        settings = digest(
            {
                "arch": self.space.to_str(cell),
                "images": self._digest(task),
                "settings": asdict(self._settings),
                "seed": self._seed,
                "versions": library_versions(),
            }
        )
        kept, name = KeptResults(self._folder), f"{''.join(map(str, cell))}_{settings[:16]}"
        found = kept.read({name: settings})
        if name not in found:
            make_folder(self._folder)
            found[name] = kept.keep(name, settings, self._measured(task, cell))
        figures: dict[str, list[float]] = found[name]
        return figures

    def _measured(self, task: str, cell: Cell) -> dict[str, list[float]]:
        images = self._images(task)
        print(f"training {self.space.to_str(cell)} on {task_name(task)}", file=sys.stderr)  # it takes seconds
        return fit_and_score(cell, images, self._settings, [self._seed])[0]

    def _digest(self, task: str) -> str:
        if task not in self._digests:
            self._digests[task] = digest_of(*self._images(task).values())
        return self._digests[task]

    def _images(self, task: str) -> Mapping[str, LabelledImages]:
        if task not in self._splits:
            images = read_image_folder(
                Path(task), self._image_size, self._max_images, self._seed, self._skip_unreadable
            )
            self._splits[task] = split_for_training(images, self._seed)
        return self._splits[task]
