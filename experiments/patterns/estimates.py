"""Which ops on which edges, and which features of a cell, go with a bad target within the source budget.

A *population* is the distinct functions of a space within a budget of the best source validation accuracy, and its
*outcome* the target's test accuracy in standard deviations of that population: below 0 is a better lock than a random
one. Effects are estimated in each population (one source, target and budget) and then averaged over pairs of tasks.

Two kinds of interval, for two questions:

* of one population, over its cells: the Bayesian bootstrap (Rubin, Annals of Statistics 1981), whose random weights
  are never 0, so that no op drops out of a resample. A function has one weight in all populations that it is in;
* of a mean over pairs, over tasks, with the cells drawn anew in each: pairs share tasks, so tasks are drawn, not pairs,
  and a pair counts as often as the product of its tasks' draws (Snijders and Borgatti, Connections 1999).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from naslib_archlock.benchmarks.benchmark import Benchmark
from naslib_archlock.benchmarks.lock_score import LockScale
from naslib_archlock.spaces.cells import ENCODING_DIM, one_hot
from naslib_archlock.spaces.features import features

LEAST_CELLS = 30  # of a population whose effects are estimated: a linear model of the ops has up to 24 free numbers
LEAST_WITH_OP = 3  # cells with an op on an edge whose effect is estimated
RIDGE = 1.0  # worth one cell an op: nothing in a population of hundreds, and makes one of 30 solvable

# The label of each feature in the results, and its name in ``spaces.features``.
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

    Where a benchmark trained equal functions separately, the accuracies of a function are those of its representative,
    the budget is measured from the best cell of all, and there may be none.

    Attributes:
        rows: of these functions in ``space.distinct()``; cells: ``n x 6``; source_position: source validation
        accuracy, 0 at the budget's floor and 1 at the best of the space; outcome: target test accuracy, standardised;
        target_val: target validation accuracy, in the target's unit; lock_scores.
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
        """Whether there are enough cells, and differences between them, to estimate effects."""
        return len(self) >= LEAST_CELLS and bool(self.outcome.any())


def population(benchmark: Benchmark, source: str, target: str, budget_pct: float) -> Population:
    """The population of a pair of tasks. Raises: UnknownNameError, ConfigError: as ``LockScale`` does."""
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
    """Those of all pairs of tasks of a benchmark."""
    return [population(benchmark, *pair, budget_pct) for pair in itertools.permutations(benchmark.tasks, 2)]


def standardised(values: np.ndarray) -> np.ndarray:
    """``values`` with mean 0 and standard deviation 1; zeros where all are the same."""
    if not len(values) or np.ptp(values) <= 1e-12 * np.abs(values).max():
        return np.zeros(len(values))
    return (values - values.mean()) / values.std()


# -- effects in one population -----------------------------------------------------------------------------------------


def cell_weights(n_functions: int, n_resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Weights of the functions of a space, ``(1 + n_resamples) x n_functions``: all 1 in the first row (the estimate
    itself), then those of the Bayesian bootstrap."""
    return np.vstack([np.ones(n_functions), rng.exponential(size=(n_resamples, n_functions))])


def edge_effects(
    cells: np.ndarray, outcome: np.ndarray, weights: np.ndarray, held_fixed: np.ndarray | None = None
) -> np.ndarray:
    """Effect of each op on each edge, in units of ``outcome``, with the ops on the other edges held fixed.

    The coefficients of a linear model on the one-hot encoding: a plain difference of means would blame an op for those
    that a source budget makes it keep company with. They sum to zero over the ops of an edge: without a penalty on the
    intercept the ridge solution does so by itself, as the columns of an edge sum to the intercept's.

    Args: cells: ``n x 6``; outcome: ``n``; weights: ``r x n``, one model a row; held_fixed: ``n``, one more regressor.
    Returns: ``r x 30``; NaN for ops that fewer than ``LEAST_WITH_OP`` cells have on that edge.
    """
    ops = one_hot(cells).astype(np.float64)
    x = ops if held_fixed is None else np.column_stack([ops, standardised(held_fixed)])
    effects = _ridge(x, outcome, weights)[:, :ENCODING_DIM]
    effects[:, ops.sum(axis=0) < LEAST_WITH_OP] = np.nan
    return effects


def _ridge(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Coefficients of weighted ridge regression with a free intercept, ``r x p``, one model a row of ``weights``."""
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
    """Correlation of each feature with the outcome, and the same with source accuracy held fixed.

    The second is the partial correlation: what the feature says of the target beyond what source accuracy does.

    Args: features: ``n x k``; source_val, outcome: ``n``; weights: ``r x n``, one pair of results a row.
    Returns: two arrays ``r x k``; NaN for features that differ in fewer than ``LEAST_WITH_OP`` cells from the most
        frequent value, or that source accuracy determines.
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
    """How often each task is drawn, ``(1 + n_resamples) x n_tasks``: once each in the first row (the estimate itself).

    Draws of one task only hold no pair, and are drawn again.
    """
    rows = [np.ones(n_tasks, dtype=np.int64)]
    while len(rows) <= n_resamples:
        row = rng.multinomial(n_tasks, np.full(n_tasks, 1 / n_tasks))
        if (row > 0).sum() > 1:
            rows.append(row)
    return np.array(rows)


def mean_over_pairs(values: np.ndarray, pairs: Sequence[Sequence[int]], draws: np.ndarray) -> np.ndarray:
    """Means over pairs of tasks, in every draw of tasks.

    Args: values: ``n_pairs x k``, or ``n_pairs x r x k`` if they are others in every draw (with the cells drawn too);
        NaN where there is none. pairs: the numbers of each one's tasks (its source and target, or all those of a pair
        of pairs); draws: ``r x n_tasks``.
    Returns: ``r x k``; NaN where a draw holds no pair that has a value.
    """
    values = values if values.ndim == 3 else values[:, None]
    weights = np.stack([draws[:, list(tasks)].prod(axis=1) for tasks in pairs]).astype(np.float64)[:, :, None]
    is_there = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        means: np.ndarray = (weights * np.where(is_there, values, 0)).sum(axis=0) / (weights * is_there).sum(axis=0)
    return means


@dataclass(frozen=True)
class Estimate:
    """Of ``k`` numbers at once: value, ends of the 95% interval, two-sided p of "it is 0"; NaN if unknown."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray

    @property
    def excludes_zero(self) -> np.ndarray:
        """Whether the interval does."""
        return (self.low > 0) | (self.high < 0)


def estimate(replicates: np.ndarray, degrees_of_freedom: float = np.inf) -> Estimate:
    """The estimate that is the first of ``(1 + r) x k`` replicates, with what the others say of it.

    ``p`` is that of Student's t with the standard deviation of the replicates: over tasks, as many degrees of freedom
    as there are tasks, less one for each space; NaN with 0, where the replicates are too few kinds to have one.
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
    """p values corrected so that a bound on them bounds the share of false discoveries; a NaN does not count."""
    adjusted = np.full(len(p), np.nan)
    order = np.argsort(p)[: np.isfinite(p).sum()][::-1]  # NaN sort last; the largest first
    n = len(order)
    adjusted[order] = np.minimum.accumulate(p[order] * n / np.arange(n, 0, -1)).clip(max=1)
    return adjusted


def sign_agreement(values: np.ndarray, overall: np.ndarray) -> np.ndarray:
    """Share of ``n_pairs x k`` values that have the sign of ``overall`` (``k``); NaN where there is no value."""
    is_there = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        share: np.ndarray = ((np.sign(values) == np.sign(overall)) & is_there).sum(axis=0) / is_there.sum(axis=0)
    return share


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's, of two vectors of effects, over those that both have; NaN with fewer than three."""
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < 3:
        return np.nan
    return float(np.corrcoef(stats.rankdata(a[both]), stats.rankdata(b[both]))[0, 1])


def shares_of_effects(effects: np.ndarray, pairs: Sequence[tuple[int, int]]) -> dict[str, float]:
    """How much of the sum of squares of effects all pairs have in common, and what the target, then the source, adds.

    By least squares, in this order; shares of 1, ``rest`` included.
    Args: effects: ``n_pairs x k``, only those that every pair has are used; pairs: numbers of source and target.
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
    """Outcome of ``n x 6`` cells by the mean of other populations' edge effects, ``n_others x 30``; ``n``.

    An op whose effect is unknown counts as 0: the average op of its edge.
    """
    is_there = np.isfinite(effects)
    mean = np.where(is_there, effects, 0).sum(axis=0) / np.maximum(is_there.sum(axis=0), 1)
    return one_hot(cells) @ mean


def predicted_by_itself(
    cells: np.ndarray, outcome: np.ndarray, rng: np.random.Generator, folds: int = 10
) -> np.ndarray:
    """Outcome of ``n x 6`` cells by edge effects estimated on the others, in cross-validation; ``n``."""
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
    """Share of the variance of a standardised outcome, after both are centred; below 0 if worse than the mean."""
    error = outcome - (predicted - predicted.mean())
    return float(1 - (error**2).mean() / (outcome**2).mean())


def linear_model(
    training: Sequence[Population], design: Callable[[Population], np.ndarray]
) -> Callable[[Population], np.ndarray]:
    """A predictor of the outcome, linear in ``design(population)`` (``n x k``), fitted to several populations.

    Each population counts the same, whatever its size. Columns are standardised over the training cells, and RIDGE is
    worth one population.
    """
    shares = np.concatenate([np.full(len(p), 1 / len(p)) for p in training])
    shares /= shares.sum()
    x = np.vstack([design(p) for p in training])
    mean = shares @ x
    scale = np.sqrt(shares @ (x - mean) ** 2)
    scale[scale < 1e-12] = np.inf  # a column that never changes says nothing
    x = (x - mean) / scale
    gram = x.T @ (shares[:, None] * x) + RIDGE / len(training) * np.eye(x.shape[1])
    coefficients = np.linalg.solve(gram, x.T @ (shares * np.concatenate([p.outcome for p in training])))
    return lambda p: (design(p) - mean) / scale @ coefficients


def pick_score(population: Population, penalty: np.ndarray) -> float:
    """Lock score of the cell with the least penalty (``n``): the mean of those that share it."""
    return float(population.lock_scores[np.isclose(penalty, penalty.min())].mean())
