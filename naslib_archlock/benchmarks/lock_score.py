"""How good a lock is: the lock score of an architecture, and simple rules that choose one from whole columns.

A search space has ``n`` architectures. All arrays but the last have a row for each of them, in the order of
``space.all()``:

* ``archs``, ``n x 6``: the architectures;
* ``source_val``, ``n``: validation accuracy on the source task;
* ``within``, ``n`` booleans: whether ``source_val`` is within the source budget of its maximum;
* ``target_val`` and ``target_test``, ``n``: validation and test accuracy on the target task;
* ``row``, 15,625: ``cell_index`` of an architecture -> its row, or -1 where the space has no such architecture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from ..errors import ConfigError
from ..spaces.cells import Cell
from ..spaces.space import SearchSpace
from .benchmark import Benchmark
from .source_oracle import budget_floor


@cache
def _numbered(space: SearchSpace) -> tuple[np.ndarray, np.ndarray]:
    """``archs`` and ``row`` of a space."""
    archs = space.all()
    row = np.full(space.index_size, -1)
    row[space.index(archs)] = np.arange(len(archs))
    return archs, row


def rank_percentile(benchmark: Benchmark, arch: Cell, task: str, split: str) -> float:
    """The rank percentile of one architecture on a task (``Benchmark.percentiles``).

    Raises:
        UnknownNameError: If the benchmark lacks the task or the split.
    """
    _, row = _numbered(benchmark.space)
    return float(benchmark.percentiles(task, split)[row[benchmark.space.index(arch)[0]]])


class WithinBudget:
    """The architectures whose validation accuracy on the source is within a budget of the best one.

    Attributes:
        space: The search space.
        archs: All its architectures, ``n x 6``.
        source_val: Their validation accuracies on the source, ``n``.
        within: Whether each is within the budget, ``n`` booleans.
    """

    def __init__(self, benchmark: Benchmark, source: str, budget_pct: float, budget_percentile: float = 0.0) -> None:
        """Look up the source's column.

        Args:
            benchmark: The accuracies.
            source: The source task.
            budget_pct: How much of the best source validation accuracy may be given up, in %.
            budget_percentile: How many points of rank percentile on the source may be given up instead; 0 if the budget
                is ``budget_pct``.

        Raises:
            ConfigError: If the budget does not lie in [0, 100].
            UnknownNameError: If the benchmark lacks the task.
        """
        for budget, unit in ((budget_pct, "%"), (budget_percentile, "percentile points")):
            if not 0 <= budget <= 100:
                raise ConfigError(f"the source budget {budget} must lie in [0, 100] {unit}")
        self.space = benchmark.space
        self.archs, self._row = _numbered(self.space)
        self.source_val = benchmark.accuracies(source, "val")
        self._best = self.source_val.max()
        if budget_percentile:
            self.within = benchmark.percentiles(source, "val") >= 100 - budget_percentile
        else:
            self.within = self.source_val >= budget_floor(self._best, budget_pct)

    def least(self, values: np.ndarray, n: int = 1) -> list[Cell]:
        """The architectures within the budget that have the lowest values, in ascending order.

        Among architectures with equal values, the one that is more accurate on the source comes first.

        Args:
            values: A number for each architecture, ``n`` of them.
            n: How many architectures to return, all of different functions; fewer if the budget leaves fewer.
        """
        rows = np.flatnonzero(self.within)
        return self._distinct(rows[np.lexsort((-self.source_val[rows], values[rows]))], n)

    def random(self, n: int, rng: np.random.Generator) -> list[Cell]:
        """Random architectures within the budget, all of different functions; the first one is uniformly random.

        Args:
            n: How many to return; fewer if the budget leaves fewer.
            rng: The random generator.
        """
        return self._distinct(rng.permutation(np.flatnonzero(self.within)), n)

    def _distinct(self, rows: np.ndarray, n: int) -> list[Cell]:
        """The architectures of the first ``n`` rows whose functions differ."""
        functions = self.space.index(self.space.representatives(self.archs[rows]))
        first = np.sort(np.unique(functions, return_index=True)[1])[:n]
        return [tuple(arch) for arch in self.archs[rows[first]].tolist()]

    def fewest_weights(self) -> Cell:
        """The architecture within the budget that has the fewest convolution weights."""
        return self.least(self.space.conv_weights(self.archs))[0]

    def most_accurate(self) -> Cell:
        """The architecture that is most accurate on the source."""
        return self.least(-self.source_val)[0]


@dataclass(frozen=True)
class Scored:
    """The lock score of one architecture, and what it is made of.

    Attributes:
        lock_score: 0 for a random architecture within the source budget, 1 for the best lock that exists; 0 for an
            architecture outside the budget.
        is_within_budget: Whether the architecture is within the source budget.
        source_loss_pct: The source validation accuracy given up, in % of the best; 100 for any loss from a best of 0.
        source_test: The test accuracy on the source, in the source's unit.
        target_test: The test accuracy on the target, in the target's unit.
        source_percentile: The rank percentile on the source (``rank_percentiles``), by validation accuracy.
        target_percentile: The rank percentile on the target, by validation accuracy.
        source_test_percentile: The rank percentile on the source, by test accuracy.
        target_test_percentile: The rank percentile on the target, by test accuracy.
    """

    lock_score: float
    is_within_budget: bool
    source_loss_pct: float
    source_test: float
    target_test: float
    source_percentile: float
    target_percentile: float
    source_test_percentile: float
    target_test_percentile: float


class LockScale(WithinBudget):
    """The scale of lock scores for one source, target and source budget.

    Let OK be the architectures within the source budget, and acc their test accuracy on the target. Then
    ``score(found) = (mean_OK acc - acc(found)) / (mean_OK acc - min_OK acc)``. If all architectures of OK have the same
    accuracy on the target, for example because OK holds one architecture, no lock is better than another and the score
    is 0.

    Attributes:
        target_val: Validation accuracies on the target, ``n``.
        target_test: Test accuracies on the target, ``n``.
    """

    def __init__(
        self, benchmark: Benchmark, source: str, target: str, budget_pct: float, budget_percentile: float = 0.0
    ) -> None:
        """Look up the columns of the source and of the target.

        Args:
            benchmark: The accuracies.
            source: The source task.
            target: The target task.
            budget_pct, budget_percentile: The source budget, as in ``WithinBudget``.

        Raises:
            ConfigError: If the budget does not lie in [0, 100].
            UnknownNameError: If the benchmark lacks a task.
        """
        super().__init__(benchmark, source, budget_pct, budget_percentile)
        self._benchmark, self._source, self._target = benchmark, source, target
        self.target_val = benchmark.accuracies(target, "val")
        self.target_test = benchmark.accuracies(target, "test")
        ok = self.target_test[self.within]
        self._mean, self._least = ok.mean(), ok.min()
        # Rounding can move the mean of equal numbers off them, and the mean of nearly equal numbers down to the least.
        self._is_flat = self._least == ok.max() or not self._least < self._mean

    def score(self, arch: Cell) -> Scored:
        """Score an architecture of the space."""
        row = self._row[self.space.index(arch)[0]]
        is_within = bool(self.within[row])
        score = 0.0
        if is_within and not self._is_flat:
            score = float((self._mean - self.target_test[row]) / (self._mean - self._least))
        percentile = partial(rank_percentile, self._benchmark, arch)
        return Scored(
            lock_score=score,
            is_within_budget=is_within,
            source_loss_pct=self._source_loss_pct(row),
            source_test=float(self._benchmark.accuracies(self._source, "test")[row]),
            target_test=float(self.target_test[row]),
            source_percentile=percentile(self._source, "val"),
            target_percentile=percentile(self._target, "val"),
            source_test_percentile=percentile(self._source, "test"),
            target_test_percentile=percentile(self._target, "test"),
        )

    def _source_loss_pct(self, row: int) -> float:
        given_up = float(self._best - self.source_val[row])
        if given_up == 0:
            return 0.0
        return 100 * given_up / abs(float(self._best)) if self._best else 100.0

    @property
    def target_percentiles(self) -> np.ndarray:
        """The rank percentiles on the target, by validation accuracy, of the architectures within the budget."""
        return self._benchmark.percentiles(self._target, "val")[self.within]

    @property
    def limit_percentile(self) -> float:
        """The lowest rank percentile on the target, by validation accuracy, that the source budget allows."""
        return float(self.target_percentiles.min())

    def ceiling(self) -> Cell:
        """The architecture within the budget with the lowest target validation accuracy. No search sees this column."""
        return self.least(self.target_val)[0]


# Rules that choose from whole columns: each maps a scale to ``n`` numbers, and the lowest number wins (``least``). The
# first rules know the source task, the others know the target task as well.
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
