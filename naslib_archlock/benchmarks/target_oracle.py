"""What a search under scheme TK may ask a benchmark, if its owner pays for it: validation accuracies on the targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..errors import ConfigError
from ..spaces.cells import Cell


class TargetOracle:
    """Looks up the validation accuracies of architectures on all targets, and counts the look-ups.

    Every accuracy is a look-up: an architecture costs one for each target. To look up the same architecture again
    costs nothing.

    Attributes:
        known: Architecture -> its validation accuracies, one for each target, in the order of the look-ups.
        max_archs: The number of architectures that may be looked up.
    """

    def __init__(self, look_ups: Mapping[str, Callable[[Cell], float]], max_queries: int) -> None:
        """Make an oracle that has answered nothing yet.

        Args:
            look_ups: Target -> a function from an architecture to its validation accuracy on that target.
            max_queries: The number of accuracies that may be looked up.

        Raises:
            ConfigError: If they are too few for one architecture.
        """
        if max_queries < len(look_ups):
            raise ConfigError(
                f"archlock.target_queries {max_queries} is too few for {len(look_ups)} targets: to look up one "
                "architecture takes a query for each target"
            )
        self._look_ups = dict(look_ups)
        self.max_archs = max_queries // len(look_ups)
        self.known: dict[Cell, tuple[float, ...]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The targets, in the order of the accuracies of each architecture."""
        return tuple(self._look_ups)

    @property
    def queries(self) -> int:
        """The number of look-ups made."""
        return len(self.known) * len(self._look_ups)

    def validation_accuracies(self, arch: Cell) -> tuple[float, ...]:
        """Return the validation accuracy on each target.

        Raises:
            ConfigError: If no look-up is left.
        """
        if arch not in self.known:
            if len(self.known) >= self.max_archs:
                raise ConfigError(f"all look-ups of target accuracy are used up: {self.max_archs} architectures")
            self.known[arch] = tuple(float(look_up(arch)) for look_up in self._look_ups.values())
        return self.known[arch]
