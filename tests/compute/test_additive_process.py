from __future__ import annotations

import numpy as np
import pytest

from naslib_archlock.compute import additive_process as ap
from naslib_archlock.compute.additive_process import AdditiveKernel, Points, Process, fit_kernel


def points(n: int, widths: tuple[int, ...] = (3, 5), n_tasks: int = 1, seed: int = 0) -> Points:
    rng = np.random.default_rng(seed)
    task = rng.integers(n_tasks, size=n)
    return Points(tuple(rng.standard_normal((n, width)) for width in widths), np.eye(n_tasks)[task])


def test_one_group_is_the_process_of_scikit_learn():
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    train, test = points(40, (4,)), points(15, (4,), seed=1)
    values = np.sin(train.groups[0].sum(axis=1))
    weight, scale, noise = 1.3, 0.8, 0.05
    kernel = AdditiveKernel(np.log([weight, scale, noise, 1.0, 1.0]))
    # our distance is a mean over the columns, theirs a sum
    theirs = ConstantKernel(weight) * RBF(np.sqrt(scale * 4)) + WhiteKernel(noise + ap._JITTER)
    expected = GaussianProcessRegressor(theirs, optimizer=None).fit(train.groups[0], values)
    mean, std = Process.of(kernel, train, values).predict(test)
    their_mean, their_std = expected.predict(test.groups[0], return_std=True)
    np.testing.assert_allclose(mean, their_mean, atol=1e-6)
    np.testing.assert_allclose(std, their_std, atol=1e-4)


@pytest.mark.parametrize("n_tasks", [1, 3])
def test_the_gradient_is_that_of_the_likelihood(n_tasks):
    at = points(25, n_tasks=n_tasks)
    distances, values = ap._distances(at, at), np.random.default_rng(1).standard_normal(25)
    logs = np.random.default_rng(2).normal(size=7) / 2
    _, gradient = ap._unlikelihood(logs, distances, values)
    step = 1e-5

    def value(at: np.ndarray) -> float:
        return ap._unlikelihood(at, distances, values)[0]

    numeric = [(value(logs + step * e) - value(logs - step * e)) / (2 * step) for e in np.eye(7)]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-6)


def test_fitting_finds_the_group_that_matters():
    at = points(120, (2, 2))
    values = np.sin(2 * at.groups[1]).sum(axis=1)
    values = (values - values.mean()) / values.std()
    kernel = fit_kernel(at, values, np.random.default_rng(0))
    of_first, of_second = kernel.logs[:2]
    assert of_second > of_first + 1
    assert kernel.noise < 0.1


def test_many_points_are_fitted_to_some_and_the_same_ones(monkeypatch):
    monkeypatch.setattr(ap, "MOST_FITTED", 30)
    at, values = points(200), np.random.default_rng(1).standard_normal(200)
    one, two = (fit_kernel(at, values, np.random.default_rng(3)).logs for _ in range(2))
    assert one.tobytes() == two.tobytes()


def test_a_task_of_its_own_says_little_about_another():
    same = Points((np.zeros((2, 3)),), np.array([[1.0], [1.0]]))
    other = Points((np.zeros((2, 3)),), np.array([[1.0], [-1.0]]))
    logs = np.log([1.0, 1.0, 0.1, 1e-3, 0.1])  # nearly nothing is shared
    assert AdditiveKernel(logs).covariance(same, same)[0, 1] == pytest.approx(1.0)
    assert AdditiveKernel(logs).covariance(other, other)[0, 1] < 0.01
    logs[3] = np.log(1e3)  # nearly all is
    assert AdditiveKernel(logs).covariance(other, other)[0, 1] > 0.99


def test_an_observation_lessens_the_uncertainty_near_it():
    train = points(10)
    far = Points(tuple(group + 50 for group in train.groups), train.tasks)
    kernel = AdditiveKernel(np.log([0.5, 0.5, 1.0, 1.0, 0.01, 1.0, 1.0]))
    process = Process.of(kernel, train, np.random.default_rng(0).standard_normal(10))
    assert process.predict(train)[1].max() < 0.2
    np.testing.assert_allclose(process.predict(far)[1], np.sqrt(1.01), atol=1e-6)
