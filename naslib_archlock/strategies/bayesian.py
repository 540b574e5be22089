"""Bayesian optimisation: find the lowest expected target accuracy, under a constraint on the source accuracy.

The method is expected improvement with constraints (Gardner et al., "Bayesian optimization with inequality
constraints", ICML 2014). A Gaussian process (``surrogate``) learns the source accuracy from the look-ups so far.

1. The first look-ups, ``share_for_best`` of them, search for the highest source accuracy: each goes to the architecture
   with the highest expected improvement. The source budget is measured from the best architecture, so a search that
   misses it may choose an architecture outside the budget. The smaller the budget, the less it may miss.
2. The other look-ups search for the lock: each goes to the architecture with the highest expected gain in fitness. This
   is the gain, times the probability that the architecture lies within the budget.

Fitness needs no look-up here: ``target_model`` predicts it for every function.

A search space has ``m`` distinct functions and ``a`` usable architectures. ``n`` architectures have been looked up. The
vectors and matrices of this module:

* ``_fitness``, ``m``: the fitness of each function, in the order of ``space.distinct()``;
* ``_archs``, ``a x 6``: the architectures, in random order;
* ``_function``, ``a``: the row of ``_fitness`` for each architecture;
* ``_by_function``, ``a``: the rows of ``_archs``, sorted by function;
* ``rows``, ``n``: the rows of ``_archs`` that were looked up; ``values``, ``n``: their source accuracies;
* ``mean`` and ``std``, ``m``: the predicted source accuracy of each function, on the scale of ``_Scale``;
* ``probability``, ``m``: the probability that each function lies within the budget;
* ``gain`` and ``lock_gain``, ``m``: the expected gain of looking up each function.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtr

from ..benchmarks.source_oracle import SourceOracle, budget_floor
from ..spaces.cells import Cell
from ..spaces.space import SearchSpace
from .base import Evaluated, Search, SearchSettings
from .fitness import Fitness
from .surrogate import Kernel, SourceModel, inputs

_LEAST_FOR_BEST = 0.75  # the least ``share_for_best``
_SPENT_PER_PCT = 0.05  # each % of source budget leaves this share of the look-ups for the lock
_LEAST_RANDOM, _MOST_RANDOM = 10, 20  # a tenth of the look-ups are random ones before the first model, within these
_BATCH = 5  # one model chooses this many look-ups, and each has another function
_REFIT = 1.5  # the kernel is fitted again when the number of look-ups has grown by this factor
_BISECTIONS = 40  # they find a number to a trillionth of the interval that it lies in
_LEAST_PCT = 1.0  # the least width of ``_Scale``, in % of the best accuracy


def share_for_best(budget_pct: float) -> float:
    """The share of the look-ups that search for the best source accuracy: 90% at a budget of 2%, 75% from 5% on.

    ``experiments/quality_log.md`` holds what was measured. Args: budget_pct: the source budget, in % of the accuracy.
    """
    return max(1.0 - _SPENT_PER_PCT * budget_pct, _LEAST_FOR_BEST)


class SourceBelief(NamedTuple):
    """What a number of look-ups say of the source accuracies.

    Attributes:
        mean, std: the predicted source accuracy of each function, ``m`` numbers each, on the scale of ``_Scale``.
        floor: the least source accuracy within the budget.
        probability: the probability that each function lies within the budget, ``m``.
        rows_within: the rows of ``_archs`` that were looked up and lie within the budget.
    """

    mean: np.ndarray
    std: np.ndarray
    floor: float
    probability: np.ndarray
    rows_within: np.ndarray


class BayesianSearch(Search):
    """Makes one look-up in each step.

    Every usable architecture is a candidate, even where several compute the same function. Each was trained separately,
    and the budget is measured from the best of all, which is often the luckiest of several that compute one function.
    """

    def __init__(
        self,
        space: SearchSpace,
        fitness: Fitness,
        oracle: SourceOracle,
        settings: SearchSettings,
        rng: np.random.Generator,
    ) -> None:
        super().__init__(space, fitness, oracle, settings, rng)
        self._fitness = fitness.of(space.distinct())
        archs = rng.permutation(space.all())  # a random order, so that ties are broken at random
        names, name = space.index(space.distinct()), space.index(space.representatives(archs))
        usable = np.isin(name, names)
        self._archs, self._function = archs[usable], np.searchsorted(names, name[usable])
        self._row = {tuple(arch): row for row, arch in enumerate(self._archs.tolist())}
        self._by_function = np.argsort(self._function, kind="stable")
        _, first_of_function = np.unique(self._function, return_index=True)
        n_random = min(max(oracle.max_queries // 10, _LEAST_RANDOM), _MOST_RANDOM)
        self._start = rng.permutation(first_of_function)[:n_random].tolist()
        self._source = SourceModel(inputs(space))
        self._plan: tuple[int, list[int]] = (-1, [])
        self._fitted: tuple[int, Kernel] | None = None
        self._floor = (0, -np.inf)  # the last number of look-ups that it was asked for at, and the floor there
        # the rows that were looked up, in order, and their accuracies
        self._told, self._accuracies = np.empty(len(self._archs), dtype=np.int64), np.empty(len(self._archs))
        self._is_told = np.zeros(len(self._archs), dtype=bool)

    @property
    def is_finished(self) -> bool:
        n_asked = len(self.history) + len(self._pending)
        return self._n_unused_queries() <= 0 or n_asked == len(self._archs)

    def _judge(self, arch: Cell) -> tuple[float, float | None]:
        return self._fitness[self._function[self._row[arch]]], None

    def _propose(self) -> Cell:
        """A random architecture at first, then the next one of a plan that is made every ``_BATCH`` look-ups."""
        n = len(self.history) + len(self._pending)
        if n < len(self._start) or not self.history:  # the model needs at least one look-up
            return self._first_new(chain(self._start, range(len(self._archs))))
        at = n - (n - len(self._start)) % _BATCH
        if self._plan[0] != at:
            self._plan = (at, self._plan_after(min(at, len(self.history))))
        return self._first_new(chain(self._plan[1][n - at :], self._by_function))

    def _upcoming(self) -> list[Cell]:
        """The rest of the random architectures, or of the plan."""
        n = len(self.history) + len(self._pending)
        if n < len(self._start):
            rows = self._start[n:]
        else:
            rows = self._plan[1][n - self._plan[0] :] if self._plan[0] >= 0 else []
        return [tuple(self._archs[row].tolist()) for row in rows[: self._n_unused_queries()]]

    def source_floor(self) -> float:
        if not self.settings.source_budget_percentile:
            return super().source_floor()
        n = len(self.history)
        if self._floor[0] != n:
            self._floor = (n, self._belief(n).floor)
        return self._floor[1]

    def tell(self, arch: Cell, source_accuracy: float | None = None) -> Evaluated:
        evaluated = super().tell(arch, source_accuracy)
        self._note(len(self.history) - 1)
        return evaluated

    def _note(self, at: int) -> None:
        """Note what stands there in the history."""
        evaluated = self.history[at]
        row = self._row[evaluated.arch]
        self._told[at], self._accuracies[at], self._is_told[row] = row, evaluated.source_val, True

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore(state)
        self._is_told[:] = False
        for at in range(len(self.history)):
            self._note(at)

    def _first_new(self, rows: Iterable[int]) -> Cell:
        """The first architecture of ``rows`` that was not asked for; overlapping asks can take rows of a plan early."""
        archs = (tuple(self._archs[row].tolist()) for row in rows if not self._is_told[row])
        return next(arch for arch in archs if arch not in self._pending)

    def _plan_after(self, n: int) -> list[int]:
        """The rows to look up next; they depend on the first ``n`` look-ups alone, so a resumed search repeats them."""
        belief = self._belief(n)
        gain = expected_improvement(belief.mean, belief.std, best=0.0)
        if n >= self._n_for_best():
            lock_gain = self._lock_gain(belief, n)
            if lock_gain.any():  # otherwise only the source accuracy can still improve
                gain = lock_gain
        pending = np.array([self._row[arch] for arch in self._pending], dtype=np.int64)
        return self._unknown_by_gain(gain, np.concatenate([self._told[:n], pending]))

    def _n_for_best(self) -> float:
        """The number of look-ups that search for the best source accuracy; at least one plan is left for the lock.

        A budget in percentiles is not measured from the best, so it needs the fewest.
        """
        by_percentile = bool(self.settings.source_budget_percentile)
        share = _LEAST_FOR_BEST if by_percentile else share_for_best(self.settings.source_budget_pct)
        return min(share * self.oracle.max_queries, self.oracle.max_queries - _BATCH)

    def _belief(self, n: int) -> SourceBelief:
        """What the first ``n`` look-ups say of the source accuracies."""
        rows, values = self._told[:n], self._accuracies[:n]
        scale = _Scale(values, self.settings.source_budget_pct)
        mean, std = self._source.predict(self._kernel(n), self._function[rows], scale.warp(values))
        if self.settings.source_budget_percentile:
            floor = scale.unwarp(self._percentile_floor(mean, std, scale.warp(values), rows))
        else:
            floor = budget_floor(scale.best, self.settings.source_budget_pct)
        probability = ndtr((mean - scale.warp(np.array(floor))) / std)
        return SourceBelief(mean, std, floor, probability, rows[values >= floor])

    def _percentile_floor(self, mean: np.ndarray, std: np.ndarray, values: np.ndarray, rows: np.ndarray) -> float:
        """The accuracy above which the expected number of architectures is what the budget allows, warped.

        Accuracies that were looked up count as they are, and the others by their predicted distributions.
        """
        allowed = self.settings.source_budget_percentile / 100 * (len(self.space.all()) - 1)
        unknown = np.bincount(np.delete(self._function, rows), minlength=len(mean))
        low, high = min(values.min(), (mean - 6 * std).min()), 0.0
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            n_above = (values > middle).sum() + unknown @ ndtr((mean - middle) / std)
            low, high = (middle, high) if n_above > allowed else (low, middle)
        return min(high, 0.0)

    def _lock_gain(self, belief: SourceBelief, n: int) -> np.ndarray:
        """The expected gain in fitness of looking up each function, ``m``. Args: n: the look-ups behind the belief."""
        to_beat = self._fitness[self._function[belief.rows_within]].max()
        return belief.probability * np.maximum(self._fitness - to_beat, 0.0)

    def _kernel(self, n: int) -> Kernel:
        """The kernel to use after ``n`` look-ups: it is fitted again at ``len(self._start) * _REFIT ** k`` look-ups."""
        fitted_at = len(self._start)
        while (later := max(int(fitted_at * _REFIT), fitted_at + 1)) <= n:
            fitted_at = later
        if self._fitted is None or self._fitted[0] != fitted_at:
            n_told = min(fitted_at, len(self.history))  # several asks at once can come before as many are told
            rows, values = self._told[:n_told], self._accuracies[:n_told]
            warped = _Scale(values, self.settings.source_budget_pct).warp(values)
            self._fitted = (fitted_at, self._source.fit_kernel(self._function[rows], warped))
        return self._fitted[1]

    def _unknown_by_gain(self, gain: np.ndarray, known: np.ndarray) -> list[int]:
        """The ``_BATCH`` rows to look up next, without the ``known`` ones.

        The functions with the highest gain come first, with one row each. If there are too few functions, further rows
        follow in the order of ``_archs``.
        """
        is_unknown = np.ones(len(self._archs), dtype=bool)
        is_unknown[known] = False
        rows = self._by_function[is_unknown[self._by_function]]
        is_first = np.diff(self._function[rows], prepend=-1) > 0
        one_each = rows[is_first]
        best = one_each[np.argsort(-gain[self._function[one_each]], kind="stable")][:_BATCH]
        return [*best.tolist(), *np.sort(rows[~is_first]).tolist()][:_BATCH]


class _Scale:
    """Warps accuracies for the model: the best is 0, and differences far below the best shrink.

    The search only needs to predict well near the budget.
    """

    def __init__(self, values: np.ndarray, budget_pct: float) -> None:
        self.best = float(values.max())
        self._width = abs(self.best) * max(budget_pct, _LEAST_PCT) / 100 or 1.0

    def warp(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(-np.log1p(np.maximum(self.best - values, 0.0) / self._width))

    def unwarp(self, warped: float) -> float:
        """The accuracy of a warped one."""
        return float(self.best - self._width * np.expm1(-warped))


def expected_improvement(mean: np.ndarray, std: np.ndarray, best: float) -> np.ndarray:
    """The expected excess of normal variables over ``best`` (Jones et al., 1998, equation 15)."""
    z = (mean - best) / std
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return np.asarray(std * (z * ndtr(z) + density))
