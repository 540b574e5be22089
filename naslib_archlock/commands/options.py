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


def add_config_options(parser: argparse.ArgumentParser, default: str = "") -> None:
    """Add ``--config`` and ``--config-file``, and let the command take trailing ``KEY VALUE`` overrides.

    ``main`` puts the overrides into ``args.overrides``: it recognises such a command by this default.

    Args:
        parser: the parser of a command.
        default: the name of the packaged config that is used where none is named; empty for the defaults of the keys.
    """
    parser.set_defaults(overrides=[], default_config=default)
    group = parser.add_mutually_exclusive_group()
    otherwise = f"{default}, unless search_space is given" if default else "the defaults of all keys"
    about = f"a config of the package, see archlock config --list (default: {otherwise})"
    group.add_argument("--config", default="", metavar="NAME", help=about)
    group.add_argument("--config-file", type=path, metavar="FILE", help="a YAML file, as for NASLib's runners")


def config_path(args: argparse.Namespace) -> Path | None:
    """The file of the config that the options name; None where the defaults of the keys are used.

    Raises:
        UnknownNameError: if there is no packaged config of that name.
    """
    from ..config.packaged import packaged_config

    if args.config_file is not None:
        return Path(args.config_file)
    default = "" if "search_space" in args.overrides[::2] else args.default_config
    name = args.config or default
    return packaged_config(name) if name else None


def add_verbose_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--verbose``; ``main`` obeys it, and gives every command ``--quiet``."""
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="also print details, such as each look-up of a search"
    )


def add_dry_run_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--dry-run``."""
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be computed and how long it may take; write nothing"
    )


def add_image_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a command that reads images and embeds them."""
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
    parser.add_argument("--seed", type=at_least(0), default=0, help="of every random draw (default 0)")


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


def jobs_for(device: str) -> int:
    """How many networks to train at once where ``--jobs`` is not given: 0, which is one a core, or one on a GPU.

    Args:
        device: ``archlock.device`` of the config.
    """
    from ..compute.devices import find_device

    return 0 if find_device(device) == "cpu" else 1


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
