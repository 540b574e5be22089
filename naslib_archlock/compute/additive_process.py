"""Gaussian process regression whose kernel adds up over groups of inputs, and tells tasks apart.

The method is algorithm 2.1 and equation 5.9 of Rasmussen and Williams, "Gaussian Processes for Machine Learning"
(2006). The kernel of ``n`` points, with the columns of their inputs in ``g`` groups, is

    (sum over the groups of weight * exp(-distance / (2 scale))) * (shared + (1 - shared) * exp(-task_distance / 2)),

where a distance is the mean squared difference of the columns of a group. Points of one task have the task distance 0,
so with one task the second factor is 1. The process is fitted to values of mean 0 and variance 1.

The matrices of this module:

* ``distances``, a list of ``g`` matrices ``n x m``: the distance between two points in each group;
* ``task_distance``, ``n x m``: the squared distance of their tasks;
* ``logs``, ``2 g + 3``: the logarithms of the weights, the scales, the noise, the shared part's odds and the scale of
  the task distance.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_solve, cholesky
from scipy.linalg.blas import dtrmm
from scipy.linalg.lapack import dtrtri
from scipy.optimize import minimize
from scipy.special import expit

from .threads import single_threaded_blas

MOST_FITTED = 300  # points that a kernel is fitted to: the time grows with their cube
_STEPS = 40  # of the optimizer
MOST_LOG = 7.0  # the largest logarithm
_BOUNDS = (-MOST_LOG, MOST_LOG)
_NOISE_BOUNDS = (-MOST_LOG, 1.0)
_NOISE_AT_FIRST = 0.1
_WIDTH = 5.0  # standard deviation of the normal prior on the logarithms, which keeps them from running away
_JITTER = 1e-6
_BLOCK = 256  # points that are predicted at once: their covariances stay in the cache


class Points(NamedTuple):
    """Inputs of ``n`` points.

    Attributes:
        groups: ``g`` matrices, ``n x d``; ``d`` differs between groups.
        tasks: ``n x t``, a position for the task of each point.
    """

    groups: tuple[np.ndarray, ...]
    tasks: np.ndarray

    def at(self, rows: np.ndarray | slice) -> Points:
        """The points at ``rows``."""
        return Points(tuple(group[rows] for group in self.groups), self.tasks[rows])


class _Distances(NamedTuple):
    groups: list[np.ndarray]
    tasks: np.ndarray


def _distances(a: Points, b: Points) -> _Distances:
    groups = [_squared_distances(x, y) / x.shape[1] for x, y in zip(a.groups, b.groups)]
    return _Distances(groups, _squared_distances(a.tasks, b.tasks))


def _squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The squared distances of ``n`` and ``m`` points, ``n x m``, by a matrix product, which is faster than cdist."""
    distances = x @ (-2 * y.T)
    distances += (x**2).sum(axis=1)[:, None]
    distances += (y**2).sum(axis=1)
    return np.maximum(distances, 0.0, out=distances)


class AdditiveKernel:
    """The kernel of the module, by its ``logs``."""

    def __init__(self, logs: np.ndarray) -> None:
        self.logs = np.asarray(logs, dtype=np.float64)
        g = (len(self.logs) - 3) // 2
        self._weights, self._scales = np.exp(self.logs[:g]), np.exp(self.logs[g : 2 * g])
        self.noise, self._task_scale = np.exp(self.logs[2 * g]), np.exp(self.logs[2 * g + 2])
        self._shared = expit(self.logs[2 * g + 1])

    @property
    def variance(self) -> float:
        """The variance of a value, without noise."""
        return float(self._weights.sum())

    def covariance(self, a: Points, b: Points) -> np.ndarray:
        """The covariance of the values at ``n`` and at ``m`` points, without noise, ``n x m``."""
        distances = _distances(a, b)
        return np.asarray(sum(self._parts(distances)) * self._of_tasks(distances)[0])

    def _parts(self, distances: _Distances) -> list[np.ndarray]:
        parts = [distance * (-0.5 / scale) for distance, scale in zip(distances.groups, self._scales)]
        for part, weight in zip(parts, self._weights):
            np.exp(part, out=part)
            part *= weight
        return parts

    def _of_tasks(self, distances: _Distances) -> tuple[np.ndarray, np.ndarray]:
        """The factor of the tasks, and the part of it that is not shared."""
        own = (1 - self._shared) * np.exp(-distances.tasks / (2 * self._task_scale))
        return self._shared + own, own

    def slopes(self, distances: _Distances) -> tuple[np.ndarray, list[np.ndarray]]:
        """The covariance with noise of points among themselves, ``n x n``, and its derivatives by ``logs``."""
        parts, (of_tasks, own) = self._parts(distances), self._of_tasks(distances)
        total, noise = sum(parts), self.noise * np.eye(len(of_tasks))
        by_weight = [part * of_tasks for part in parts]
        by_scale = [p * d / (2 * s) for p, d, s in zip(by_weight, distances.groups, self._scales)]
        by_shared = total * self._shared * (1 - self._shared - own)
        by_task_scale = total * own * distances.tasks / (2 * self._task_scale)
        return total * of_tasks + noise, [*by_weight, *by_scale, noise, by_shared, by_task_scale]


def fit_kernel(points: Points, values: np.ndarray, rng: np.random.Generator) -> AdditiveKernel:
    """The kernel under which ``values`` are most likely; it is fitted to at most ``MOST_FITTED`` points.

    Args:
        points: ``n`` points.
        values: ``n`` numbers.
        rng: draws the points that the kernel is fitted to, if there are more.
    """
    if len(values) > MOST_FITTED:
        rows = np.sort(rng.choice(len(values), MOST_FITTED, replace=False))
        points, values = points.at(rows), values[rows]
    g = len(points.groups)
    distances = _distances(points, points)
    start = np.zeros(2 * g + 3)
    start[:g], start[2 * g] = -np.log(g), np.log(_NOISE_AT_FIRST)
    with single_threaded_blas():
        found = minimize(
            lambda logs: _unlikelihood(logs, distances, values), start, jac=True, method="L-BFGS-B",
            bounds=[*[_BOUNDS] * (2 * g), _NOISE_BOUNDS, _BOUNDS, _BOUNDS], options={"maxiter": _STEPS},
        )  # fmt: skip
    return AdditiveKernel(found.x)


def _unlikelihood(logs: np.ndarray, distances: _Distances, values: np.ndarray) -> tuple[float, np.ndarray]:
    """The negative log posterior of ``logs``, up to a constant, and its gradient."""
    covariance, slopes = AdditiveKernel(logs).slopes(distances)
    n = len(values)
    factor = cholesky(covariance + _JITTER * np.eye(n), lower=True)
    weights = cho_solve((factor, True), values)
    inner = np.outer(weights, weights) - cho_solve((factor, True), np.eye(n))
    value = 0.5 * values @ weights + np.log(np.diag(factor)).sum() + (logs**2).sum() / (2 * _WIDTH**2)
    gradient = np.array([-0.5 * np.einsum("ij,ij", inner, slope) for slope in slopes]) + logs / _WIDTH**2
    return float(value), gradient


class Process(NamedTuple):
    """A process that has seen values at ``n`` points.

    Attributes:
        kernel: its kernel.
        points: the points.
        weights: ``n``, the inverse of the points' covariance with noise, times the values.
        inverse: ``n x n``, the inverse of the Cholesky factor of that covariance.
    """

    kernel: AdditiveKernel
    points: Points
    weights: np.ndarray
    inverse: np.ndarray

    @classmethod
    def of(cls, kernel: AdditiveKernel, points: Points, values: np.ndarray) -> Process:
        """Learn ``n`` values."""
        n = len(values)
        with single_threaded_blas():
            covariance = kernel.covariance(points, points)
            factor = cholesky(covariance + (kernel.noise + _JITTER) * np.eye(n), lower=True)
            inverse, _ = dtrtri(factor, lower=1)
            return cls(kernel, points, inverse.T @ (inverse @ values), inverse)

    def predict(self, points: Points) -> tuple[np.ndarray, np.ndarray]:
        """The mean and the standard deviation of a new observation at ``m`` points, with noise; each has ``m``."""
        n = len(points.tasks)
        mean, explained = np.empty(n), np.empty(n)
        with single_threaded_blas():
            for start in range(0, n, _BLOCK):
                block = slice(start, start + _BLOCK)
                covariance = self.kernel.covariance(points.at(block), self.points)
                mean[block] = covariance @ self.weights
                # a product with a triangle costs half of one with a square
                parts = dtrmm(1.0, self.inverse, covariance.T, lower=1)
                explained[block] = np.einsum("ij,ij->j", parts, parts)
        return mean, np.sqrt(np.maximum(self.kernel.variance - explained, 0.0) + self.kernel.noise)
