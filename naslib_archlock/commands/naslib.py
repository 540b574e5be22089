"""``archlock naslib``: run an unmodified NASLib runner script with ``archlock`` known to it."""

from __future__ import annotations

import argparse

from .options import path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the script, and everything after it as the script's own arguments."""
    parser.add_argument("runner", type=path, metavar="RUNNER", help="for example naslib/runners/nas/runner.py")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="passed on to the script")


def run(args: argparse.Namespace) -> None:
    """Run the script in this process."""
    from ..plugin.launcher import run_runner

    run_runner(args.runner, args.arguments)
