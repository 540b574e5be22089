"""``archlock train-ranker``: train a ranker on zero-cost tables."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping
from typing import Any

from .options import GOES_ON, OVERRIDES, add_config_options, add_verbose_option, config_path, path
from .printing import result_line

EXAMPLES = (
    "archlock train-ranker --config digits --out ranker.safetensors",
    "archlock train-ranker --config nasbench201 --out without-cifar10.safetensors archlock.leave_out cifar10",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.set_defaults(after_interrupt=GOES_ON)
    parser.epilog = OVERRIDES
    add_config_options(parser)
    add_verbose_option(parser)
    parser.add_argument("--out", type=path, required=True, metavar="FILE", help="safetensors file to write")
    parser.add_argument("--overwrite", action="store_true", help="replace the file if it exists")


def run(args: argparse.Namespace) -> Mapping[str, Any]:
    """Train a ranker, report its pair accuracies and its cost, and write it.

    If the process is killed, the same command continues from the checkpoint beside the output file.
    """
    from ..store.locks import alone_at

    with alone_at(args.out):
        return _train(args)


def _train(args: argparse.Namespace) -> Mapping[str, Any]:
    from dataclasses import replace

    from ..config.load import load_config
    from ..locking.find_ranker import train_on_scores
    from ..locking.knowledge import Knowledge
    from ..ranker.ranker import Ranker
    from ..report.text import table
    from ..store.checkpoint import beside
    from ..store.files import check_free, write_new
    from .progress import training_bar

    config = load_config(config_path(args), args.overrides)
    checkpoint = beside(args.out)
    check_free(args.out, args.overwrite, checkpoint)
    tables, left_out = Knowledge(config).training_tables()
    with training_bar(config) as progress:
        ranker, report = train_on_scores(config, tables, left_out, progress, lambda: checkpoint)
    ranker = Ranker(ranker.model, replace(ranker.info, command=command_of(args)))
    write_new(args.out, ranker.to_bytes(), args.overwrite)
    checkpoint.unlink(missing_ok=True)
    print(
        table(
            [["task", "pair accuracy", "on"]]
            + [[name, f"{value:.4f}", "unseen cells"] for name, value in report.unseen_cells.items()]
            + [[name, f"{value:.4f}", "all cells; task left out"] for name, value in report.left_out_tasks.items()]
        )
    )
    learnt = f"{report.n_pairs:,} pairs" if report.n_pairs else "the scores"
    result_line(f"{learnt} of {len(ranker.info.tasks)} tasks in {report.seconds:.1f} s; written to {args.out}")
    return {
        "out": str(args.out),
        "tasks": ranker.info.tasks,
        "unseen_cells": report.unseen_cells,
        "left_out_tasks": report.left_out_tasks,
        "pairs": report.n_pairs,
        "seconds": round(report.seconds, 3),
    }


def command_of(args: argparse.Namespace) -> str:
    """The command that trains the same ranker again, for the ranker's metadata."""
    config = ["--config-file", str(args.config_file)] if args.config_file else []
    config += ["--config", args.config] if args.config else []
    return shlex.join(["archlock", "train-ranker", *config, *args.overrides])
