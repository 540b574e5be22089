"""``archlock search``: find an architecture that is good on the source task and bad on the targets."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from .options import (
    OVERRIDES,
    add_cluster_options,
    add_config_options,
    add_dry_run_option,
    add_jobs_option,
    add_skip_unreadable_option,
    add_verbose_option,
    at_least,
    config_path,
    jobs_for,
    workers_of,
)
from .printing import result_line

if TYPE_CHECKING:
    from ..benchmarks.benchmark import Benchmark
    from ..config.sections import Config

EXAMPLES = (
    "archlock search  # on the embedded benchmark",
    "archlock search --config nasbench201 archlock.scheme tk archlock.target cifar100",
    "archlock search --config images dataset photos/mine archlock.scheme tk archlock.target photos/theirs "
    "archlock.target_queries 10",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.epilog = OVERRIDES
    add_config_options(parser, default="digits")
    add_verbose_option(parser)
    add_dry_run_option(parser)
    parser.add_argument("--resume", action="store_true", help="continue the interrupted run in the output folder")
    parser.add_argument("--overwrite", action="store_true", help="replace another run's result in the output folder")
    parser.add_argument(
        "--tensorboard", action="store_true", help="also write each look-up for TensorBoard, to tensorboard/ in the run"
    )
    parser.add_argument(
        "--train-top",
        type=at_least(1),
        metavar="K",
        help="where dataset is a folder: train the K candidates that a ranker finds best; short for archlock.strategy "
        "exhaustive archlock.source_queries K",
    )
    add_jobs_option(parser, "networks of folders of images that are trained at once; default: one a core, on a GPU one")
    add_cluster_options(parser)
    add_skip_unreadable_option(parser)


def run(args: argparse.Namespace) -> Mapping[str, Any]:
    """Search, print the summary, and write the result, the configuration and pictures to the run's folder."""
    from ..config.load import load_config
    from ..locking.prepare import open_benchmark
    from ..locking.run_folder import open_run_folder
    from ..report.text import summary
    from .make_run import make_run
    from .tensorboard_log import check_tensorboard

    given = ["archlock.skip_unreadable", "True"] if args.skip_unreadable else []
    if args.train_top is not None:
        given += ["archlock.strategy", "exhaustive", "archlock.source_queries", str(args.train_top)]
    config = load_config(config_path(args), [*args.overrides, *given])
    benchmark = open_benchmark(config)
    _train_in_parallel(config, benchmark, args)
    if args.dry_run:
        from .dry_run import print_search_plan

        plan = print_search_plan(config, benchmark)
        print("nothing was written")
        return plan
    if args.tensorboard:
        check_tensorboard()
    with open_run_folder(config, benchmark, args.resume, args.overwrite) as run_folder:
        result = make_run(config, benchmark, run_folder, args.typed, args.tensorboard)
    print(summary(result, benchmark.space, benchmark.meaning))
    result_line(f"written to {run_folder.folder}: {', '.join(run_folder.files())}")
    return result


def _train_in_parallel(config: Config, benchmark: Benchmark, args: argparse.Namespace) -> None:
    """Let a search on folders of images train its networks as the options say. Raises: ConfigError: for any other."""
    from ..tasks.names import task_name

    if not benchmark.is_tabular:
        benchmark.train_with(workers_of(args, jobs_for(config.archlock.device)))
    elif args.jobs or args.scheduler or args.backend != "local":
        raise ConfigError(
            f"this search trains no networks, as a table holds the accuracies on {task_name(config.dataset)}: leave "
            "out --jobs, --backend and --scheduler, or give a folder of images as dataset"
        )
