"""The result of a finished search. This is the only place that reads test accuracies, and accuracies of targets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..benchmarks.benchmark import Benchmark
from ..benchmarks.lock_score import LockScale, rank_percentile
from ..benchmarks.rank_percentiles import fall_pct
from ..benchmarks.source_oracle import budget_floor
from ..compute.intervals import accuracy_interval
from ..config.sections import Config
from ..spaces.cells import Cell
from ..spaces.space import SearchSpace
from ..strategies.base import Evaluated, Search
from ..tasks.names import task_name
from .final_pick import NOTE, final_pick
from .prepare import report_targets, run, search_on_source_alone
from .schemes import get_scheme

if TYPE_CHECKING:
    from torch import nn


def finish(
    config: Config,
    benchmark: Benchmark,
    search: Search,
    told: Callable[[Search], object] = lambda search: None,
    searched: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """Return the result of a run, in JSON types; ``s`` holds what scheme S finds in the same setting.

    Args:
        told: called with the search under scheme S after each of its evaluations.
        searched: called when both searches are over, and what they chose is to be measured.
    """
    locks = get_scheme(config.archlock.scheme).locks
    if locks:
        search_s = run(search_on_source_alone(config, benchmark, search), config.search.epochs, told)
    searched()
    # Both searches are over. From here on, accuracies of targets and test accuracies are read.
    chosen, leaked = final_pick(config, benchmark, search)
    scales = _scales(config, benchmark)
    measured = measured_s = measure(config, benchmark, scales, search, chosen, leaked)
    if locks:
        measured_s = measure(config, benchmark, scales, search_s, _choice_of_s(benchmark, search_s, search))
    return {
        "scheme": config.archlock.scheme,
        "search_space": config.search_space,
        "source": task_name(config.dataset),
        **measured,
        "n_distinct": len(benchmark.space.distinct()),
        "seed": config.seed,
        "s": measured_s,
        **_against_s_and_limit(scales, measured, measured_s),
        "source_floor": _source_floor(config, search),
        "leaks": leaked > 0,
        "notes": [
            *([NOTE.format(n=leaked)] if leaked else []),
            *benchmark.notes,
            *_notes_on_noise(config, benchmark, search),
            *_notes_on_targets(search),
        ],
    }


def _source_floor(config: Config, search: Search) -> float | None:
    """Return the least source validation accuracy within the source budget; None in a search without look-ups.

    Scheme S gives nothing up, but a reader of its result wants to see the budget that a lock would have.
    """
    if not search.uses_source_accuracy:
        return None
    if config.archlock.source_budget_percentile:
        return search.source_floor()
    return budget_floor(search.oracle.best, config.archlock.source_budget_pct)


def _choice_of_s(benchmark: Benchmark, search_s: Search, search: Search) -> Evaluated:
    """Return what scheme S chooses: where networks were trained, the most accurate of those of both searches.

    S, which gives nothing up, would otherwise lose to a lock on the source by the luck of another choice of candidates.
    """
    best, known = search_s.best(), search.oracle.known
    if benchmark.is_tabular or not known or best.source_val is None:
        return best
    other = max(known, key=lambda arch: known[arch])
    if known[other] <= best.source_val:
        return best
    return Evaluated(other, float(search_s.fitness.of(np.array([other]))[0]), None, known[other])


def _notes_on_noise(config: Config, benchmark: Benchmark, search: Search) -> list[str]:
    """Return what the validation images of the source cannot resolve, where their number is known."""
    n = benchmark.n_images(config.dataset, "val") if search.uses_source_accuracy else None
    if n is None or config.archlock.source_budget_percentile:
        return []
    best = max(search.oracle.known.values())
    low, high = accuracy_interval(best, n)
    budget = best - budget_floor(best, config.archlock.source_budget_pct)
    if budget >= (high - low) / 2:
        return []
    return [
        f"{task_name(config.dataset)} has {n} validation images, so one image is {100 / n:.1f} points, and the "
        f"best validation accuracy, {best:.1f}, has the 95% interval [{low:.1f}, {high:.1f}]. The source budget is "
        f"{budget:.1f} points, less than that resolves: which candidates lie within it is partly chance. More images "
        "help, and so does a larger archlock.source_budget_pct"
    ]


def _notes_on_targets(search: Search) -> list[str]:
    """Return why target look-ups are left, if there are any."""
    targets = search.targets
    if targets is None or len(targets.known) == targets.max_archs:
        return []
    n_left = targets.max_archs - len(targets.known)
    n_all = targets.max_archs * len(targets.names)
    return [
        f"{n_left * len(targets.names)} of {n_all} target look-ups were not made: only architectures that are known to "
        f"lie within the source budget are looked up on the target, and the search found {len(targets.known)}. More "
        "source look-ups find more"
    ]


def _against_s_and_limit(
    scales: Mapping[str, LockScale], found: Mapping[str, Any], of_s: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a lock takes from the target, and the most that a lock could take, in rank percentiles.

    ``percentile_falls`` holds how far the percentile on each target lies below that of scheme S, in % of it.
    ``limit_percentiles`` holds the lowest percentile on each target that the source budget allows.
    ``limit_mean_percentile`` holds the lowest mean over all targets, and ``limit_worst_percentile`` the lowest
    percentile on the target that an architecture fits best. A lock for one target may be none for another.
    """
    return {
        "percentile_falls": {
            task: fall_pct(percentile, of_s["target_percentiles"][task])
            for task, percentile in found["target_percentiles"].items()
        },
        "limit_percentiles": {task: scale.limit_percentile for task, scale in scales.items()},
        "limit_mean_percentile": limit_over_targets(scales.values(), np.mean) if scales else None,
        "limit_worst_percentile": limit_over_targets(scales.values(), np.max) if scales else None,
    }


def limit_over_targets(scales: Collection[LockScale], over: Callable[..., np.ndarray]) -> float:
    """Return the lowest rank percentile that the source budget allows for all targets at once.

    Args:
        scales: of one source and budget, one for each target; at least one.
        over: makes one number of the percentiles on all targets, ``np.mean`` or ``np.max``.
    """
    return float(over([scale.target_percentiles for scale in scales], axis=0).min())


def _scales(config: Config, benchmark: Benchmark) -> dict[str, LockScale]:
    """Return the scale of lock scores of each target; none where accuracies of all architectures are not known."""
    if not benchmark.is_tabular:
        return {}
    targets = report_targets(config, benchmark.tasks)
    return {
        task_name(target): LockScale(benchmark, config.dataset, target, *config.archlock.source_budget)
        for target in targets
    }


def measure(
    config: Config,
    benchmark: Benchmark,
    scales: Mapping[str, LockScale],
    search: Search,
    best: Evaluated,
    leaked: int = 0,
) -> dict[str, Any]:
    """Return what was chosen after a search, and its accuracies: None where no network was to be trained.

    A benchmark that knows all accuracies also gives rank percentiles and lock scores. Where it is known on how many
    images an accuracy was measured, ``intervals`` holds its 95% interval. With ``archlock.lock_on transfer``,
    ``fine_tuned`` holds the test accuracy on each target of the network that was trained on the source first.

    Args:
        scales: of lock scores, by target (``_scales``).
        best: what was chosen.
        leaked: true accuracies on targets that the last choice looked at.
    """
    is_measured = benchmark.is_tabular or config.archlock.source_queries > 0

    def accuracy(task: str, split: str) -> float | None:
        return benchmark.accuracy(best.arch, task=task, split=split) if is_measured else None

    def interval(task: str, split: str) -> list[float] | None:
        figure, n = accuracy(task, split), benchmark.n_images(task, split) if is_measured else None
        return None if figure is None or n is None else list(accuracy_interval(figure, n))

    def percentile(split: str) -> float | None:
        if not benchmark.is_tabular:
            return None
        return rank_percentile(benchmark, best.arch, config.dataset, split)

    targets = report_targets(config, benchmark.tasks)
    scored = {task: scale.score(best.arch) for task, scale in scales.items()}

    def over_targets(over: Callable[..., Any]) -> float | None:
        percentiles = [of_target.target_percentile for of_target in scored.values()]
        return float(over(percentiles)) if percentiles else None

    fine_tuned = {
        task_name(task): benchmark.accuracy(best.arch, task=task, split="test", pretrained_on=config.pretrained_on)
        for task in (targets if config.pretrained_on else ())
    }
    intervals = {
        "source_val": interval(config.dataset, "val"),
        "source_test": interval(config.dataset, "test"),
        "targets": {task_name(task): interval(task, "test") for task in targets},
    }
    return {
        "cell": list(best.arch),
        "arch": benchmark.space.to_str(best.arch),
        "fitness": best.fitness,
        "source_position": search.source_position(),
        "source_val": accuracy(config.dataset, "val"),
        "source_test": accuracy(config.dataset, "test"),
        "targets": {task_name(task): accuracy(task, "test") for task in targets},
        **({"fine_tuned": fine_tuned} if fine_tuned else {}),
        "source_percentile": percentile("val"),
        "source_test_percentile": percentile("test"),
        "target_percentiles": {task: of_target.target_percentile for task, of_target in scored.items()},
        "mean_target_percentile": over_targets(np.mean),
        "worst_target_percentile": over_targets(np.max),
        "target_test_percentiles": {task: of_target.target_test_percentile for task, of_target in scored.items()},
        "lock_scores": {task: of_target.lock_score for task, of_target in scored.items()},
        "source_queries": search.oracle.queries,
        "target_queries": search.target_queries + leaked,
        **({"intervals": intervals} if intervals["source_val"] else {}),
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
