"""``archlock proxies``: compute the zero-cost scores that a ranker is trained on."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from .options import (
    GOES_ON,
    TASK_HELP,
    add_cluster_options,
    add_dry_run_option,
    add_image_options,
    add_jobs_option,
    add_verbose_option,
    at_least,
    home_expanded,
    path,
    workers_of,
)
from .printing import result_line

if TYPE_CHECKING:
    from ..compute.parts import Workers
    from ..embedding.task2vec import Task2VecSettings
    from ..spaces.space import SearchSpace
    from ..store.status_file import StatusFile
    from ..tasks.labelled_images import LabelledImages


EXAMPLES = (
    "archlock proxies --out scores photos/flowers photos/cars",
    "archlock proxies --out scores --space nasbench201 --cells 300 --subsets 5 --proxies nwot,params photos/flowers",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.set_defaults(after_interrupt=GOES_ON)
    parser.epilog = "An interrupted run goes on when the same command is given again."
    parser.add_argument(
        "tasks", nargs="+", type=home_expanded, metavar="TASK", help=f"{TASK_HELP}, or a dataset that NASLib loads"
    )
    parser.add_argument("--out", type=path, required=True, metavar="DIR", help="folder for the table and embeddings")
    parser.add_argument("--space", default="transbench101_micro", help="search space (default transbench101_micro)")
    parser.add_argument(
        "--cells", type=at_least(2), default=100, help="cells to score, the same on all tasks (default 100)"
    )
    parser.add_argument("--proxies", default="", metavar="LIST", help="with commas (default: all 13 of NASLib)")
    parser.add_argument(
        "--subsets", type=at_least(0), default=0, metavar="K", help="also draw K tasks a folder from its classes"
    )
    parser.add_argument(
        "--subset-classes", type=at_least(0), default=0, metavar="N", help="classes of each (default: half)"
    )
    parser.add_argument(
        "--batch-size", type=at_least(1), default=32, help="images that a network is judged by (default 32)"
    )
    add_jobs_option(parser, "default 2")
    add_cluster_options(parser)
    parser.add_argument("--image-size", type=at_least(1), default=16, metavar="PIXELS", help="a side (default 16)")
    parser.add_argument("--overwrite", action="store_true", help="replace the table if it exists")
    add_image_options(parser)
    add_verbose_option(parser)
    add_dry_run_option(parser)


def run(args: argparse.Namespace) -> Mapping[str, Any]:
    """Write ``zc_<space>.json``, the scores of sampled cells on every task, and ``TASK.npy``, the embeddings."""
    from ..compute.seeding import stream
    from ..proxies.votes import parse_proxies
    from ..proxies.zero_cost import PROXIES, zero_cost_file_name
    from ..spaces.known import get_space
    from ..store.files import check_free
    from ..store.locks import alone_in
    from ..store.status_file import status_kept

    space = get_space(args.space)
    proxies = tuple(parse_proxies(args.proxies)) if args.proxies else PROXIES
    table = args.out / zero_cost_file_name(space)
    parts = args.out / "parts"
    check_free(table, args.overwrite, parts)
    if args.image_size % 4:
        raise ConfigError(f"--image-size {args.image_size} must be a multiple of 4: NASLib's networks halve it twice")
    workers = workers_of(args, default_jobs=2)
    if args.dry_run:
        tasks = sampled_tasks(args)
        print(f"{_amount(args, tasks, len(space.sample(args.cells, stream(args.seed, 'cells'))), proxies)}, {workers}")
        print(f"would write {table}, {', '.join(f'{task.name}.npy' for task in tasks)}; nothing was written")
        return {"out": str(table), "tasks": [task.name for task in tasks], "dry_run": True}
    with alone_in(args.out), status_kept(args.out, args.typed) as status:
        status.say("embedding the tasks")
        return _score(args, space, proxies, table, parts, workers, status)


def _score(
    args: argparse.Namespace,
    space: SearchSpace,
    proxies: Sequence[str],
    table: Path,
    parts: Path,
    workers: Workers,
    status: StatusFile,
) -> Mapping[str, Any]:
    """Write the embeddings and the scores.

    Args:
        table: the file of the scores.
        parts: the folder of the scores that are made so far.
    """
    from ..compute.seeding import stream
    from ..embedding.embedding_file import write_embeddings
    from ..embedding.task2vec import cached_task2vec, made_by, ranker_input
    from ..plugin.score_tasks import score_tasks
    from ..proxies.zero_cost import encode_zero_cost
    from ..store.files import remove_folder, write_new

    cells = space.sample(args.cells, stream(args.seed, "cells"))
    tasks = sampled_tasks(args)
    print(f"{_amount(args, tasks, len(cells), proxies)}, {workers}")
    settings = _embedding_settings(args)
    vectors = {task.name: ranker_input(cached_task2vec(task, settings).vector) for task in tasks}
    write_embeddings(args.out, vectors, made_by(settings), args.overwrite)  # a refusal must come now, not after hours
    status.say("scoring")
    start = time.perf_counter()
    scores = score_tasks(space, tasks, cells, proxies, parts, workers, args.batch_size, args.seed)
    seconds = time.perf_counter() - start
    write_new(table, encode_zero_cost(scores, compressed=False), args.overwrite)
    remove_folder(parts)
    written = [table.name, *(f"{task.name}.npy" for task in tasks)]
    result_line(f"{seconds:.0f} s; written to {args.out}: {', '.join(written)}")
    print(
        f"train a ranker:  archlock train-ranker --out ranker.safetensors search_space {space.name} "
        f"archlock.zero_cost {table} archlock.embedding {args.out}/{{task}}.npy"
    )
    return {"out": str(table), "tasks": [task.name for task in tasks], "seconds": round(seconds, 3)}


def _amount(args: argparse.Namespace, tasks: Sequence[LabelledImages], n_cells: int, proxies: Sequence[str]) -> str:
    """How much there is to compute, and how long it takes."""
    from ..compute.core_time import core_time
    from ..plugin.score_tasks import expected_seconds
    from ..proxies.zero_cost import PROXIES

    time_needed = core_time(expected_seconds(tasks, n_cells, args.batch_size))
    measured = "on the machine where it was measured" + ("" if len(proxies) == len(PROXIES) else ", with all proxies")
    return f"{len(tasks)} tasks x {n_cells} cells x {len(proxies)} proxies, about {time_needed} {measured}"


def sampled_tasks(args: argparse.Namespace) -> list[LabelledImages]:
    """The named tasks, and further tasks on random subsets of the classes of each (ArchLock, section 4.1).

    Raises:
        ConfigError: if two tasks have the same name.
        ImageError, NaslibError, EmbeddingError: if the images or the probe network cannot be read.
    """
    from ..compute.seeding import stream
    from ..embedding.task2vec import probe_of
    from ..tasks.image_folder import class_subset
    from ..tasks.names import check_names

    check_names(args.tasks)
    tasks: dict[str, LabelledImages] = {}
    rng = stream(args.seed, "subsets")
    for name in args.tasks:
        task = _task(name, args)
        tasks[task.name] = task
        n_classes = args.subset_classes or max(2, task.n_classes // 2)
        for _ in range(args.subsets):
            subset = class_subset(task, n_classes, rng)
            tasks[subset.name] = subset
    probe_of(_embedding_settings(args))  # an unknown probe must fail here, not after hours of scoring
    return list(tasks.values())


def _embedding_settings(args: argparse.Namespace) -> Task2VecSettings:
    """How the tasks are embedded."""
    from ..embedding.task2vec import Task2VecSettings

    return Task2VecSettings(args.probe, args.probe_weights, seed=args.seed)


def _task(name: str, args: argparse.Namespace) -> LabelledImages:
    """Read the images of a folder, or of a data set that NASLib loads.

    The networks and the probe get the images in one size, so that both look at the same images.
    """
    from ..plugin.score_tasks import naslib_dataset
    from ..tasks.image_folder import read_image_folder
    from ..tasks.names import is_image_folder, warn_of_folder

    warn_of_folder(name)
    if is_image_folder(name):
        return read_image_folder(Path(name), args.image_size, args.max_images, args.seed, args.skip_unreadable)
    return naslib_dataset(name, args.max_images)
