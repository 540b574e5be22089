"""What ``archlock proxies`` does."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from ..compute.seeding import stream
from ..embedding.embedding_file import embedding_bytes
from ..embedding.probes import load_probe
from ..embedding.task2vec import Task2VecSettings, cached_task2vec, ranker_input
from ..errors import ConfigError
from ..proxies.votes import parse_proxies
from ..proxies.zero_cost import PROXIES, encode_zero_cost, zero_cost_file_name
from ..spaces.known import get_space
from ..store.files import check_free, make_folder, remove_folder, write_bytes, write_new
from ..tasks.image_folder import class_subset, read_image_folder
from ..tasks.labelled_images import LabelledImages
from ..tasks.names import is_image_folder
from .workers import workers_of


def run_proxies(args: argparse.Namespace) -> int:
    """Write ``zc_<space>.json`` with the scores of sampled cells on every task, and ``TASK.npy``, their embeddings."""
    from ..plugin.score_tasks import score_tasks

    space = get_space(args.space)
    proxies = tuple(parse_proxies(args.proxies)) if args.proxies else PROXIES
    table = args.out / zero_cost_file_name(space)
    parts = args.out / "parts"
    check_free(table, args.overwrite, parts)
    if args.image_size % 4:
        raise ConfigError(f"--image-size {args.image_size} must be a multiple of 4: NASLib's networks halve it twice")
    workers = workers_of(args, default_jobs=2)
    make_folder(args.out)
    cells = space.sample(args.cells, stream(args.seed, "cells"))
    tasks = sampled_tasks(args)
    print(f"{len(tasks)} tasks x {len(cells)} cells x {len(proxies)} proxies, {workers}")
    start = time.perf_counter()
    scores = score_tasks(space, tasks, cells, proxies, parts, workers, args.batch_size, args.seed)
    seconds = time.perf_counter() - start
    settings = Task2VecSettings(probe=args.probe, seed=args.seed)
    for task in tasks:
        write_bytes(
            args.out / f"{task.name}.npy", embedding_bytes(ranker_input(cached_task2vec(task, settings).vector))
        )
    write_new(table, encode_zero_cost(scores, compressed=False), args.overwrite)
    remove_folder(parts)
    print(f"{seconds:.0f} s; written to {args.out}: {table.name}, {', '.join(f'{task.name}.npy' for task in tasks)}")
    print(
        f"train a ranker:  archlock train-ranker --out ranker.safetensors search_space {space.name} "
        f"archlock.zero_cost {table} archlock.embedding {args.out}/{{task}}.npy"
    )
    if args.json:
        print(json.dumps({"out": str(table), "tasks": [task.name for task in tasks], "seconds": round(seconds, 3)}))
    return 0


def sampled_tasks(args: argparse.Namespace) -> list[LabelledImages]:
    """The tasks that were named, and those drawn from the classes of each (ArchLock, section 4.1)."""
    tasks: dict[str, LabelledImages] = {}
    # one size for networks and probe, so that both look at the same images
    rng = stream(args.seed, "subsets")
    for name in args.tasks:
        task = _task(name, args)
        if task.name in tasks:
            raise ConfigError(f"two of the tasks {', '.join(args.tasks)} go by the name {task.name}; rename a folder")
        tasks[task.name] = task
        n_classes = args.subset_classes or max(2, task.n_classes // 2)
        for _ in range(args.subsets):
            subset = class_subset(task, n_classes, rng)
            tasks[subset.name] = subset
    load_probe(args.probe)  # raises here, not after hours
    return list(tasks.values())


def _task(name: str, args: argparse.Namespace) -> LabelledImages:
    """The images of a folder, or of a data set that NASLib loads."""
    if is_image_folder(name):
        return read_image_folder(Path(name), args.image_size, args.max_images, args.seed, args.skip_unreadable)
    from ..plugin.score_tasks import naslib_dataset

    return naslib_dataset(name, args.max_images)
