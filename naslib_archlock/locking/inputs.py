"""What a run reads, as digests: a run is only continued with the inputs that it began with."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from ..benchmarks.benchmark import Benchmark
from ..config.sections import Config
from ..errors import ArchLockError
from ..store.cache import content_hash
from ..store.digests import digest
from ..strategies.strategy import EXPECTED
from ..tasks.names import is_image_folder, task_name
from .knowledge import zero_cost_files
from .prepare import report_targets, strategy_of
from .schemes import get_scheme


def input_digests(config: Config, benchmark: Benchmark) -> dict[str, str]:
    """Digests of what a search reads, so nothing of the targets that its scheme hides.

    Args:
        config: the configuration of the run.
        benchmark: the benchmark that the configuration names.
    Returns:
        what a message calls the input -> 64 hexadecimal digits.
    Raises:
        ArchLockError: if the benchmark cannot be read.
    """
    targets = report_targets(config, benchmark.tasks)
    view = get_scheme(config.archlock.scheme).view(benchmark, config.dataset, targets, config)
    tasks = [config.dataset]
    if strategy_of(config, benchmark).fitness == EXPECTED:
        tasks += view.further_tasks  # the target model learns from their accuracies; a ranker knows none
    if config.archlock.target_queries or not benchmark.is_tabular:  # what is not hidden is looked up, or embedded
        tasks += [task for task in targets if task_name(task) not in view.hidden]
    of_tasks = {f"task {task_name(task)}": benchmark.digest(task, "val") for task in tasks}
    of_files: dict[str, list[str]] = {}
    for name, content in digests(files_read(config)):
        of_files.setdefault(f"file {name}", []).append(content)
    return {**of_tasks, **{name: digest(contents) for name, contents in of_files.items()}}


def measured_digests(config: Config, benchmark: Benchmark) -> dict[str, str]:
    """Digests of what the test accuracies in a result come from. Args, Returns, Raises: as ``input_digests``."""
    if not (benchmark.is_tabular or config.archlock.source_queries):
        return {}  # no network is trained, so that the result holds no accuracies
    tasks = (config.dataset, *report_targets(config, benchmark.tasks))
    return {f"test figures of task {task_name(task)}": benchmark.digest(task, "test") for task in tasks}


def files_read(config: Config) -> list[Path]:
    """The files that a search may read beside the benchmark."""
    section, files = config.archlock, []
    if section.ranker:
        files.append(Path(section.ranker))
    if section.embedding not in ("", "proxies", "task2vec"):
        files += [Path(name) for name in sorted(glob.glob(section.embedding.replace("{task}", "*")))]
    if section.probe_weights:
        files.append(Path(section.probe_weights))
    if is_image_folder(config.dataset) and not section.zero_cost:
        return files  # these tasks have no scores in other files
    try:
        return files + zero_cost_files(config)
    except ArchLockError:  # a search that needs these files reports that they are missing
        return files


def digests(paths: Sequence[Path]) -> list[list[str]]:
    """The name of each file and a hash of its content, which is empty if there is no such file."""
    return [[path.name, _digest(path)] for path in paths]


def _digest(path: Path) -> str:
    try:
        return content_hash(path)[:16]
    except OSError:
        return ""
