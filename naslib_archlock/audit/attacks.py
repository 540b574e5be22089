"""Attacks on a released network: an adversary has its weights, and some labelled images of a task of their own.

Each attack is a small class, and ``ATTACKS`` holds them by name. An attack of one's own is added by
``register_attack``; the key ``audit.attacks`` then knows its name.

The networks of several seeds are trained and attacked side by side (``fit``); each seed draws its own images.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ..errors import ConfigError
from ..networks.cell_network import CellNetwork
from ..networks.fit import STRONG, FitSettings, imitate, initial_network, scores, train
from ..spaces.cells import Cell
from ..tasks.labelled_images import LabelledImages

# Streams of random numbers of a seed; training on the source uses another stream.
_IMAGES, _TRAINING = 1, 2


@dataclass(frozen=True)
class Attacker:
    """What an attacker has besides the released network.

    Attributes:
        splits: of the target. The attacker may train on ``rows`` of ``train``.
        rows: the images that each copy may use, ``copies x n``.
        settings: its learning rate is the attacker's.
        n_steps: the optimizer steps of one training.
        generators: of each copy.
    """

    splits: Mapping[str, LabelledImages]
    rows: np.ndarray
    settings: FitSettings
    n_steps: int
    generators: Sequence[np.random.Generator]

    def new_network(self, cell: Cell) -> CellNetwork:
        """An untrained network of a cell for the target."""
        return initial_network(cell, self.splits["train"], self.settings, self.generators)

    def train(
        self,
        network: CellNetwork,
        part: nn.Module | None = None,
        parameters: Sequence[nn.Parameter] | None = None,
        times: int = 1,
    ) -> None:
        """Train ``part`` of a network, or all of it, for ``times`` as many steps (``networks.fit.train``)."""
        train(
            network, part or network, self.splits["train"], self.rows, self.settings, times * self.n_steps,
            self.generators, parameters,
        )  # fmt: skip

    def imitate(self, student: CellNetwork, teacher: CellNetwork) -> None:
        """Train a student to give the features of a teacher, on the attacker's images."""
        imitate(student, teacher, self.splits["train"], self.rows, self.settings, self.n_steps, self.generators)


class Attack(ABC):
    """One way to use a released network.

    Attributes:
        name: in configs and results.
        summary: what it does and who proposed it, in a line.
    """

    name: str
    summary: str

    @abstractmethod
    def run(self, released: CellNetwork, attacker: Attacker) -> CellNetwork:
        """Return the network that the attacker ends with.

        Args:
            released: has the released weights in its body, and a new head for the target; it may be changed.
            attacker: has images and trains.
        """


class LinearProbe(Attack):
    name = "linear probe"
    summary = "trains a new head on the frozen features"

    def run(self, released: CellNetwork, attacker: Attacker) -> CellNetwork:
        attacker.train(released, released.head)
        return released


class ProbeThenAll(Attack):
    name = "probe then all"
    summary = "trains the head first, and then everything (Kumar et al., ICLR 2022)"

    def run(self, released: CellNetwork, attacker: Attacker) -> CellNetwork:
        attacker.train(released, released.head)
        attacker.train(released)
        return released


class FineTuning(Attack):
    name = "fine-tuning"
    summary = "trains everything"

    def run(self, released: CellNetwork, attacker: Attacker) -> CellNetwork:
        attacker.train(released)
        return released


class LongFineTuning(Attack):
    name = "long fine-tuning"
    summary = "trains everything for four times as many steps"

    def run(self, released: CellNetwork, attacker: Attacker) -> CellNetwork:
        attacker.train(released, times=4)
        return released


class BitFit(Attack):
    name = "BitFit"
    summary = "trains the biases and the head (Zaken et al., ACL 2022)"

    def run(self, released: CellNetwork, attacker: Attacker) -> CellNetwork:
        biases = [parameter for name, parameter in released.body.named_parameters() if name.endswith("bias")]
        attacker.train(released, parameters=[*biases, *released.head.parameters()])
        return released


class LoRA(Attack):
    name = "LoRA"
    summary = "adds a matrix of rank 2 to each 1 x 1 convolution, and trains these and the head (Hu et al., ICLR 2022)"
    RANK = 2

    def run(self, released: CellNetwork, attacker: Attacker) -> CellNetwork:
        added = []
        for module in released.body.modules():
            if isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1):
                low_rank = _LowRank(module.weight, self.RANK, attacker.generators)
                parametrize.register_parametrization(module, "weight", low_rank)
                added += list(low_rank.parameters())
        attacker.train(released, parameters=[*added, *released.head.parameters()])
        return released


class _LowRank(nn.Module):
    """Adds ``b @ a`` of each copy to the weight of a 1 x 1 convolution; ``b`` is 0 at first."""

    def __init__(self, weight: Tensor, rank: int, generators: Sequence[np.random.Generator]) -> None:
        super().__init__()
        copies = len(generators)
        n_out, n_in = weight.shape[0] // copies, weight.shape[1]
        drawn = np.stack([rng.standard_normal((rank, n_in)) for rng in generators]) / np.sqrt(n_in)
        self.a = nn.Parameter(torch.tensor(drawn, dtype=weight.dtype, device=weight.device))
        self.b = nn.Parameter(torch.zeros(copies, n_out, rank, dtype=weight.dtype, device=weight.device))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + (self.b @ self.a).reshape(weight.shape)


class Distillation(Attack):
    name = "distillation"
    summary = "teaches the released features to another architecture, then trains it (Romero et al., ICLR 2015)"

    def run(self, released: CellNetwork, attacker: Attacker) -> CellNetwork:
        student = attacker.new_network(STRONG)
        attacker.imitate(student, released)
        attacker.train(student)
        return student


class Scratch(Attack):
    name = "scratch"
    summary = "trains the same architecture from random weights: what the attacker can do without the release"

    def run(self, released: CellNetwork, attacker: Attacker) -> CellNetwork:
        attacker.train(released)
        return released


SCRATCH = Scratch.name  # gets random weights in place of the released ones, and is part of every audit
_KNOWN: tuple[type[Attack], ...] = (
    LinearProbe,
    ProbeThenAll,
    FineTuning,
    LongFineTuning,
    BitFit,
    LoRA,
    Distillation,
    Scratch,
)
ATTACKS: dict[str, Attack] = {kind.name: kind() for kind in _KNOWN}


def register_attack(attack: Attack) -> None:
    """Make an attack known by its name. Raises: ConfigError: if another attack has this name, or it has a comma."""
    if attack.name in ATTACKS and type(ATTACKS[attack.name]) is not type(attack):
        raise ConfigError(f"there is an attack {attack.name} already; choose another name")
    if not attack.name.strip() or "," in attack.name:
        raise ConfigError(f"the name of an attack must be a text without commas, not {attack.name!r}")
    ATTACKS[attack.name] = attack


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
    steps_pct: float = 100.0,
) -> dict[str, list[float]]:
    """Attack released networks on a target.

    Args:
        name: one of ``ATTACKS``.
        body: ``state_dict`` of ``CellNetwork.body``, of as many copies as there are seeds.
        splits: of the target.
        rows: the images of ``train`` that each copy may use, ``seeds x n``.
        settings: its learning rate is the attacker's.
        steps_pct: the steps of a training, in % of those of a training on all images.
    Returns:
        the target's metric of each copy on ``val`` and ``test``, in % (``LabelledImages.score``).
    """
    n_steps = max(1, round(settings.n_steps(len(splits["train"])) * steps_pct / 100))
    generators = [np.random.default_rng([seed, _TRAINING]) for seed in seeds]
    attacker = Attacker(splits, rows, settings, n_steps, generators)
    network = attacker.new_network(cell)
    if name != SCRATCH:
        network.body.load_state_dict(dict(body))
    network = ATTACKS[name].run(network, attacker)
    return {split: scores(network, splits[split]) for split in ("val", "test")}
