"""A Gaussian process that predicts the source accuracy of every cell from a few looked-up accuracies.

The method is algorithm 2.1 and equation 5.9 of Rasmussen and Williams, "Gaussian Processes for Machine Learning"
(2006). The tests check that the results equal those of scikit-learn's ``GaussianProcessRegressor`` with the kernel
``RBF + WhiteKernel``. This module does not use scikit-learn, because its import takes longer than a search, and
because it computes all distances again for every prediction.

A search space has ``m`` distinct functions. ``n`` values were observed, and several may belong to one function. The
matrices and vectors of this module:

* ``points``, ``m x d``: the functions to predict, as ``inputs`` encodes them. In ``fit_kernel`` and ``_unlikelihood``
  it holds only the observed points, ``n x d``;
* ``rows``, ``n``: the row of ``points`` at which each value was observed;
* ``values``, ``n``: the observed values; ``y``, ``n``: the same, standardised;
* ``covariance``: the kernel matrix without noise. It is ``m x n`` in ``predict``, between all points and the observed
  points, and ``n x n`` in ``_unlikelihood``, between the observed points;
* ``squared``, ``n x n``: squared distances between the observed points, in units of the length scale;
* ``factor``, ``n x n``: the lower Cholesky factor of the observed points' covariance with noise;
* ``weights``, ``n``: the inverse of that covariance, times ``y``;
* ``explained``, ``n x m``: the inverse of ``factor``, times the transposed ``covariance``. The sum of squares of a
  column is how much the observations reduce the variance at that point;
* ``inner``, ``n x n``, and ``slopes``, ``n x n x 2``: the two factors of the gradient in equation 5.9. ``slopes``
  holds the derivatives of the covariance by the logarithms of length scale and noise.
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
    """The features and one-hot encodings of ``space.distinct()``, standardised, ``m x d``.

    Constant columns are dropped. A space without features has only the encodings.
    """
    cells = space.distinct()
    columns = space.encode(cells)
    if space.has_features(FEATURES):
        columns = np.hstack([space.features(cells, FEATURES), columns])
    columns = columns[:, columns.std(axis=0) > 0]
    return np.asarray((columns - columns.mean(axis=0)) / columns.std(axis=0))


class Kernel(NamedTuple):
    """The squared-exponential kernel with noise, for values of variance 1.

    Attributes:
        length_scale: in units of the standardised inputs.
        noise: the variance of the noise.
    """

    length_scale: float
    noise: float


class SourceModel:
    """A Gaussian process with one length scale and noise; both are fitted by marginal likelihood.

    The noise comes from training: two trained networks that compute the same function differ in accuracy.
    """

    def __init__(self, points: np.ndarray) -> None:
        """Prepare predictions.

        Args:
            points: ``m x d``, the points to predict.
        """
        self._points = points.astype(np.float64)
        # the kernel and rows of the last call, and the covariance of all points with these rows
        self._covered: tuple[Kernel, np.ndarray, np.ndarray] | None = None

    def fit_kernel(self, rows: np.ndarray, values: np.ndarray) -> Kernel:
        """The kernel under which the ``values`` observed at ``rows`` are most likely."""
        points, (y, _, _) = self._points[rows], _standardised(values)
        # the first length scale is a typical distance between standardised inputs
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
        """The mean and standard deviation of a new observation at every point, with noise; each has ``m`` numbers."""
        y, centre, scale = _standardised(values)
        covariance = self._covariance(kernel, rows)
        with single_threaded_blas():
            factor = cholesky(_with_noise(covariance[rows], kernel), lower=True)
            mean = covariance @ cho_solve((factor, True), y)
            explained = solve_triangular(factor, covariance.T, lower=True, check_finite=False)
        variance = 1.0 + kernel.noise - np.einsum("ij,ij->j", explained, explained)
        return scale * mean + centre, np.sqrt(variance * scale**2)

    def _covariance(self, kernel: Kernel, rows: np.ndarray) -> np.ndarray:
        """The covariance of all points with the points at ``rows``, without noise, ``m x n``.

        A search calls this with more and more rows, so the columns of the last call are used again.
        """
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
    """The negative log marginal likelihood of ``y``, and its gradient by the logarithms of length scale and noise."""
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
    """Scale values to mean 0 and variance 1.

    Returns:
        the scaled values, their mean before, and their standard deviation before. If all values are equal, the scaled
        values are 0 and the standard deviation counts as 1.
    """
    # The standard deviation of equal numbers can differ from 0, because their mean is rounded. So compare the extremes.
    if values.min() == values.max():
        return np.zeros(len(values)), float(values[0]), 1.0
    centre, scale = values.mean(), values.std()
    return (values - centre) / scale, centre, scale
