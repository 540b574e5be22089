"""From a configuration to a search, and from a finished search to its report.

The order matters for honesty: everything a search may know is gathered in ``prepare`` (the ranker, the embeddings, a
view of the source's validation accuracy); the targets' accuracies are first read in ``finish``, when the architecture
has been chosen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from . import data
from .benchmarks.base import Benchmark
from .config import Config
from .embedding.simulate import simulate_targets
from .errors import ConfigError, RankerError
from .fitness import Fitness
from .knowledge import Knowledge, training_embeddings
from .ranker import Ranker, RankerInfo, library_versions
from .search import ExhaustiveSearch, RegularizedEvolution, Search
from .seeding import stream
from .spaces import DIGITS, get_space
from .tasks.names import is_image_folder, task_name
from .training import Progress, TrainingTask, TrainReport, train_ranker
from .votes import Votes, parse_proxies
from .zerocost import ZeroCostScores


def open_benchmark(config: Config) -> Benchmark:
    """The benchmark that the config names: plain tables if ``archlock.tables`` is given, images if ``dataset`` is a
    folder, the embedded benchmark for the search space ``digits``, else NASLib's files.

    Raises: TableError, NaslibError, UnknownNameError, ConfigError.
    """
    section, space = config.archlock, get_space(config.search_space)
    benchmark: Benchmark
    if section.tables:
        from .benchmarks.table import find_table, read_table

        benchmark = read_table(find_table(Path(section.tables), space), space)
    elif is_image_folder(config.dataset):
        from .benchmarks.trained import TrainedBenchmark

        folders = (config.dataset, *section.targets)
        benchmark = TrainedBenchmark(
            space, folders, section.image_size, section.max_images, section.skip_unreadable, config.seed
        )
    elif space.name == DIGITS.name:
        from .benchmarks.digits import digits_benchmark

        benchmark = digits_benchmark()
    else:
        from .benchmarks.naslib import NaslibBenchmark

        benchmark = NaslibBenchmark(space)
    return checked(config, benchmark)


def checked(config: Config, benchmark: Benchmark) -> Benchmark:
    """The benchmark, if it has the source and the targets of the config. Raises: UnknownNameError."""
    for task in (config.dataset, *config.archlock.targets):
        benchmark.check_task(task)
    return benchmark


def report_targets(config: Config, tasks: Sequence[str]) -> tuple[str, ...]:
    """The tasks that the report measures the lock on: the named ones, or all but the source."""
    return config.archlock.targets or tuple(task for task in tasks if task != config.dataset)


# -- what a search may know --------------------------------------------------------------------------------------------


def train(
    config: Config, tables: Sequence[ZeroCostScores], left_out: Sequence[ZeroCostScores], progress: Progress | None
) -> tuple[Ranker, TrainReport]:
    """Train a ranker on the votes of ``tables``; ``left_out`` are only reported on."""
    section = config.archlock
    voters = parse_proxies(section.proxies)
    for scores in (*tables, *left_out):
        if not any(proxy in scores.scores for proxy in voters):
            raise ConfigError(
                f"archlock.proxies: none of {', '.join(voters)} has scores of {scores.space.name} task {scores.task}; "
                f"it has {', '.join(scores.scores) or 'none'}"
            )
    if not tables:
        raise RankerError("no task is left to train the ranker on; give more zero-cost files, or leave fewer out")
    vectors, embedding_info = training_embeddings(config, [*tables, *left_out])
    info = RankerInfo(
        family=get_space(config.search_space).family,
        hidden=section.train_settings.hidden,
        antisymmetric=section.train_settings.antisymmetric,
        tasks=tuple(f"{t.space.name}/{t.task}" for t in tables),
        proxies=voters,
        versions=library_versions(),
        **embedding_info,
    )
    tasks = [
        TrainingTask(f"{t.space.name}/{t.task}", t.space, t.cells, vector, Votes.of(t, voters))
        for t, vector in zip((*tables, *left_out), vectors)
    ]
    return train_ranker(
        tasks[: len(tables)],
        info,
        section.train_settings,
        config.seed,
        tasks[len(tables) :],
        section.held_out_cells,
        progress,
    )


def find_ranker(config: Config, knowledge: Knowledge, progress: Progress | None = None) -> Ranker:
    """The ranker that the config names, else one in the box that may be used, else one that is trained now.

    Those in the box know Task2Vec embeddings of images, so they serve the digits tasks and folders of images; a config
    that says anything about training gets a ranker of its own. Raises: RankerError and what training raises.
    """
    section = config.archlock
    if section.ranker:
        return Ranker.load(Path(section.ranker))
    has_images = is_image_folder(config.dataset) or config.search_space == DIGITS.name
    if has_images and not section.trains_its_own_way and section.embedding in ("", "task2vec"):
        for ranker in rankers_in_the_box():
            if not ranker.seen_among(knowledge.hidden):
                return ranker
    if is_image_folder(config.dataset) and not section.zero_cost:
        raise RankerError(
            "none of the rankers in the box may be used here, and a folder of images has no zero-cost scores to train "
            "one on: compute some with 'archlock proxies' and name the file with archlock.zero_cost"
        )
    return train(config, *knowledge.training_tables(), progress=progress)[0]


def rankers_in_the_box() -> Iterator[Ranker]:
    """The rankers that come with the package: of all digits tasks, and of all but one for each of them."""
    for name in box_names():
        yield Ranker.load(data.checked_path(name))


def box_names() -> list[str]:
    """Their files in the package's data."""
    return ["rankers/all.safetensors", *(f"rankers/without-{task}.safetensors" for task in DIGITS.tasks)]


@dataclass(frozen=True)
class Prepared:
    """A search that is ready to run, and the ranker behind it."""

    search: Search
    ranker: Ranker


def prepare(
    config: Config, benchmark: Benchmark, ranker: Ranker | None = None, progress: Progress | None = None
) -> Prepared:
    """Gather what the scheme allows the search to know, and nothing else.

    S and TU read neither scores nor embeddings of the reported targets, and TU refuses a ranker trained on them.
    Args: ranker: used instead of loading or training one; progress: of the training.
    """
    section, space = config.archlock, benchmark.space
    targets = report_targets(config, benchmark.tasks)
    knowledge = Knowledge(config, hidden=() if section.scheme == "tk" else [task_name(task) for task in targets])
    ranker = ranker or find_ranker(config, knowledge, progress)
    ranker.check_space(space)
    if section.scheme == "tu":
        ranker.check_unseen(knowledge.hidden)

    source = knowledge.embedding(config.dataset, ranker.info)
    if section.scheme == "s":
        target_vectors = np.empty((0, len(source)))
    elif section.scheme == "tk":
        target_vectors = np.stack([knowledge.embedding(task, ranker.info) for task in targets])
    else:
        target_vectors = simulate_targets(source, section.n_targets, section.cosine, stream(config.seed, "targets"))
    opponents = np.array(space.sample(section.opponents, stream(config.seed, "opponents")))
    fitness = Fitness(ranker, space, section.scheme, source, target_vectors, section.trade_off, opponents)
    return Prepared(_new_search(config, benchmark, fitness), ranker)


def _new_search(config: Config, benchmark: Benchmark, fitness: Fitness) -> Search:
    section = config.archlock
    # Where a look-up means to train a network, all candidates are ranked before the first is trained.
    exhaustive = section.exhaustive or not benchmark.is_measured
    oracle = benchmark.source_oracle(
        config.dataset, section.source_queries if benchmark.is_measured else section.train_top
    )
    kind = ExhaustiveSearch if exhaustive else RegularizedEvolution
    return kind(benchmark.space, fitness, oracle, config.search_settings, stream(config.seed, "search"))


# -- the report: the only place that reads test accuracies -------------------------------------------------------------


def measure(config: Config, benchmark: Benchmark, search: Search) -> dict[str, Any]:
    """The architecture that a finished search chose, and its accuracies: None where no network was to be trained."""
    best = search.best()
    is_measured = benchmark.is_measured or config.archlock.train_top > 0

    def accuracy(task: str, split: str) -> float | None:
        return benchmark.accuracy(best.arch, task=task, split=split) if is_measured else None

    return {
        "cell": list(best.arch),
        "arch": benchmark.space.to_str(best.arch),
        "fitness": best.fitness,
        "source_position": None if is_measured else search.fitness.source_position(best.source_rank),
        "source_val": accuracy(config.dataset, "val"),
        "source_test": accuracy(config.dataset, "test"),
        "targets": {task_name(task): accuracy(task, "test") for task in report_targets(config, benchmark.tasks)},
        "source_queries": search.oracle.queries,
    }


def finish(config: Config, benchmark: Benchmark, search: Search, seconds: Mapping[str, float]) -> dict[str, Any]:
    """The result of a run, in JSON types; ``s`` holds what scheme S finds in the same setting.

    Args: seconds: of ``preparation`` and of ``search``.
    """
    measured = measured_s = measure(config, benchmark, search)
    if config.archlock.scheme != "s":
        measured_s = measure(config, benchmark, _run_s(config, benchmark, search.fitness))
    return {
        "scheme": config.archlock.scheme,
        "search_space": config.search_space,
        "source": task_name(config.dataset),
        **measured,
        "n_distinct": len(benchmark.space.distinct()),
        "seed": config.seed,
        "seconds": round(seconds["search"], 3),
        "seconds_preparation": round(seconds["preparation"], 3),
        "s": measured_s,
        "notes": list(benchmark.notes),
    }


def _run_s(config: Config, benchmark: Benchmark, fitness: Fitness) -> Search:
    """The same run under scheme S, which every result is compared with."""
    config = replace(config, archlock=replace(config.archlock, scheme="s"))
    search = _new_search(config, benchmark, fitness.on_source_alone())
    for _ in range(config.search.epochs):
        search.step()
    return search
