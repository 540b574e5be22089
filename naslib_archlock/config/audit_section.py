"""The section ``audit`` of a config, as settings alone: a config is read and checked without torch."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ConfigError
from ..ranker.train_settings import parse_widths


@dataclass(frozen=True)
class AuditSection:
    """How networks are trained on the source and attacked; an empty string or 0 means "what suits the images"."""

    seeds: int = 5  # networks of every cell; each is attacked by itself
    random_cells: int = 1  # random cells within the source budget, to compare with
    fractions: str = "1,10,100"  # of the target's training images that the attacker has, in %
    learning_rates: str = "0.01,0.03,0.1"  # of AdamW; the attacker takes the best by validation
    epochs: int = 0  # of training on all images; on fewer, as many steps; 0: 6 on the digits tasks, else 12
    batch_size: int = 50
    widths: str = ""  # channels of each stage; by default 8,16 on the digits tasks, else 16,32,64
    cells_per_stage: int = 1  # 5 in NAS-Bench-201

    def __post_init__(self) -> None:
        for name, low, high in (
            ("seeds", 1, 1000), ("random_cells", 0, 100), ("epochs", 0, 100_000), ("batch_size", 1, 100_000),
            ("cells_per_stage", 1, 100),
        ):  # fmt: skip
            if not low <= getattr(self, name) <= high:
                raise ConfigError(f"audit.{name}={getattr(self, name)} must lie in [{low}, {high}]")
        _numbers("fractions", self.fractions, 100)
        _numbers("learning_rates", self.learning_rates, 1)
        if self.widths:
            parse_widths("audit.widths", self.widths)

    @property
    def fraction_list(self) -> tuple[float, ...]:
        """Fractions in %, ascending."""
        return _numbers("fractions", self.fractions, 100)

    @property
    def learning_rate_list(self) -> tuple[float, ...]:
        """Learning rates, ascending."""
        return _numbers("learning_rates", self.learning_rates, 1)

    @property
    def width_list(self) -> tuple[int, ...]:
        """Channels of each stage; empty for what suits the images."""
        return parse_widths("audit.widths", self.widths) if self.widths else ()


def _numbers(name: str, text: str, most: float) -> tuple[float, ...]:
    """Different numbers above 0 and up to ``most``, ascending. Raises: ConfigError."""
    try:
        numbers = sorted(float(part) for part in text.split(","))
    except ValueError:
        numbers = []
    if not numbers or not all(0 < n <= most for n in numbers) or len(set(numbers)) < len(numbers):
        raise ConfigError(
            f"audit.{name}={text[:80]!r} must be different numbers above 0 and up to {most:g}, with commas"
        )
    return tuple(numbers)
