"""Attacks on a released network: an adversary has its weights, and some labelled images of a task of their own.

Each attack is a small object, and ``ATTACKS`` holds them by name. An attack of one's own is a class that
``register_attack`` adds; the key ``audit.attacks`` then knows its name.

The networks of several seeds are trained and attacked side by side (``fit``); each seed draws its own images.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import parametrize

from ..errors import ConfigError, unknown
from ..networks.cell_network import CellNetwork
from ..networks.fit import STRONG, CopyLoss, FitSettings, imitate, initial_network, outputs_of, scores, train
from ..spaces.cells import Cell
from ..tasks.labelled_images import LabelledImages

# Streams of random numbers of a seed; training on the source uses another stream.
_IMAGES, _TRAINING = 1, 2


@dataclass(frozen=True)
class Release:
    """Networks that were trained on a source, side by side, one for each seed.

    Attributes:
        cell: canonical.
        weights: ``state_dict`` of the networks, their heads included.
        source: the splits of the source.
    """

    cell: Cell
    weights: Mapping[str, Tensor]
    source: Mapping[str, LabelledImages]

    def part(self, name: str) -> dict[str, Tensor]:
        """The ``state_dict`` of ``body`` or ``head``."""
        return {key[len(name) + 1 :]: value for key, value in self.weights.items() if key.startswith(f"{name}.")}


@dataclass(frozen=True)
class Attacker:
    """What an attacker has.

    Attributes:
        release: the released networks.
        target: the splits of the target. The attacker may train on ``rows`` of ``train``.
        rows, source_rows: the images of target and source that each copy may use, ``copies x n`` each.
        settings: its learning rate is the attacker's.
        n_steps: the optimizer steps of one training.
        generators: of each copy.
    """

    release: Release
    target: Mapping[str, LabelledImages]
    rows: np.ndarray
    source_rows: np.ndarray
    settings: FitSettings
    n_steps: int
    generators: Sequence[np.random.Generator]

    def new_network(self, cell: Cell) -> CellNetwork:
        """An untrained network of a cell for the target."""
        return initial_network(cell, self.target["train"], self.settings, self.generators)

    def use_released_head(self, network: CellNetwork) -> None:
        """Give a network the released head; source and target must have the same classes."""
        network.head.load_state_dict(self.release.part("head"))

    def train(
        self,
        network: CellNetwork,
        part: nn.Module | None = None,
        *,
        parameters: Sequence[nn.Parameter] | None = None,
        loss: CopyLoss | None = None,
        times: int = 1,
    ) -> None:
        """Train a network, or ``part`` of it, on the target (``networks.fit.train``), for ``times`` as many steps."""
        data, n_steps = self.target["train"], times * self.n_steps
        train(network, part or network, data, self.rows, self.settings, n_steps, self.generators, parameters, loss)

    def train_on_source(self, network: CellNetwork, part: nn.Module, data: LabelledImages | None = None) -> None:
        """Train ``part`` of a network on the source. Args: data: in place of its training images, as many."""
        data = data or self.release.source["train"]
        train(network, part, data, self.source_rows, self.settings, self.n_steps, self.generators)

    def imitate(self, student: CellNetwork, teacher: CellNetwork) -> None:
        """Train a student to give the features of a teacher, on the attacker's images of the target."""
        imitate(student, teacher, self.target["train"], self.rows, self.settings, self.n_steps, self.generators)


class Attack(ABC):
    """One way to use a released network.

    Attributes:
        name: in configs and results.
        summary: what it does and who proposed it, in a line.
        needs_same_classes: whether it uses the released head on the target.
    """

    name: str
    summary: str
    needs_same_classes = False

    @abstractmethod
    def run(self, released: CellNetwork, attacker: Attacker) -> CellNetwork:
        """Return the network that the attacker ends with.

        Args:
            released: has the released weights in its body, and a new head for the target; it may be changed.
            attacker: has images and trains.
        """


# -- with labelled images of the target --------------------------------------------------------------------------------


HEAD, ALL = "head", "all"


@dataclass(frozen=True)
class TargetTraining(Attack):
    """Trains on labelled images of the target.

    Attributes:
        parts: what is trained, one after the other: ``HEAD`` or ``ALL``.
        times: how many times as many steps each training takes.
        needs_same_classes: whether the head is the released one; otherwise it starts anew.
    """

    name: str
    summary: str
    parts: tuple[str, ...]
    times: int = 1
    needs_same_classes: bool = False

    def run(self, released: CellNetwork, attacker: Attacker) -> CellNetwork:
        if self.needs_same_classes:
            attacker.use_released_head(released)
        for part in self.parts:
            attacker.train(released, released.head if part == HEAD else released, times=self.times)
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


# -- with images of the source -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SourceTraining(Attack):
    """Trains on images of the source, and uses the network on the target as it is: this can undo a weight-level lock.

    Attributes:
        trains_all: everything is trained; otherwise the head alone.
        has_new_head: the head starts anew.
        shifts: the images get noise and another contrast, so that more than the source is learnt.
    """

    name: str
    summary: str
    trains_all: bool
    has_new_head: bool
    shifts: bool = False
    needs_same_classes = True

    def run(self, released: CellNetwork, attacker: Attacker) -> CellNetwork:
        if not self.has_new_head:
            attacker.use_released_head(released)
        data = _shifted(attacker.release.source["train"], attacker.generators[0]) if self.shifts else None
        attacker.train_on_source(released, released if self.trains_all else released.head, data)
        return released


def _shifted(data: LabelledImages, rng: np.random.Generator) -> LabelledImages:
    """The task with images of another contrast and brightness, and with noise."""
    shape = (len(data), 1, 1, 1)
    contrast, offset = rng.uniform(0.4, 1.6, shape), rng.uniform(-0.3, 0.3, shape)
    noise = rng.uniform(0, 0.2, shape) * rng.standard_normal(tuple(data.images.shape))
    images = data.images * data.images.new_tensor(contrast) + data.images.new_tensor(offset + noise)
    return replace(data, images=images)


# -- with unlabelled images of the target ------------------------------------------------------------------------------


class InformationMaximisation(Attack):
    name = "information maximisation"
    summary = "trains the body on sure and varied predictions, without labels (SHOT-IM, Liang et al., ICML 2020)"
    needs_same_classes = True

    def run(self, released: CellNetwork, attacker: Attacker) -> CellNetwork:
        attacker.use_released_head(released)
        attacker.train(released, released.body, loss=lambda copy, outputs, rows: _unsure(outputs))
        return released


def _unsure(outputs: Tensor) -> Tensor:
    """The mean entropy of predictions, minus the entropy of their mean."""
    probability = outputs.softmax(dim=1)
    return _entropy(probability).mean() - _entropy(probability.mean(dim=0, keepdim=True)).sum()


def _entropy(probability: Tensor) -> Tensor:
    return -(probability * torch.log(probability + 1e-8)).sum(dim=1)


class PseudoLabels(Attack):
    name = "pseudo-labels"
    summary = "trains everything on what the released network predicts (Lee, ICML workshop 2013)"
    needs_same_classes = True

    def run(self, released: CellNetwork, attacker: Attacker) -> CellNetwork:
        attacker.use_released_head(released)
        released.to(attacker.target["train"].images.device).eval()
        labels = [outputs.argmax(dim=1) for outputs in outputs_of(released, attacker.target["train"])]
        attacker.train(released, loss=lambda copy, outputs, rows: cross_entropy(outputs, labels[copy][rows]))
        return released


# ----------------------------------------------------------------------------------------------------------------------

SCRATCH = "scratch"  # gets random weights in place of the released ones, and is part of every audit
_KNOWN: tuple[Attack, ...] = (
    TargetTraining("linear probe", "trains a new head on the frozen features", (HEAD,)),
    TargetTraining(
        "probe then all", "trains the head first, and then everything (Kumar et al., ICLR 2022)", (HEAD, ALL)
    ),
    TargetTraining("fine-tuning", "trains everything", (ALL,)),
    TargetTraining("long fine-tuning", "trains everything for four times as many steps", (ALL,), times=4),
    BitFit(),
    LoRA(),
    Distillation(),
    TargetTraining(
        "direct probe",
        "trains the released head further (direct-FC of NTLBench)",
        (HEAD,),
        needs_same_classes=True,
    ),
    TargetTraining(
        "direct fine-tuning",
        "trains everything further, the released head included (direct-all of NTLBench)",
        (ALL,),
        needs_same_classes=True,
    ),
    SourceTraining("source probe", "initFC-FC of NTLBench on the source", trains_all=False, has_new_head=True),
    SourceTraining("source fine-tuning", "initFC-all of NTLBench on the source", trains_all=True, has_new_head=True),
    SourceTraining("source direct probe", "direct-FC of NTLBench on the source", trains_all=False, has_new_head=False),
    SourceTraining(
        "source direct fine-tuning", "direct-all of NTLBench on the source", trains_all=True, has_new_head=False
    ),
    SourceTraining(
        "source shifts",
        "trains everything on shifted images of the source (the idea of TransNTL, Hong et al., CVPR 2024)",
        trains_all=True,
        has_new_head=False,
        shifts=True,
    ),
    InformationMaximisation(),
    PseudoLabels(),
    TargetTraining(
        SCRATCH,
        "trains the same architecture from random weights: what the attacker can do without the release",
        (ALL,),
    ),
)
ATTACKS: dict[str, Attack] = {attack.name: attack for attack in _KNOWN}


def register_attack(attack: Attack) -> None:
    """Make an attack known by its name. Raises: ConfigError: if another attack has this name, or it has a comma."""
    known = ATTACKS.get(attack.name, attack)
    if (type(known), vars(known)) != (type(attack), vars(attack)):
        raise ConfigError(f"there is an attack {attack.name} already; choose another name")
    if not attack.name.strip() or "," in attack.name:
        raise ConfigError(f"the name of an attack must be a text without commas, not {attack.name!r}")
    ATTACKS[attack.name] = attack


def possible_attacks(names: Sequence[str], source: LabelledImages, target: LabelledImages) -> list[str]:
    """The attacks of these names that can be made: some need a target with the classes of the source.

    Raises: UnknownNameError.
    """
    for name in names:
        if name not in ATTACKS:
            raise unknown("attack", name, ATTACKS, "audit.attacks")
    return [name for name in names if source.has_classes_of(target) or not ATTACKS[name].needs_same_classes]


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
    release: Release,
    target: Mapping[str, LabelledImages],
    fraction_pct: float,
    settings: FitSettings,
    seeds: Sequence[int],
    steps_pct: float = 100.0,
) -> dict[str, list[float]]:
    """Attack released networks on a target.

    Args:
        name: one of ``ATTACKS``.
        release: as many networks as there are seeds.
        target: the splits of the target.
        fraction_pct: the share of the training images that the attacker has, of the target and of the source.
        settings: its learning rate is the attacker's.
        steps_pct: the steps of a training, in % of those of a training on all images of the target.

    Returns:
        the target's metric of each network on ``val`` and ``test``, in % (``LabelledImages.score``).

    Raises:
        ConfigError: if the share is not one image.
    """
    data, source = target["train"], release.source["train"]
    rows, source_rows = (drawn_images(images, fraction_pct, seeds) for images in (data, source))
    n_steps = max(1, round(settings.n_steps(len(data)) * steps_pct / 100))
    generators = [np.random.default_rng([seed, _TRAINING]) for seed in seeds]
    attacker = Attacker(release, target, rows, source_rows, settings, n_steps, generators)
    network = attacker.new_network(release.cell)
    if name != SCRATCH:
        network.body.load_state_dict(release.part("body"))
    network = ATTACKS[name].run(network, attacker)
    return {split: scores(network, target[split]) for split in ("val", "test")}
