"""Attacks on a released network: an adversary has its weights, and some labelled images of a task of their own.

The networks of several seeds are trained and attacked side by side (``fit``); each seed draws its own images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from ..errors import ConfigError
from ..networks.fit import FitSettings, initial_network, scores, train
from ..spaces.cells import Cell
from ..tasks.labelled_images import LabelledImages

# Attack -> what it trains, one after the other, each for as many steps as the source was trained for. Probe, then
# fine-tune: Kumar et al., "Fine-tuning can distort pretrained features and underperform out-of-distribution" (2022).
ATTACKS: dict[str, tuple[str, ...]] = {
    "linear probe": ("head",),
    "probe, then all": ("head", "all"),
    "fine-tuning": ("all",),
    "scratch": ("all",),
}
SCRATCH = "scratch"  # this attack ignores the weights: it is what the attacker can do without the release
TRANSFERS = tuple(name for name in ATTACKS if name != SCRATCH)

# Streams of random numbers of a seed; training on the source uses another stream.
_IMAGES, _TRAINING = 1, 2


def drawn_images(data: LabelledImages, fraction_pct: float, seeds: Sequence[int]) -> np.ndarray:
    """The images that the attacker has, for each seed: ``seeds x n`` rows, balanced over the classes.

    The images of a smaller fraction are among those of a larger one.
    Raises: ConfigError: if that is not one image.
    """
    n = round(len(data) * fraction_pct / 100)
    if n < 1:
        raise ConfigError(
            f"audit.fractions: {fraction_pct:g}% of the {len(data)} training images of {data.name} is not one image"
        )
    return np.stack([data.balanced_order(np.random.default_rng([seed, _IMAGES]))[:n] for seed in seeds])


def attack(
    name: str,
    cell: Cell,
    body: Mapping[str, Tensor],
    splits: Mapping[str, LabelledImages],
    rows: np.ndarray,
    settings: FitSettings,
    seeds: Sequence[int],
) -> dict[str, list[float]]:
    """Train on the target, starting from the released weights or, in ``scratch``, from random ones.

    Args:
        name: one of ``ATTACKS``.
        body: ``state_dict`` of ``CellNetwork.body``, of as many copies as there are seeds.
        splits: of the target.
        rows: the images of ``train`` that each copy may use, ``seeds x n``.
        settings: its learning rate is the attacker's. The number of steps is that of an attacker with all images.
    Returns:
        the target's metric of each copy on ``val`` and ``test``, in % (``LabelledImages.score``).
    """
    generators = [np.random.default_rng([seed, _TRAINING]) for seed in seeds]
    network = initial_network(cell, splits["train"], settings, generators)
    if name != SCRATCH:
        network.body.load_state_dict(dict(body))
    for part in ATTACKS[name]:
        trained: Any = {"head": network.head, "all": network}[part]
        train(network, trained, splits["train"], rows, settings, settings.n_steps(len(splits["train"])), generators)
    return {split: scores(network, splits[split]) for split in ("val", "test")}
