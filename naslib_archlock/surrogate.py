"""A Gaussian process over cells: what a few looked-up source accuracies say of all the others."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel

from .cells import one_hot
from .spaces import SearchSpace
from .structure import features
from .threads import single_threaded_blas


def inputs(space: SearchSpace) -> np.ndarray:
    """Structure and one-hot encoding of the functions of ``space.distinct()``, standardised; ``n x d``."""
    cells = space.distinct()
    columns = np.hstack([features(cells), one_hot(cells)]) if space.family == "cell" else one_hot(cells)
    columns = columns[:, columns.std(axis=0) > 0]
    return np.asarray((columns - columns.mean(axis=0)) / columns.std(axis=0))


class SourceModel:
    """Gaussian process with one length scale and noise; both are fitted by marginal likelihood.

    The noise is that of training: two networks of one function differ by it.
    """

    def __init__(self, points: np.ndarray) -> None:
        """Args: points: ``n x d``, where it is to predict."""
        self._points = points
        # starts from what distances are typical of standardised inputs
        self._start = RBF(np.sqrt(points.shape[1]), (0.5, 100.0)) + WhiteKernel(0.1, (1e-4, 1.0))

    def fit_kernel(self, rows: np.ndarray, values: np.ndarray) -> RBF:
        """The kernel that makes observed ``values`` at ``rows`` of the points most likely."""
        with warnings.catch_warnings(), single_threaded_blas():
            warnings.simplefilter("ignore", ConvergenceWarning)  # of a parameter at its bound, which is no fault
            process = GaussianProcessRegressor(self._start, normalize_y=True).fit(self._points[rows], values)
        return process.kernel_

    def predict(self, kernel: RBF, rows: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation, noise included, of a new observation at every point."""
        with single_threaded_blas():
            process = GaussianProcessRegressor(kernel, optimizer=None, normalize_y=True).fit(self._points[rows], values)
            mean, std = process.predict(self._points, return_std=True)
        return np.asarray(mean), np.asarray(std)
