"""``archlock search``: find an architecture that is good on the source task and bad on the targets."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from .options import OVERRIDES, add_config_options, add_skip_unreadable_option, at_least, config_path
from .printing import result_line

EXAMPLES = (
    "archlock search  # on the embedded benchmark",
    "archlock search --config nasbench201 archlock.scheme tk archlock.target cifar100",
    "archlock search --config images dataset photos/mine --train-top 10",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.epilog = OVERRIDES
    add_config_options(parser, default="digits")
    parser.add_argument("--resume", action="store_true", help="continue the interrupted run in the output folder")
    parser.add_argument("--overwrite", action="store_true", help="replace another run's result in the output folder")
    parser.add_argument(
        "--train-top",
        type=at_least(1),
        metavar="K",
        help="where dataset is a folder: train K candidates on the source",
    )
    add_skip_unreadable_option(parser)


def run(args: argparse.Namespace) -> Mapping[str, Any]:
    """Search, print the summary, and write the result, the configuration and pictures to the run's folder."""
    from ..config.load import load_config
    from ..locking.prepare import open_benchmark
    from ..locking.run_folder import open_run_folder
    from ..report.text import summary
    from .make_run import make_run

    options = {"archlock.train_top": args.train_top, "archlock.skip_unreadable": args.skip_unreadable or None}
    given = [str(part) for option in options.items() if option[1] is not None for part in option]
    config = load_config(config_path(args), [*given, *args.overrides])
    benchmark = open_benchmark(config)
    with open_run_folder(config, benchmark, args.resume, args.overwrite) as run_folder:
        result = make_run(config, benchmark, run_folder)
    print(summary(result, benchmark.space, benchmark.meaning))
    result_line(f"written to {run_folder.folder}: {', '.join(run_folder.files())}")
    return result
