"""Training of small networks from scratch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from ..compute.seeding import global_generators
from ..compute.threads import single_threaded
from ..spaces.cells import CONV_3X3, N_SLOTS, Cell
from ..tasks.labelled_images import LabelledImages
from .augment import augmented
from .cell_network import CellNetwork, network_for

_SCORED_AT_ONCE = 1000  # images: more would fill the memory
# A loss of one copy, from its number, its outputs, and the rows of its images.
CopyLoss = Callable[[int, Tensor, Tensor], Tensor]

_FINE_TUNING = 1  # the stream of random numbers of a seed; training from scratch uses the seed itself
STRONG = (CONV_3X3,) * N_SLOTS  # a cell that learns what small networks can learn
_LEARNT = 90.0  # % of the training images
_MOST_STEPS = 500


@dataclass(frozen=True)
class FitSettings:
    """AdamW with decoupled weight decay, on a one-cycle schedule.

    Attributes:
        has_momentum: SGD with momentum 0.9 takes the place of AdamW.
        min_steps: optimizer steps at least, however few the images; with 0, the epochs alone count.
        share: the share of these steps to make, on a schedule of its own; below 1 for a first impression of a cell.
        widths, cells_per_stage, has_residual_blocks: of the network (``cell_network.CellNetwork``).
        augmentations: random changes of the training images, by name (``augmentations``).
    """

    epochs: int = 6
    batch_size: int = 50
    learning_rate: float = 2e-2
    weight_decay: float = 1e-2
    widths: tuple[int, ...] = (8, 16)
    cells_per_stage: int = 1
    has_residual_blocks: bool = False
    min_steps: int = 0
    has_momentum: bool = False
    share: float = 1.0
    augmentations: tuple[str, ...] = ()

    def n_steps(self, n_images: int) -> int:
        """Optimizer steps of a training on so many images; an epoch leaves out what fills no batch."""
        all_steps = max(self.epochs * (n_images // min(self.batch_size, n_images)), self.min_steps)
        return max(round(self.share * all_steps), 1)


def until_learnt(data: LabelledImages, settings: FitSettings, seed: int) -> FitSettings:
    """The settings with enough steps for a task: twice as many, until a strong cell has learnt its training images.

    All cells of a task are then trained alike. Settings without ``min_steps`` stay as they are, and what is not learnt
    in 500 steps is left at that: more images get more steps by their epochs alone.

    Args:
        data: the training images.
        seed: of the network that tries it.
    """
    while settings.min_steps > 0 and (n_steps := settings.n_steps(len(data))) < _MOST_STEPS:
        if scores(fit(STRONG, data, settings, [seed]), data)[0] >= _LEARNT:
            break
        settings = replace(settings, min_steps=min(2 * n_steps, _MOST_STEPS))
    return settings


def fit(cell: Cell, data: LabelledImages, settings: FitSettings, seeds: Sequence[int]) -> CellNetwork:
    """Train a network of ``cell`` for each seed, side by side; their results do not depend on one another.

    A seed decides the initial weights, the order of the images and their augmentation.
    """
    generators = [np.random.default_rng(seed) for seed in seeds]
    network = initial_network(cell, data, settings, generators)
    rows = np.tile(np.arange(len(data)), (len(seeds), 1))
    train(network, network, data, rows, settings, settings.n_steps(len(data)), generators)
    return network


def train(
    network: CellNetwork,
    part: nn.Module,
    data: LabelledImages,
    rows: np.ndarray,
    settings: FitSettings,
    n_steps: int,
    generators: Sequence[np.random.Generator],
    parameters: Sequence[nn.Parameter] | None = None,
    loss: CopyLoss | None = None,
) -> None:
    """Train ``part``, the network itself or a module of it; the rest stays as it is, its normalisation included.

    Args:
        network: it goes to the device of the images.
        rows: the images that each copy trains on, ``copies x n``.
        generators: of each copy, for the order of its images and their augmentation.
        parameters: those of ``part`` that change; all of them by default.
        loss: in place of the loss of the task.
    """
    network.to(data.images.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch lacks it

    def images_of(batch: Tensor) -> list[Tensor]:
        pairs = zip(batch, generators)
        return [augmented(data.images[of_copy], settings.augmentations, rng) for of_copy, rng in pairs]

    def loss_of(batch: Tensor) -> list[Tensor]:
        outputs = per_copy(network(_side_by_side(images_of(batch))), len(batch))
        if loss is not None:
            return [loss(copy, o, of_copy) for copy, (o, of_copy) in enumerate(zip(outputs, batch))]
        return [data.loss(o, data.targets[of_copy]) for o, of_copy in zip(outputs, batch)]

    network.eval().requires_grad_(False)
    part.train()
    trained = list(part.parameters() if parameters is None else parameters)
    _minimise(loss_of, trained, _batches(rows, settings.batch_size, n_steps, generators), settings, n_steps)
    network.eval()


def fine_tune(
    cell: Cell,
    body: Mapping[str, Tensor],
    splits: Mapping[str, LabelledImages],
    settings: FitSettings,
    seeds: Sequence[int],
    learning_rates: Sequence[float],
) -> dict[str, list[float]]:
    """Train all weights of networks on another task than they were trained on, with a new head.

    Args:
        body: ``state_dict`` of the body of trained networks, one for each seed.
        splits: of the new task.
        learning_rates: each is tried, and the one with the best validation figure counts, for each seed by itself.
    Returns:
        split -> the metric of each network, in %.
    """
    data, found = splits["train"], []
    rows = np.tile(np.arange(len(data)), (len(seeds), 1))
    for rate in learning_rates:
        generators = [np.random.default_rng([seed, _FINE_TUNING]) for seed in seeds]
        network = initial_network(cell, data, settings, generators)
        network.body.load_state_dict(dict(body))
        at_rate = replace(settings, learning_rate=rate)
        train(network, network, data, rows, at_rate, settings.n_steps(len(data)), generators)
        found.append({split: scores(network, images) for split, images in splits.items()})
    best = np.argmax([figures["val"] for figures in found], axis=0)
    return {split: [found[rate][split][copy] for copy, rate in enumerate(best)] for split in splits}


def imitate(
    student: CellNetwork,
    teacher: CellNetwork,
    data: LabelledImages,
    rows: np.ndarray,
    settings: FitSettings,
    n_steps: int,
    generators: Sequence[np.random.Generator],
) -> None:
    """Train the body of ``student`` to give the same features as the body of ``teacher``, without any label.

    Args:
        student, teacher: with as many copies and the same widths.
        data, rows, n_steps, generators: as in ``train``.
    """
    for network in (student, teacher):
        network.to(data.images.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        network.eval().requires_grad_(False)

    def loss_of(batch: Tensor) -> list[Tensor]:
        images = _side_by_side([data.images[of_copy] for of_copy in batch])
        pairs = zip(per_copy(student.body(images), len(batch)), per_copy(teacher.body(images), len(batch)))
        return [mse_loss(own, wanted) for own, wanted in pairs]

    student.body.train()
    trained = list(student.body.parameters())
    _minimise(loss_of, trained, _batches(rows, settings.batch_size, n_steps, generators), settings, n_steps)
    student.eval()


def _minimise(
    loss_of: Callable[[Tensor], list[Tensor]],
    parameters: Sequence[nn.Parameter],
    batches: Iterator[Tensor],
    settings: FitSettings,
    n_steps: int,
) -> None:
    """Minimise the loss of each copy on its batch, ``loss_of``, over ``parameters``."""
    for parameter in parameters:
        parameter.requires_grad_(True)
    rate, decay = settings.learning_rate, settings.weight_decay
    optimizer: torch.optim.Optimizer
    if settings.has_momentum:
        optimizer = torch.optim.SGD(parameters, lr=rate, momentum=0.9, weight_decay=decay)
    else:
        optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=n_steps, cycle_momentum=False
    )
    for batch in batches:
        loss = torch.stack(loss_of(batch)).sum()  # a sum: the gradient of each copy is that of its own loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def _batches(rows: np.ndarray, size: int, n_steps: int, generators: Sequence[np.random.Generator]) -> Iterator[Tensor]:
    """So many batches, ``copies x size`` rows each: epoch after epoch, in a new order for every copy."""
    n = rows.shape[1]
    size, made = min(size, n), 0
    while True:
        orders = torch.from_numpy(np.stack([row[rng.permutation(n)] for row, rng in zip(rows, generators)]))
        for batch in orders[:, : n - n % size].split(size, dim=1):
            if made == n_steps:
                return
            yield batch
            made += 1


def initial_network(
    cell: Cell, data: LabelledImages, settings: FitSettings, generators: Sequence[np.random.Generator]
) -> CellNetwork:
    """Untrained copies, each with the weights that a network alone would get from its generator."""

    def build(copies: int) -> CellNetwork:
        return network_for(data, cell, settings.widths, copies, settings.cells_per_stage, settings.has_residual_blocks)

    singles = []
    with global_generators():
        network = build(len(generators))
        for rng in generators:
            torch.manual_seed(int(rng.integers(2**63)))
            singles.append(build(copies=1).state_dict())
    network.load_state_dict(
        {
            name: torch.cat([single[name] for single in singles]) if value.ndim else value
            for name, value in network.state_dict().items()
        }
    )
    return network


def _side_by_side(images: Sequence[Tensor]) -> Tensor:
    """Batches of several copies as the channels of one."""
    return torch.cat(list(images), dim=1).contiguous(memory_format=torch.channels_last)


def per_copy(outputs: Tensor, copies: int) -> tuple[Tensor, ...]:
    """The outputs of each copy."""
    return outputs.chunk(copies, dim=1)


def scores(network: CellNetwork, data: LabelledImages) -> list[float]:
    """The metric of each copy on all images, in % (``LabelledImages.score``)."""
    return [data.score(outputs) for outputs in outputs_of(network, data)]


@torch.no_grad()
def outputs_of(network: CellNetwork, data: LabelledImages) -> tuple[Tensor, ...]:
    """The outputs of each copy for all images."""
    outputs = torch.cat(
        [network(_side_by_side([images] * network.copies)) for images in data.images.split(_SCORED_AT_ONCE)]
    )
    return per_copy(outputs, network.copies)


def fit_and_score(
    cell: Cell, splits: Mapping[str, LabelledImages], settings: FitSettings, seeds: Sequence[int]
) -> tuple[dict[str, list[float]], float]:
    """Train on ``train`` with every seed, and the metric of each on every split; also seconds of training a seed.

    On one thread: the networks are small, and many are trained in parallel.
    """
    with single_threaded():
        start = time.perf_counter()
        network = fit(cell, splits["train"], settings, seeds)
        seconds = (time.perf_counter() - start) / len(seeds)
        return {split: scores(network, data) for split, data in splits.items()}, seconds
