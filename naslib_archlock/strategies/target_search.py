"""Bayesian optimisation of two tasks: the lowest target accuracy that was looked up, within the budget on the source.

The owner of scheme TK has the target's data, and can train a few networks on it. This search also looks up target
accuracies, ``archlock.target_queries`` of them, and each is counted. It is expected improvement with constraints, as in
``bayesian``, with a second Gaussian process for the target:

* its mean is linear in what ``target_model`` expects and in the predicted source accuracy, so the correlation of source
  and target is learnt from the look-ups. The coefficients have priors (Rasmussen and Williams, "Gaussian Processes for
  Machine Learning", 2006, section 2.7), and without look-ups the mean is the expectation of ``target_model``;
* it has the length scale that the source accuracy was fitted with.

The first source look-ups, ``share_for_best`` of them, search for the best source accuracy. After that, target look-ups
are spread evenly over the remaining source look-ups. Each goes to an architecture that is known to lie within the
budget: the one with the lowest mean minus standard deviation. Source look-ups go to the highest probability to lie
within the budget, times the expected improvement on the target. The choice is the lowest target accuracy within the
budget.

The vectors and matrices of this module, beside those of ``bayesian``; ``k`` architectures were looked up on the target:

* ``of_targets``, ``k``: their target accuracies, standardised; of several targets, the mean or the highest;
* ``functions``, ``k``: the rows of ``space.distinct()`` that they compute;
* ``trend``, ``m x 2``: for each function, what ``target_model`` expects and the predicted source accuracy, in standard
  deviations of the functions that can lie within the budget;
* ``covariance``, ``m x k``: the prior covariance of all functions with those that were looked up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular

from ..benchmarks.source_oracle import SourceOracle
from ..benchmarks.target_oracle import TargetOracle
from ..compute.threads import single_threaded_blas
from ..spaces.cells import Cell
from ..spaces.space import SearchSpace
from .base import Evaluated, SearchSettings, TargetLookUp
from .bayesian import BayesianSearch, SourceBelief, expected_improvement
from .fitness import Fitness, fit_to_targets
from .surrogate import SourceModel

_NOISE = 0.3  # the variance of the noise, of values of variance 1
_TREND = 1.0  # the variance of the two coefficients
_CONSTANT = 4.0  # the variance of the constant
_PLAUSIBLE = 0.3  # a function with this probability to lie within the budget counts for the scale of ``trend``
_LEAST_STD = 1e-6


class TargetSearch(BayesianSearch):
    """The search of ``bayesian`` that also looks up target accuracies.

    Attributes:
        targets: what it may look up on the targets.
    """

    targets: TargetOracle

    def __init__(
        self,
        space: SearchSpace,
        fitness: Fitness,
        oracle: SourceOracle,
        settings: SearchSettings,
        rng: np.random.Generator,
        targets: TargetOracle,
    ) -> None:
        super().__init__(space, fitness, oracle, settings, rng)
        self.targets = targets
        self._target = SourceModel(self._source.points)  # covers other functions than the source's look-ups
        self._n_judged: dict[Cell, int] = {}  # architectures judged before each target look-up

    @property
    def target_queries(self) -> int:
        return self.targets.queries

    @property
    def target_look_ups(self) -> list[TargetLookUp]:
        return [
            TargetLookUp(arch, dict(zip(self.targets.names, accuracies)), self._n_judged[arch])
            for arch, accuracies in self.targets.known.items()
        ]

    # -- look-ups ------------------------------------------------------------------------------------------------------

    def tell(self, arch: Cell, source_accuracy: float | None = None) -> Evaluated:
        evaluated = super().tell(arch, source_accuracy)
        if self.is_finished and not self._pending:
            n = len(self.history)
            self._look_up_targets(self.targets.max_archs, self._belief(n), n)
        return evaluated

    def _lock_gain(self, belief: SourceBelief, n: int) -> np.ndarray:
        first = self._n_for_best()
        share = (n + 1 - first) / max(self.oracle.max_queries - first, 1)
        self._look_up_targets(int(np.ceil(min(share, 1) * self.targets.max_archs)), belief, n)
        mean, std = self._target_posterior(belief, n)
        lowest = mean[self._function[belief.rows_within]].min()
        return belief.probability * expected_improvement(-mean, std, -lowest)

    def _look_up_targets(self, n_archs: int, belief: SourceBelief, n: int) -> None:
        """Look up architectures within the budget until ``n_archs`` are known; at first, one for each function."""
        while len(self.targets.known) < n_archs:
            known = [self._row[arch] for arch in self.targets.known]
            rows = belief.rows_within[~np.isin(belief.rows_within, known)]
            is_new = ~np.isin(self._function[rows], self._function[known])
            rows = rows[is_new] if is_new.any() else rows
            if not len(rows):
                return
            mean, std = self._target_posterior(belief, n)
            lowest = np.argsort((mean - std)[self._function[rows]], kind="stable")
            n_now = min(self.targets.at_once, n_archs - len(self.targets.known))
            chosen = [tuple(arch) for arch in self._archs[rows[lowest[:n_now]]].tolist()]
            self.targets.prepare(chosen)
            for arch in chosen:
                self._n_judged[arch] = len(self.history)
                self.targets.validation_accuracies(arch)

    # -- the model of the target ---------------------------------------------------------------------------------------

    def _target_posterior(self, belief: SourceBelief, n: int) -> tuple[np.ndarray, np.ndarray]:
        """The mean and standard deviation of each function's target accuracy, standardised; ``m`` numbers each."""
        trend = self._trend(belief)
        variance = 1.0 + _TREND * (trend**2).sum(axis=1) + _CONSTANT
        if not self.targets.known:
            return trend[:, 0], np.sqrt(variance)
        functions = self._function[[self._row[arch] for arch in self.targets.known]]
        near = self._target.covariance(self._kernel(n), functions)
        with single_threaded_blas():
            covariance = near + _TREND * trend @ trend[functions].T + _CONSTANT
            factor = cholesky(covariance[functions] + _NOISE * np.eye(len(functions)), lower=True)
            surprise = self._of_targets() - trend[functions, 0]
            mean = trend[:, 0] + covariance @ cho_solve((factor, True), surprise)
            explained = solve_triangular(factor, covariance.T, lower=True)
        variance -= np.einsum("ij,ij->j", explained, explained)
        return mean, np.sqrt(np.maximum(variance, _LEAST_STD**2))

    def _trend(self, belief: SourceBelief) -> np.ndarray:
        plausible = belief.probability > _PLAUSIBLE
        plausible[self._function[belief.rows_within]] = True
        columns = np.stack([-self._fitness, belief.mean], axis=1)
        spread = columns[plausible].std(axis=0)
        return np.asarray((columns - columns[plausible].mean(axis=0)) / np.where(spread > 0, spread, 1.0))

    def _of_targets(self) -> np.ndarray:
        """The target accuracies looked up so far, ``k``; several targets are made one (``SearchSettings``)."""
        accuracies = np.array(list(self.targets.known.values()))
        centred, spread = accuracies - accuracies.mean(axis=0), accuracies.std(axis=0)
        scaled = centred / np.where(accuracies.max(axis=0) > accuracies.min(axis=0), spread, 1.0)
        return fit_to_targets(scaled.T, self.settings.targets_by)

    # -- the choice ----------------------------------------------------------------------------------------------------

    def top(self, n: int) -> list[Evaluated]:
        """First the architectures within the budget by target accuracy, where it was looked up; then by ``merit``."""
        others = super().top(len(self.history))
        if not self.targets.known:
            return others[:n]
        accuracy = dict(zip(self.targets.known, self._of_targets().tolist()))
        looked_up = [e for e in others if e.arch in accuracy and self.is_within_budget(e)]
        chosen = {e.arch for e in looked_up}
        ordered = sorted(looked_up, key=lambda e: accuracy[e.arch])
        return [*ordered, *(e for e in others if e.arch not in chosen)][:n]

    # -- resuming ------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        look_ups = [[arch, known, self._n_judged[arch]] for arch, known in self.targets.known.items()]
        return {**super().state(), "target_look_ups": look_ups}

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore(state)
        self.targets.known = {tuple(arch): tuple(accuracies) for arch, accuracies, _ in state["target_look_ups"]}
        self._n_judged = {tuple(arch): n_judged for arch, _, n_judged in state["target_look_ups"]}
