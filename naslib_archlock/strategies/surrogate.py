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
* ``features``, ``m x k``: the rows of a pivoted Cholesky factor of the covariance of all functions. The product of two
  rows is nearly the covariance of two functions. ``_LinearModel`` uses them.

The time of the exact process grows with the cube of the look-ups. With more than ``MOST_EXACT`` look-ups, the accuracy
of a function is modelled as linear in ``N_FEATURES`` features, plus a value of the function's own, and the time of a
step no longer grows (Snelson and Ghahramani, "Local and global sparse Gaussian process approximations", AISTATS 2007,
with a block for each function).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.spatial.distance import cdist, pdist, squareform

from ..compute.threads import single_threaded_blas
from ..spaces.space import SearchSpace

_LENGTH_SCALES, _NOISES = (0.5, 100.0), (1e-4, 1.0)
_NOISE_AT_FIRST = 0.1
_JITTER = 1e-10  # added to the noise
MOST_EXACT = 200  # look-ups that the process itself predicts from
MOST_FITTED = 400  # look-ups that a kernel is fitted to
N_FEATURES = 400  # they explain nearly all of the covariances of a search space
_BLOCK, _LEARNT_ANEW = 5, 250  # look-ups: so many are learnt at once; after so many, all anew, against rounding errors


def inputs(space: SearchSpace) -> np.ndarray:
    """The descriptors of ``space.distinct()``, standardised, ``m x d``; constant columns are dropped."""
    columns = space.descriptors(space.distinct())
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

    Attributes:
        points: ``m x d``, the points to predict.
    """

    def __init__(self, points: np.ndarray) -> None:
        """Prepare predictions.

        Args:
            points: ``m x d``, the points to predict.
        """
        self.points = points.astype(np.float64)
        # the kernel and rows of the last call, and the covariance of all points with these rows
        self._covered: tuple[Kernel, np.ndarray, np.ndarray] | None = None
        self._linear: _LinearModel | None = None  # of the last call

    def fit_kernel(self, rows: np.ndarray, values: np.ndarray) -> Kernel:
        """The kernel under which the ``values`` observed at ``rows`` are most likely.

        It is fitted to at most ``MOST_FITTED`` of them, evenly spread.
        """
        if len(rows) > MOST_FITTED:
            spread = np.linspace(0, len(rows) - 1, MOST_FITTED).astype(np.int64)
            rows, values = rows[spread], values[spread]
        points, (y, _, _) = self.points[rows], _standardised(values)
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
        predict = self._predict_exactly if len(rows) <= MOST_EXACT else self._predict_by_features
        with single_threaded_blas():
            mean, variance = predict(kernel, rows, y)
        return scale * mean + centre, np.sqrt(variance * scale**2)

    def _predict_exactly(self, kernel: Kernel, rows: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance at every point of standardised values."""
        covariance = self.covariance(kernel, rows)
        factor = cholesky(_with_noise(covariance[rows], kernel), lower=True)
        mean = covariance @ cho_solve((factor, True), y)
        explained = solve_triangular(factor, covariance.T, lower=True, check_finite=False)
        return mean, 1.0 + kernel.noise - np.einsum("ij,ij->j", explained, explained)

    def _predict_by_features(self, kernel: Kernel, rows: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As ``_predict_exactly``, for a value that is linear in features plus a value of its own."""
        if self._linear is None or not self._linear.leads_to(kernel, rows):
            features = self._linear.features if self._linear and self._linear.kernel == kernel else None
            self._linear = _LinearModel(kernel, self.points, features)
        self._linear.learn(rows)
        return self._linear.predict(rows, y)

    def covariance(self, kernel: Kernel, rows: np.ndarray) -> np.ndarray:
        """The covariance of all points with the points at ``rows``, without noise, ``m x n``.

        A search calls this with more and more rows, so the columns of the last call are used again.
        """
        known = np.empty((len(self.points), 0))
        if self._covered is not None:
            last_kernel, last_rows, last = self._covered
            if last_kernel == kernel and np.array_equal(last_rows, rows[: len(last_rows)]):
                known = last
        scaled = self.points / kernel.length_scale
        new = np.exp(-0.5 * cdist(scaled, scaled[rows[known.shape[1] :]], "sqeuclidean"))
        self._covered = (kernel, rows, np.hstack([known, new]))
        return self._covered[2]


class _LinearModel:
    """Values that are linear in features of their points, plus a value of each point's own.

    Their covariances are nearly the kernel's. The uncertainty depends only on the points of the look-ups. It is updated
    in blocks that do not depend on the calls, so an interrupted search computes the same bytes.

    Attributes:
        features: ``n x N_FEATURES`` or fewer; the products of their rows are nearly the covariances of the points.
    """

    def __init__(self, kernel: Kernel, points: np.ndarray, features: np.ndarray | None = None) -> None:
        """Start without look-ups. Args: features: the features of these points, if they are known."""
        self.kernel = kernel
        self.features = _features(kernel, points) if features is None else features
        self._own = np.maximum(1.0 - np.einsum("ij,ij->i", self.features, self.features), 0.0)  # variance of its own
        self._learnt = np.empty(0, dtype=np.int64)
        self._covariance, self._variance = np.eye(self.features.shape[1]), 1.0 - self._own  # of weights, linear parts

    def leads_to(self, kernel: Kernel, rows: np.ndarray) -> bool:
        """Whether the look-ups learnt so far are the first of these, in whole blocks."""
        n = len(self._learnt)
        return kernel == self.kernel and n % _BLOCK == 0 and np.array_equal(self._learnt, rows[:n])

    def learn(self, rows: np.ndarray) -> None:
        """Update the uncertainty by the points of look-ups; some of them may be known already."""
        anew = len(rows) - len(rows) % _LEARNT_ANEW
        if len(self._learnt) < anew:
            self._learn_anew(rows[:anew])
        for start in range(len(self._learnt), len(rows), _BLOCK):
            self._add(rows[start : start + _BLOCK])
        self._learnt = rows

    def _learn_anew(self, rows: np.ndarray) -> None:
        precision = self._precision(np.bincount(rows, minlength=len(self.features)))
        seen = np.flatnonzero(precision)
        weighted = self.features[seen] * np.sqrt(precision[seen])[:, None]
        n_features = self.features.shape[1]
        factor = cholesky(np.eye(n_features) + weighted.T @ weighted, lower=True)
        self._covariance = cho_solve((factor, True), np.eye(n_features))
        self._variance = np.einsum("ij,ij->i", self.features @ self._covariance, self.features)
        self._learnt = rows

    def _add(self, rows: np.ndarray) -> None:
        """Add look-ups by Woodbury's identity."""
        before = np.bincount(self._learnt, minlength=len(self.features))
        self._learnt = np.concatenate([self._learnt, rows])
        seen = np.unique(rows)
        after = np.bincount(self._learnt, minlength=len(self.features))
        gained = (self._precision(after) - self._precision(before))[seen]
        weighted = self.features[seen] * np.sqrt(gained)[:, None]
        known = self._covariance @ weighted.T
        factor = cholesky(np.eye(len(seen)) + weighted @ known, lower=True)
        drop = solve_triangular(factor, known.T, lower=True).T
        self._covariance -= drop @ drop.T
        self._variance -= np.einsum("ij,ij->i", *2 * [self.features @ drop])

    def _precision(self, count: np.ndarray) -> np.ndarray:
        """The precision of the mean of ``count`` look-ups at each point, given its linear part."""
        return np.asarray(count / (self.kernel.noise + self._own * count))

    def predict(self, rows: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of a new observation at every point, of standardised values at the points learnt."""
        count, total = (np.bincount(rows, weights, minlength=len(self.features)) for weights in (None, y))
        spread = self.kernel.noise + self._own * count
        seen = np.flatnonzero(count)
        linear = self.features @ (self._covariance @ (self.features[seen].T @ (total / spread)[seen]))
        mean = linear + self._own * (total - count * linear) / spread
        left = self.kernel.noise / spread  # of the variance of a point's own value
        return mean, left**2 * self._variance + left * self._own + self.kernel.noise


def _features(kernel: Kernel, points: np.ndarray) -> np.ndarray:
    """The Cholesky factor of the covariance with pivots: each pivot is the point that the earlier ones explain least.

    It ends when every point is explained (Harbrecht et al., 2012).
    """
    scaled = points / kernel.length_scale
    factor, unexplained = np.zeros((min(N_FEATURES, len(scaled)), len(scaled))), np.ones(len(scaled))
    for i, row in enumerate(factor):
        pivot = int(unexplained.argmax())
        if unexplained[pivot] < _JITTER:
            break
        covariance = np.exp(-0.5 * cdist(scaled[[pivot]], scaled, "sqeuclidean"))[0]
        row[:] = (covariance - factor[:i, pivot] @ factor[:i]) / np.sqrt(unexplained[pivot])
        unexplained -= row**2
    return np.ascontiguousarray(factor.T)


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
