"""What a search under scheme TK may ask a benchmark, if its owner pays for it: validation accuracies on the targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..errors import ConfigError
from ..spaces.cells import Cell

_AT_ONCE = 4  # more would be chosen with too little knowledge of each other


class TargetOracle:
    """Looks up the validation accuracies of architectures on all targets, and counts the look-ups.

    Every accuracy is a look-up: an architecture costs one for each target. To look up the same architecture again
    costs nothing.

    Attributes:
        known: Architecture -> its validation accuracies, one for each target, in the order of the look-ups.
        max_archs: The number of architectures that may be looked up.
        at_once: The number of architectures that are best chosen together: 1, unless look-ups can run in parallel.
        told: Called after each architecture that was looked up; by default it does nothing.
    """

    def __init__(
        self,
        look_ups: Mapping[str, Callable[[Cell], float]],
        max_queries: int,
        prepare: Callable[[Sequence[Cell]], None] | None = None,
    ) -> None:
        """Make an oracle that has answered nothing yet.

        Args:
            look_ups: Target -> a function from an architecture to its validation accuracy on that target.
            max_queries: The number of accuracies that may be looked up.
            prepare: Called with the architectures that are looked up next, where a look-up is work that can be done in
                parallel.

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
        self._prepare, self.at_once = prepare, _AT_ONCE if prepare else 1
        self.told: Callable[[], object] = lambda: None

    @property
    def names(self) -> tuple[str, ...]:
        """The targets, in the order of the accuracies of each architecture."""
        return tuple(self._look_ups)

    @property
    def queries(self) -> int:
        """The number of look-ups made."""
        return len(self.known) * len(self._look_ups)

    def prepare(self, archs: Sequence[Cell]) -> None:
        """Take the architectures that will be looked up next."""
        if self._prepare:
            self._prepare(archs)

    def validation_accuracies(self, arch: Cell) -> tuple[float, ...]:
        """Return the validation accuracy on each target.

        Raises:
            ConfigError: If no look-up is left.
        """
        if arch not in self.known:
            if len(self.known) >= self.max_archs:
                raise ConfigError(f"all look-ups of target accuracy are used up: {self.max_archs} architectures")
            self.known[arch] = tuple(float(look_up(arch)) for look_up in self._look_ups.values())
            self.told()
        return self.known[arch]
