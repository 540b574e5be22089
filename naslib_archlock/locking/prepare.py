"""From a configuration to a search that is ready to run.

Everything that a search may know is gathered here, by the scheme's ``View``. The targets' accuracies are first read in
``result``, when the architecture has been chosen.

A search without a ranker needs no torch, whose import takes longer than such a search: functions that need it, or
another heavy library that not every search needs, import it themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..benchmarks.benchmark import Benchmark
from ..benchmarks.tabular import tabular_benchmark
from ..compute.devices import find_device
from ..compute.seeding import stream
from ..config.sections import ALL, LEAKS, SCRATCH, TRANSFER, ArchLockSection, Config
from ..errors import ConfigError, shown
from ..spaces.known import get_space
from ..strategies.base import Search
from ..strategies.fitness import WORST, ExpectedFitness, Fitness
from ..strategies.rank_fitness import RankFitness
from ..strategies.strategy import EXPECTED, Strategy, get_strategy
from ..strategies.target_model import features_of
from ..tasks.names import is_image_folder, task_key, warn_of_folder
from .find_ranker import find_ranker
from .schemes import Scheme, get_scheme
from .view import View

if TYPE_CHECKING:
    from ..ranker.ranker import Ranker
    from ..ranker.training import Progress


ARCHLOCK = "archlock"  # the name of the optimizer in a config


def open_benchmark(config: Config) -> Benchmark:
    """Open the benchmark that a configuration names.

    It reads plain tables if ``archlock.tables`` is given, and images if ``dataset`` is a folder. Otherwise it is the
    embedded benchmark for the search space ``digits``, and NASLib's files for the others.

    Raises:
        TableError, NaslibError, UnknownNameError, ConfigError.
    """
    section, space = config.archlock, get_space(config.search_space)
    if is_image_folder(config.dataset) and not section.tables:
        from ..benchmarks.trained import TrainedBenchmark, fit_of

        folders = (config.dataset, *section.targets)
        return checked(
            config,
            TrainedBenchmark(
                space,
                folders,
                section.image_size,
                section.max_images,
                section.skip_unreadable,
                config.seed,
                fit_of(section.network, section.augmentation_names),
                find_device(section.device),
            ),
        )
    return checked(config, tabular_benchmark(space, section.tables))


def checked(config: Config, benchmark: Benchmark) -> Benchmark:
    """Return the benchmark, if the configuration asks for a search of this package on tasks of the benchmark.

    Raises:
        ConfigError: if the configuration names another optimizer, or asks for figures that the benchmark lacks.
        UnknownNameError: if the benchmark lacks the source or a target.
    """
    if config.optimizer != ARCHLOCK:
        raise ConfigError(
            f"optimizer {shown(config.optimizer)} is not the search of this package: set it to {ARCHLOCK}, or run "
            "NASLib's own optimizers with 'archlock naslib RUNNER.py --config-file FILE'"
        )
    config.archlock.floor_of(config.dataset)
    if config.archlock.final_pick == LEAKS and not benchmark.is_tabular:
        raise ConfigError(f"archlock.final_pick {LEAKS} needs a table that holds the accuracies of the target")
    for task in (config.dataset, *config.archlock.targets):
        benchmark.check_task(task)
        warn_of_folder(task)
    if config.pretrained_on:
        for task in report_targets(config, benchmark.tasks):
            benchmark.check_task(task, config.pretrained_on)
    return benchmark


def report_targets(config: Config, tasks: Sequence[str]) -> tuple[str, ...]:
    """Return the tasks that the report measures the lock on: the named ones, or all but the source.

    Raises:
        ConfigError: if all are meant, and there is none.
    """
    targets = config.archlock.targets or tuple(task for task in tasks if task_key(task) != task_key(config.dataset))
    if not targets and config.archlock.target == ALL:
        raise ConfigError(
            f"archlock.target all means all tasks but the source, and the benchmark has no other than {shown(tasks)}; "
            "name the targets, or give a table of more tasks"
        )
    return targets


@dataclass(frozen=True)
class Prepared:
    """A search that is ready to run.

    Attributes:
        search: it has not begun.
        ranker: the ranker behind its fitness, where there is one.
    """

    search: Search
    ranker: Ranker | None


def prepare(
    config: Config,
    benchmark: Benchmark,
    ranker: Ranker | None = None,
    progress: Progress | None = None,
    begin: Callable[[], Path] | None = None,
) -> Prepared:
    """Gather what the scheme allows the search to know, and nothing else.

    Args:
        config: names the scheme, the strategy and everything else.
        benchmark: what ``open_benchmark`` opened.
        ranker: used instead of loading or training one.
        progress: called during a training (``find_ranker.train``).
        begin: called before a training; returns the file that keeps its state.
    """
    scheme, strategy = get_scheme(config.archlock.scheme), strategy_of(config, benchmark)
    view = scheme.view(benchmark, config.dataset, report_targets(config, benchmark.tasks), config)
    fitness: Fitness
    if strategy.fitness == EXPECTED:
        ranker, fitness = None, ExpectedFitness(view.space, scheme.expected_fitness(view, config))
    else:
        ranker = ranker or find_ranker(config, view.knowledge, progress, begin)
        fitness = rank_fitness(config, scheme, view, ranker)
    return Prepared(new_search(config, scheme, strategy, view, fitness), ranker)


def search_on_source_alone(config: Config, benchmark: Benchmark, search: Search) -> Search:
    """Prepare the search under scheme S in the setting of another search, which that is compared with."""
    strategy, scheme = strategy_of(config, benchmark), get_scheme("s")
    of_s = replace(config.archlock, scheme="s", final_pick="fittest", target_queries=0, lock_on=SCRATCH)
    config = replace(config, archlock=of_s)
    view = scheme.view(benchmark, config.dataset, report_targets(config, benchmark.tasks), config)
    return new_search(config, scheme, strategy, view, search.fitness.on_source_alone())


def new_search(config: Config, scheme: Scheme, strategy: Strategy, view: View, fitness: Fitness) -> Search:
    """Return a search that has not begun, with the look-ups and the budget that the scheme allows."""
    section = config.archlock
    max_queries = section.source_queries
    if strategy.plans_ahead:
        max_queries = min(max_queries, config.search.epochs)
    settings = config.search_settings
    if not scheme.locks:  # scheme S chooses the most accurate architecture that it looked up
        settings = replace(settings, source_budget_pct=0.0, source_budget_percentile=0.0)
    oracle = view.source_oracle(max_queries)
    targets = view.target_oracle(section.target_queries) if section.target_queries else None
    rng = stream(config.seed, "search")
    return strategy.new_search(view.space, fitness, oracle, settings, rng, targets=targets)


def run(search: Search, n_steps: int, told: Callable[[Search], object] = lambda search: None) -> Search:
    """Make the steps that a search still lacks of ``n_steps``. Args: told: called with it after each evaluation."""
    for _ in range(search.n_steps, n_steps):
        search.step(lambda: told(search))
    return search


def strategy_of(config: Config, benchmark: Benchmark) -> Strategy:
    """Return how to search: as the configuration says, else ``bayesian`` where it can be used.

    Raises:
        ConfigError: if the configuration names a strategy that cannot be used here.
    """
    strategy = get_strategy(config.archlock.strategy or _usual_strategy(config.archlock, benchmark))
    _check_usable(strategy, config, benchmark)
    return strategy


def _usual_strategy(section: ArchLockSection, benchmark: Benchmark) -> str:
    """Return the name of the strategy to use where the configuration names none."""
    needs_model = section.target_queries or section.source_budget_percentile or section.lock_on == TRANSFER
    if needs_model and not section.ranker:
        return "bayesian"
    by_ranks = "evolution" if benchmark.is_tabular else "exhaustive"  # all are ranked before the first is trained
    if section.ranker:
        return by_ranks  # whoever names a ranker wants it asked
    knows_features = features_of(benchmark.space)  # the target model is a regression on them
    return "bayesian" if section.source_queries and knows_features else by_ranks


def _check_usable(strategy: Strategy, config: Config, benchmark: Benchmark) -> None:
    """Raises: ConfigError."""
    scheme = get_scheme(config.archlock.scheme)
    if config.archlock.target_queries and not strategy.target_search:
        raise ConfigError(
            f"archlock.strategy {strategy.name} looks up no accuracies of a target: use bayesian, or leave "
            "archlock.target_queries out"
        )
    if config.archlock.source_budget_percentile and not strategy.predicts_source:
        raise ConfigError(
            f"archlock.strategy {strategy.name} cannot keep to archlock.source_budget_percentile, as it predicts no "
            "accuracies; use bayesian, or archlock.source_budget_pct"
        )
    if config.pretrained_on and strategy.fitness != EXPECTED:
        raise ConfigError(
            f"archlock.strategy {strategy.name} goes by a ranker, which knows nothing of fine-tuned networks; use "
            "bayesian, or leave archlock.lock_on out"
        )
    if config.archlock.targets_by == WORST and strategy.joins_targets:
        raise ConfigError(
            f"archlock.strategy {strategy.name} counts the defeats on all targets together, so it cannot judge by the "
            "worst one; leave archlock.targets_by out, or choose another strategy"
        )
    if strategy.fitness == EXPECTED and scheme.locks and not features_of(benchmark.space):
        raise ConfigError(
            f"archlock.strategy {strategy.name} needs features of an architecture, which "
            f"{benchmark.space.name} does not have; choose evolution or exhaustive"
        )
    if strategy.learns_from_queries and config.archlock.source_queries == 0:
        raise ConfigError(
            f"archlock.strategy {strategy.name} learns from accuracies, and archlock.source_queries 0 allows none; "
            "allow some, or choose exhaustive"
        )


def rank_fitness(config: Config, scheme: Scheme, view: View, ranker: Ranker) -> RankFitness:
    """Return the paper's fitness, from the ranks that a ranker estimates on the source and on the targets.

    Raises:
        RankerError: if the ranker does not know the space, or was trained on a target that is hidden.
    """
    section = config.archlock
    ranker.check_space(view.space)
    if scheme.locks:
        ranker.check_unseen(view.hidden)
    source = view.embedding(config.dataset, ranker.info)
    targets = scheme.target_embeddings(view, source, ranker.info, config)
    opponents = np.array(view.space.sample(section.opponents, stream(config.seed, "opponents")))
    return RankFitness(
        ranker, view.space, source, targets, scheme.combine(section.trade_off, section.targets_by), opponents
    )
