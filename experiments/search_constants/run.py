"""The constants of the Bayesian search, on the pairs that it was developed on: scheme TU, 200 look-ups.

python experiments/search_constants/run.py --tables DIR
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from common import options, parallel, write_results

from naslib_archlock import bayesian, pipeline
from naslib_archlock.benchmarks.base import Benchmark
from naslib_archlock.config import Config, load_config
from naslib_archlock.report.text import table
from naslib_archlock.scoring import LockScale
from naslib_archlock.spaces import DIGITS

NB201 = (("cifar10", "cifar100"), ("cifar100", "ImageNet16-120"), ("ImageNet16-120", "cifar10"))
PAIRS = [
    *(("nasbench201", *pair) for pair in NB201),
    *(("transbench101_micro", *p) for p in itertools.permutations(("class_scene", "room_layout", "autoencoder"), 2)),
    *(("digits", *pair) for pair in itertools.permutations(DIGITS.tasks, 2)),
]
BUDGETS_PCT = (2.0, 5.0)
VARIANTS: dict[str, dict[str, float]] = {
    "as it is": {},
    "0.4 of the look-ups for the best": {"SHARE_FOR_BEST": 0.4},
    "0.75 of the look-ups for the best": {"SHARE_FOR_BEST": 0.75},
    "2 look-ups a model": {"_BATCH": 2},
    "40 random look-ups first": {"_N_RANDOM": 40},
}


@cache
def open_benchmark(space: str, tables: str) -> Benchmark:
    return pipeline.open_benchmark(config_of(space, "", "", tables))


def config_of(space: str, source: str, target: str, tables: str) -> Config:
    overrides = ["search_space", space, "archlock.target", target]
    overrides += ["archlock.tables", tables] if space != DIGITS.name else []
    tasks = {"nasbench201": "cifar10", "transbench101_micro": "class_scene", "digits": "digit"}
    return load_config(None, [*overrides, "dataset", source or tasks[space]])


def run_once(tables: str, variant: str, space: str, source: str, target: str, seed: int) -> list[dict[str, float]]:
    """Lock score and source accuracy missed, at each budget."""
    defaults = {name: getattr(bayesian, name) for name in ("SHARE_FOR_BEST", "_BATCH", "_N_RANDOM")}
    for name, value in {**defaults, **VARIANTS[variant]}.items():
        setattr(bayesian, name, value)
    try:
        return [_search(tables, space, source, target, seed, budget) for budget in BUDGETS_PCT]
    finally:
        for name, value in defaults.items():
            setattr(bayesian, name, value)


def _search(tables: str, space: str, source: str, target: str, seed: int, budget: float) -> dict[str, float]:
    benchmark, config = open_benchmark(space, tables), config_of(space, source, target, tables)
    config = replace(config, seed=seed, archlock=replace(config.archlock, source_budget_pct=budget))
    search = pipeline.prepare(config, benchmark).search
    for _ in range(config.search.epochs):
        search.step()
    scale = LockScale(benchmark, source, target, budget)
    scored, best = scale.score(search.best().arch), scale.source_val.max()
    missed = 100 * (best - max(search.oracle.known.values())) / abs(best)
    return {"score": scored.lock_score, "failed": float(not scored.is_within_budget), "missed_pct": float(missed)}


def main() -> None:
    args = options(__doc__ or "", str(Path(__file__).parent), seeds=4).parse_args()
    calls = [(args.tables, v, *pair, seed) for v in VARIANTS for pair in PAIRS for seed in range(args.seeds)]
    runs = parallel(run_once, calls, args.jobs)
    results: dict[str, Any] = {}
    for space in dict.fromkeys(pair[0] for pair in PAIRS):
        rows = [
            ["", *(f"{what}, {b:g}%" for b in BUDGETS_PCT for what in ("lock score", "outside", "best missed by %"))]
        ]
        for variant in VARIANTS:
            mine = [run for (_, v, s, *_), run in zip(calls, runs) if (v, s) == (variant, space)]
            cells = []
            for i, budget in enumerate(BUDGETS_PCT):
                mean = {key: float(np.mean([run[i][key] for run in mine])) for key in mine[0][i]}
                results.setdefault(space, {}).setdefault(variant, {})[f"{budget:g}"] = mean
                cells += [f"{mean['score']:+.3f}", f"{100 * mean['failed']:.0f}%", f"{mean['missed_pct']:.2f}"]
            rows.append([variant, *cells])
        print(f"\n{space}, development pairs, {args.seeds} seeds\n{table(rows)}")
    write_results(args.out, results)


if __name__ == "__main__":
    main()
