"""``archlock embed``: write the Task2Vec embeddings of tasks."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .options import TASK_HELP, add_image_options, add_verbose_option, home_expanded, path
from .printing import result_line

if TYPE_CHECKING:
    import numpy as np


EXAMPLES = (
    "archlock embed --out embeddings photos/mine photos/theirs",
    "archlock embed --out embeddings digit jigsaw --method variational",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("tasks", nargs="+", type=home_expanded, metavar="TASK", help=f"{TASK_HELP}, or a digits task")
    parser.add_argument("--out", type=path, required=True, metavar="DIR", help="folder for TASK.npy")
    parser.add_argument("--method", default="montecarlo", help="of the Fisher information: montecarlo or variational")
    parser.add_argument("--overwrite", action="store_true", help="replace embeddings that are there")
    add_image_options(parser)
    add_verbose_option(parser)


def run(args: argparse.Namespace) -> Mapping[str, Any]:
    """Write ``TASK.npy`` and a note on it for each task, as rankers read them, and print the tasks' distances."""
    from ..store.locks import alone_in

    with alone_in(args.out):
        return _embed(args)


def _embed(args: argparse.Namespace) -> Mapping[str, Any]:
    from ..embedding.embedding_file import write_embeddings
    from ..embedding.task2vec import Task2VecSettings, cached_task2vec, made_by, probe_of, ranker_input
    from ..tasks.names import check_names
    from ..tasks.read import read_task

    settings = Task2VecSettings(args.probe, args.probe_weights, args.method, seed=args.seed)
    size = max(probe_of(settings).size)
    check_names(args.tasks)
    vectors, seconds = {}, {}
    for task in args.tasks:
        images = read_task(task, size, args.max_images, args.seed, args.skip_unreadable)
        embedded = cached_task2vec(images, settings)
        vectors[images.name] = embedded.vector
        seconds[images.name] = embedded.seconds
        how = "read from the cache" if embedded.from_cache else f"{embedded.seconds:.1f} s"
        print(f"{images.name}: {len(embedded.vector)} numbers from {len(images)} images, {how}")
    inputs = {name: ranker_input(vector) for name, vector in vectors.items()}
    write_embeddings(args.out, inputs, made_by(settings), args.overwrite)
    if len(vectors) > 1:
        print(f"\nTask2Vec distances\n{distance_table(vectors)}")
    result_line(f"written to {args.out}: {', '.join(f'{name}.npy' for name in vectors)}")
    return {"out": str(args.out), "tasks": list(vectors), "seconds": seconds}


def distance_table(vectors: dict[str, np.ndarray]) -> str:
    """The symmetric Task2Vec distance between every two tasks, as text.

    Args:
        vectors: the embedding of each task, by its name; each has shape ``(n_filters,)``.
    """
    from ..embedding.task2vec import symmetric_distance
    from ..report.text import table

    rows = [[a, *(f"{symmetric_distance(va, vb):.3f}" for vb in vectors.values())] for a, va in vectors.items()]
    return table([["", *vectors], *rows])
