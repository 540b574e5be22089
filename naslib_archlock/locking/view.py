"""What a search may see of a benchmark: the honesty rule of this package, in one object.

A search, its fitness and its target model hold a ``View`` and never the benchmark. The view answers

* validation accuracy on the **source**, one counted look-up at a time (``source_oracle``);
* validation accuracies on the **targets**, counted in the same way, if none is hidden (``target_oracle``);
* validation accuracies of **further tasks**, those that the scheme allows, as whole columns;
* zero-cost scores and embeddings of tasks that are not **hidden**.

It raises a ``HiddenTaskError`` for everything else. No method takes a split: a search never sees a test figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..benchmarks.benchmark import Benchmark
from ..benchmarks.source_oracle import SourceOracle
from ..benchmarks.target_oracle import TargetOracle
from ..config.sections import Config
from ..errors import ConfigError, HiddenTaskError, shown
from ..proxies.zero_cost import ZeroCostScores
from ..spaces.cells import Cell
from ..tasks.names import task_name
from .knowledge import Knowledge

if TYPE_CHECKING:
    from ..ranker.ranker import RankerInfo


class View:
    """A benchmark, seen through a scheme.

    Attributes:
        space: the search space.
        source: the source task, as the configuration names it.
        targets: the tasks that the report will measure the lock on; their names only.
        further_tasks: tasks whose validation accuracies may be read.
        hidden: the tasks whose zero-cost scores, images and embeddings may not be read.
        is_tabular: whether a look-up reads a figure that exists; else it trains a network.
    """

    def __init__(
        self,
        benchmark: Benchmark,
        source: str,
        targets: Sequence[str],
        config: Config,
        *,
        hidden: Sequence[str],
        further_tasks: Sequence[str],
    ) -> None:
        self._benchmark = benchmark
        self.space, self.source, self.targets = benchmark.space, source, tuple(targets)
        self._pretrained_on = config.pretrained_on
        self.further_tasks = tuple(further_tasks)
        self.is_tabular = benchmark.is_tabular
        self.knowledge = Knowledge(
            config, [task_name(task) for task in hidden], benchmark.tasks if benchmark.is_tabular else None
        )
        self.hidden = self.knowledge.hidden

    def source_oracle(self, max_queries: int) -> SourceOracle:
        """Return counted look-ups of validation accuracy on the source."""
        return self._benchmark.source_oracle(self.source, max_queries)

    def target_oracle(self, max_queries: int) -> TargetOracle:
        """Return counted look-ups of validation accuracy on the targets.

        Raises:
            HiddenTaskError: if a target is hidden.
            ConfigError: if there are too few look-ups for the targets, or more than accuracies.
        """
        if any(task_name(task) in self.hidden for task in self.targets):
            raise HiddenTaskError(f"a search may not look up the accuracies of {shown(', '.join(self.targets))} here")
        n_figures = len(self.space.all()) * len(self.targets)
        if max_queries > n_figures:
            raise ConfigError(
                f"archlock.target_queries {max_queries} is more than there are accuracies: {self.space.name} has "
                f"{len(self.space.all())} architectures, and {len(self.targets)} x so many is {n_figures}"
            )
        look_ups = {
            task: partial(self._benchmark.accuracy, task=task, split="val", pretrained_on=self._pretrained_on)
            for task in self.targets
        }
        return TargetOracle(look_ups, max_queries, None if self.is_tabular else self._train_on_targets)

    def _train_on_targets(self, archs: Sequence[Cell]) -> None:
        self._benchmark.train_all(archs, self.targets, self._pretrained_on)

    def validation_accuracies(self, task: str) -> np.ndarray:
        """Return a further task's validation accuracy of every architecture, in the order of ``space.all()``.

        Raises:
            HiddenTaskError: for the source, which is looked up one by one, a target, and any other task.
        """
        if task not in self.further_tasks:
            raise HiddenTaskError(
                f"a search may not read the accuracies of {shown(task)} here; it may read those of "
                f"{', '.join(self.further_tasks) or 'no task'}, and look up {self.source} one architecture at a time"
            )
        return self._benchmark.accuracies(task, "val")

    def zero_cost_scores(self) -> dict[str, ZeroCostScores]:
        """Return the zero-cost scores of those tasks of the benchmark that are not hidden, by task.

        Raises:
            ConfigError: if a target that may be seen has none, and a file has tasks that the benchmark lacks.
        """
        self.knowledge.check_named([task for task in self.targets if task not in self.hidden], self.knowledge.tables)
        found = {task: self.knowledge.scores_of(task) for task in self._benchmark.tasks}
        return {task: scores for task, scores in found.items() if scores is not None}

    def embedding(self, task: str, info: RankerInfo) -> np.ndarray:
        """Return the embedding of a task, made as a ranker was trained with.

        Raises:
            HiddenTaskError: for a hidden task.
            EmbeddingError, UnknownNameError, ConfigError: as ``Knowledge.embedding``.
        """
        if task_name(task) in self.hidden:
            raise HiddenTaskError(f"a search may not read the images, scores or embedding of {shown(task)} here")
        return self.knowledge.embedding(task, info)
