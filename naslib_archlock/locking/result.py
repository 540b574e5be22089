"""The result of a finished search. This is the only place that reads test accuracies, and accuracies of targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..benchmarks.benchmark import Benchmark
from ..config.sections import Config
from ..spaces.cells import Cell
from ..spaces.space import SearchSpace
from ..strategies.base import Evaluated, Search
from ..tasks.names import task_name
from .prepare import report_targets, run, search_on_source_alone
from .schemes import get_scheme

if TYPE_CHECKING:
    from torch import nn


def finish(
    config: Config, benchmark: Benchmark, search: Search, told: Callable[[], object] = lambda: None
) -> dict[str, Any]:
    """Return the result of a run, in JSON types; ``s`` holds what scheme S finds in the same setting.

    Args:
        told: called after each evaluation of the search under scheme S.
    """
    measured = measured_s = measure(config, benchmark, search)
    if get_scheme(config.archlock.scheme).locks:
        search_s = run(search_on_source_alone(config, benchmark, search), config.search.epochs, told)
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
    is_measured = benchmark.is_tabular or config.archlock.train_top > 0

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


@dataclass(frozen=True)
class Result:
    """What a search found.

    Attributes:
        space: the search space.
        cell: the architecture found, six codes.
        report: what ``result.json`` holds, in JSON types (``finish``); accuracies are in each task's own unit.
        history: everything that the search evaluated, in order.
    """

    space: SearchSpace
    cell: Cell
    report: Mapping[str, Any]
    history: tuple[Evaluated, ...]

    @property
    def arch(self) -> str:
        """The architecture as its benchmark writes it."""
        return self.space.to_str(self.cell)

    @property
    def accuracies(self) -> dict[str, float | None]:
        """The figures of the architecture: ``val`` and ``test`` of the source, ``test`` of each target.

        A figure is None where no network was trained.
        """
        source = {f"{self.report['source']}/{split}": self.report[f"source_{split}"] for split in ("val", "test")}
        return {**source, **{f"{task}/test": figure for task, figure in self.report["targets"].items()}}

    def module(
        self,
        n_outputs: int,
        in_channels: int = 3,
        widths: Sequence[int] = (16, 32, 64),
        cells_per_stage: int = 1,
    ) -> nn.Module:
        """Return an untrained network of the architecture, which needs torch and no NASLib.

        Args:
            n_outputs: classes, or numbers to predict.
            in_channels: channels of an image.
            widths: channels of each stage; every stage after the first halves the image.
            cells_per_stage: 5 in NAS-Bench-201.
        Returns:
            a module from ``n x in_channels x height x width`` to ``n x n_outputs``, with weights from torch's global
            generator.
        Raises:
            ConfigError: if this package builds no networks of the search space.
        """
        from ..networks.cell_network import CellNetwork

        cell = self.space.network_cell(self.cell)
        return CellNetwork(cell, in_channels, n_outputs, widths=widths, cells_per_stage=cells_per_stage)
