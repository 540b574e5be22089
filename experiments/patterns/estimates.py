"""Estimates which ops on which edges, and which features of a cell, make a lock good within the source budget.

A *population* is the set of distinct functions of a space within a budget of the best source validation accuracy. The
*outcome* of a function is its test accuracy on the target, in standard deviations of the population; below 0, it is a
better lock than a random function. Effects are estimated in each population, with one source, target and budget, and
then averaged over pairs of tasks.

There are two kinds of interval:

* for one population, over its cells: the Bayesian bootstrap (Rubin, Annals of Statistics 1981). Its random weights are
  never 0, so no op drops out of a resample. A function has the same weight in all its populations;
* for a mean over pairs, over tasks, with the cells drawn anew in each draw. Pairs share tasks, so tasks are drawn
  instead of pairs. A pair counts as often as the product of its tasks' draws (Snijders and Borgatti, Connections 1999).

The matrices of this module, for populations of ``n`` cells, ``r`` resamples with the estimate itself in the first row,
and ``k`` effects:

* ``cells``, ``n x 6``: op codes; ``ops``, ``n x 30``: their one-hot encoding; ``features``, ``n x k``;
* ``weights``, ``r x n``: the weight of each cell in each resample; in ``mean_over_pairs``, the weight of each pair;
* ``effects``, ``r x k``: the effects in one population. Over populations they are ``n_pairs x r x k``, or
  ``n_pairs x k`` without resamples;
* ``draws``, ``r x n_tasks``: how often each task is drawn.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from naslib_archlock.benchmarks.benchmark import Benchmark
from naslib_archlock.benchmarks.lock_score import LockScale
from naslib_archlock.spaces.cell_features import features
from naslib_archlock.spaces.cells import ENCODING_DIM, one_hot

LEAST_CELLS = 30  # the least cells for estimates: a linear model of the ops has up to 24 free numbers
LEAST_WITH_OP = 3  # the least cells with an op on an edge to estimate its effect
RIDGE = 1.0  # weighs as much as one cell per op: little among hundreds of cells, enough to solve a population of 30

# The label of each feature in the results -> its name in ``spaces.cell_features``.
_FEATURES = {
    "3x3 convolutions": "conv_3x3",
    "1x1 convolutions": "conv_1x1",
    "skips": "skip",
    "pools": "pool",
    "nones": "none",
    "weights": "weights",
    "depth": "longest_path",
    "depth in convolutions": "depth",
    "fewest convolutions on a path": "least_depth",
    "paths": "paths",
    "mean path length": "mean_path",
    "skip from input to output": "skip_to_output",
    "residual": "residual",
}
FEATURES = tuple(_FEATURES)


def cell_features(cells: np.ndarray) -> np.ndarray:
    """The ``FEATURES`` of ``n x 6`` cells, ``n x 13``; cells that compute the same function have the same features."""
    return features(cells, _FEATURES.values())


# -- populations -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Population:
    """The ``n`` distinct functions within the source budget, for one source and target.

    Some benchmarks trained several cells of one function. The function then has the accuracies of its representative.
    The budget is still measured from the best cell of all, so the population may be empty.

    Attributes:
        space: the search space.
        source: the source task.
        target: the target task.
        rows: ``n`` rows of ``space.distinct()``.
        cells: ``n x 6``.
        source_position: ``n`` source validation accuracies, scaled to 0 at the budget's floor and 1 at the best.
        outcome: ``n`` test accuracies on the target, standardised.
        target_val: ``n`` validation accuracies on the target, not scaled.
        lock_scores: ``n`` lock scores.
    """

    space: str
    source: str
    target: str
    rows: np.ndarray
    cells: np.ndarray
    source_position: np.ndarray
    outcome: np.ndarray
    target_val: np.ndarray
    lock_scores: np.ndarray

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def is_estimated(self) -> bool:
        """Whether the population has enough cells, with different outcomes, to estimate effects."""
        return len(self) >= LEAST_CELLS and bool(self.outcome.any())


def population(benchmark: Benchmark, source: str, target: str, budget_pct: float) -> Population:
    """The population of one pair of tasks. Raises: UnknownNameError, ConfigError: as ``LockScale`` does."""
    scale = LockScale(benchmark, source, target, budget_pct)
    space = benchmark.space
    is_distinct = np.isin(space.index(scale.archs), space.index(space.distinct()))
    within = scale.within[is_distinct]
    cells, source_val, test, target_val = (
        values[is_distinct][within] for values in (scale.archs, scale.source_val, scale.target_test, scale.target_val)
    )
    best, floor = scale.source_val.max(), scale.source_val[scale.within].min()
    return Population(
        space.name,
        source,
        target,
        np.flatnonzero(within),
        cells,
        (source_val - floor) / ((best - floor) or 1.0),
        standardised(test),
        target_val,
        np.array([scale.score(tuple(cell)).lock_score for cell in cells.tolist()]),
    )


def populations(benchmark: Benchmark, budget_pct: float) -> list[Population]:
    """The populations of all pairs of a benchmark's tasks."""
    return [population(benchmark, *pair, budget_pct) for pair in itertools.permutations(benchmark.tasks, 2)]


def standardised(values: np.ndarray) -> np.ndarray:
    """``values`` with mean 0 and standard deviation 1; zeros if all are equal."""
    if not len(values) or np.ptp(values) <= 1e-12 * np.abs(values).max():
        return np.zeros(len(values))
    return (values - values.mean()) / values.std()


# -- effects in one population -----------------------------------------------------------------------------------------


def cell_weights(n_functions: int, n_resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Weights of the functions of a space, ``(1 + n_resamples) x n_functions``.

    The first row is all 1, for the estimate itself; the others are the weights of the Bayesian bootstrap.
    """
    return np.vstack([np.ones(n_functions), rng.exponential(size=(n_resamples, n_functions))])


def edge_effects(
    cells: np.ndarray, outcome: np.ndarray, weights: np.ndarray, held_fixed: np.ndarray | None = None
) -> np.ndarray:
    """The effect of each op on each edge, in units of ``outcome``, with the ops on the other edges held fixed.

    The effects are coefficients of a linear model on the one-hot encoding. A plain difference of means would blame an
    op for other ops that occur together with it within the budget. The effects of an edge sum to zero, because the
    columns of an edge sum to the column of the intercept, which has no penalty.

    Args:
        cells: ``n x 6``.
        outcome: ``n``.
        weights: ``r x n``, with one model per row.
        held_fixed: ``n`` values of one more regressor.
    Returns:
        ``r x 30``; NaN for an op that fewer than ``LEAST_WITH_OP`` cells have on the edge.
    """
    ops = one_hot(cells).astype(np.float64)
    x = ops if held_fixed is None else np.column_stack([ops, standardised(held_fixed)])
    effects = _ridge(x, outcome, weights)[:, :ENCODING_DIM]
    effects[:, ops.sum(axis=0) < LEAST_WITH_OP] = np.nan
    return effects


def _ridge(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Coefficients of weighted ridge regression with a free intercept, ``r x p``: one model per row of ``weights``."""
    n, p = x.shape
    weights = weights * (n / weights.sum(axis=1, keepdims=True))
    mean_x, mean_y = weights @ x / n, weights @ y / n
    products = weights @ (x[:, :, None] * x[:, None, :]).reshape(n, p * p)
    gram = products.reshape(-1, p, p) - n * mean_x[:, :, None] * mean_x[:, None, :] + RIDGE * np.eye(p)
    moments = weights @ (x * y[:, None]) - n * mean_x * mean_y[:, None]
    return np.linalg.solve(gram, moments[:, :, None])[:, :, 0]


def feature_effects(
    features: np.ndarray, source_val: np.ndarray, outcome: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The correlation of each feature with the outcome, and the same with source accuracy held fixed.

    The second is the partial correlation: it shows what the feature tells about the target beyond source accuracy.

    Args:
        features: ``n x k``.
        source_val: ``n``.
        outcome: ``n``.
        weights: ``r x n``, with one pair of results per row.
    Returns:
        two arrays ``r x k``. They are NaN for a feature that differs from its most frequent value in fewer than
        ``LEAST_WITH_OP`` cells; the second is also NaN for a feature that source accuracy determines.
    """
    weights = weights / weights.sum(axis=1, keepdims=True)
    f = np.stack([standardised(column) for column in features.T], axis=1)
    s, y = standardised(source_val)[:, None], standardised(outcome)[:, None]

    def covariance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return weights @ (a * b) - (weights @ a) * (weights @ b)

    ff, fs, fy, ss, sy, yy = (covariance(a, b) for a, b in ((f, f), (f, s), (f, y), (s, s), (s, y), (y, y)))
    with np.errstate(divide="ignore", invalid="ignore"):
        raw = fy / np.sqrt(ff * yy)
        left_of_f, left_of_y = ff - fs**2 / ss, yy - sy**2 / ss
        adjusted = np.where(left_of_f > 1e-9, (fy - fs * sy / ss) / np.sqrt(left_of_f * left_of_y), np.nan)
    is_rare = [len(column) - np.unique(column, return_counts=True)[1].max() < LEAST_WITH_OP for column in features.T]
    raw[:, is_rare] = adjusted[:, is_rare] = np.nan
    return raw, adjusted


# -- over pairs of tasks -----------------------------------------------------------------------------------------------


def task_draws(n_tasks: int, n_resamples: int, rng: np.random.Generator) -> np.ndarray:
    """How often each task is drawn, ``(1 + n_resamples) x n_tasks``; in the first row, for the estimate itself, once.

    A draw with only one task has no pair, so it is drawn again.
    """
    rows = [np.ones(n_tasks, dtype=np.int64)]
    while len(rows) <= n_resamples:
        row = rng.multinomial(n_tasks, np.full(n_tasks, 1 / n_tasks))
        if (row > 0).sum() > 1:
            rows.append(row)
    return np.array(rows)


def mean_over_pairs(values: np.ndarray, pairs: Sequence[Sequence[int]], draws: np.ndarray) -> np.ndarray:
    """The means over pairs of tasks, in every draw of tasks.

    Args:
        values: ``n_pairs x k``, or ``n_pairs x r x k`` if the values differ between draws, because cells are drawn too.
            Missing values are NaN.
        pairs: for each pair, the numbers of its source and target; for a pair of pairs, the numbers of all its tasks.
        draws: ``r x n_tasks``.
    Returns:
        ``r x k``; NaN if no pair of a draw has a value.
    """
    values = values if values.ndim == 3 else values[:, None]
    weights = np.stack([draws[:, list(tasks)].prod(axis=1) for tasks in pairs]).astype(np.float64)[:, :, None]
    is_there = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        means: np.ndarray = (weights * np.where(is_there, values, 0)).sum(axis=0) / (weights * is_there).sum(axis=0)
    return means


@dataclass(frozen=True)
class Estimate:
    """Estimates of ``k`` numbers: value, ends of the 95% interval, and two-sided p for "it is 0"; NaN if unknown."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray

    @property
    def excludes_zero(self) -> np.ndarray:
        """Whether the interval excludes 0."""
        return (self.low > 0) | (self.high < 0)


def estimate(replicates: np.ndarray, degrees_of_freedom: float = np.inf) -> Estimate:
    """An estimate from ``(1 + r) x k`` replicates: the first row is the value, the others give its interval and p.

    ``p`` comes from Student's t with the standard deviation of the replicates. Over tasks, the degrees of freedom are
    the number of tasks, less one for each space. They are 0 if there are too few different draws; then ``p`` is NaN.
    """
    value, resampled = replicates[0], replicates[1:]
    known = np.isfinite(value)
    low, high, p = np.full((3, len(value)), np.nan)
    if known.any():
        low[known], high[known] = np.nanpercentile(resampled[:, known], [2.5, 97.5], axis=0)
        error = np.nanstd(resampled[:, known], axis=0, ddof=1)
        if degrees_of_freedom > 0:
            with np.errstate(divide="ignore", invalid="ignore"):
                p[known] = 2 * stats.t.sf(np.abs(value[known]) / error, degrees_of_freedom)
    return Estimate(value, low, high, p)


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """p values corrected for the false discovery rate; NaN values do not count."""
    adjusted = np.full(len(p), np.nan)
    order = np.argsort(p)[: np.isfinite(p).sum()][::-1]  # the largest first, without NaN
    n = len(order)
    adjusted[order] = np.minimum.accumulate(p[order] * n / np.arange(n, 0, -1)).clip(max=1)
    return adjusted


def sign_agreement(values: np.ndarray, overall: np.ndarray) -> np.ndarray:
    """The share of ``n_pairs x k`` values that have the sign of ``overall`` (``k``); NaN if there is no value."""
    is_there = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        share: np.ndarray = ((np.sign(values) == np.sign(overall)) & is_there).sum(axis=0) / is_there.sum(axis=0)
    return share


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's correlation of two vectors of effects, where both have values; NaN with fewer than three."""
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < 3:
        return np.nan
    return float(np.corrcoef(stats.rankdata(a[both]), stats.rankdata(b[both]))[0, 1])


def shares_of_effects(effects: np.ndarray, pairs: Sequence[tuple[int, int]]) -> dict[str, float]:
    """Split the sum of squares of effects into parts: common to all pairs, added by the target, then by the source.

    The split is by least squares, in this order. The parts are shares of 1; ``rest`` is what is left.

    Args:
        effects: ``n_pairs x k``; only the effects that every pair has are used.
        pairs: for each pair, the numbers of its source and target.
    """
    effects = effects[:, np.isfinite(effects).all(axis=0)]
    sources, targets = (np.array(column) for column in zip(*pairs))
    design = np.ones((len(effects), 1))
    explained = [0.0]
    for tasks in (None, targets, sources):
        if tasks is not None:
            design = np.hstack([design, np.eye(tasks.max() + 1)[tasks]])
        fitted = design @ np.linalg.lstsq(design, effects, rcond=None)[0]
        explained.append(float((fitted**2).sum() / (effects**2).sum()))
    common, target, source = np.diff(explained)
    return {"common": common, "target": target, "source": source, "rest": 1 - explained[-1]}


# -- prediction --------------------------------------------------------------------------------------------------------


def predicted_by_others(cells: np.ndarray, effects: np.ndarray) -> np.ndarray:
    """Predict the outcome of ``n x 6`` cells by the mean edge effects of other populations, ``n_others x 30``.

    An unknown effect counts as 0, which is the average op of the edge.

    Returns:
        ``n`` predictions.
    """
    is_there = np.isfinite(effects)
    mean = np.where(is_there, effects, 0).sum(axis=0) / np.maximum(is_there.sum(axis=0), 1)
    return one_hot(cells) @ mean


def predicted_by_itself(
    cells: np.ndarray, outcome: np.ndarray, rng: np.random.Generator, folds: int = 10
) -> np.ndarray:
    """Predict the outcome of ``n x 6`` cells by edge effects estimated on the other folds; ``n`` predictions."""
    fold_of = rng.permutation(len(cells)) % folds
    is_training = fold_of != np.arange(folds)[:, None]
    x = one_hot(cells).astype(np.float64)
    coefficients = _ridge(x, outcome, is_training.astype(np.float64))
    predictions = np.empty(len(cells))
    for fold, training in enumerate(is_training):
        level = outcome[training].mean() - x[training].mean(axis=0) @ coefficients[fold]
        predictions[~training] = level + x[~training] @ coefficients[fold]
    return predictions


def explained_variance(outcome: np.ndarray, predicted: np.ndarray) -> float:
    """The share of the variance of a standardised outcome, after centring both; below 0 if worse than the mean."""
    error = outcome - (predicted - predicted.mean())
    return float(1 - (error**2).mean() / (outcome**2).mean())


def linear_model(
    training: Sequence[Population], design: Callable[[Population], np.ndarray]
) -> Callable[[Population], np.ndarray]:
    """A predictor of the outcome that is linear in ``design(population)`` (``n x k``), fitted to several populations.

    Each population has the same weight, whatever its size. Columns are standardised over the training cells, and RIDGE
    weighs as much as one population.
    """
    shares = np.concatenate([np.full(len(p), 1 / len(p)) for p in training])
    shares /= shares.sum()
    x = np.vstack([design(p) for p in training])
    mean = shares @ x
    scale = np.sqrt(shares @ (x - mean) ** 2)
    scale[scale < 1e-12] = np.inf  # a constant column gets the coefficient 0
    x = (x - mean) / scale
    gram = x.T @ (shares[:, None] * x) + RIDGE / len(training) * np.eye(x.shape[1])
    coefficients = np.linalg.solve(gram, x.T @ (shares * np.concatenate([p.outcome for p in training])))
    return lambda p: (design(p) - mean) / scale @ coefficients


def pick_score(population: Population, penalty: np.ndarray) -> float:
    """The lock score of the cell with the least penalty (``n``); if several share it, the mean of their scores."""
    return float(population.lock_scores[np.isclose(penalty, penalty.min())].mean())
