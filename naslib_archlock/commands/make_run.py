"""Making a run: a search in its folder, from the beginning or from where it was interrupted.

The commands ``search`` and ``audit`` share this.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..benchmarks.benchmark import Benchmark
from ..config.sections import Config
from ..locking.history import history_csv
from ..locking.prepare import prepare
from ..locking.result import finish, wall_times
from ..locking.run_folder import RunFolder
from ..locking.schemes import get_scheme
from ..store.checkpoint import Clock
from ..store.status_file import StatusFile, status_kept
from ..strategies.base import Search
from ..tasks.names import task_name
from .progress import search_progress, training_bar
from .tensorboard_log import FOLDER, tensorboard_log


def make_run(
    config: Config, benchmark: Benchmark, run_folder: RunFolder, command: Sequence[str], to_tensorboard: bool = False
) -> dict[str, Any]:
    """Return the result of a run with its timings. If the run is not finished, the missing rest is made first.

    Args:
        config: the configuration of the run.
        benchmark: the benchmark that the config names.
        run_folder: the folder of the run, which says whether an earlier run is resumed.
        command: the words of the command line, for ``status.json``.
        to_tensorboard: whether look-ups are also written for TensorBoard.
    """
    result = run_folder.result()
    if result:
        print(f"this run is finished, in {run_folder.folder}")
    else:
        benchmark.cache_in(config.networks)
        with status_kept(run_folder.folder, command) as status:
            result = _make(config, benchmark, run_folder, status, to_tensorboard)
    run_folder.tidy()
    return result


def _make(
    config: Config, benchmark: Benchmark, run_folder: RunFolder, status: StatusFile, to_tensorboard: bool
) -> dict[str, Any]:
    """Prepare the search, run it to its end, and write the result; returns it with the timings."""

    def begin_training() -> Path:
        checkpoint = run_folder.begin_training()
        status.say("training the ranker")
        return checkpoint

    def measuring() -> None:
        if not benchmark.is_tabular:  # otherwise it takes no time
            status.say("measuring")

    start = time.perf_counter()
    with training_bar(config) as progress:
        prepared = prepare(config, benchmark, run_folder.ranker(), progress, begin_training)
    run_folder.begin()  # only now, when every given file has been read without an error
    run_folder.keep_ranker(prepared.ranker)
    ready = time.perf_counter()
    search = prepared.search
    run_folder.restore(search)
    status.say("searching")
    with ExitStack() as stack:
        also = None
        if to_tensorboard:
            log = tensorboard_log(run_folder.folder / FOLDER, search, task_name(config.dataset))
            also = stack.enter_context(log).told
        told = stack.enter_context(search_progress(config, benchmark, search, also)).told
        _finish_steps(config, search, run_folder, told)
        timings = wall_times(ready - start, time.perf_counter() - ready)
        result = finish(config, benchmark, search, told, measuring)
    history = history_csv(search, config.dataset)
    run_folder.keep_result(result, timings, history, _pictures(config, benchmark, search, result))
    return {**result, **timings}


def _finish_steps(config: Config, search: Search, run_folder: RunFolder, told: Callable[[Search], object]) -> None:
    """Make the remaining steps, and keep the state every few steps, every few seconds, and after Ctrl-C."""
    state = search.state()
    clock = Clock()
    try:
        for step in range(search.n_steps, config.search.epochs):
            search.step(lambda: told(search))
            state = search.state()  # between two steps, when the history and the random generator agree
            if (step + 1) % config.search.checkpoint_freq == 0 or clock.is_due():
                run_folder.keep_state(state)
    except KeyboardInterrupt:
        run_folder.keep_state(state)
        print(f"\nstate saved in {run_folder.folder}; go on with --resume", file=sys.stderr)
        raise


def _pictures(config: Config, benchmark: Benchmark, search: Search, result: Mapping[str, Any]) -> dict[str, bytes]:
    """The pictures of a finished search as PNG, by file name. Only a measured benchmark can show the lock."""
    from ..report.architecture import architecture_png
    from ..report.search_pictures import lock_picture, search_picture

    locks = get_scheme(result["scheme"]).locks
    found = f"{result['search_space']}, source {result['source']}, found by scheme {result['scheme'].upper()}"
    pictures = {
        "cell.png": architecture_png(benchmark.space, tuple(result["cell"]), found),
        "search.png": search_picture(search, result["source"], locks, benchmark.metric(config.dataset)),
    }
    if benchmark.is_tabular and search.uses_source_accuracy and result["targets"]:
        pictures["lock.png"] = lock_picture(benchmark, config.dataset, result, result["source_floor"])
    return pictures
