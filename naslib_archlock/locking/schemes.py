"""The schemes of ArchLock: what the owner knows of the targets, and so what a search may see and what it maximises.

===========  ==================  ====================  =======================  =====================
scheme       target's data       further tasks         source budget            fitness
===========  ==================  ====================  =======================  =====================
``s``        hidden              none                  gives nothing up         good on the source
``tk``       may be seen         all but the targets   within the budget        also bad on the targets
``tu``       hidden              on other images only  within the budget        also bad on simulated targets
===========  ==================  ====================  =======================  =====================

No scheme sees an accuracy of a target, but for the validation accuracies that ``tk`` looks up and counts
(``archlock.target_queries``).
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..benchmarks.benchmark import Benchmark
from ..compute.seeding import stream
from ..config.sections import Config
from ..embedding.simulate import simulate_targets
from ..errors import EmbeddingError, unknown
from ..strategies.fitness import fit_to_targets
from ..strategies.rank_fitness import Combine, bad_on_targets, good_on_source
from ..strategies.target_model import TargetModel, knows_further_tasks, other_tasks, percentiles, transfer_moments
from ..tasks.names import HiddenTasks, task_key, task_name
from .view import View

if TYPE_CHECKING:
    from ..ranker.ranker import RankerInfo


class Scheme(ABC):
    """What a search may see, and what it maximises.

    Attributes:
        name: in configs.
        summary: what it is, in a line.
        locks: whether it gives up source accuracy to be bad on targets. Scheme S does not.
        hides_targets: whether the targets' zero-cost scores, images and embeddings are hidden.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    locks: ClassVar[bool] = True
    hides_targets: ClassVar[bool] = True

    def hidden(self, targets: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the tasks whose data may not be read, by a search or by the training of its ranker."""
        return tuple(task_name(task) for task in targets) if self.hides_targets else ()

    @abstractmethod
    def further_tasks(self, benchmark: Benchmark, source: str, targets: Sequence[str]) -> tuple[str, ...]:
        """Return the tasks whose validation accuracies may be read: never the source or a target."""

    def view(self, benchmark: Benchmark, source: str, targets: Sequence[str], config: Config) -> View:
        """Return what a search may see."""
        return View(
            benchmark,
            source,
            targets,
            config,
            hidden=self.hidden(targets),
            further_tasks=self.further_tasks(benchmark, source, targets),
        )

    def combine(self, trade_off: float, targets_by: str) -> Combine:
        """Return how source and target ranks make a fitness."""
        return partial(bad_on_targets, trade_off=trade_off, targets_by=targets_by)

    @abstractmethod
    def target_embeddings(self, view: View, source: np.ndarray, info: RankerInfo, config: Config) -> np.ndarray:
        """Return the embeddings that a ranker ranks architectures on as targets.

        Args:
            view: what may be seen.
            source: the source's embedding, ``dim`` numbers.
            info: what the ranker was trained with.
            config: how many targets to simulate, and where.
        Returns:
            ``targets x dim``.
        """

    @abstractmethod
    def expected_fitness(self, view: View, config: Config) -> np.ndarray:
        """Return how badly each function of ``space.distinct()`` is expected to fit the targets, ``m`` numbers."""


class SourceOnly(Scheme):
    """Scheme S: as good on the source as can be. What locks are compared with."""

    name = "s"
    summary = "source only: the most accurate architecture on the source"
    locks = False

    def further_tasks(self, benchmark: Benchmark, source: str, targets: Sequence[str]) -> tuple[str, ...]:
        return ()

    def combine(self, trade_off: float, targets_by: str) -> Combine:
        return good_on_source

    def target_embeddings(self, view: View, source: np.ndarray, info: RankerInfo, config: Config) -> np.ndarray:
        return np.empty((0, len(source)))

    def expected_fitness(self, view: View, config: Config) -> np.ndarray:
        return np.zeros(len(view.space.distinct()))


class TargetKnown(Scheme):
    """Scheme TK: the owner has the targets' data, and no accuracy on it but those that the search looks up."""

    name = "tk"
    summary = "target known: may see the targets' data, and of their accuracies only what it looks up"
    hides_targets = False

    def further_tasks(self, benchmark: Benchmark, source: str, targets: Sequence[str]) -> tuple[str, ...]:
        return _all_but(benchmark, source, targets)

    def target_embeddings(self, view: View, source: np.ndarray, info: RankerInfo, config: Config) -> np.ndarray:
        found = [view.embedding(task, info) for task in view.targets]
        for task, vector in zip(view.targets, found):
            if np.array_equal(vector, source):
                same = (
                    f"the embeddings of the source {task_name(view.source)} and the target {task_name(task)} are the "
                    "same, so a ranker cannot tell the two apart"
                )
                if config.archlock.embedding not in ("", "proxies", "task2vec"):
                    raise EmbeddingError(
                        f"{same}: put {{task}} into archlock.embedding, and give each task a file of its own"
                    )
                warnings.warn(f"{same}; are their images the same?", stacklevel=2)
        return np.stack(found)

    def expected_fitness(self, view: View, config: Config) -> np.ndarray:
        """Further tasks count by how alike the zero-cost proxies find them to each target.

        Of several targets, their mean counts, or the one that an architecture is expected to fit best.
        """
        if config.pretrained_on or not (view.further_tasks and knows_further_tasks(view.space)):
            return _expected_without_further_tasks(view, config)
        from ..proxies.similarity import similarity_weights

        # one further task needs no weight, and so no scores
        scores = view.zero_cost_scores() if len(view.further_tasks) > 1 else {}
        weights = [similarity_weights(target, view.further_tasks, scores) for target in view.targets]
        return -fit_to_targets(np.stack(list(_expected_fit(view, weights))), config.archlock.targets_by)


class TargetUnknown(Scheme):
    """Scheme TU: nothing of the targets is known. Targets are simulated around the source."""

    name = "tu"
    summary = "target unknown: sees nothing of the targets"

    def further_tasks(self, benchmark: Benchmark, source: str, targets: Sequence[str]) -> tuple[str, ...]:
        """Return no task where all tasks share their images, as an accuracy would then tell of the target's data."""
        if benchmark.space.shares_images:
            return ()
        return _all_but(benchmark, source, targets)

    def target_embeddings(self, view: View, source: np.ndarray, info: RankerInfo, config: Config) -> np.ndarray:
        section = config.archlock
        return simulate_targets(source, section.n_targets, section.cosine, stream(config.seed, "targets"))

    def expected_fitness(self, view: View, config: Config) -> np.ndarray:
        """Further tasks count alike."""
        if config.pretrained_on or not view.further_tasks:
            return _expected_without_further_tasks(view, config)
        (expected,) = _expected_fit(view, [dict.fromkeys(view.further_tasks, 1.0)])
        return -expected


def _all_but(benchmark: Benchmark, source: str, targets: Sequence[str]) -> tuple[str, ...]:
    """The tasks of a benchmark that are not the source and share no data with a target."""
    of_targets = HiddenTasks(targets)
    return tuple(task for task in benchmark.tasks if task_key(task) != task_key(source) and task not in of_targets)


def _expected_without_further_tasks(view: View, config: Config) -> np.ndarray:
    """Accuracies on further tasks are of networks from scratch, so they do not tell of fine-tuned ones."""
    learnt_from = transfer_moments(view.space, (view.source, *view.targets)) if config.pretrained_on else None
    model = TargetModel(view.space, knows_other_tasks=False, targets=view.targets, learnt_from=learnt_from)
    return -model.predict(view.space.distinct())


def _expected_fit(view: View, weights: Sequence[dict[str, float]]) -> Iterator[np.ndarray]:
    """Yield how well each function of ``space.distinct()`` is expected to fit a target, for each target's weights."""
    space, archs = view.space, view.space.distinct()
    row = np.searchsorted(space.index(space.all()), space.index(archs))
    percentile = {task: percentiles(space, view.validation_accuracies(task))[row] for task in view.further_tasks}
    model = TargetModel(space, knows_other_tasks=True, targets=view.targets)
    for of_target in weights:
        yield model.predict(archs, other_tasks(percentile, of_target))


SCHEMES: dict[str, Scheme] = {scheme.name: scheme for scheme in (SourceOnly(), TargetKnown(), TargetUnknown())}


def get_scheme(name: str) -> Scheme:
    """Return the scheme of a name. Raises: UnknownNameError."""
    if name not in SCHEMES:
        raise unknown("scheme", name, SCHEMES)
    return SCHEMES[name]
