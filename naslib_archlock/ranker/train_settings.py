"""Settings of the training of a ranker. They are apart from the training, so that a config is checked without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import ConfigError, shown, unknown

OPTIMIZERS = ("adam", "sgd")
_MOST_LAYERS, _WIDEST = 16, 4096


@dataclass(frozen=True)
class TrainSettings:
    """How a ranker is trained, whatever its network. ``experiments/ranker_accuracy`` found the defaults to be best.

    Attributes:
        soft_labels: labels are the winner's share of the votes instead of 0 or 1.
        optimizer: ``adam`` (with decoupled weight decay) or ``sgd`` (momentum 0.9).
        learning_rate: the highest learning rate.
        weight_decay: of the optimizer.
        schedule: ``cosine`` (one cycle: warm up, then anneal) or ``step`` (halved every 5 epochs, as in the paper).
        epochs: number of epochs.
        steps_per_epoch: optimizer steps in an epoch.
        batch_size: pairs in a step.
    """

    soft_labels: bool = True
    optimizer: str = "adam"
    learning_rate: float = 5e-3
    weight_decay: float = 1e-2
    schedule: str = "cosine"
    epochs: int = 30
    steps_per_epoch: int = 50
    batch_size: int = 512

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise unknown("optimizer", self.optimizer, OPTIMIZERS)
        if self.epochs < 1 or self.learning_rate <= 0:
            raise ConfigError(f"epochs={self.epochs} and learning_rate={self.learning_rate} must be positive")

    @property
    def n_steps(self) -> int:
        """The number of optimizer steps."""
        return self.epochs * self.steps_per_epoch

    @property
    def n_pairs(self) -> int:
        """The number of pairs drawn."""
        return self.n_steps * self.batch_size


# The paper gives layers, loss, Adam, lr 0.05 and StepLR(5, 0.5). It does not state its batch size and its number of
# epochs, so these are the defaults.
PAPER = TrainSettings(soft_labels=False, learning_rate=0.05, weight_decay=0.0, schedule="step")
PRESETS = {"default": TrainSettings(), "paper": PAPER}
# What a preset says about the network; the kind of network has a default for each setting that is not given.
MODEL_PRESETS: dict[str, dict[str, Any]] = {"default": {}, "paper": {"antisymmetric": False}}


def parse_widths(key: str, text: str) -> tuple[int, ...]:
    """Widths of layers from text such as ``"128,64,32,16"``.

    Args:
        key: the config key that holds the text, for the error.
        text: integers with commas between them.

    Raises:
        ConfigError: if the text is anything else, or has too many layers or too wide ones.
    """
    try:
        widths = tuple(int(part) for part in text.split(","))
    except ValueError:
        widths = ()
    if not 1 <= len(widths) <= _MOST_LAYERS or not all(1 <= w <= _WIDEST for w in widths):
        raise ConfigError(
            f"{key}={shown(text)} must be 1 to {_MOST_LAYERS} widths from 1 to {_WIDEST} with commas, like "
            "'128,64,32,16'"
        )
    return widths
