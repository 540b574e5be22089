"""The progress of training a ranker, and of searching."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging import DEBUG, INFO
from typing import TYPE_CHECKING, Any

from ..compute.counted import News, counted
from ..compute.messages import LOGGER
from ..locking.prepare import report_targets
from ..locking.schemes import get_scheme
from ..tasks.names import task_name

if TYPE_CHECKING:
    from ..benchmarks.benchmark import Benchmark
    from ..compute.counted import Counted
    from ..config.sections import Config
    from ..ranker.training import Progress
    from ..strategies.base import Evaluated, Search


@contextmanager
def training_bar(config: Config) -> Iterator[Progress]:
    """Show how far the training of a ranker is, with the time left and the loss; the bar goes when it is over."""
    last_loss = math.nan
    total = config.archlock.train_settings.n_steps
    with counted(total, 0, "training the ranker", "step", lambda: News(f"loss={last_loss:.3f}"), leave=False) as count:

        def progress(step: int, loss: float) -> None:
            nonlocal last_loss
            last_loss = loss
            count.count_to(step + 1)  # a training that is resumed does not start with the first step

        yield progress


@contextmanager
def search_progress(
    config: Config, benchmark: Benchmark, search: Search, also: Callable[[Search], None] | None = None
) -> Iterator[SearchProgress]:
    """Show how far a search is, with the time left; the one under scheme S, which follows, is part of the work.

    Args:
        config, benchmark, search: of the run.
        also: called with the search after each of its look-ups.
    """
    plan = _Plan(config, benchmark, search)
    now = SearchProgress(plan, search, benchmark, also)
    with counted(plan.total, plan.done(search), "searching", plan.unit, now.news) as count:
        now.count = count
        targets = search.targets
        if targets:
            targets.told = lambda: now.told(search)
        yield now


class _Plan:
    """How many look-ups the searches of a run make, at most. A search without look-ups counts architectures instead.

    Attributes:
        source, target: look-ups of the search on the source, and on all targets together.
        total: of the search and of the one under scheme S, which looks up no target.
        unit: what is counted.
        targets: the names of the targets.
    """

    def __init__(self, config: Config, benchmark: Benchmark, search: Search) -> None:
        self.source = search.n_evaluations(config.search.epochs)
        self.targets = [task_name(task) for task in report_targets(config, benchmark.tasks)]
        targets = search.targets
        self.target = targets.max_archs * len(self.targets) if targets else 0
        n_of_s = self.source if get_scheme(config.archlock.scheme).locks else 0
        self.total = self.source + self.target + n_of_s
        self.unit = "look-up" if search.uses_source_accuracy else "architecture"

    def done(self, search: Search) -> int:
        """How many of them a search has made."""
        return len(search.history) + search.target_queries


class SearchProgress:
    """What a run shows of its searches: a count with the best lock so far, and each look-up.

    A look-up in a table is a detail (``--verbose``). One that trains a network is shown always.
    """

    count: Counted

    def __init__(
        self, plan: _Plan, search: Search, benchmark: Benchmark, also: Callable[[Search], None] | None
    ) -> None:
        """Begin with the search of the run; see ``search_progress``."""
        self._plan, self._first, self._space, self._also = plan, search, benchmark.space, also
        self._level = DEBUG if benchmark.is_tabular else INFO
        self._begin(search)

    def _begin(self, search: Search) -> None:
        targets = search.targets
        self._now, self._n_told, self._n_told_of_targets = (
            search,
            len(search.history),
            len(targets.known if targets else ()),
        )

    def told(self, search: Search) -> None:
        """Take notice of what a search has looked up since the last call."""
        if search is not self._now:
            self._begin_s(search)
        if LOGGER.isEnabledFor(self._level):
            self._say_look_ups(search)
        if self._also and search is self._first:
            self._also(search)
        before = 0 if search is self._first else self._plan.source + self._plan.target
        self.count.count_to(before + self._plan.done(search))

    def _begin_s(self, search: Search) -> None:
        self._begin(search)
        self._n_told = 0
        self.count.rename("searching under scheme S, to compare")

    def _say_look_ups(self, search: Search) -> None:
        by = "" if search is self._first else "scheme S, "
        for i, evaluated in enumerate(search.history[self._n_told :], self._n_told + 1):
            LOGGER.log(self._level, "%s%s", by, self._look_up(search, i, evaluated))
        self._n_told = len(search.history)
        targets = search.targets
        if targets:
            for i, (arch, accuracies) in enumerate([*targets.known.items()][self._n_told_of_targets :]):
                n = (self._n_told_of_targets + i + 1) * len(self._plan.targets)
                figures = ", ".join(f"{x:.2f} on {task}" for task, x in zip(self._plan.targets, accuracies))
                arch_text = self._space.to_str(arch)
                LOGGER.log(self._level, "target look-up %d of %d: %s: %s", n, self._plan.target, arch_text, figures)
            self._n_told_of_targets = len(targets.known)

    def _look_up(self, search: Search, i: int, evaluated: Evaluated) -> str:
        arch = self._space.to_str(evaluated.arch)
        if evaluated.source_val is None:
            return f"architecture {i} of {self._plan.source}: {arch}: fitness {evaluated.fitness:.3f}"
        budget = ""
        if _knows_floor(search) and search is self._first:
            within = search.is_within_budget(evaluated)
            budget = ", within the budget" if within else f", outside the budget (from {search.source_floor():.2f})"
        return f"source look-up {i} of {self._plan.source}: {arch}: {evaluated.source_val:.2f}{budget}"

    def news(self) -> News:
        """The best lock so far, and the look-ups that are left."""
        search, keys = self._first, dict[str, Any]()
        parts = []
        best = best_so_far(search)
        if best:
            keys["best"] = self._keys_of(search, best)
            parts.append(self._text_of(search, best))
        if search.uses_source_accuracy:
            left = self._plan.source - len(search.history)
            keys["source_look_ups"] = {"made": len(search.history), "of": self._plan.source}
            parts.append(f"{left} source look-ups left")
        if self._plan.target:
            left = self._plan.target - search.target_queries
            keys["target_look_ups"] = {"made": search.target_queries, "of": self._plan.target}
            parts[-1] = parts[-1].replace(" look-ups left", "") + f" and {left} target look-ups left"
        return News(", ".join(parts), keys)

    def _keys_of(self, search: Search, best: Evaluated) -> dict[str, Any]:
        on_targets = self._on_targets(search, best)
        return {
            "arch": self._space.to_str(best.arch),
            "fitness": best.fitness if math.isfinite(best.fitness) else None,
            "source_val": best.source_val,
            "best_source_val": search.oracle.best if search.oracle.known else None,
            **({"targets": on_targets} if on_targets else {}),
        }

    def _text_of(self, search: Search, best: Evaluated) -> str:
        words = []
        if best.source_val is not None:
            words.append(f"{best.source_val:.2f} on the source (the best has {search.oracle.best:.2f})")
        on_targets = self._on_targets(search, best)
        words += [f"{accuracy:.2f} on {task}" for task, accuracy in on_targets.items()]
        if not on_targets:
            words.append(f"fitness {best.fitness:.2f}")
        return f"best lock so far: {', '.join(words)}"

    def _on_targets(self, search: Search, best: Evaluated) -> dict[str, float]:
        """The looked up accuracies of the best lock on the targets; empty if none were looked up."""
        targets = search.targets
        return dict(zip(self._plan.targets, targets.known.get(best.arch, ()))) if targets else {}


def best_so_far(search: Search) -> Evaluated | None:
    """The choice of a search if it ended now; None if it evaluated nothing, or if it is not known before its end.

    A budget in percentiles is measured with a model of all accuracies. To ask that between two steps would change the
    numbers that the search computes next.
    """
    return search.best() if search.history and _knows_floor(search) else None


def _knows_floor(search: Search) -> bool:
    return not search.settings.source_budget_percentile
