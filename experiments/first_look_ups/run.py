"""Measures whether other models of the source accuracy find its best with fewer look-ups, and whether locks gain.

python -m experiments.first_look_ups.run --tables DIR

Every variant makes the default search with another model. All have the same seeds, so differences are taken seed by
seed; the second budget gets half the seeds. The intervals are 95% intervals over tasks and seeds. Under scheme TU the
target model knows nothing of the target, so one search serves all targets. Under scheme TK, which has
``SEEDS_OF_TK`` seeds, all targets share the look-ups for the best source accuracy.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular

from experiments.common import interval, options, parallel, show, workers, write_results
from naslib_archlock.benchmarks.lock_score import LockScale
from naslib_archlock.compute.additive_process import AdditiveKernel, Points, fit_kernel
from naslib_archlock.compute.seeding import stream
from naslib_archlock.config.load import load_config
from naslib_archlock.locking.prepare import prepare, run
from naslib_archlock.report.text import table
from naslib_archlock.spaces.cells import Cell
from naslib_archlock.spaces.known import get_space
from naslib_archlock.spaces.space import SearchSpace
from naslib_archlock.strategies.bayesian import BayesianSearch, share_for_best
from naslib_archlock.strategies.surrogate import SourceModel, inputs
from naslib_archlock.strategies.target_model import percentiles
from naslib_archlock.studies.study_run import benchmark_of, tables_of

SPACES = ("nasbench201", "transbench101_micro", "transbench101_macro", "digits")
BUDGETS_PCT = (2.0, 5.0)
N_LOOK_UPS = 200
SEEDS_OF_TK = 2  # each needs a search for each pair of tasks
WITHIN_PCT = 0.1  # of the best accuracy of the table: so near, it counts as found
TODAY = "today"
_RIDGE = 0.05


# -- the variants ------------------------------------------------------------------------------------------------------


def today(space: SearchSpace, tables: str) -> SourceModel:
    return SourceModel(inputs(space))


def all_features(space: SearchSpace, tables: str) -> SourceModel:
    """Today's kernel on the descriptors and all graph features."""
    return SourceModel(np.hstack([inputs(space), *_graph_features(space)]))


def additive(space: SearchSpace, tables: str) -> SourceModel:
    """A kernel that adds up over the groups of graph features."""
    return AdditiveModel(_graph_features(space))


def other_tasks(space: SearchSpace, tables: str) -> SourceModel:
    """A kernel that adds up over descriptors, sequences of ops on paths, and what other benchmarks foretell.

    Macro networks have named features instead of the last two: what cells say of them depends on two of these.
    """
    if space.family != "cell":
        return AdditiveModel([inputs(space), standardised(space.features(space.distinct()))])
    columns, paths = space.descriptors(space.distinct()), space.graph_features(space.distinct())["paths"]
    parts = [*np.split(columns, [columns.shape[1] - space.encoding_dim], axis=1), paths]  # features, wiring, paths
    return AdditiveModel([*map(standardised, parts), told_by_other_benchmarks(space, tables)])


VARIANTS: dict[str, Callable[[SearchSpace, str], SourceModel]] = {
    TODAY: today,
    "all features, one length scale": all_features,
    "all features, additive": additive,
    "with other benchmarks, additive": other_tasks,
}


def standardised(columns: np.ndarray) -> np.ndarray:
    """Without constant columns."""
    columns = columns[:, columns.std(axis=0) > 1e-12]
    return np.asarray((columns - columns.mean(axis=0)) / columns.std(axis=0))


def _graph_features(space: SearchSpace) -> list[np.ndarray]:
    return [standardised(group) for group in space.graph_features(space.distinct()).values()]


@cache
def _model(variant: str, space: SearchSpace, tables: str) -> SourceModel:
    """The model of a variant; what it did before does not change what it predicts."""
    return VARIANTS[variant](space, tables)


class AdditiveModel(SourceModel):
    """As ``SourceModel``, with a kernel that adds up over groups of inputs. Searches of up to 200 look-ups use it."""

    def __init__(self, groups: Sequence[np.ndarray]) -> None:
        """Args: groups: ``m x d`` each, standardised."""
        super().__init__(np.hstack(groups))
        self._inputs = Points(tuple(map(_shrunk, groups)), np.zeros((len(groups[0]), 1)))

    def fit_kernel(self, rows: np.ndarray, values: np.ndarray) -> Any:
        return fit_kernel(self._inputs.at(rows), _to_unit(values), np.random.default_rng(0))

    def _predict_exactly(self, kernel: Any, rows: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        covariance = self.covariance(kernel, rows)
        factor = cholesky(covariance[rows] + (kernel.noise + 1e-8) * np.eye(len(rows)), lower=True)
        explained = solve_triangular(factor, covariance.T, lower=True, check_finite=False)
        left = np.maximum(kernel.variance - np.einsum("ij,ij->j", explained, explained), 0.0)
        return covariance @ cho_solve((factor, True), y), left + kernel.noise

    def covariance(self, kernel: Any, rows: np.ndarray) -> np.ndarray:
        known = np.empty((len(self.points), 0))
        if self._covered is not None and self._covered[0] is kernel:
            last = self._covered[1]
            if np.array_equal(last, rows[: len(last)]):
                known = self._covered[2]
        of_kernel: AdditiveKernel = kernel
        new = of_kernel.covariance(self._inputs, self._inputs.at(rows[known.shape[1] :]))
        self._covered = (kernel, rows, np.hstack([known, new]))
        return self._covered[2]


def _shrunk(group: np.ndarray) -> np.ndarray:
    """The principal components of a group, which keep its distances, in fewer columns; its mean square stays 1."""
    left, scale, _ = np.linalg.svd(group, full_matrices=False)
    n_kept = int(np.searchsorted(np.cumsum(scale**2) / (scale**2).sum(), 0.995)) + 1
    return np.asarray(left[:, :n_kept] * scale[:n_kept] * np.sqrt(n_kept / group.shape[1]))


def _to_unit(values: np.ndarray) -> np.ndarray:
    return np.asarray((values - values.mean()) / (values.std() or 1.0))


@cache
def told_by_other_benchmarks(space: SearchSpace, tables: str) -> np.ndarray:
    """How good a cell is by each task of the benchmarks on other images, ``m x k``, standardised.

    A ridge regression on the graph features learns the percentiles on such a task, and predicts those of ``space``.
    """
    columns = []
    for other in map(get_space, SPACES):
        if other.images == space.images or other.family != space.family:
            continue
        x_other, x = _on_one_scale(other, space)
        benchmark = benchmark_of(other.name, tables)
        rows = np.searchsorted(other.index(other.all()), other.index(other.distinct()))
        for task in benchmark.tasks:
            y = percentiles(other, benchmark.accuracies(task, "val"))[rows]
            gram = x_other.T @ x_other / len(y) + _RIDGE * np.eye(x.shape[1])
            columns.append(x @ np.linalg.solve(gram, x_other.T @ (y - y.mean()) / len(y)))
    return standardised(np.stack(columns, axis=1))


def _on_one_scale(other: SearchSpace, space: SearchSpace) -> tuple[np.ndarray, np.ndarray]:
    """The graph features of two spaces that vary in the first one, standardised by the first one."""
    theirs, ours = (np.hstack(list(s.graph_features(s.distinct()).values())) for s in (other, space))
    varies = theirs.std(axis=0) > 0
    centre, scale = theirs[:, varies].mean(axis=0), theirs[:, varies].std(axis=0)
    return (theirs[:, varies] - centre) / scale, (ours[:, varies] - centre) / scale


# -- searches ----------------------------------------------------------------------------------------------------------


class VariantSearch(BayesianSearch):
    """The default search with another model, which may begin with given look-ups."""

    def use(self, model: SourceModel, first: Sequence[Cell] = ()) -> None:
        self._source, self._first = model, first

    def _propose(self) -> Cell:
        n = len(self.history)
        return self._first[n] if n < len(self._first) else super()._propose()


class Found(NamedTuple):
    """What one search found.

    Attributes:
        look_ups: until the best source accuracy was found; ``N_LOOK_UPS`` if it was not.
        reached: whether it was.
        tu, tk: the lock scores and whether the locks lie outside the budget, means over targets.
        seconds: the time of the search under scheme TU.
    """

    look_ups: int
    reached: bool
    tu: tuple[float, float]
    tk: tuple[float, float] | None
    seconds: float


def searched(tables: str, variant: str, space: str, source: str, seed: int, budget: float) -> Found:
    """The searches of one variant, source, seed and budget."""
    benchmark = benchmark_of(space, tables)
    targets = [task for task in benchmark.tasks if task != source]
    model = _model(variant, benchmark.space, tables)
    start = time.perf_counter()
    search = _search(tables, space, (source, targets[0]), seed, budget, "tu", model)
    seconds = time.perf_counter() - start
    accuracy = benchmark.accuracies(source, "val")
    hits = np.flatnonzero([e.source_val is not None and e.source_val >= _near_best(accuracy) for e in search.history])
    tu = [_scored(tables, space, (source, target), budget, search.best().arch) for target in targets]
    tk = None
    if seed < SEEDS_OF_TK:
        first = [e.arch for e in search.history[: int(share_for_best(budget) * N_LOOK_UPS)]]
        tk = [
            _scored(
                tables, space, (source, target), budget,
                _search(tables, space, (source, target), seed, budget, "tk", model, first).best().arch,
            )
            for target in targets
        ]  # fmt: skip
    return Found(
        int(hits[0]) + 1 if len(hits) else N_LOOK_UPS, len(hits) > 0, _means(tu), _means(tk) if tk else None, seconds
    )


def _near_best(accuracy: np.ndarray) -> float:
    """The least accuracy that counts as the best."""
    return float(accuracy.max() - abs(accuracy.max()) * WITHIN_PCT / 100)


def _search(
    tables: str,
    space: str,
    pair: tuple[str, str],
    seed: int,
    budget: float,
    scheme: str,
    model: SourceModel,
    first: Sequence[Cell] = (),
) -> VariantSearch:
    keys: list[Any] = ["search_space", space, "dataset", pair[0], "archlock.target", pair[1], "archlock.device", "cpu"]
    keys += ["archlock.tables", tables_of(get_space(space), tables), "archlock.scheme", scheme, "seed", seed]
    keys += ["archlock.source_budget_pct", budget, "search.epochs", N_LOOK_UPS]
    config = load_config(None, [*map(str, keys)])
    usual = prepare(config, benchmark_of(space, tables)).search
    rng = stream(config.seed, "search")
    search = VariantSearch(usual.space, usual.fitness, usual.oracle, usual.settings, rng)
    search.use(model, first)
    run(search, N_LOOK_UPS)
    return search


def _scored(tables: str, space: str, pair: tuple[str, str], budget: float, arch: Cell) -> tuple[float, float]:
    scored = _scale(tables, space, pair, budget).score(arch)
    return scored.lock_score, float(not scored.is_within_budget)


@cache
def _scale(tables: str, space: str, pair: tuple[str, str], budget: float) -> LockScale:
    return LockScale(benchmark_of(space, tables), *pair, budget)


def _means(scored: Sequence[tuple[float, float]]) -> tuple[float, float]:
    score, outside = np.mean(scored, axis=0).tolist()
    return score, outside


# -- figures -----------------------------------------------------------------------------------------------------------


def figures(found: Sequence[Found], of_today: Sequence[Found]) -> dict[str, Any]:
    """The figures of a variant on one space and budget, and their gains over today's with the same tasks and seeds."""
    got: dict[str, Any] = {
        "reached_pct": 100 * float(np.mean([f.reached for f in found])),
        "median_look_ups": float(np.median([f.look_ups for f in found])),
        "seconds": float(np.mean([f.seconds for f in found])),
    }
    values: dict[str, Callable[[Found], float]] = {
        "look_ups": lambda f: f.look_ups,
        "reached": lambda f: 100.0 * f.reached,
        "score_tu": lambda f: f.tu[0],
        "outside_tu": lambda f: 100 * f.tu[1],
        "score_tk": lambda f: f.tk[0] if f.tk else np.nan,
        "outside_tk": lambda f: 100 * f.tk[1] if f.tk else np.nan,
    }
    for name, value in values.items():
        ours, theirs = (np.array([value(f) for f in those]) for those in (found, of_today))
        known = ~np.isnan(ours)
        got[name] = {of: number for of, number in interval(ours[known].tolist()).items() if of != "values"}
        got[f"{name}_gain"] = interval((ours - theirs)[known].tolist())
    return got


def luck(tables: str, space_name: str, task: str) -> dict[str, Any]:
    """How much of the best accuracy is the luck of one training, which no model of functions can foretell."""
    benchmark = benchmark_of(space_name, tables)
    space, accuracy = benchmark.space, benchmark.accuracies(task, "val")
    _, function, copies = np.unique(
        space.index(space.representatives(space.all())), return_inverse=True, return_counts=True
    )
    mean = np.bincount(function, accuracy) / copies
    spread = np.sqrt(((accuracy - mean[function]) ** 2).sum() / max(len(accuracy) - len(copies), 1))
    best = int(accuracy.argmax())
    n_copies = int(copies[function[best]])
    rank = None
    if n_copies > 1:
        of_others = (mean[function[best]] * n_copies - accuracy[best]) / (n_copies - 1)
        rank = int((np.delete(mean, function[best]) > of_others).sum()) + 1
    return {
        "space": space_name, "task": task,
        "n_found": int((accuracy >= _near_best(accuracy)).sum()),
        "spread_pct": 100 * float(spread / abs(accuracy.max())),
        "copies_of_best": n_copies, "rank_by_other_copies": rank,
    }  # fmt: skip


def main() -> None:
    args = options(__doc__, str(Path(__file__).parent), seeds=10).parse_args()
    places = [(space, task) for space in SPACES for task in benchmark_of(space, args.tables).tasks]
    calls = [
        (args.tables, variant, *place, seed, budget)
        for variant, place, budget in itertools.product(VARIANTS, places, BUDGETS_PCT)
        for seed in range(args.seeds if budget == BUDGETS_PCT[0] else args.seeds // 2)
    ]
    found = dict(zip(calls, parallel(searched, calls, workers(args))))
    results = []
    for budget, space, variant in itertools.product(BUDGETS_PCT, (*SPACES, "all"), VARIANTS):
        of_variant, of_today = (
            [f for call, f in found.items() if call[1] == name and space in (call[2], "all") and call[5] == budget]
            for name in (variant, TODAY)
        )
        results.append({"budget_pct": budget, "space": space, "variant": variant, **figures(of_variant, of_today)})
    print_tables(results)
    lucky = [luck(args.tables, *place) for place in places]
    print("\nHow much of the best accuracy is luck")
    print(table([["space", "task", "near the best", "spread of copies", "copies of the best", "rank by the others"]] + [
        [r["space"], r["task"], str(r["n_found"]), f"{r['spread_pct']:.1f}%", str(r["copies_of_best"]),
         str(r["rank_by_other_copies"] or "")] for r in lucky
    ]))  # fmt: skip
    write_results(args.out, {"results": results, "luck": lucky})


def print_tables(results: Sequence[dict[str, Any]]) -> None:
    head = ["space", "model", "reached", "median", "look-ups", "TU outside", "TU score", "TK outside", "TK score"]
    for budget in BUDGETS_PCT:
        print(f"\nBudget {budget:g}%: found, then what the model changes (variant minus today)")
        print(table([[*head, "s"]] + [
            [r["space"], r["variant"], f"{r['reached_pct']:.0f}%", f"{r['median_look_ups']:.0f}"]
            + [show(r[f"{name}_gain" if r["variant"] != TODAY else name], digits=digits) for name, digits in (
                ("look_ups", 1), ("outside_tu", 1), ("score_tu", 2), ("outside_tk", 1), ("score_tk", 2))]
            + [f"{r['seconds']:.2f}"]
            for r in results if r["budget_pct"] == budget
        ]), flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
