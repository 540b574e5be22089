"""Training of small networks from scratch."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .cells import Cell
from .networks import CellNetwork, network_for
from .tasks.base import LabelledImages
from .threads import single_threaded


@dataclass(frozen=True)
class FitSettings:
    """AdamW with decoupled weight decay, on a one-cycle schedule."""

    epochs: int = 6
    batch_size: int = 50
    learning_rate: float = 2e-2
    weight_decay: float = 1e-2
    widths: tuple[int, ...] = (8, 16)


def fit(cell: Cell, data: LabelledImages, settings: FitSettings, seeds: Sequence[int]) -> CellNetwork:
    """Train a network of ``cell`` for each seed, side by side; their results do not depend on one another.

    A seed decides the initial weights and the order of the images.
    """
    generators = [np.random.default_rng(seed) for seed in seeds]
    network = _initial_network(cell, data, settings, generators)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's annotations lack it
    n, size = len(data), min(settings.batch_size, len(data))
    n_steps = settings.epochs * (n // size)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=n_steps, cycle_momentum=False
    )
    network.train()
    for _ in range(settings.epochs):
        orders = torch.from_numpy(np.stack([rng.permutation(n) for rng in generators]))
        for batch in orders[:, : n - n % size].split(size, dim=1):
            outputs = per_copy(network(_side_by_side([data.images[rows] for rows in batch])), len(seeds))
            # a sum: the gradient of each copy is that of its own loss
            loss = torch.stack([data.loss(o, data.targets[rows]) for o, rows in zip(outputs, batch)]).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return network.eval()


def _initial_network(
    cell: Cell, data: LabelledImages, settings: FitSettings, generators: Sequence[np.random.Generator]
) -> CellNetwork:
    """Copies that each have the weights a network alone would get from its generator."""
    singles = []
    with torch.random.fork_rng(devices=[]):
        network = network_for(data, cell, settings.widths, len(generators))
        for rng in generators:
            torch.manual_seed(int(rng.integers(2**63)))
            singles.append(network_for(data, cell, settings.widths).state_dict())
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


@torch.no_grad()
def scores(network: CellNetwork, data: LabelledImages) -> list[float]:
    """The metric of each copy on all images, in % (``LabelledImages.score``)."""
    outputs = network(_side_by_side([data.images] * network.copies))
    return [data.score(part) for part in per_copy(outputs, network.copies)]


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
