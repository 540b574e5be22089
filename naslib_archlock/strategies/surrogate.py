"""A Gaussian process over cells: what a few looked-up source accuracies say of all the others.

Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006), algorithm 2.1 and equation 5.9. It gives the
numbers of scikit-learn's ``GaussianProcessRegressor`` with the kernel ``RBF + WhiteKernel``, which the tests compare
it with; but that takes longer to import than a search takes, and measures all distances anew for every prediction.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.spatial.distance import cdist, pdist, squareform

from ..compute.threads import single_threaded_blas
from ..spaces.features import FEATURES
from ..spaces.space import SearchSpace

_LENGTH_SCALES, _NOISES = (0.5, 100.0), (1e-4, 1.0)
_NOISE_AT_FIRST = 0.1
_JITTER = 1e-10  # added to the noise


def inputs(space: SearchSpace) -> np.ndarray:
    """Structure and one-hot encoding of the functions of ``space.distinct()``, standardised; ``n x d``."""
    cells = space.distinct()
    columns = space.encode(cells)
    if space.has_features(FEATURES):
        columns = np.hstack([space.features(cells, FEATURES), columns])
    columns = columns[:, columns.std(axis=0) > 0]
    return np.asarray((columns - columns.mean(axis=0)) / columns.std(axis=0))


class Kernel(NamedTuple):
    """Squared-exponential covariance with noise, both in units of the values' variance."""

    length_scale: float
    noise: float


class SourceModel:
    """Gaussian process with one length scale and noise; both are fitted by marginal likelihood.

    The noise is that of training: two networks of one function differ by it.
    """

    def __init__(self, points: np.ndarray) -> None:
        """Prepare predictions.

        Args:
            points: ``n x d``, the points to predict at.
        """
        self._points = points.astype(np.float64)
        # the last call: its kernel, its rows, and the covariance of all points with them
        self._covered: tuple[Kernel, np.ndarray, np.ndarray] | None = None

    def fit_kernel(self, rows: np.ndarray, values: np.ndarray) -> Kernel:
        """The kernel that makes observed ``values`` at ``rows`` of the points most likely."""
        points, (y, _, _) = self._points[rows], _standardised(values)
        # starts from what distances are typical of standardised inputs
        start = np.log([np.sqrt(points.shape[1]), _NOISE_AT_FIRST])
        with single_threaded_blas():
            found = minimize(
                lambda logs: _unlikelihood(Kernel(*np.exp(logs)), points, y),
                start,
                jac=True,
                method="L-BFGS-B",
                bounds=np.log([_LENGTH_SCALES, _NOISES]),
            )
        return Kernel(*np.exp(found.x).tolist())

    def predict(self, kernel: Kernel, rows: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation, noise included, of a new observation at every point."""
        y, centre, scale = _standardised(values)
        covariance = self._covariance(kernel, rows)
        with single_threaded_blas():
            factor = cholesky(_with_noise(covariance[rows], kernel), lower=True)
            mean = covariance @ cho_solve((factor, True), y)
            explained = solve_triangular(factor, covariance.T, lower=True, check_finite=False)
        variance = 1.0 + kernel.noise - np.einsum("ij,ij->j", explained, explained)
        return scale * mean + centre, np.sqrt(variance * scale**2)

    def _covariance(self, kernel: Kernel, rows: np.ndarray) -> np.ndarray:
        """The covariance of all points with the points at ``rows``, without noise; reuses the last call's columns."""
        known = np.empty((len(self._points), 0))
        if self._covered is not None:
            last_kernel, last_rows, last = self._covered
            if last_kernel == kernel and np.array_equal(last_rows, rows[: len(last_rows)]):
                known = last
        scaled = self._points / kernel.length_scale
        new = np.exp(-0.5 * cdist(scaled, scaled[rows[known.shape[1] :]], "sqeuclidean"))
        self._covered = (kernel, rows, np.hstack([known, new]))
        return self._covered[2]


def _unlikelihood(kernel: Kernel, points: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """The negative log marginal likelihood of ``y`` and its gradient by the logarithms of the kernel's two numbers."""
    squared = squareform(pdist(points / kernel.length_scale, "sqeuclidean"))
    covariance, identity = np.exp(-0.5 * squared), np.eye(len(y))
    factor = cholesky(_with_noise(covariance, kernel), lower=True)
    weights = cho_solve((factor, True), y)
    likelihood = -0.5 * np.einsum("i,i", y, weights) - np.log(np.diag(factor)).sum() - len(y) / 2 * np.log(2 * np.pi)
    inner = np.outer(weights, weights) - cho_solve((factor, True), identity)
    slopes = np.stack([covariance * squared, kernel.noise * identity], axis=2)
    gradient = 0.5 * np.einsum("ij,jik->k", inner, slopes)
    return -float(likelihood), -gradient


def _with_noise(covariance: np.ndarray, kernel: Kernel) -> np.ndarray:
    identity = np.eye(len(covariance))
    return covariance + kernel.noise * identity + _JITTER * identity


def _standardised(values: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Values with mean 0 and variance 1, and the mean and spread that they had; equal values are 0, of spread 1.

    The mean of equal numbers is not always quite that number, so they are told by their ends.
    """
    if values.min() == values.max():
        return np.zeros(len(values)), float(values[0]), 1.0
    centre, scale = values.mean(), values.std()
    return (values - centre) / scale, centre, scale
