"""How good a lock is: the lock score of an architecture, from a whole table of accuracies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .benchmarks.base import Benchmark
from .cells import CONV_1X1, CONV_3X3, N_CODES, N_SLOTS, Cell, cell_index
from .errors import ConfigError
from .search import budget_floor


@dataclass(frozen=True)
class Scored:
    """Attributes:

    lock_score: 0 is a random architecture within the source budget, 1 the best lock that exists; 0 if outside it;
    is_within_budget; source_loss_pct: source validation accuracy given up, in % of the best; target_test: of the
    architecture, in the target's unit.
    """

    lock_score: float
    is_within_budget: bool
    source_loss_pct: float
    target_test: float


class LockScale:
    """The scale of lock scores for one source, target and source budget.

    With OK the architectures whose source validation accuracy is within the budget of the best of all:
    ``score = (mean_OK acc_t - acc_t(found)) / (mean_OK acc_t - min_OK acc_t)``, in test accuracy of the target.
    """

    def __init__(self, benchmark: Benchmark, source: str, target: str, budget_pct: float) -> None:
        """Args: budget_pct: in % of the best source validation accuracy. Raises: ConfigError, UnknownNameError."""
        if not 0 <= budget_pct <= 100:
            raise ConfigError(f"the source budget {budget_pct} must lie in [0, 100] %")
        self.archs = benchmark.space.all()
        self._position = np.empty(N_CODES**N_SLOTS, dtype=np.int64)
        self._position[cell_index(self.archs)] = np.arange(len(self.archs))
        archs = [tuple(arch) for arch in self.archs.tolist()]
        self.source_val = np.array([benchmark.accuracy(a, task=source, split="val") for a in archs])
        self.target_val = np.array([benchmark.accuracy(a, task=target, split="val") for a in archs])
        self.target_test = np.array([benchmark.accuracy(a, task=target, split="test") for a in archs])
        self._best = self.source_val.max()
        self.within = self.source_val >= budget_floor(self._best, budget_pct)
        self._mean, self._least = self.target_test[self.within].mean(), self.target_test[self.within].min()

    def score(self, arch: Cell) -> Scored:
        """The lock score of an architecture of the space, and what it is made of."""
        row = self._position[cell_index(arch)[0]]
        is_within = bool(self.within[row])
        spread = self._mean - self._least
        score = (self._mean - self.target_test[row]) / spread if is_within and spread > 0 else 0.0
        loss = 100 * (self._best - self.source_val[row]) / abs(self._best)
        return Scored(float(score), is_within, float(loss), float(self.target_test[row]))

    # -- baselines that know every source accuracy ---------------------------------------------------------------------

    def fewest_weights(self) -> Cell:
        """The one within the budget with the fewest convolution weights; of several, the best on the source."""
        return self._least_of(conv_weights(self.archs) - 1e-9 * self.source_val)

    def most_accurate(self) -> Cell:
        """The most accurate one on the source."""
        return self._least_of(-self.source_val)

    def ceiling(self) -> Cell:
        """The one within the budget with the least validation accuracy on the target, which no search sees."""
        return self._least_of(self.target_val)

    def _least_of(self, values: np.ndarray) -> Cell:
        rows = np.flatnonzero(self.within)
        return tuple(self.archs[rows[np.argmin(values[rows])]].tolist())


def conv_weights(cells: np.ndarray) -> np.ndarray:
    """Convolution weights of ``n x 6`` cells, in units of one 1 x 1 convolution: 9 for a 3 x 3 one."""
    cells = np.asarray(cells)
    weights: np.ndarray = 9 * (cells == CONV_3X3).sum(axis=1) + (cells == CONV_1X1).sum(axis=1)
    return weights
