"""``archlock naslib``: run an unmodified NASLib runner script with ``archlock`` known to it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from .options import path

EXAMPLES = (
    "archlock naslib ~/NASLib/naslib/runners/bbo/runner.py --config nasbench201",
    "archlock naslib ~/NASLib/naslib/runners/predictors/runner.py --config-file my.yaml predictor archlock",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the script, and everything after it as the script's own arguments."""
    parser.add_argument("runner", type=path, metavar="RUNNER", help="for example naslib/runners/nas/runner.py")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="passed on to the script")


def with_config_file(arguments: Sequence[str]) -> list[str]:
    """The arguments of a runner with ``--config-file FILE`` in place of ``--config NAME``, which only we know."""
    from ..config.packaged import packaged_configs

    configs = packaged_configs()
    found = list(arguments)
    for at, (option, name) in enumerate(zip(arguments, arguments[1:])):
        if option == "--config" and name in configs:
            found[at : at + 2] = ["--config-file", str(configs[name])]
    return found


def run(args: argparse.Namespace) -> Mapping[str, Any]:
    """Run the script in this process. What it prints is its own, so no line is added."""
    from ..plugin.launcher import run_runner

    run_runner(args.runner, with_config_file(args.arguments))
    return {"runner": str(args.runner)}
