"""The options that say where calls run."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..errors import ConfigError

if TYPE_CHECKING:
    from ..compute.parts import Workers


def add_cluster_options(parser: argparse.ArgumentParser) -> None:
    """``--backend`` and ``--scheduler``; the parser's own ``--jobs`` must be None where it is not given."""
    parser.add_argument(
        "--backend", choices=("local", "dask"), default="local", help="processes here (default), or a Dask cluster"
    )
    parser.add_argument("--scheduler", default="", metavar="tcp://HOST:PORT", help="of the Dask cluster")


def workers_of(args: argparse.Namespace, default_jobs: int) -> Workers:
    """Where calls shall run; a cluster is there, and its workers are fit.

    Args: default_jobs: processes where ``--jobs`` is not given, 0 for one a core.
    Raises: ConfigError: if the options contradict each other; ClusterError.
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
