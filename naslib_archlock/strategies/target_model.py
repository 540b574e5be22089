"""A regression that predicts how accurate a cell will be on a target task, without any accuracy on that task.

Which of the cells within a source budget are worst on another task? The answer is similar on all benchmarks
(``experiments/patterns``): cells with few weights, a small receptive field and no identity path. A ridge regression on
``cell_features.FEATURES`` learns this from benchmarks other than the one that is searched:

* each pair of tasks (source', target') of a benchmark gives one population: the distinct functions within
  ``BUDGET_PCT`` of the best validation accuracy on source';
* the label of a function is the logarithm of the rank of its validation accuracy on target' in the population,
  standardised: a lock is one of the lowest ranks, and the logarithm tells these apart best;
* one more column, ``other_tasks``, is the mean percentile on further tasks of the same benchmark. Only a search that
  knows further tasks uses it.

The networks of a space without cells have only a few of the features. Of these, the regression uses ``SHARED``: in
cells, weights and FLOPs rise together, so what either says without the other does not carry over.

For a lock against fine-tuned networks, the labels are of networks that were trained on source' and fine-tuned on
target', from the embedded transfer benchmark (``transfer_moments``).

The package keeps only the second moments of each benchmark's populations (``data/target_moments.json``), so a search
needs no table of another benchmark. ``experiments/target_model`` computes that file.

A search space has ``m`` distinct functions, a population has ``n`` of them, and there are ``d`` columns, named in
``COLUMNS``; a model without further tasks leaves out the last. The matrices and vectors of this module:

* ``columns``, ``n x d``: features and ``other_tasks``, scaled alike on all benchmarks (``scaled_columns``);
* ``rows``, ``n``: the rows of ``space.distinct()`` that are in the population;
* ``used``: the numbers of the columns that a model has coefficients of;
* ``label``: in a ``Population``, the ``n`` labels; in ``Moments``, ``d`` numbers, the sum over populations of
  ``x.T @ y / n``;
* ``x``, ``n x d``, and ``y``, ``n``: the columns and labels of a population, centred;
* ``gram``, ``d x d``: the sum over populations of ``x.T @ x / n``;
* ``percentile``: the position of each architecture's accuracy on a task, in (0, 1);
* ``coefficients``: the solution of the ridge regression, one for each of ``used``.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from .. import data
from ..benchmarks.benchmark import Benchmark
from ..benchmarks.source_oracle import budget_floor
from ..compute.threads import single_threaded_blas
from ..errors import ConfigError, shown
from ..spaces.cell_features import FEATURES
from ..spaces.known import NASBENCH201, SPACES
from ..spaces.space import SearchSpace
from ..tasks.names import HiddenTasks, same_task, task_name, whole_task

FILE = "target_moments.json"
BUDGET_PCT = 2.0  # the model is used at any budget
OTHER_TASKS = "other_tasks"
COLUMNS = (*FEATURES, OTHER_TASKS)
SHARED = ("log_flops", "least_depth")
_RIDGE = 3.0  # weighs as much as three populations
_LEAST = 30  # the least size of a population: in a smaller one, ranks are mostly noise
_UNIFORM_STD = 12**-0.5


@dataclass(frozen=True)
class Moments:
    """The second moments of one benchmark's populations; every population is centred and has the same weight.

    Attributes:
        gram: ``d x d``, the columns with each other.
        label: ``d``, the columns with the label.
        tasks: the names of the tasks that they come from.
    """

    gram: np.ndarray
    label: np.ndarray
    tasks: tuple[str, ...] = ()

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.gram + other.gram, self.label + other.label, (*self.tasks, *other.tasks))


def percentiles(space: SearchSpace, accuracy: np.ndarray) -> np.ndarray:
    """The percentiles of a task's accuracies, in (0, 1). Architectures that compute one function share their mean.

    Args:
        space: the search space.
        accuracy: an accuracy for each architecture of ``space.all()``.
    Returns:
        a percentile for each architecture; all are 0.5 if all accuracies are equal.
    """
    if accuracy.min() == accuracy.max():  # otherwise rounding would give the means of equal numbers different ranks
        return np.full(len(accuracy), 0.5)
    function = space.index(space.representatives(space.all()))
    of_function = _group_mean(function, accuracy)
    names, first = np.unique(function, return_index=True)
    rank = np.zeros(space.index_size)
    rank[names] = (_ranks(of_function[first]) - 0.5) / len(first)
    return rank[function]


@dataclass(frozen=True)
class Population:
    """The functions within the budget of a source, and the ranks of their accuracies on a target.

    Attributes:
        source: the source task.
        target: the target task.
        rows: ``n`` rows of ``space.distinct()``.
        columns: ``n x d``, scaled.
        label: ``n`` standardised logarithms of the rank of the accuracy on the target, from the lowest.
    """

    source: str
    target: str
    rows: np.ndarray
    columns: np.ndarray
    label: np.ndarray


def populations(
    benchmark: Benchmark, weights: Mapping[tuple[str, str], float], of_transfer: bool = False
) -> Iterator[Population]:
    """Yield the populations of all ordered pairs of a benchmark's tasks.

    Args:
        benchmark: the accuracies.
        weights: (task, target) -> the weight of a further task in ``other_tasks`` for that target.
        of_transfer: whether labels are of networks that were trained on the source and fine-tuned on the target, as
            far as the benchmark has them.
    """
    space, archs = benchmark.space, benchmark.space.distinct()
    row = np.searchsorted(space.index(space.all()), space.index(archs))
    percentile = {task: percentiles(space, benchmark.accuracies(task, "val"))[row] for task in benchmark.tasks}
    accuracy = {task: benchmark.accuracies(task, "val")[row] for task in benchmark.tasks}
    for source, target in itertools.permutations(benchmark.tasks, 2):
        others = {t: weights[t, target] for t in benchmark.tasks if t not in (source, target)}
        columns = scaled_columns(space, archs, other_tasks(percentile, others))
        rows, of_target = _within_budget(accuracy[source]), percentile[target]
        if of_transfer:
            of_target = benchmark.accuracies(target, "val", pretrained_on=source)[row]
            rows = rows[np.isfinite(of_target[rows])]
        yield Population(source, target, rows, columns[rows], _label(of_target[rows]))


def _label(accuracy: np.ndarray) -> np.ndarray:
    """The standardised logarithms of ranks; all are 0 if all accuracies are equal."""
    if accuracy.min() == accuracy.max():
        return np.zeros(len(accuracy))
    logarithm = np.log((_ranks(accuracy) - 0.5) / len(accuracy))
    return np.asarray((logarithm - logarithm.mean()) / logarithm.std())


def moments(benchmark: Benchmark, weights: Mapping[tuple[str, str], float]) -> Moments:
    """The moments of all populations of a benchmark; the arguments are as in ``populations``."""
    return _moments_of(populations(benchmark, weights), benchmark.tasks)


def _moments_of(those: Iterable[Population], tasks: tuple[str, ...]) -> Moments:
    total = Moments(np.zeros((len(COLUMNS), len(COLUMNS))), np.zeros(len(COLUMNS)), tasks)
    for population in those:
        x = population.columns - population.columns.mean(axis=0)
        y = population.label - population.label.mean()
        total += Moments(x.T @ x / len(y), x.T @ y / len(y))
    return total


def transfer_moments(space: SearchSpace, tasks: Sequence[str]) -> Moments:
    """What the embedded transfer benchmark teaches of networks that are fine-tuned on their target.

    Args:
        space: the search space of the search.
        tasks: the source and the targets of the search. In the space of the transfer benchmark itself, a pair that has
            one of them teaches nothing. In another space with tasks on the same images, no pair teaches anything.
    Raises: ConfigError: if no pair is left.
    """
    from ..benchmarks.domains_benchmark import domains_benchmark  # a search from NASLib's files needs no table

    benchmark = domains_benchmark()
    own: set[str] = set()
    if space.images == benchmark.space.images:
        own.update(tasks if space is benchmark.space else benchmark.tasks)
    weights = dict.fromkeys(itertools.permutations(benchmark.tasks, 2), 1.0)
    left = [
        population
        for population in populations(benchmark, weights, of_transfer=True)
        if not own & {population.source, population.target}
    ]
    if not left:
        raise ConfigError(
            "no pair of the transfer benchmark is left to learn from, as each has images of the source or a target "
            f"({shown(', '.join(tasks))}); name fewer in archlock.target, or leave out archlock.lock_on transfer"
        )
    return _moments_of(left, tuple(task for task in benchmark.tasks if task not in own))


def other_tasks(percentile: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> np.ndarray:
    """The weighted mean of the percentiles on several tasks."""
    return np.asarray(np.average([percentile[task] for task in weights], axis=0, weights=list(weights.values())))


class TargetModel:
    """The regression for one search space, fitted on the other benchmarks.

    Attributes:
        used: the numbers of the columns that it uses.
        coefficients: one for each of them.
    """

    def __init__(
        self,
        space: SearchSpace,
        knows_other_tasks: bool,
        targets: Sequence[str] = (),
        learnt_from: Moments | None = None,
    ) -> None:
        """Fit the regression.

        Args:
            space: the search space of the cells to predict. Benchmarks on the images of its tasks are not used.
            knows_other_tasks: whether ``predict`` will be given percentiles of further tasks.
            targets: the tasks whose accuracies must not be seen; a benchmark that has one teaches nothing. The tasks
                that ``space`` itself has are others than those of the same name elsewhere: they have other images.
            learnt_from: in place of the moments of the other benchmarks.

        Raises:
            TableError: if the package's file of moments is missing or damaged.
            ConfigError: if no benchmark is left to learn from.
        """
        self._space = space
        total = learnt_from or _of_other_benchmarks(space, targets)
        names = [*features_of(space), *([OTHER_TASKS] if knows_other_tasks else [])]
        self.used = [COLUMNS.index(name) for name in names]
        gram, label = total.gram[np.ix_(self.used, self.used)], total.label[self.used]
        with single_threaded_blas():
            self.coefficients: np.ndarray = np.linalg.solve(gram + _RIDGE * np.eye(len(names)), label)

    def predict(self, cells: np.ndarray, percentile: np.ndarray | None = None) -> np.ndarray:
        """Predict the accuracy of cells on the target, in standard deviations of the cells within a budget.

        Args:
            cells: ``n x 6`` op codes.
            percentile: the mean percentiles of the cells on further tasks, ``n``, if the model knows further tasks.

        Returns:
            ``n`` predictions.
        """
        columns = scaled_columns(self._space, cells, percentile)
        with single_threaded_blas():  # with two threads, some versions of OpenBLAS round differently
            return np.asarray(columns @ self.coefficients)


def _of_other_benchmarks(space: SearchSpace, targets: Sequence[str]) -> Moments:
    """The moments of all benchmarks that may teach; the arguments and errors are those of ``TargetModel``."""
    hidden = HiddenTasks(name for name in map(task_name, targets) if not same_task(whole_task(name), space.tasks))
    taught = [
        of_benchmark
        for name, of_benchmark in read_moments().items()
        if SPACES[name].images != space.images and not any(task in hidden for task in of_benchmark.tasks)
    ]
    if not taught:
        raise ConfigError(
            f"all benchmarks that the target model learnt from have a target ({', '.join(hidden)}), whose "
            "accuracies a search must not see; rename the target if it is another task, or choose "
            "archlock.strategy evolution"
        )
    return sum(taught[1:], taught[0])


def features_of(space: SearchSpace) -> tuple[str, ...]:
    """The features that a model for a search space uses; none if it has no features that carry over."""
    names = FEATURES if space.has_features(FEATURES) else SHARED
    return names if space.has_features(names) else ()


def knows_further_tasks(space: SearchSpace) -> bool:
    """Whether a model for a search space can use ``other_tasks``.

    How much they say was learnt on cells, and does not carry over to other networks (``experiments/target_model``).
    """
    return space.has_features(FEATURES)


def read_moments() -> dict[str, Moments]:
    """Search space -> the moments of its benchmark. Raises: TableError."""
    raw: dict[str, Any] = json.loads(data.checked_path(FILE).read_text(encoding="utf-8"))
    return {
        name: Moments(np.array(m["gram"]), np.array(m["label"]), tuple(m["tasks"]))
        for name, m in raw["benchmarks"].items()
    }


def encode_moments(taught: Mapping[str, Moments]) -> bytes:
    """The content of the file of moments."""
    benchmarks = {
        name: {"tasks": m.tasks, "gram": np.round(m.gram, 6).tolist(), "label": np.round(m.label, 6).tolist()}
        for name, m in taught.items()
    }
    return (json.dumps({"columns": COLUMNS, "benchmarks": benchmarks}, indent=1) + "\n").encode()


def scaled_columns(space: SearchSpace, cells: np.ndarray, percentile: np.ndarray | None) -> np.ndarray:
    """The features of ``n x 6`` codes and, if given, their percentiles, scaled; a column for each that is used.

    All spaces of cells share one scale: the mean and standard deviation of each feature over NAS-Bench-201.
    """
    mean, std = _scale(space if features_of(space) == SHARED else NASBENCH201)
    scaled = (space.features(cells, features_of(space)) - mean) / std
    return scaled if percentile is None else np.column_stack([scaled, (percentile - 0.5) / _UNIFORM_STD])


@cache
def _scale(space: SearchSpace) -> tuple[np.ndarray, np.ndarray]:
    values = space.features(space.distinct(), features_of(space))
    return values.mean(axis=0), values.std(axis=0)


def _within_budget(accuracy: np.ndarray) -> np.ndarray:
    """The rows within the budget of the best accuracy, or the best ``_LEAST`` rows if fewer are within it."""
    floor = min(budget_floor(accuracy.max(), BUDGET_PCT), np.sort(accuracy)[-_LEAST])
    return np.flatnonzero(accuracy >= floor)


def _ranks(values: np.ndarray) -> np.ndarray:
    """The ranks of the values, from 1 for the lowest; ties get their mean rank."""
    from scipy.stats import rankdata  # it is slow to import, and a search that knows no further tasks ranks nothing

    return np.asarray(rankdata(values))


def _group_mean(group: np.ndarray, values: np.ndarray) -> np.ndarray:
    """For each value, the mean of the values in its group."""
    _, inverse = np.unique(group, return_inverse=True)
    return np.asarray((np.bincount(inverse, values) / np.bincount(inverse))[inverse])
