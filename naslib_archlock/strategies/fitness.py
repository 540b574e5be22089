"""What a search maximises, behind one interface (ArchLock, section 3.3)."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ..spaces.space import SearchSpace

MEAN, WORST = "mean", "worst"  # what several targets are judged by


def fit_to_targets(fit: np.ndarray, targets_by: str) -> np.ndarray:
    """Return how well architectures fit several targets, as one number each.

    Args:
        fit: ``targets x n``; a higher number fits better.
        targets_by: ``mean``, or ``worst``, the target that the architecture fits best: there, the lock is worst.
    Returns:
        ``n`` numbers.
    """
    return np.asarray(fit.max(axis=0) if targets_by == WORST else fit.mean(axis=0))


class Fitness(Protocol):
    """The fitness of architectures under one scheme; it reads no accuracy."""

    def of(self, archs: np.ndarray) -> np.ndarray:
        """Return the fitness of architectures; higher is fitter.

        Args:
            archs: ``n x 6`` codes.
        Returns:
            ``n`` float64.
        """

    def on_source_alone(self) -> Fitness:
        """Return the fitness under scheme S in the same setting, with which every result is compared."""


class ExpectedFitness:
    """A fitness that is known for every function of a space: what a model expects of the targets (``target_model``).

    In scheme S it is 0 everywhere, and the search is one for source accuracy alone.
    """

    def __init__(self, space: SearchSpace, values: np.ndarray) -> None:
        """Store the fitness of each function.

        Args:
            space: the search space.
            values: ``m`` numbers, one for each row of ``space.distinct()``.
        """
        self._space, self._values = space, values
        self._index = space.index(space.distinct())

    def of(self, archs: np.ndarray) -> np.ndarray:
        """Return the fitness of the functions that ``n x 6`` architectures compute, ``n``."""
        function = self._space.index(self._space.representatives(archs))
        return np.asarray(self._values[np.searchsorted(self._index, function)])

    def on_source_alone(self) -> ExpectedFitness:
        """Return a fitness of 0 for every function."""
        return ExpectedFitness(self._space, np.zeros(len(self._values)))
