"""How good a lock is: the lock score of an architecture, from whole tables of accuracies, and what is chosen from such
tables by simple rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from weakref import WeakKeyDictionary

import numpy as np

from ..errors import ConfigError
from ..spaces.cells import Cell
from ..spaces.space import SearchSpace
from .benchmark import Benchmark, budget_floor

_READ: WeakKeyDictionary[Benchmark, dict[tuple[str, str], np.ndarray]] = WeakKeyDictionary()


def accuracies(benchmark: Benchmark, task: str, split: str) -> np.ndarray:
    """The metric of every architecture, in the order of ``space.all()``; each is looked up once for a benchmark.

    Returns: ``n`` numbers, read-only. Raises: UnknownNameError.
    """
    read = _READ.setdefault(benchmark, {})
    if (task, split) not in read:
        archs = map(tuple, _numbered(benchmark.space)[0].tolist())
        values = np.array([benchmark.accuracy(arch, task=task, split=split) for arch in archs])
        values.setflags(write=False)
        read[task, split] = values
    return read[task, split]


@cache
def _numbered(space: SearchSpace) -> tuple[np.ndarray, np.ndarray]:
    """Every architecture, ``n x 6``, and the row of each by ``space.index``."""
    archs = space.all()
    row = np.full(space.index_size, -1)
    row[space.index(archs)] = np.arange(len(archs))
    return archs, row


class WithinBudget:
    """The architectures whose source validation accuracy is within a budget of the best of all.

    Attributes: archs: every architecture, ``n x 6``; source_val: their accuracies; within: whether each is within.
    """

    def __init__(self, benchmark: Benchmark, source: str, budget_pct: float) -> None:
        """Args: budget_pct: in % of the best source validation accuracy. Raises: ConfigError, UnknownNameError."""
        if not 0 <= budget_pct <= 100:
            raise ConfigError(f"the source budget {budget_pct} must lie in [0, 100] %")
        self.space = benchmark.space
        self.archs, self._row = _numbered(self.space)
        self.source_val = accuracies(benchmark, source, "val")
        self._best = self.source_val.max()
        self.within = self.source_val >= budget_floor(self._best, budget_pct)

    def least(self, values: np.ndarray, n: int = 1) -> list[Cell]:
        """The ``n`` of different functions that are within the budget and least by ``values``, the least one first.

        Of equal ones, the more accurate on the source comes first. Fewer where the budget leaves fewer.
        """
        rows = np.flatnonzero(self.within)
        return self._distinct(rows[np.lexsort((-self.source_val[rows], values[rows]))], n)

    def random(self, n: int, rng: np.random.Generator) -> list[Cell]:
        """``n`` of different functions within the budget, the first one uniformly random."""
        return self._distinct(rng.permutation(np.flatnonzero(self.within)), n)

    def _distinct(self, rows: np.ndarray, n: int) -> list[Cell]:
        functions = self.space.index(self.space.representatives(self.archs[rows]))
        first = np.sort(np.unique(functions, return_index=True)[1])[:n]
        return [tuple(arch) for arch in self.archs[rows[first]].tolist()]

    def fewest_weights(self) -> Cell:
        """The one with the fewest convolution weights."""
        return self.least(self.space.conv_weights(self.archs))[0]

    def most_accurate(self) -> Cell:
        """The most accurate one on the source."""
        return self.least(-self.source_val)[0]


@dataclass(frozen=True)
class Scored:
    """Attributes:

    lock_score: 0 is a random architecture within the source budget, 1 the best lock that exists; 0 if outside it;
    is_within_budget; source_loss_pct: source validation accuracy given up, in % of the best; target_test: of the
    architecture, in the target's unit. Any loss from a best one of 0 counts as 100%.
    """

    lock_score: float
    is_within_budget: bool
    source_loss_pct: float
    target_test: float


class LockScale(WithinBudget):
    """The scale of lock scores for one source, target and source budget.

    With OK the architectures whose source validation accuracy is within the budget of the best of all:
    ``score = (mean_OK acc_t - acc_t(found)) / (mean_OK acc_t - min_OK acc_t)``, in test accuracy of the target. It is
    0 where all of OK are equal on the target, so also where OK is one architecture: no lock is better than another.
    """

    def __init__(self, benchmark: Benchmark, source: str, target: str, budget_pct: float) -> None:
        super().__init__(benchmark, source, budget_pct)
        self.target_val = accuracies(benchmark, target, "val")
        self.target_test = accuracies(benchmark, target, "test")
        of_ok = self.target_test[self.within]
        self._mean, self._least = of_ok.mean(), of_ok.min()
        # The mean of equal numbers is not always quite that number, and that of nearly equal ones may be the least.
        self._is_flat = self._least == of_ok.max() or not self._least < self._mean

    def score(self, arch: Cell) -> Scored:
        """The lock score of an architecture of the space, and what it is made of."""
        row = self._row[self.space.index(arch)[0]]
        is_within = bool(self.within[row])
        score = 0.0
        if is_within and not self._is_flat:
            score = float((self._mean - self.target_test[row]) / (self._mean - self._least))
        return Scored(score, is_within, self._source_loss_pct(row), float(self.target_test[row]))

    def _source_loss_pct(self, row: int) -> float:
        given_up = float(self._best - self.source_val[row])
        if given_up == 0:
            return 0.0
        return 100 * given_up / abs(float(self._best)) if self._best else 100.0

    def ceiling(self) -> Cell:
        """The one with the least validation accuracy on the target, which no search sees."""
        return self.least(self.target_val)[0]


# What each rule for choosing from whole tables wants little of: those that know the source, and those that also know
# the target.
SOURCE_RULES: dict[str, Callable[[WithinBudget], np.ndarray]] = {
    "fewest_weights": lambda known: known.space.conv_weights(known.archs),
    "fewest_flops": lambda known: known.space.flops(known.archs),
    "least_accurate": lambda known: known.source_val,
    "most_accurate": lambda known: -known.source_val,
}
TARGET_RULES: dict[str, Callable[[LockScale], np.ndarray]] = {
    "ceiling": lambda known: known.target_val,
    "oracle": lambda known: known.target_test,
}
