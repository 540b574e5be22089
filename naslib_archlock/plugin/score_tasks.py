"""Zero-cost scores of many architectures on many tasks: in parallel, continued where they were interrupted.

Every task is scored on one batch, the same for all architectures. The networks are NASLib's, or this package's own
small ones (``networks``); the proxies are always NASLib's.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from ..compute.parts import Workers, compute_parts
from ..compute.seeding import global_generators
from ..compute.threads import single_threaded
from ..errors import ConfigError, NaslibError, unknown
from ..networks.cell_network import network_for
from ..proxies.zero_cost import PROXIES, ZeroCostScores
from ..spaces.cells import N_SLOTS, Cell
from ..spaces.known import NASLIB_SPACES, TRANSBENCH101_MICRO
from ..spaces.space import SearchSpace
from ..store.digests import digest
from ..tasks.labelled_images import LabelledImages, digest_of
from ..tasks.names import n_published_classes
from .compat import load_naslib, naslib_data_folder, naslib_home
from .live_scores import build_network, network_scores, quiet

# From a space, a batch, architectures, proxies and a seed: their scores. It is sent to other processes by its name.
_Scorer = Callable[[Any, LabelledImages, Sequence[Cell], Sequence[str], int], ZeroCostScores]

# All 13 proxies of one cell of NASLib on one core, from 8 images of 8 x 8 to 32 of 32 x 32, measured; fewer take less.
_SECONDS_A_CELL, _SECONDS_A_PIXEL = 0.5, 2.0 / 32**3
_SECONDS_A_PART = 10.0
_OWN_CELLS_A_PART = 50  # all proxies of one cell take 0.06 s on 64 images of 8 x 8


def score_tasks(
    space: SearchSpace,
    tasks: Sequence[LabelledImages],
    cells: Sequence[Cell],
    proxies: Sequence[str],
    folder: Path,
    workers: Workers,
    batch_size: int = 32,
    seed: int = 0,
) -> list[ZeroCostScores]:
    """Score architectures, as NASLib's networks, on classification tasks.

    NASLib trains on images that it has normalised by the mean and deviation of their data set, so each channel of a
    batch is normalised by those of its task's images.

    Args:
        cells: the same ones for all tasks, so that their proxy embeddings can share reference cells.
        folder: keeps what is done, and another call with the same arguments goes on from there.
        workers: each of one thread (for all proxies of one architecture on 32 images of 32 x 32, it takes about 2.5
            s), where NASLib is found.
        batch_size: images of each task, see ``draw_batch``.
        seed: of the batches and the weights.
    Returns: a table for each task, in their order; see ``network_scores``.

    Raises:
        ConfigError: if a task predicts numbers, is smaller than a batch, or shares its name with another.
        UnknownNameError: for an unknown proxy, or a space whose networks do not take any images.
        CellError: if an architecture is not of ``space``.
        OutputError: if ``folder`` cannot be written or holds other work.
        NaslibError.
    """
    known = [s.name for s in NASLIB_SPACES if s.naslib_network]
    if space.name not in known:
        raise unknown("search space", space.name, known, "those whose networks in NASLib take any images")
    for task in tasks:
        if not task.is_classification:
            raise ConfigError(
                f"task {task.name!r} predicts numbers, but NASLib's networks of {space.name} classify; give tasks with "
                "classes"
            )
    with single_threaded():  # as in the parts, because a sum depends on how it is split
        batches = [_normalised(draw_batch(task, batch_size, seed), task) for task in tasks]
    seconds = max((_seconds_a_cell(batch, len(batch)) for batch in batches), default=_SECONDS_A_CELL)
    cells_a_part = max(1, round(_SECONDS_A_PART / seconds))
    return _in_parts(naslib_network_scores, space, batches, cells, proxies, folder, workers, seed, cells_a_part)


def expected_seconds(tasks: Sequence[LabelledImages], n_cells: int, batch_size: int) -> float:
    """The time of one core that ``score_tasks`` takes for all proxies, by what was measured once."""
    return n_cells * sum(_seconds_a_cell(task, batch_size) for task in tasks)


def _seconds_a_cell(task: LabelledImages, batch_size: int) -> float:
    height, width = task.images.shape[2:]
    return _SECONDS_A_CELL + _SECONDS_A_PIXEL * batch_size * height * width


def score_own_networks(
    space: SearchSpace,
    tasks: Sequence[LabelledImages],
    cells: Sequence[Cell],
    proxies: Sequence[str],
    folder: Path,
    workers: Workers,
    batch_size: int = 32,
    seed: int = 0,
) -> list[ZeroCostScores]:
    """Score cells, as this package's own networks, on tasks of every kind; see ``score_tasks``.

    The images are taken as they are, as in training (``fit``). epe_nas compares images of one class, and fails on tasks
    that predict numbers; the other proxies work on all.
    """
    batches = [draw_batch(task, batch_size, seed) for task in tasks]
    return _in_parts(own_network_scores, space, batches, cells, proxies, folder, workers, seed, _OWN_CELLS_A_PART)


def draw_batch(task: LabelledImages, size: int, seed: int) -> LabelledImages:
    """Random images of a task, of every class as many as of the others, as far as they go.

    Raises: ConfigError: if the task has fewer than ``size``.
    """
    if not 1 <= size <= len(task):
        raise ConfigError(f"batch_size={size} must lie in [1, {len(task)}], the number of images of task {task.name!r}")
    order = task.balanced_order(np.random.default_rng(seed))
    return task.take(torch.from_numpy(order[:size]))


def _normalised(batch: LabelledImages, task: LabelledImages) -> LabelledImages:
    """The batch with each channel brought to mean 0 and deviation 1 over all images of the task."""
    deviation, mean = torch.std_mean(task.images, dim=(0, 2, 3), keepdim=True)
    images = (batch.images - mean) / deviation.clamp(min=1e-6)  # a constant channel becomes 0
    return LabelledImages(batch.name, images, batch.targets, batch.n_classes)


# -- the scores of one part --------------------------------------------------------------------------------------------


def naslib_network_scores(
    space: SearchSpace, batch: LabelledImages, cells: Sequence[Cell], proxies: Sequence[str], seed: int
) -> ZeroCostScores:
    """Scores of NASLib's networks on a batch with classes."""

    def build(cell: Cell) -> Any:
        # not under the task's own name: under that of a TransNAS task, NASLib builds a network for its images only
        return build_network(space, "any images", cell, batch.n_classes, batch.images.shape[1])

    return network_scores(space, batch.name, cells, build, (batch.images, batch.targets), proxies, seed)


def own_network_scores(
    space: SearchSpace, batch: LabelledImages, cells: Sequence[Cell], proxies: Sequence[str], seed: int
) -> ZeroCostScores:
    """Scores of this package's own networks on a batch."""

    def build(cell: Cell) -> Any:
        network: Any = network_for(batch, space.network_cell(cell))
        # not the bound method itself: NASLib copies networks deeply, and would copy the images along
        network.get_loss_fn = lambda: batch.loss
        network.num_classes = batch.n_outputs
        return network

    # NASLib's epe_nas takes the largest of a row of numbers for a class
    usable = [proxy for proxy in proxies if batch.is_classification or proxy != "epe_nas"]
    table = network_scores(space, batch.name, cells, build, (batch.images, batch.targets), usable, seed)
    failed = np.full(len(table.cells), np.nan)
    return ZeroCostScores(space, batch.name, table.cells, {p: table.scores.get(p, failed) for p in proxies})


def _score_part(
    scorer: _Scorer, space: SearchSpace, batch: LabelledImages, cells: Sequence[Cell], proxies: Sequence[str], seed: int
) -> dict[str, list[float]]:
    with single_threaded():
        return {proxy: scores.tolist() for proxy, scores in scorer(space, batch, cells, proxies, seed).scores.items()}


def _in_parts(
    scorer: _Scorer,
    space: SearchSpace,
    batches: Sequence[LabelledImages],
    cells: Sequence[Cell],
    proxies: Sequence[str],
    folder: Path,
    workers: Workers,
    seed: int,
    cells_a_part: int,
) -> list[ZeroCostScores]:
    names = [batch.name for batch in batches]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{names.count(name)} tasks are named {name!r}; tell them apart by their names")
    for proxy in proxies:
        if proxy not in PROXIES:
            raise unknown("proxy", proxy, PROXIES)
    for cell in cells:
        space.to_naslib(cell)  # an error must come now, not after hours
    naslib_home()  # this raises now, too; importing NASLib takes seconds, so only the processes that need it do that
    starts = range(0, len(cells), cells_a_part)
    calls = {
        f"{i}-{start}": (scorer, space, batch, cells[start : start + cells_a_part], tuple(proxies), seed)
        for start in starts  # every task gets some scores first
        for i, batch in enumerate(batches)
    }
    settings = {
        "networks": scorer.__name__,
        "space": space.name,
        "proxies": list(proxies),
        "seed": seed,
        "cells": digest([list(map(int, cell)) for cell in cells]),
        "cells_a_part": cells_a_part,
        "batches": [[batch.name, len(batch), digest_of(batch)] for batch in batches],
    }
    parts = compute_parts(_score_part, calls, folder, settings, workers, "zero-cost scores")
    codes = np.array(cells, dtype=np.int64).reshape(-1, N_SLOTS)
    return [
        ZeroCostScores(
            space,
            name,
            codes,
            {p: np.array([s for start in starts for s in parts[f"{i}-{start}"][p]], dtype=np.float64) for p in proxies},
        )
        for i, name in enumerate(names)
    ]


# -- NASLib's data sets ------------------------------------------------------------------------------------------------

# Data sets with classes that NASLib's loaders read: what lies in the data folder, where it is from.
_DATASETS = {
    "cifar10": ("the folder cifar-10-batches-py", "https://www.cs.toronto.edu/~kriz/cifar.html"),
    "cifar100": ("the folder cifar-100-python", "https://www.cs.toronto.edu/~kriz/cifar.html"),
    "svhn": ("train_32x32.mat and test_32x32.mat", "http://ufldl.stanford.edu/housenumbers"),
    "ImageNet16-120": (
        "the folder ImageNet16-120 with train_data_batch_1 to 10 and val_data of ImageNet16",
        "https://github.com/D-X-Y/NAS-Bench-201",
    ),
    "ninapro": (
        "the folder ninapro with ninapro_train.npy, label_train.npy, ninapro_test.npy and label_test.npy",
        "https://nb360.ml.cmu.edu",
    ),
}


def naslib_dataset(name: str, max_images: int = 2000, folder: Path | None = None) -> LabelledImages:
    """The first training images of a data set, through NASLib's own loaders.

    Without NASLib's augmentation and normalisation: pixels lie in [0, 1], and ``score_tasks`` normalises. The signals
    of ninapro are brought to [0, 1] as a whole. NASLib downloads CIFAR and SVHN where they are missing.

    Args:
        folder: where the data lies, by default NASLib's data folder.
    Returns:
        ``n x 3 x 32 x 32`` images of CIFAR and SVHN, ``n x 3 x 16 x 16`` of ImageNet16-120, ``n x 1 x height x
        width`` of ninapro.
    Raises:
        NaslibError: if NASLib is not found, or cannot read or download the data.
        UnknownNameError: for another data set.
        ConfigError: if ``max_images`` is not positive.
    """
    folder = folder or naslib_data_folder()
    if name in TRANSBENCH101_MICRO.tasks:
        raise NaslibError(
            f"{name} is a task of TransNAS-Bench-101 on images of Taskonomy, which NASLib reads from "
            f"{folder / 'taskonomydata_mini'} (its download_tnb.sh gets them), with networks of its own: score it by "
            "naslib_archlock.plugin.live_scores.live_scores on NASLib's own loader, or use NASLib's "
            "zc_transbench101_micro.json"
        )
    if name not in _DATASETS:
        raise unknown("data set", name, _DATASETS, "NASLib")
    if max_images < 1:
        raise ConfigError(f"max_images={max_images} must be at least 1")
    load_naslib()
    files, source = _DATASETS[name]
    n_classes = n_published_classes(name)
    search = SimpleNamespace(seed=0, batch_size=1, train_portion=1.0, cutout=False)
    config = SimpleNamespace(data=str(folder), dataset=name, search=search)
    try:
        with global_generators(), quiet():
            loader, *_ = importlib.import_module("naslib.utils").get_train_val_loaders(config)
    except Exception as err:  # anything can go wrong: no network, a damaged archive, a missing folder
        raise NaslibError(
            f"NASLib cannot read {name} ({type(err).__name__}: {err}); put {files} into {folder}, from {source}"
        ) from err
    dataset = loader.dataset
    dataset.transform = importlib.import_module("torchvision.transforms").ToTensor()
    pairs = [dataset[i] for i in range(min(max_images, len(dataset)))]
    images = torch.stack([image for image, _ in pairs])
    if name == "ninapro":
        images = (images - images.min()) / (images.max() - images.min())
    return LabelledImages(name, images, torch.tensor([int(label) for _, label in pairs]), n_classes)
