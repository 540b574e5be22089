"""The options that several commands share."""

from __future__ import annotations

import argparse
import os.path
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError

if TYPE_CHECKING:
    from ..compute.parts import Workers

GOES_ON = "; the same command goes on"  # what ``main`` adds to its word on Ctrl-C
OVERRIDES = "KEY VALUE pairs after the options override the file, e.g. seed 1 archlock.scheme tk"
TASK_HELP = "a folder of images with one sub-folder a class"


def path(text: str) -> Path:
    """The type of an option that takes a path, in which a leading ``~`` is the home folder, also in ``--out=~/run``."""
    return Path(home_expanded(text))


def home_expanded(text: str) -> str:
    """The type of an argument that may be a path: a leading ``~`` becomes the home folder."""
    return os.path.expanduser(text)


def at_least(low: int) -> Callable[[str], int]:
    """The type of an option that takes an integer of at least ``low``."""

    def parse(text: str) -> int:
        if not text.removeprefix("-").isdecimal() or int(text) < low:
            raise argparse.ArgumentTypeError(f"{text!r} must be an integer of at least {low}")
        return int(text)

    return parse


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--config-file`` and ``--json``, and let the command take trailing ``KEY VALUE`` overrides.

    ``main`` puts the overrides into ``args.overrides``: it recognises such a command by this default.
    """
    parser.set_defaults(overrides=[])
    parser.add_argument("--config-file", type=path, metavar="FILE", help="YAML file, as for NASLib's runners")
    add_json_option(parser)


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object on stdout, and everything else on stderr"
    )


def add_image_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a command that reads images and embeds them, and ``--json``."""
    parser.add_argument(
        "--probe",
        default="digits",
        help="probe network: digits (default), efficientnet_lite0, resnet50, resnet34, timm:NAME",
    )
    parser.add_argument(
        "--probe-weights",
        type=home_expanded,
        default="",
        metavar="FILE",
        help="weights of resnet50 or resnet34 (default: they are downloaded)",
    )
    parser.add_argument("--max-images", type=at_least(1), default=2000, help="of a folder (default 2000)")
    add_skip_unreadable_option(parser)
    parser.add_argument("--seed", type=at_least(0), default=0)
    add_json_option(parser)


def add_skip_unreadable_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--skip-unreadable``."""
    parser.add_argument("--skip-unreadable", action="store_true", help="leave out images that cannot be read")


def add_jobs_option(parser: argparse.ArgumentParser, default: str) -> None:
    """Add ``--jobs``, which is None if it is not given, so that each command can choose its own default.

    Args:
        parser: the parser of a command.
        default: what happens without the option, for the help.
    """
    parser.add_argument("--jobs", type=at_least(1), metavar="N", help=f"processes at once ({default})")


def add_cluster_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--backend`` and ``--scheduler``. ``workers_of`` also expects ``--jobs``, which must default to None."""
    parser.add_argument(
        "--backend", choices=("local", "dask"), default="local", help="processes here (default), or a Dask cluster"
    )
    parser.add_argument("--scheduler", default="", metavar="tcp://HOST:PORT", help="of the Dask cluster")


def workers_of(args: argparse.Namespace, default_jobs: int) -> Workers:
    """Return the workers that the options ask for. A cluster is reached, and its workers are checked.

    Args:
        args: parsed options, with ``jobs``, ``backend`` and ``scheduler``.
        default_jobs: the number of processes if ``--jobs`` is not given; 0 means one for each core.

    Raises:
        ConfigError: if the options contradict each other.
        ClusterError: if the cluster cannot be reached or used.
    """
    if args.backend == "local":
        if args.scheduler:
            raise ConfigError(
                f"--scheduler {args.scheduler} is for a Dask cluster: add --backend dask, or leave it out"
            )
        from ..compute.parts import LocalProcesses

        return LocalProcesses(default_jobs if args.jobs is None else args.jobs)
    if not args.scheduler:
        raise ConfigError("--backend dask needs the address of a scheduler: --scheduler tcp://HOST:PORT")
    if args.jobs is not None:
        raise ConfigError(
            "--jobs is for processes on this machine; a Dask cluster has the workers it has: leave it out"
        )
    from ..compute.cluster import DaskCluster

    cluster = DaskCluster(args.scheduler)
    cluster.check()
    return cluster
