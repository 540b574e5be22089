"""What a search would do, without doing it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ..compute.core_time import core_time
from ..locking.prepare import report_targets, strategy_of
from ..locking.run_folder import holds_run, is_same_run
from ..locking.schemes import get_scheme
from ..strategies.strategy import EXPECTED
from ..tasks.names import task_name

if TYPE_CHECKING:
    from ..benchmarks.benchmark import Benchmark
    from ..config.sections import Config

_SECONDS_A_SEARCH = 0.35  # of 200 look-ups in a table of 15,625 cells (benchmarks/README.md); other tables are smaller
_SECONDS_OF_A_RANKER = 5.0  # its default training on ten tasks (benchmarks/README.md)


def print_search_plan(config: Config, benchmark: Benchmark) -> dict[str, Any]:
    """Print what the search would look up and train, how long that may take, and where the result would go.

    If look-ups train networks, one is trained twice, to time it.

    Returns:
        the same in JSON types.
    """
    section, strategy = config.archlock, strategy_of(config, benchmark)
    most = section.source_queries
    n_source = min(most, config.search.epochs) if strategy.plans_ahead else most
    n_of_s = n_source if get_scheme(section.scheme).locks else 0
    targets = [task_name(task) for task in report_targets(config, benchmark.tasks)]
    uses_ranker = strategy.fitness != EXPECTED
    print(
        f"{config.search_space}, source {task_name(config.dataset)}, scheme {section.scheme}, "
        f"strategy {strategy.name}, seed {config.seed}\n"
        f"  look-ups of the source: at most {n_source}, and {n_of_s} under scheme S, to compare\n"
        f"  look-ups of {', '.join(targets) or 'targets'}: at most {section.target_queries}"
    )
    if uses_ranker:
        print(f"  ranker: {section.ranker or 'one that comes with the package, or else one that is trained first'}")
    if benchmark.is_tabular:
        seconds = (n_source + n_of_s) / 200 * _SECONDS_A_SEARCH + uses_ranker * _SECONDS_OF_A_RANKER
        how = "as measured in benchmarks/README.md; look-ups are read from a table, and no network is trained"
    else:
        seconds, how = _seconds_of_training(config, benchmark, n_source + n_of_s + section.target_queries)
    print(f"  time: about {core_time(seconds)} ({how})\n  folder: {config.save}, which {_content_of(config)}")
    return {
        "source_look_ups": n_source,
        "source_look_ups_of_s": n_of_s,
        "target_look_ups": section.target_queries,
        "seconds": round(seconds, 1),
        "folder": str(config.save),
    }


def _seconds_of_training(config: Config, benchmark: Benchmark, n_networks: int) -> tuple[float, str]:
    """How long so many trainings take, and how that is known."""
    if n_networks == 0:
        return 0.0, "no network is trained; archlock.source_queries 20 trains some"
    first, second, *_ = [tuple(row) for row in benchmark.space.distinct().tolist()]
    benchmark.accuracy(first, task=config.dataset, split="val")  # this also reads the images
    start = time.perf_counter()
    benchmark.accuracy(second, task=config.dataset, split="val")
    seconds = time.perf_counter() - start
    return n_networks * seconds, f"{n_networks} networks at most; one took {seconds:.1f} s on this machine"


def _content_of(config: Config) -> str:
    """What the folder of the run holds."""
    if not holds_run(config.save):
        return "holds no run yet"
    if not is_same_run(config, config.save):
        return "holds another run, so this one would get a folder below it"
    is_finished = (config.save / "result.json").is_file()
    return "holds this run, finished" if is_finished else "holds this run, interrupted: --resume goes on with it"
