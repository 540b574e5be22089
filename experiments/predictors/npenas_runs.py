"""The runs of ``npenas``: NASLib's own optimizers with a given predictor."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from naslib_archlock.studies.jobs import Job
from naslib_archlock.studies.study_run import benchmark_of


def searched(
    tables: str, optimizer: str, predictor: str, space: str, task: str, n_look_ups: int, seed: int
) -> dict[str, float]:
    """The best validation accuracy that a search finds, in % of the best of the table, and its seconds."""
    from naslib_archlock.plugin.baselines import pick
    from naslib_archlock.plugin.registry import register

    register()
    benchmark = benchmark_of(space, tables)
    options = {"optimizer": optimizer, "predictor": predictor}
    job = Job(benchmark, task, None, None, seed, n_look_ups, tables, options, Path())
    start = time.perf_counter()
    best = benchmark.accuracy(pick(job).archs[0], task=task, split="val")
    seconds = time.perf_counter() - start
    accuracies = benchmark.accuracies(task, "val")
    rank = int((accuracies > best).sum()) + 1
    top = float(np.max(accuracies))
    return {"pct_of_best": 100 * (1 - (top - best) / abs(top)), "rank": rank, "seconds": seconds}
