from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from threadpoolctl import threadpool_info

from naslib_archlock.spaces.cell_features import features
from naslib_archlock.spaces.cells import one_hot
from naslib_archlock.spaces.known import DIGITS, NASBENCH201, TRANSBENCH101_MACRO, TRANSBENCH101_MICRO
from naslib_archlock.strategies import surrogate
from naslib_archlock.strategies.surrogate import Kernel, SourceModel, inputs

SPACE = TRANSBENCH101_MICRO
POINTS = inputs(SPACE)


def smooth(seed: int) -> np.ndarray:
    """A value for each function that changes smoothly with its structure; the standard deviation is 1."""
    weights = np.random.default_rng(seed).standard_normal(POINTS.shape[1])
    linear = POINTS @ weights / np.linalg.norm(weights)
    values = linear - 0.3 * linear**2
    return (values - values.mean()) / values.std()


def rows_of(seed: int, n: int) -> np.ndarray:
    return np.random.default_rng(seed + 100).choice(len(POINTS), n, replace=False)


# -- inputs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", [NASBENCH201, TRANSBENCH101_MICRO, DIGITS, TRANSBENCH101_MACRO])
def test_inputs_are_standardised_and_tell_functions_apart(space):
    points = inputs(space)
    assert len(points) == len(space.distinct())
    np.testing.assert_allclose(points.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(points.std(axis=0), 1, atol=1e-6)
    assert len(np.unique(points.round(6), axis=0)) == len(points)


def test_cells_are_known_by_structure_and_by_edge():
    points, cells = inputs(NASBENCH201), NASBENCH201.distinct()
    n_varying = (one_hot(cells).std(axis=0) > 0).sum() + (features(cells).std(axis=0) > 0).sum()
    assert points.shape[1] == n_varying
    assert inputs(TRANSBENCH101_MICRO).shape[1] < n_varying  # this space has no pooling


def test_macro_architectures_are_known_by_the_shapes_after_each_module():
    archs = TRANSBENCH101_MACRO.distinct()
    one = np.flatnonzero((archs == (1, 4, 2, 3, 0, 0)).all(axis=1))
    assert TRANSBENCH101_MACRO.descriptors(archs[one]).tolist() == [[6, 7, 8, 8, 8, 8, 6, 5, 5, 4, 4, 4, 4]]
    assert inputs(TRANSBENCH101_MACRO).shape[1] == 13


# -- the process -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scale", [1.0, 1e-4, -50.0])
def test_it_foretells_a_smooth_function_better_than_its_mean_does(seed, scale):
    """In any unit, a few queries tell what the rest of the space is like."""
    values, model, rows = 3 * scale + scale * smooth(seed), SourceModel(POINTS), rows_of(seed, 60)
    mean, std = model.predict(model.fit_kernel(rows, values[rows]), rows, values[rows])
    unseen = np.setdiff1d(np.arange(len(POINTS)), rows)
    error = np.sqrt(np.mean((mean - values)[unseen] ** 2))
    assert mean.shape == std.shape == (len(POINTS),)
    assert error < 0.5 * np.std(values[unseen])
    # The predicted uncertainty is also right.
    assert np.mean(np.abs(mean - values)[unseen] < 2 * std[unseen]) > 0.7
    assert error / 5 < np.median(std[unseen]) < error * 5


def test_more_look_ups_teach_more():
    values, model = smooth(1), SourceModel(POINTS)
    errors = []
    for n in (20, 60, 200):
        rows = rows_of(0, n)
        mean, _ = model.predict(model.fit_kernel(rows, values[rows]), rows, values[rows])
        errors.append(np.sqrt(np.mean((mean - values) ** 2)))
    assert errors[0] > errors[1] > errors[2]


def test_it_is_surest_where_it_has_looked_and_least_sure_far_from_there():
    values, model, rows = smooth(2), SourceModel(POINTS), rows_of(2, 40)
    kernel = model.fit_kernel(rows, values[rows])
    _, std = model.predict(kernel, rows, values[rows])
    unseen = np.setdiff1d(np.arange(len(POINTS)), rows)
    assert std[rows].max() < np.median(std[unseen])
    to_nearest = np.min(np.linalg.norm(POINTS[unseen, None] - POINTS[rows][None], axis=2), axis=1)
    near, far = np.argsort(to_nearest)[:50], np.argsort(to_nearest)[-50:]
    assert std[unseen][near].mean() < std[unseen][far].mean()


def test_what_training_adds_by_chance_is_taken_for_noise():
    """The uncertainty of a new query never falls below the noise, even at a known function."""
    rng, model, rows = np.random.default_rng(0), SourceModel(POINTS), rows_of(3, 150)
    quiet, loud = (smooth(3)[rows] + level * rng.standard_normal(len(rows)) for level in (0.02, 0.5))
    kernels = [model.fit_kernel(rows, values) for values in (quiet, loud)]
    assert kernels[0].noise < 0.05 < kernels[1].noise
    for kernel, values in zip(kernels, (quiet, loud)):
        _, std = model.predict(kernel, rows, values)
        assert (std >= 0.999 * np.sqrt(kernel.noise) * values.std()).all()


def test_one_function_looked_up_more_than_once_is_as_likely_the_mean():
    rows, values = np.array([5, 5, 5, 5, 300, 600]), np.array([1.0, 2.0, 3.0, 2.0, 10.0, -8.0])
    model = SourceModel(POINTS)
    mean, _ = model.predict(model.fit_kernel(rows, values), rows, values)
    assert mean[5] == pytest.approx(2, abs=1.5)


@pytest.mark.parametrize("values", [np.zeros(30), np.full(30, 93.5), np.full(30, -1e-3), np.full(30, 0.1)])
def test_equal_values_are_foretold_everywhere(values):
    model, rows = SourceModel(POINTS), rows_of(4, 30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mean, std = model.predict(model.fit_kernel(rows, values), rows, values)
    np.testing.assert_array_equal(mean, values[0])  # the mean of equal numbers is not always quite that number
    assert np.isfinite(std).all()
    assert (std > 0).all()
    assert std.max() > 0.1  # far from all that is known, nothing is certain


def test_no_warning_reaches_the_user():
    """Pure noise has no length scale, so the kernel's parameters end at a bound, where scikit-learn would warn."""
    rng, model = np.random.default_rng(0), SourceModel(POINTS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in (2, 3, 25):
            rows = rows_of(n, n)
            values = rng.standard_normal(n)
            assert np.isfinite(model.predict(model.fit_kernel(rows, values), rows, values)).all()


def test_the_same_look_ups_give_the_same_answer_whatever_went_before():
    values, rows = smooth(5), rows_of(5, 40)
    fresh, used = SourceModel(POINTS), SourceModel(POINTS)
    used.predict(used.fit_kernel(rows[:20], values[rows[:20]]), rows[:20], values[rows[:20]])
    np.random.seed(3)
    answers = [m.predict(m.fit_kernel(rows, values[rows]), rows, values[rows]) for m in (fresh, used, fresh)]
    for mean, std in answers[1:]:
        np.testing.assert_array_equal(mean, answers[0][0])
        np.testing.assert_array_equal(std, answers[0][1])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("n", [20, 67, 150])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_process_of_scikit_learn(seed, n):
    """With the same fitted kernel, the predictions are the same."""
    rows = rows_of(seed, n)
    values = 90 + 3 * smooth(seed)[rows] + np.random.default_rng(seed).standard_normal(n)
    start = RBF(np.sqrt(POINTS.shape[1]), (0.5, 100.0)) + WhiteKernel(0.1, (1e-4, 1.0))
    process = GaussianProcessRegressor(start, normalize_y=True).fit(POINTS[rows], values)
    model = SourceModel(POINTS)
    kernel = model.fit_kernel(rows, values)
    np.testing.assert_allclose(np.log(kernel), process.kernel_.theta, rtol=1e-6)
    foretold = model.predict(Kernel(*np.exp(process.kernel_.theta).tolist()), rows, values)
    np.testing.assert_allclose(foretold, process.predict(POINTS, return_std=True), rtol=1e-9)


def test_the_slope_of_the_likelihood_is_its_slope():
    rows = rows_of(8, 40)
    values = smooth(8)[rows]

    def at(logs: np.ndarray) -> tuple[float, np.ndarray]:
        return surrogate._unlikelihood(Kernel(*np.exp(logs)), POINTS[rows], values)

    logs, step = np.log([4.0, 0.05]), 1e-5
    for i, slope in enumerate(at(logs)[1]):
        change = step * np.eye(2)[i]
        assert slope == pytest.approx((at(logs + change)[0] - at(logs - change)[0]) / (2 * step), rel=1e-5)


def test_covariances_are_computed_once_for_each_look_up(monkeypatch):
    """While the kernel stays the same, a prediction with five more queries computes only five columns."""
    columns = []

    def counted(points, looked_up, metric):
        columns.append(len(looked_up))
        return cdist(points, looked_up, metric)

    cdist = surrogate.cdist
    monkeypatch.setattr(surrogate, "cdist", counted)
    values, model, rows = smooth(9), SourceModel(POINTS), rows_of(9, 40)
    kernels = [Kernel(5.0, 0.1)] * 3 + [Kernel(6.0, 0.1)] * 2
    for kernel, n in zip(kernels, (20, 25, 40, 40, 30)):
        model.predict(kernel, rows[:n], values[rows[:n]])
    assert columns == [20, 5, 15, 40, 30]


def test_other_look_ups_with_the_same_kernel_are_not_taken_for_those_of_before():
    values, kernel = smooth(10), Kernel(5.0, 0.1)
    used = SourceModel(POINTS)
    for rows in (rows_of(10, 30), rows_of(11, 30), rows_of(11, 30)[::-1], rows_of(11, 12), rows_of(11, 40)):
        found, fresh = (m.predict(kernel, rows, values[rows]) for m in (used, SourceModel(POINTS)))
        np.testing.assert_array_equal(found, fresh)


# -- many look-ups -----------------------------------------------------------------------------------------------------


@pytest.fixture
def few_exact(monkeypatch) -> None:
    """The same as with hundreds, in less time."""
    monkeypatch.setattr(surrogate, "MOST_EXACT", 30)
    monkeypatch.setattr(surrogate, "_LEARNT_ANEW", 50)


def of_a_linear_model(kernel: Kernel, rows: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What it stands for, by the process's own formula: covariances of features, and a value of each point's own."""
    features = surrogate._features(kernel, POINTS)
    covariance = features @ features.T
    np.fill_diagonal(covariance, 1.0)
    among = covariance[np.ix_(rows, rows)] + kernel.noise * np.eye(len(rows))
    mean = covariance[:, rows] @ np.linalg.solve(among, y)
    explained = np.einsum("ij,ji->i", covariance[:, rows], np.linalg.solve(among, covariance[rows]))
    return mean, np.sqrt(1.0 + kernel.noise - explained)


@pytest.mark.usefixtures("few_exact")
@pytest.mark.parametrize("n_features", [20, 100])
@pytest.mark.parametrize("n", [31, 50, 53, 165])
def test_many_look_ups_are_foretold_by_a_process_of_features(monkeypatch, n_features, n):
    """Also where one function was looked up again, and where look-ups come a few at a time."""
    monkeypatch.setattr(surrogate, "N_FEATURES", n_features)
    kernel, rows = Kernel(5.0, 0.1), np.concatenate([rows_of(12, n - n // 4), rows_of(12, n // 4)])
    values, model = smooth(12)[rows], SourceModel(POINTS)
    y, centre, scale = surrogate._standardised(values)
    for known in range(31, n, 7):
        model.predict(kernel, rows[:known], values[:known])
    mean, std = model.predict(kernel, rows, values)
    expected_mean, expected_std = of_a_linear_model(kernel, rows, y)
    np.testing.assert_allclose(mean, scale * expected_mean + centre, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(std, scale * expected_std, rtol=1e-7)


def test_with_a_feature_for_each_point_nothing_is_lost(monkeypatch):
    rows, kernel = rows_of(13, 60), Kernel(5.0, 0.1)
    exact = SourceModel(POINTS[:200]).predict(kernel, rows % 200, smooth(13)[rows])
    monkeypatch.setattr(surrogate, "MOST_EXACT", 30)
    found = SourceModel(POINTS[:200]).predict(kernel, rows % 200, smooth(13)[rows])
    np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_many_look_ups_teach_as_much_as_the_process_itself_would_learn(monkeypatch, seed):
    values, rows = smooth(seed) + 0.2 * np.random.default_rng(seed).standard_normal(len(POINTS)), rows_of(seed, 400)
    found, exact = [], []
    for answers, most in ((found, surrogate.MOST_EXACT), (exact, 10**6)):
        monkeypatch.setattr(surrogate, "MOST_EXACT", most)
        model = SourceModel(POINTS)
        answers += model.predict(model.fit_kernel(rows, values[rows]), rows, values[rows])
    unseen = np.setdiff1d(np.arange(len(POINTS)), rows)
    errors = [np.sqrt(np.mean((mean - values)[unseen] ** 2)) for mean, _ in (found, exact)]
    assert errors[0] < 1.03 * errors[1]
    assert np.corrcoef(found[1], exact[1])[0, 1] > 0.9


@pytest.mark.usefixtures("few_exact")
def test_many_look_ups_give_the_same_bytes_whatever_went_before():
    values, kernel = smooth(14), Kernel(5.0, 0.1)
    used, rows = SourceModel(POINTS), rows_of(14, 240)
    for n in (35, 40, 43, 45, 60, 100, 102, 205, 240, 60):
        found, fresh = (m.predict(kernel, rows[:n], values[rows[:n]]) for m in (used, SourceModel(POINTS)))
        np.testing.assert_array_equal(found, fresh)
    for other, again in ((Kernel(6.0, 0.1), rows), (kernel, rows[::-1]), (kernel, rows_of(15, 80))):
        found, fresh = (m.predict(other, again, values[again]) for m in (used, SourceModel(POINTS)))
        np.testing.assert_array_equal(found, fresh)


def test_a_kernel_is_fitted_to_no_more_than_a_number_of_look_ups(monkeypatch):
    sizes = []

    def counted(kernel, points, y):
        sizes.append(len(y))
        return unlikelihood(kernel, points, y)

    unlikelihood = surrogate._unlikelihood
    monkeypatch.setattr(surrogate, "_unlikelihood", counted)
    model, rows = SourceModel(POINTS), rows_of(16, 700)
    kernel = model.fit_kernel(rows, smooth(16)[rows])
    assert set(sizes) == {surrogate.MOST_FITTED}
    first = model.fit_kernel(rows[: surrogate.MOST_FITTED], smooth(16)[rows[: surrogate.MOST_FITTED]])
    assert kernel != first  # they are spread over all look-ups


def test_the_number_of_threads_is_as_before():
    before = [(lib["user_api"], lib["num_threads"]) for lib in threadpool_info()]
    values, model, rows = smooth(7), SourceModel(POINTS), rows_of(7, 20)
    model.predict(model.fit_kernel(rows, values[rows]), rows, values[rows])
    assert [(lib["user_api"], lib["num_threads"]) for lib in threadpool_info()] == before
