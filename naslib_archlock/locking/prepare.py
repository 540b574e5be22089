"""From a configuration to a search, and from a finished search to its report.

The order matters for honesty: everything a search may know is gathered in ``prepare`` (the ranker, the embeddings, a
view of the source's validation accuracy); the targets' accuracies are first read in ``finish``, when the architecture
has been chosen.

A search without a ranker needs no torch, whose import takes longer than such a search: functions that need it, or
another heavy library that not every search needs, import it themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import data
from ..benchmarks.benchmark import Benchmark
from ..compute.devices import find_device
from ..compute.seeding import stream
from ..config.sections import Config
from ..embedding.simulate import simulate_targets
from ..errors import ConfigError, RankerError
from ..proxies.votes import Votes, parse_proxies
from ..proxies.zero_cost import ZeroCostScores
from ..search.base import RankSearch, Search
from ..search.bayesian import BayesianSearch
from ..search.evolution import RegularizedEvolution
from ..search.exhaustive import ExhaustiveSearch
from ..search.rank_fitness import Fitness
from ..search.target_model import TargetModel, other_tasks, percentiles
from ..spaces.cells import cell_index
from ..spaces.known import DIGITS, get_space
from ..spaces.space import SearchSpace
from ..tasks.names import is_image_folder, task_name
from .knowledge import Knowledge, training_embeddings

if TYPE_CHECKING:
    from ..ranker.ranker import Ranker
    from ..ranker.training import Progress, TrainReport


def open_benchmark(config: Config) -> Benchmark:
    """The benchmark that the config names: plain tables if ``archlock.tables`` is given, images if ``dataset`` is a
    folder, the embedded benchmark for the search space ``digits``, else NASLib's files.

    Raises: TableError, NaslibError, UnknownNameError, ConfigError.
    """
    section, space = config.archlock, get_space(config.search_space)
    if is_image_folder(config.dataset) and not section.tables:
        from ..benchmarks.trained import TrainedBenchmark

        folders = (config.dataset, *section.targets)
        return checked(
            config,
            TrainedBenchmark(
                space, folders, section.image_size, section.max_images, section.skip_unreadable, config.seed
            ),
        )
    return checked(config, tabular_benchmark(space, section.tables))


def tabular_benchmark(space: SearchSpace, tables: str = "") -> Benchmark:
    """The benchmark of a space: from a folder of plain tables if one is given, else the embedded one or NASLib's files.

    Raises: TableError, NaslibError.
    """
    if tables:
        from ..benchmarks.table import find_table, read_table

        return read_table(find_table(Path(tables), space), space)
    if space.name == DIGITS.name:
        from ..benchmarks.digits_benchmark import digits_benchmark

        return digits_benchmark()
    from ..plugin.naslib_benchmark import NaslibBenchmark

    return NaslibBenchmark(space)


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
    config: Config,
    tables: Sequence[ZeroCostScores],
    left_out: Sequence[ZeroCostScores],
    progress: Progress | None,
    begin: Callable[[], Path] | None = None,
) -> tuple[Ranker, TrainReport]:
    """Train a ranker on the votes of ``tables``; ``left_out`` are only reported on.

    Args: begin: called when all has been read; returns the file for the state of the training. Others: as
        ``train_ranker`` takes.
    """
    from ..compute.versions import library_versions
    from ..ranker.ranker import RankerInfo
    from ..ranker.training import TrainingTask, train_ranker

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
        model=section.ranker_model,
        model_settings=section.model_settings,
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
        find_device(section.device),
        begin() if begin else None,
    )


def find_ranker(
    config: Config,
    knowledge: Knowledge,
    progress: Progress | None = None,
    begin: Callable[[], Path] | None = None,
) -> Ranker:
    """The ranker that the config names, else one in the box that may be used, else one that is trained now.

    Those in the box know Task2Vec embeddings of images, so they serve the digits tasks and folders of images; a config
    that says anything about training gets a ranker of its own. Raises: RankerError and what training raises.
    """
    from ..ranker.ranker import Ranker

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
    return train(config, *knowledge.training_tables(), progress, begin)[0]


def rankers_in_the_box() -> Iterator[Ranker]:
    """The rankers that come with the package: of all digits tasks, and of all but one for each of them."""
    from ..ranker.ranker import Ranker

    for name in box_names():
        yield Ranker.load(data.checked_path(name))


def box_names() -> list[str]:
    """Their files in the package's data."""
    return ["rankers/all.safetensors", *(f"rankers/without-{task}.safetensors" for task in DIGITS.tasks)]


@dataclass(frozen=True)
class Prepared:
    """A search that is ready to run, and the ranker behind it, where there is one."""

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

    S and TU read neither scores nor embeddings of the reported targets, and TU refuses a ranker trained on them.
    Args: ranker: used instead of loading or training one; progress, begin: of a training (``train``).
    """
    targets = report_targets(config, benchmark.tasks)
    hidden = () if config.archlock.scheme == "tk" else [task_name(task) for task in targets]
    knowledge = Knowledge(config, hidden)
    if strategy(config, benchmark) == "bayesian":
        return Prepared(_new_search(config, benchmark, target_fitness(config, benchmark, knowledge)), None)
    ranker = ranker or find_ranker(config, knowledge, progress, begin)
    return Prepared(_new_search(config, benchmark, rank_fitness(config, benchmark, knowledge, ranker)), ranker)


def strategy(config: Config, benchmark: Benchmark) -> str:
    """How to search: as the config says, else ``bayesian`` where it can be used.

    Raises: ConfigError: if the config says ``bayesian`` where it cannot be used.
    """
    if config.archlock.strategy == "bayesian":
        _check_bayesian(config, benchmark)
    if config.archlock.strategy:
        return config.archlock.strategy
    if not benchmark.is_measured:
        return "exhaustive"  # a look-up means to train a network: all candidates are ranked before the first is trained
    if config.archlock.ranker:
        return "evolution"  # whoever names a ranker wants it asked
    # what the target model has learnt, it has learnt of cells
    return "bayesian" if config.archlock.source_queries and benchmark.space.family == "cell" else "evolution"


def _check_bayesian(config: Config, benchmark: Benchmark) -> None:
    if benchmark.space.family != "cell" and config.archlock.scheme != "s":
        raise ConfigError(
            f"archlock.strategy bayesian knows cells, which {benchmark.space.name} does not have; choose evolution or "
            "exhaustive"
        )
    if not benchmark.is_measured and config.archlock.train_top == 0:
        raise ConfigError(
            "archlock.strategy bayesian learns from accuracies, and no table holds those of these images; train some "
            "candidates with --train-top, or choose exhaustive"
        )


def rank_fitness(config: Config, benchmark: Benchmark, knowledge: Knowledge, ranker: Ranker) -> Fitness:
    """The paper's fitness, from the ranks that a ranker estimates on the source and on the targets."""
    section, space = config.archlock, benchmark.space
    ranker.check_space(space)
    if section.scheme == "tu":
        ranker.check_unseen(knowledge.hidden)
    source = knowledge.embedding(config.dataset, ranker.info)
    if section.scheme == "s":
        target_vectors = np.empty((0, len(source)))
    elif section.scheme == "tk":
        target_vectors = np.stack([knowledge.embedding(task, ranker.info) for task in section.targets])
    else:
        target_vectors = simulate_targets(source, section.n_targets, section.cosine, stream(config.seed, "targets"))
    opponents = np.array(space.sample(section.opponents, stream(config.seed, "opponents")))
    return Fitness(ranker, space, section.scheme, source, target_vectors, section.trade_off, opponents)


def target_fitness(config: Config, benchmark: Benchmark, knowledge: Knowledge) -> np.ndarray:
    """How badly each function of ``space.distinct()`` is expected to fit the targets; zero in scheme S.

    Of this benchmark it reads the accuracies of further tasks alone (``further_tasks``): neither those of the source,
    which are looked up one by one, nor any of a target.
    """
    section, space = config.archlock, benchmark.space
    archs = space.distinct()
    if section.scheme == "s":
        return np.zeros(len(archs))
    further = further_tasks(config, benchmark)
    model = TargetModel(space, knows_other_tasks=bool(further))
    if not further:
        return -model.predict(archs)
    row = np.searchsorted(cell_index(space.all()), cell_index(archs))
    percentile = {task: percentiles(benchmark, task)[row] for task in further}
    if section.scheme == "tu":
        return -model.predict(archs, other_tasks(percentile, dict.fromkeys(further, 1.0)))
    from ..proxies.similarity import similarity_weights

    # one further task needs no weight, and so no scores
    tables = {t.task: t for t in knowledge.tables if t.space.name == space.name} if len(further) > 1 else {}
    return -np.mean(
        [
            model.predict(archs, other_tasks(percentile, similarity_weights(target, further, tables)))
            for target in section.targets
        ],
        axis=0,
    )


def further_tasks(config: Config, benchmark: Benchmark) -> tuple[str, ...]:
    """Tasks of the benchmark whose accuracies a search may know: neither the source nor a target.

    In TU, where the target's data is unknown, no task on the target's images either.
    """
    if config.archlock.scheme == "tu" and benchmark.space.shares_images:
        return ()
    known = (config.dataset, *report_targets(config, benchmark.tasks))
    return tuple(task for task in benchmark.tasks if task not in known)


def _new_search(config: Config, benchmark: Benchmark, fitness: Fitness | np.ndarray) -> Search:
    section = config.archlock
    oracle = benchmark.source_oracle(
        config.dataset, section.source_queries if benchmark.is_measured else section.train_top
    )
    rng = stream(config.seed, "search")
    if isinstance(fitness, np.ndarray):
        oracle.max_queries = min(oracle.max_queries, config.search.epochs)  # it plans with all of them
        return BayesianSearch(benchmark.space, fitness, oracle, config.search_settings, rng)
    exhaustive = strategy(config, benchmark) == "exhaustive"
    kind = ExhaustiveSearch if exhaustive else RegularizedEvolution
    return kind(benchmark.space, fitness, oracle, config.search_settings, rng)


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
        "source_position": _source_position(search),
        "source_val": accuracy(config.dataset, "val"),
        "source_test": accuracy(config.dataset, "test"),
        "targets": {task_name(task): accuracy(task, "test") for task in report_targets(config, benchmark.tasks)},
        "source_queries": search.oracle.queries,
    }


def _source_position(search: Search) -> int | None:
    """The place of the choice on the source by the ranker's word, where that is all there is."""
    if search.uses_source_accuracy or not isinstance(search, RankSearch):
        return None
    return search.fitness.source_position(search.best().source_rank or 0.0)


def finish(config: Config, benchmark: Benchmark, search: Search) -> dict[str, Any]:
    """The result of a run, in JSON types; ``s`` holds what scheme S finds in the same setting."""
    measured = measured_s = measure(config, benchmark, search)
    if config.archlock.scheme != "s":
        measured_s = measure(config, benchmark, _run_s(config, benchmark, search))
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


def timings(preparation: float, search: float) -> dict[str, float]:
    """Seconds of wall time, which have a file of their own: the same seed gives the same result, byte for byte."""
    return {"seconds": round(search, 3), "seconds_preparation": round(preparation, 3)}


def _run_s(config: Config, benchmark: Benchmark, search: Search) -> Search:
    """The same run under scheme S, which every result is compared with."""
    config = replace(config, archlock=replace(config.archlock, scheme="s"))
    n_functions = len(benchmark.space.distinct())
    fitness = search.fitness.on_source_alone() if isinstance(search, RankSearch) else np.zeros(n_functions)
    search_s = _new_search(config, benchmark, fitness)
    for _ in range(config.search.epochs):
        search_s.step()
    return search_s
