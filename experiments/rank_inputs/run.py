"""Measures what the ranker's ranks add to the target model, and to the first look-ups of a search.

python -m experiments.rank_inputs.run --tables DIR

Every figure is a gain, with ranks minus without, and has a 95% interval over all pairs of tasks: of four benchmarks in
the first table, and of the three benchmarks of cells in the second one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import spearmanr

from experiments.common import interval, options, parallel, show, workers, write_results
from experiments.target_model.build import all_weights
from naslib_archlock.benchmarks.benchmark import Benchmark
from naslib_archlock.benchmarks.lock_score import LockScale
from naslib_archlock.compute.seeding import stream
from naslib_archlock.config.load import load_config
from naslib_archlock.config.sections import Config
from naslib_archlock.locking.find_ranker import find_ranker
from naslib_archlock.locking.knowledge import Knowledge
from naslib_archlock.locking.prepare import prepare, rank_fitness, run
from naslib_archlock.locking.schemes import get_scheme
from naslib_archlock.report.text import table
from naslib_archlock.spaces.cells import Cell
from naslib_archlock.spaces.known import SPACES, get_space
from naslib_archlock.strategies.base import Search
from naslib_archlock.strategies.bayesian import BayesianSearch
from naslib_archlock.strategies.target_model import (
    COLUMNS,
    OTHER_TASKS,
    features_of,
    knows_further_tasks,
    other_tasks,
    percentiles,
    populations,
    scaled_columns,
)
from naslib_archlock.studies.study_run import benchmark_of, tables_of

BUDGETS_PCT = (2.0, 5.0)
VOTERS = {"default voters": "", "the paper's voters": "fisher,flops,grad_norm,grasp,jacov,nwot,snip"}
SCHEMES = ("tu", "tk")
INPUTS = {"source rank": [0], "target rank": [1], "both ranks": [0, 1]}
N_FIRST = 20
_RIDGE = 3.0  # as in the target model
_UNIFORM_STD = 12**-0.5

Pair = tuple[str, str]


class Ranks(NamedTuple):
    """What a ranker says of every function of ``space.distinct()``, ``m`` numbers each; 1 is the best rank."""

    source: np.ndarray
    target: np.ndarray  # under scheme TU the mean over simulated targets


# -- ranks -------------------------------------------------------------------------------------------------------------


def config_for(tables: str, space: str, pair: Pair, *overrides: object) -> Config:
    base = ["search_space", space, "dataset", pair[0], "archlock.target", pair[1], "archlock.device", "cpu"]
    base += ["archlock.tables", tables_of(get_space(space), tables)]
    return load_config(None, [*base, *map(str, overrides)])


def ranks_of(tables: str, space: str, voters: str, scheme: str, hidden: str) -> dict[Pair, Ranks]:
    """Train one ranker, and rank all functions for the pairs of tasks that it may be used for.

    Args:
        hidden: under scheme TU the target, which the ranker must not see; empty under TK.
    """
    benchmark = benchmark_of(space, tables)
    pairs = [pair for pair in itertools.permutations(benchmark.tasks, 2) if hidden in ("", pair[1])]
    found, ranker = {}, None
    rules, overrides = get_scheme(scheme), ["archlock.scheme", scheme, "archlock.strategy", "evolution"]
    if VOTERS[voters]:
        overrides += ["archlock.proxies", VOTERS[voters]]
    for pair in pairs:
        config = config_for(tables, space, pair, *overrides)
        ranker = ranker or find_ranker(
            config, Knowledge(config, rules.hidden(config.archlock.targets), benchmark.tasks)
        )
        view = rules.view(benchmark, pair[0], config.archlock.targets, config)
        fitness, source = rank_fitness(config, rules, view, ranker).evaluate(benchmark.space.distinct())
        found[pair] = Ranks(source, fitness + config.archlock.trade_off * source)
    return found


def all_ranks(
    tables: str, benchmarks: Mapping[str, Benchmark], jobs: Any
) -> dict[tuple[str, str, str], dict[Pair, Ranks]]:
    """(space, voters, scheme) -> pair -> ranks."""
    calls = [
        (tables, space, voters, scheme, hidden)
        for space, benchmark in benchmarks.items()
        for voters in VOTERS
        for scheme in SCHEMES
        for hidden in (benchmark.tasks if scheme == "tu" else [""])
    ]
    found: dict[Any, dict[Pair, Ranks]] = {}
    for (_, space, voters, scheme, _), of_call in zip(calls, parallel(ranks_of, calls, jobs)):
        found.setdefault((space, voters, scheme), {}).update(of_call)
    return found


# -- as inputs of the target model -------------------------------------------------------------------------------------


def rank_columns(ranks: Ranks) -> np.ndarray:
    """``m x 2``, scaled as the target model scales percentiles; more is better."""
    m = len(ranks.source)
    return np.stack([(0.5 - (rank - 1) / (m - 1)) / _UNIFORM_STD for rank in ranks], axis=1)


class RankedModel:
    """The target model of a space under a scheme, with and without ranks as further inputs."""

    def __init__(self, space: str, scheme: str, benchmarks: Mapping[str, Benchmark], weights: Any, ranks: Any) -> None:
        self._benchmark, self._weights, self._ranks = benchmarks[space], weights, ranks[space]
        self._further = scheme == "tk" and knows_further_tasks(self._benchmark.space)
        names = [*features_of(self._benchmark.space), *([OTHER_TASKS] if self._further else [])]
        self._used = [COLUMNS.index(name) for name in names]
        self._taught = [
            (population, rank_columns(ranks[other][population.source, population.target])[population.rows])
            for other, benchmark in benchmarks.items()
            if other != space and knows_further_tasks(benchmark.space)
            for population in populations(benchmark, weights[other])
        ]

    def coefficients(self, inputs: Sequence[int]) -> np.ndarray:
        """The ridge regression, fitted on the other benchmarks. Args: inputs: the columns of ranks to use."""
        gram, label = _RIDGE * np.eye(len(self._used) + len(inputs)), 0.0
        for population, ranks in self._taught:
            x = np.hstack([population.columns[:, self._used], ranks[:, inputs]])
            x = x - x.mean(axis=0)
            gram = gram + x.T @ x / len(x)
            label = label + x.T @ (population.label - population.label.mean()) / len(x)
        return np.asarray(np.linalg.solve(gram, label))

    def predict(self, pair: Pair, inputs: Sequence[int], coefficients: np.ndarray) -> np.ndarray:
        """The predictions for every architecture of ``space.all()``. Args: coefficients: for these inputs."""
        space = self._benchmark.space
        columns = np.hstack([self._own_columns(pair), rank_columns(self._ranks[pair])[:, inputs]])
        of_function = columns @ coefficients
        names = space.index(space.distinct())
        found = np.full(len(space.all()), np.inf)  # an architecture that connects nothing is no lock
        name = space.index(space.representatives(space.all()))
        usable = np.isin(name, names)
        found[usable] = of_function[np.searchsorted(names, name[usable])]
        return found

    def _own_columns(self, pair: Pair) -> np.ndarray:
        space, archs = self._benchmark.space, self._benchmark.space.distinct()
        if not self._further:
            return scaled_columns(space, archs, None)
        row = np.searchsorted(space.index(space.all()), space.index(archs))
        of_task = {
            task: percentiles(space, self._benchmark.accuracies(task, "val"))[row]
            for task in self._benchmark.tasks
            if task not in pair
        }
        return scaled_columns(
            space, archs, other_tasks(of_task, {t: self._weights[space.name][t, pair[1]] for t in of_task})
        )


def judge(benchmark: Benchmark, pair: Pair, predicted: np.ndarray) -> tuple[float, float]:
    """The lock score of the pick, and the rank correlation with the target within the budget; means over budgets."""
    scores, correlations = [], []
    for budget in BUDGETS_PCT:
        scale = LockScale(benchmark, *pair, budget)
        scores.append(scale.score(scale.least(predicted)[0]).lock_score)
        rows = np.flatnonzero(scale.within & np.isfinite(predicted))
        correlations.append(spearmanr(predicted[rows], scale.target_test[rows])[0] if len(rows) > 5 else np.nan)
    return float(np.mean(scores)), float(np.nanmean(correlations))


def gains_of_inputs(benchmarks: Mapping[str, Benchmark], weights: Any, ranks: Any) -> Iterator[dict[str, Any]]:
    for scheme, voters in itertools.product(SCHEMES, VOTERS):
        of_spaces = {space: ranks[space, voters, scheme] for space in benchmarks}
        models = {space: RankedModel(space, scheme, benchmarks, weights, of_spaces) for space in benchmarks}
        places = [(space, pair) for space, b in benchmarks.items() for pair in itertools.permutations(b.tasks, 2)]
        without = _judged(models, benchmarks, places, [])
        for name, inputs in INPUTS.items():
            gains = _judged(models, benchmarks, places, inputs) - without
            yield {
                "scheme": scheme.upper(), "voters": voters, "input": name,
                "lock_score": interval(gains[:, 0].tolist()),
                "correlation": interval(gains[~np.isnan(gains[:, 1]), 1].tolist()),
            }  # fmt: skip


def _judged(
    models: Mapping[str, RankedModel],
    benchmarks: Mapping[str, Benchmark],
    places: Sequence[tuple[str, Pair]],
    inputs: Sequence[int],
) -> np.ndarray:
    """What ``judge`` says of the models with these inputs, ``places x 2``."""
    fitted = {space: model.coefficients(inputs) for space, model in models.items()}
    return np.array(
        [judge(benchmarks[space], pair, models[space].predict(pair, inputs, fitted[space])) for space, pair in places]
    )


# -- as the first look-ups ---------------------------------------------------------------------------------------------


class RankedStart(BayesianSearch):
    """The default search, which first looks up given architectures in place of random ones."""

    def start_with(self, archs: Sequence[Cell]) -> None:
        self._start = [self._row[arch] for arch in archs]


def searched(tables: str, space: str, pair: Pair, seed: int, first: Sequence[Cell]) -> tuple[float, float]:
    """The lock score and the share outside the budget of a search under scheme TU, means over budgets."""
    found = []
    for budget in BUDGETS_PCT:
        benchmark = benchmark_of(space, tables)
        config = config_for(
            tables, space, pair, "seed", seed, "archlock.source_budget_pct", budget, "search.epochs", 200
        )
        usual = prepare(config, benchmark).search
        search: Search = usual
        if first:
            rng = stream(config.seed, "search")
            search = RankedStart(usual.space, usual.fitness, usual.oracle, usual.settings, rng)
            search.start_with(first)
        run(search, config.search.epochs)
        found.append(_scale(tables, space, pair, budget).score(search.best().arch))
    return float(np.mean([s.lock_score for s in found])), float(np.mean([not s.is_within_budget for s in found]))


@cache
def _scale(tables: str, space: str, pair: Pair, budget: float) -> LockScale:
    return LockScale(benchmark_of(space, tables), *pair, budget)


def first_archs(space: str, ranks: Ranks, by: str) -> list[Cell]:
    """The functions to look up first: the best on the source, or the fittest as the paper defines it."""
    value = ranks.source if by == "source rank" else 2.0 * ranks.source - ranks.target
    best = np.argsort(value, kind="stable")[:N_FIRST]
    return [tuple(arch) for arch in get_space(space).distinct()[best].tolist()]


def gains_of_first_look_ups(
    tables: str, benchmarks: Mapping[str, Benchmark], ranks: Any, n_seeds: int, jobs: Any
) -> Iterator[dict[str, Any]]:
    cells = {space: b for space, b in benchmarks.items() if knows_further_tasks(b.space)}
    places = [(space, pair) for space, b in cells.items() for pair in itertools.permutations(b.tasks, 2)]

    def means(firsts: Mapping[Any, Sequence[Cell]]) -> np.ndarray:
        calls = [(tables, *place, seed, firsts.get(place, ())) for place in places for seed in range(n_seeds)]
        return np.array(parallel(searched, calls, jobs)).reshape(len(places), n_seeds, 2).mean(axis=1)

    without = means({})
    for voters, by in itertools.product(VOTERS, ("source rank", "the paper's fitness")):
        firsts = {(space, pair): first_archs(space, ranks[space, voters, "tu"][pair], by) for space, pair in places}
        gains = means(firsts) - without
        yield {
            "voters": voters, "by": by,
            "lock_score": interval(gains[:, 0].tolist()),
            "outside_pct": interval((100 * gains[:, 1]).tolist()),
        }  # fmt: skip


# ----------------------------------------------------------------------------------------------------------------------


def main() -> None:
    args = options(__doc__, str(Path(__file__).parent), seeds=3).parse_args()
    jobs = workers(args)
    benchmarks = {name: benchmark_of(name, args.tables) for name in SPACES}
    weights = {
        name: all_weights(b, Path(args.tables)) for name, b in benchmarks.items() if knows_further_tasks(b.space)
    }
    ranks = all_ranks(args.tables, benchmarks, jobs)

    inputs = list(gains_of_inputs(benchmarks, weights, ranks))
    print("Ranks as inputs of the target model, all source accuracies known: gain over the model without them")
    print(table([["scheme", "voters", "input", "lock score", "correlation"]] + [
        [r["scheme"], r["voters"], r["input"], show(r["lock_score"], digits=2), show(r["correlation"], digits=2)]
        for r in inputs
    ]), flush=True)  # fmt: skip

    first = list(gains_of_first_look_ups(args.tables, benchmarks, ranks, args.seeds, jobs))
    print(f"\nRanks for the first {N_FIRST} of 200 look-ups, scheme TU: gain over random ones")
    print(table([["voters", "look up first by", "lock score", "outside the budget, points"]] + [
        [r["voters"], r["by"], show(r["lock_score"], digits=2), show(r["outside_pct"], digits=1)] for r in first
    ]))  # fmt: skip
    write_results(args.out, {"inputs of the target model": inputs, "first look-ups": first})


if __name__ == "__main__":
    main()
