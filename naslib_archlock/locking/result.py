"""The result of a finished search. This is the only place that reads test accuracies, and accuracies of targets."""

from __future__ import annotations

from typing import Any

from ..benchmarks.benchmark import Benchmark
from ..config.sections import Config
from ..search.base import Search
from ..tasks.names import task_name
from .prepare import report_targets, run, search_on_source_alone
from .schemes import get_scheme


def finish(config: Config, benchmark: Benchmark, search: Search) -> dict[str, Any]:
    """Return the result of a run, in JSON types; ``s`` holds what scheme S finds in the same setting."""
    measured = measured_s = measure(config, benchmark, search)
    if get_scheme(config.archlock.scheme).locks:
        search_s = run(search_on_source_alone(config, benchmark, search), config.search.epochs)
        measured_s = measure(config, benchmark, search_s)
    return {
        "scheme": config.archlock.scheme,
        "search_space": config.search_space,
        "source": task_name(config.dataset),
        **measured,
        "n_distinct": len(benchmark.space.distinct()),
        "seed": config.seed,
        "s": measured_s,
        "notes": list(benchmark.notes),
    }


def measure(config: Config, benchmark: Benchmark, search: Search) -> dict[str, Any]:
    """Return what a finished search chose, and its accuracies: None where no network was to be trained."""
    best = search.best()
    is_measured = benchmark.is_measured or config.archlock.train_top > 0

    def accuracy(task: str, split: str) -> float | None:
        return benchmark.accuracy(best.arch, task=task, split=split) if is_measured else None

    return {
        "cell": list(best.arch),
        "arch": benchmark.space.to_str(best.arch),
        "fitness": best.fitness,
        "source_position": search.source_position(),
        "source_val": accuracy(config.dataset, "val"),
        "source_test": accuracy(config.dataset, "test"),
        "targets": {task_name(task): accuracy(task, "test") for task in report_targets(config, benchmark.tasks)},
        "source_queries": search.oracle.queries,
    }


def wall_times(preparation: float, search: float) -> dict[str, float]:
    """Return seconds of wall time. They have a file of their own, as the result is the same for the same seed."""
    return {"seconds": round(search, 3), "seconds_preparation": round(preparation, 3)}
