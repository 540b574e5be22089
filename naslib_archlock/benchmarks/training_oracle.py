"""Look-ups of source accuracy that train a network each: several at a time, and hopeless networks are stopped.

A search names the architectures that it is going to look up next (``TrainingOracle.prepare``). They are first trained
for a share of the steps, on a schedule of its own: the first impression. Then the better half of them is trained in
full, unless enough networks are known already. From the networks that were trained in full, a linear regression
predicts the accuracy after the whole training. A network is hopeless if it is predicted to stay outside the source
budget; it is not trained further, and its look-up answers with the accuracy of the first impression.

The rule is that of Domhan et al., "Speeding up automatic hyperparameter optimization of deep neural networks by
extrapolation of learning curves" (IJCAI 2015), with a regression over networks in place of their curve models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..spaces.cells import Cell
from .source_oracle import SourceOracle, budget_floor

FEWEST = 5  # networks trained in full, before any is stopped
_CAUTION = 2.0  # standard deviations of the regression's errors
_LEAST_ERROR = 0.5  # points of accuracy; a few networks may lie on a line by chance

# Architectures, and whether only the first impression is wanted -> their validation accuracies.
Train = Callable[[Sequence[Cell], bool], list[float]]


class TrainingOracle(SourceOracle):
    """The source accuracies of networks that are trained when they are looked up.

    Attributes:
        stopped: Architecture -> its validation accuracy after the first impression, where it was stopped there.
    """

    def __init__(self, train: Train, max_queries: int) -> None:
        """Make an oracle that has answered nothing yet.

        Args:
            train: Trains several networks, unless they were trained before.
            max_queries: The number of architectures that may be looked up.
        """
        super().__init__(self._trained, max_queries)
        self._train = train
        self.stopped: dict[Cell, float] = {}
        self._prepared: set[Cell] = set()

    def is_prepared(self, arch: Cell) -> bool:
        return arch in self._prepared or arch in self.known

    def prepare(self, archs: Sequence[Cell], budget_pct: float | None) -> None:
        """Train what is looked up next, and stop the hopeless networks.

        Args:
            archs: The architectures.
            budget_pct: The source budget, in % of the best accuracy; None if all are to be trained in full.
        """
        if budget_pct is None:
            self._train(archs, False)
        else:
            self._train_the_promising(archs, budget_pct)
        self._prepared.update(archs)

    def state(self) -> dict[str, Any]:
        waiting = self._prepared - set(self.known)
        return {"stopped": [list(pair) for pair in self.stopped.items()], "prepared": sorted(waiting)}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.stopped = {tuple(arch): accuracy for arch, accuracy in state.get("stopped", [])}
        self._prepared = {tuple(arch) for arch in state.get("prepared", [])}

    def _train_the_promising(self, archs: Sequence[Cell], budget_pct: float) -> None:
        in_full = [arch for arch in self.known if arch not in self.stopped]
        first = dict(zip(archs, self._train(archs, True)))
        by_impression = sorted(archs, key=lambda arch: -first[arch])
        n_now = 0 if len(in_full) >= FEWEST else max((len(archs) + 1) // 2, FEWEST - len(in_full))
        in_full += by_impression[:n_now]
        accuracies = self._train(in_full, False)
        others = by_impression[n_now:]
        if others:
            floor = budget_floor(max(self.best, *accuracies), budget_pct)
            stops = hopeless([first[arch] for arch in others], self._train(in_full, True), accuracies, floor)
            self.stopped.update({arch: first[arch] for arch, stop in zip(others, stops) if stop})
            self._train([arch for arch in others if arch not in self.stopped], False)

    def _trained(self, arch: Cell) -> float:
        return self.stopped[arch] if arch in self.stopped else self._train([arch], False)[0]


def hopeless(first: Sequence[float], known_first: Sequence[float], known: Sequence[float], floor: float) -> np.ndarray:
    """Which networks are predicted to stay below a floor, whatever more steps they get.

    Args:
        first: The accuracies of ``n`` networks after the first impression.
        known_first: Those of ``k`` networks that were trained in full; at least three.
        known: The accuracies of these ``k`` networks after the whole training.
        floor: The least accuracy that is of use.
    Returns:
        ``n`` booleans.
    """
    x, y = np.asarray(known_first), np.asarray(known)
    spread = x - x.mean()
    slope = max(float(spread @ y) / float(spread @ spread), 0.0) if spread.any() else 0.0
    errors = y - y.mean() - slope * spread
    error = max(float(np.sqrt(errors @ errors / (len(x) - 2))), _LEAST_ERROR)
    impression = np.asarray(first, dtype=float)
    most = y.mean() + slope * (impression - x.mean()) + _CAUTION * error
    return (most < floor) & (impression < floor)
