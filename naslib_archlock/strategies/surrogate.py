"""A Gaussian process over cells: what a few looked-up source accuracies say of all the others.

Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006), algorithm 2.1 and equation 5.9. It gives the
numbers of scikit-learn's ``GaussianProcessRegressor`` with the kernel ``RBF + WhiteKernel``, which the tests compare
it with; but that takes longer to import than a search takes, and measures all distances anew for every prediction.

Its time grows with the cube of the look-ups. From more than ``MOST_EXACT`` of them, the accuracy of a function is
taken for a linear model of ``N_FEATURES``, plus a value of its own. Then time no longer grows (Snelson and
Ghahramani, "Local and global sparse Gaussian process approximations", AISTATS 2007, with a block for each function).
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
MOST_EXACT = 200  # look-ups that the process itself predicts from
MOST_FITTED = 400  # look-ups that a kernel is fitted to
N_FEATURES = 400  # they explain nearly all of the covariances of a search space
_BLOCK, _LEARNT_ANEW = 5, 250  # look-ups: so many are learnt at once; after so many, all anew, against rounding errors


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
        self._linear: _LinearModel | None = None  # of the last call

    def fit_kernel(self, rows: np.ndarray, values: np.ndarray) -> Kernel:
        """The kernel that makes observed ``values`` at ``rows`` of the points most likely.

        Of more than ``MOST_FITTED``, so many are used, evenly spread over all.
        """
        if len(rows) > MOST_FITTED:
            spread = np.linspace(0, len(rows) - 1, MOST_FITTED).astype(np.int64)
            rows, values = rows[spread], values[spread]
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
        predict = self._predict_exactly if len(rows) <= MOST_EXACT else self._predict_by_features
        with single_threaded_blas():
            mean, variance = predict(kernel, rows, y)
        return scale * mean + centre, np.sqrt(variance * scale**2)

    def _predict_exactly(self, kernel: Kernel, rows: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance at every point of standardised values."""
        covariance = self._covariance(kernel, rows)
        factor = cholesky(_with_noise(covariance[rows], kernel), lower=True)
        mean = covariance @ cho_solve((factor, True), y)
        explained = solve_triangular(factor, covariance.T, lower=True, check_finite=False)
        return mean, 1.0 + kernel.noise - np.einsum("ij,ij->j", explained, explained)

    def _predict_by_features(self, kernel: Kernel, rows: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same where a point's value is linear in its features, plus a value of its own."""
        if self._linear is None or not self._linear.leads_to(kernel, rows):
            features = self._linear.features if self._linear and self._linear.kernel == kernel else None
            self._linear = _LinearModel(kernel, self._points, features)
        self._linear.learn(rows)
        return self._linear.predict(rows, y)

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


class _LinearModel:
    """Values that are linear in features of their points, each plus one of its own: nearly the same covariances.

    What look-ups teach depends on where they are made alone. It is learnt in blocks that do not depend on the calls, so
    that a search that was interrupted computes the same bytes.

    Attributes:
        features: ``n x N_FEATURES`` or fewer; the products of their rows are nearly the covariances of the points.
    """

    def __init__(self, kernel: Kernel, points: np.ndarray, features: np.ndarray | None = None) -> None:
        """Know nothing of any look-up. Args: features: of these points, where they are known."""
        self.kernel = kernel
        self.features = _features(kernel, points) if features is None else features
        self._own = np.maximum(1.0 - np.einsum("ij,ij->i", self.features, self.features), 0.0)  # variance of its own
        self._learnt = np.empty(0, dtype=np.int64)
        self._covariance, self._variance = np.eye(self.features.shape[1]), 1.0 - self._own  # of weights, linear parts

    def leads_to(self, kernel: Kernel, rows: np.ndarray) -> bool:
        """Whether what was learnt is a part of what these look-ups teach, in whole blocks."""
        n = len(self._learnt)
        return kernel == self.kernel and n % _BLOCK == 0 and np.array_equal(self._learnt, rows[:n])

    def learn(self, rows: np.ndarray) -> None:
        """Learn where look-ups were made, of which some may be known already."""
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
        """Woodbury's identity."""
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
        """Of the mean of so many look-ups at each point, given its linear part."""
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
    """The Cholesky factor of the covariance with pivots: each next one is the point that the last explain least.

    It ends where nothing is left to explain (Harbrecht et al., 2012).
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
