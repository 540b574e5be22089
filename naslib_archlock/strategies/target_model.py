"""How well a cell will fit a task whose accuracies are unknown, learnt from the accuracies of other tasks.

Among the cells within a source budget, what makes one worse than another on some other task? The answer carries over
from benchmark to benchmark (``experiments/patterns``): few weights, a small receptive field, no identity path. A ridge
regression on ``features.FEATURES`` holds it, fitted on pairs of tasks of the benchmarks other than the one searched:

* one population for each pair (source', target'): the distinct functions within ``BUDGET_PCT`` of the best;
* label: the rank of the target' accuracy in the population, standardised; only validation accuracies are read;
* beside the features, ``other_tasks``: the mean percentile on further tasks of the same benchmark, for the searches
  that may know such tasks.

What is kept of a benchmark are the moments of these regressions, one small matrix (``data/target_moments.json``), so
that a search needs no table of any other benchmark. ``experiments/target_model`` holds the builder.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from .. import data
from ..benchmarks.benchmark import Benchmark
from ..benchmarks.source_oracle import budget_floor
from ..compute.threads import single_threaded_blas
from ..errors import ConfigError
from ..spaces.features import FEATURES
from ..spaces.known import NASBENCH201
from ..spaces.space import SearchSpace
from ..tasks.names import HiddenTasks, same_task, task_name, whole_task

FILE = "target_moments.json"
BUDGET_PCT = 5.0  # large enough for populations of hundreds; what they teach is used at any budget
OTHER_TASKS = "other_tasks"
COLUMNS = (*FEATURES, OTHER_TASKS)
_RIDGE = 1.0  # worth one population
_LEAST = 30  # a population of fewer cells is widened: below, ranks are mostly noise
_UNIFORM_STD = 12**-0.5


@dataclass(frozen=True)
class Moments:
    """Second moments of one benchmark's regressions; each population is centred and counts the same, whatever its size.

    Attributes:
        gram: ``d x d``, of the columns with each other.
        label: ``d``, of the columns with the label; where ``d`` is the number of ``COLUMNS``.
        tasks: the names of the tasks that they are of.
    """

    gram: np.ndarray
    label: np.ndarray
    tasks: tuple[str, ...] = ()

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.gram + other.gram, self.label + other.label, (*self.tasks, *other.tasks))


def percentiles(space: SearchSpace, accuracy: np.ndarray) -> np.ndarray:
    """Return percentiles in (0, 1) of a task's accuracies, the mean over equal functions.

    Args:
        space: the search space.
        accuracy: ``n`` accuracies, in the order of ``space.all()``.
    Returns:
        ``n`` percentiles; all are 0.5 where all accuracies are equal.
    """
    if accuracy.min() == accuracy.max():  # the means of equal numbers would differ, by rounding
        return np.full(len(accuracy), 0.5)
    function = space.index(space.representatives(space.all()))
    of_function = _group_mean(function, accuracy)
    names, first = np.unique(function, return_index=True)
    rank = np.zeros(space.index_size)
    rank[names] = (_ranks(of_function[first]) - 0.5) / len(first)
    return rank[function]


@dataclass(frozen=True)
class Population:
    """The functions within a budget of a source, and how well they fit a target.

    Attributes:
        rows: of ``space.distinct()``, ``n``.
        columns: ``n x d``, scaled.
        label: ``n``, the standardised rank of the target's accuracy.
    """

    source: str
    target: str
    rows: np.ndarray
    columns: np.ndarray
    label: np.ndarray


def populations(benchmark: Benchmark, weights: Mapping[tuple[str, str], float]) -> Iterator[Population]:
    """Yield the populations of all ordered pairs of a benchmark's tasks.

    Args:
        weights: (task, target) -> weight of a further task in ``other_tasks`` for that target.
    """
    space, archs = benchmark.space, benchmark.space.distinct()
    row = np.searchsorted(space.index(space.all()), space.index(archs))
    percentile = {task: percentiles(space, benchmark.accuracies(task, "val"))[row] for task in benchmark.tasks}
    accuracy = {task: benchmark.accuracies(task, "val")[row] for task in benchmark.tasks}
    for source, target in itertools.permutations(benchmark.tasks, 2):
        others = {t: weights[t, target] for t in benchmark.tasks if t not in (source, target)}
        columns = _columns(space, archs, other_tasks(percentile, others))
        rows = _within_budget(accuracy[source])
        label = (_ranks(percentile[target][rows]) / len(rows) - 0.5) / _UNIFORM_STD
        yield Population(source, target, rows, columns[rows], label)


def moments(benchmark: Benchmark, weights: Mapping[tuple[str, str], float]) -> Moments:
    """The moments of all populations of a benchmark. Args: as of ``populations``."""
    total = Moments(np.zeros((len(COLUMNS), len(COLUMNS))), np.zeros(len(COLUMNS)), benchmark.tasks)
    for population in populations(benchmark, weights):
        x = population.columns - population.columns.mean(axis=0)
        y = population.label - population.label.mean()
        total += Moments(x.T @ x / len(y), x.T @ y / len(y))
    return total


def other_tasks(percentile: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> np.ndarray:
    """The weighted mean over tasks of their percentiles."""
    return np.asarray(np.average([percentile[task] for task in weights], axis=0, weights=list(weights.values())))


class TargetModel:
    """The regression for one search space, fitted on what other benchmarks taught."""

    def __init__(self, space: SearchSpace, knows_other_tasks: bool, targets: Sequence[str] = ()) -> None:
        """Fit the regression.

        Args:
            space: the space of the cells to predict; its own benchmark teaches nothing.
            knows_other_tasks: whether ``predict`` will be given percentiles of further tasks.
            targets: the tasks whose accuracies must not be seen; a benchmark that has one teaches nothing. The tasks
                that ``space`` itself has are others than those of the same name elsewhere: they have other images.

        Raises:
            TableError: if the package's file of moments is missing or damaged.
            ConfigError: if no benchmark is left to learn from.
        """
        self._space = space
        hidden = HiddenTasks(name for name in map(task_name, targets) if not same_task(whole_task(name), space.tasks))
        taught = [
            of_benchmark
            for name, of_benchmark in read_moments().items()
            if name != space.name and not any(task in hidden for task in of_benchmark.tasks)
        ]
        if not taught:
            raise ConfigError(
                f"all benchmarks that the target model learnt from have a target ({', '.join(hidden)}), whose "
                "accuracies a search must not see; rename the target if it is another task, or choose "
                "archlock.strategy evolution"
            )
        used = len(COLUMNS) if knows_other_tasks else len(FEATURES)
        total = sum(taught[1:], taught[0])
        gram, label = total.gram[:used, :used], total.label[:used]
        with single_threaded_blas():
            self.coefficients: np.ndarray = np.linalg.solve(gram + _RIDGE * np.eye(used), label)

    def predict(self, cells: np.ndarray, percentile: np.ndarray | None = None) -> np.ndarray:
        """What to expect of ``n x 6`` cells on the target, in standard deviations among cells within a budget.

        Args:
            percentile: of the cells on further tasks, ``n``, where the model knows such.
        """
        columns = _columns(self._space, cells, percentile)
        with single_threaded_blas():  # on two threads, OpenBLAS of some versions rounds otherwise
            return np.asarray(columns @ self.coefficients)


def read_moments() -> dict[str, Moments]:
    """Search space -> what its benchmark taught. Raises: TableError."""
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


def _columns(space: SearchSpace, cells: np.ndarray, percentile: np.ndarray | None) -> np.ndarray:
    """Features, and the percentile, each scaled by its mean and spread over all cells of NAS-Bench-201."""
    mean, std = _scale()
    scaled = (space.features(cells, FEATURES) - mean) / std
    return scaled if percentile is None else np.column_stack([scaled, (percentile - 0.5) / _UNIFORM_STD])


@cache
def _scale() -> tuple[np.ndarray, np.ndarray]:
    values = NASBENCH201.features(NASBENCH201.distinct(), FEATURES)
    return values.mean(axis=0), values.std(axis=0)


def _within_budget(accuracy: np.ndarray) -> np.ndarray:
    """Rows within the budget of the best, or the best ``_LEAST`` rows if that is fewer."""
    floor = min(budget_floor(accuracy.max(), BUDGET_PCT), np.sort(accuracy)[-_LEAST])
    return np.flatnonzero(accuracy >= floor)


def _ranks(values: np.ndarray) -> np.ndarray:
    """From 1, ties averaged."""
    from scipy.stats import rankdata  # slow to import, and a search that knows no further tasks ranks nothing

    return np.asarray(rankdata(values))


def _group_mean(group: np.ndarray, values: np.ndarray) -> np.ndarray:
    _, inverse = np.unique(group, return_inverse=True)
    return np.asarray((np.bincount(inverse, values) / np.bincount(inverse))[inverse])
