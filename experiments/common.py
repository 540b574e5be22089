"""What the experiments share: options, parallel runs, intervals, and writing results."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from naslib_archlock import data
from naslib_archlock.commands.options import add_cluster_options, workers_of
from naslib_archlock.compute.intervals import half_width
from naslib_archlock.compute.parts import Workers, in_parallel
from naslib_archlock.errors import ArchLockError
from naslib_archlock.store.files import write_text


def options(description: str, folder: str, tables: bool = True, seeds: int = 5) -> argparse.ArgumentParser:
    """The options of every experiment. Results go beside its script; the embedded benchmark needs no tables."""
    parser = argparse.ArgumentParser(description=description)
    if tables:
        parser.add_argument(
            "--tables", required=True, type=os.path.abspath, metavar="DIR",
            help="folder of plain tables and zc_*.json files",
        )  # fmt: skip
    parser.add_argument("--seeds", type=int, default=seeds, help=f"number of seeds (default {seeds})")
    add_worker_options(parser)
    parser.add_argument("--out", type=Path, default=Path(folder) / "results.json")
    return parser


def builder_options(description: str, parts: str) -> argparse.ArgumentParser:
    """The options of a script that builds a file of the package. Args: parts: the folder that keeps finished parts."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=Path, default=Path(parts), help="folder that keeps finished parts")
    add_worker_options(parser)
    parser.add_argument("--out", type=Path, default=data.FOLDER, help="folder to write to (default: the package's)")
    return parser


def add_worker_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where calls run (``workers``)."""
    parser.add_argument("--jobs", type=int, metavar="N", help="number of processes (default 2)")
    add_cluster_options(parser)


def workers(args: argparse.Namespace) -> Workers:
    """The processes of this machine, or a running Dask cluster; on an error the command ends with a message."""
    try:
        return workers_of(args, default_jobs=2)
    except ArchLockError as err:
        raise SystemExit(str(err)) from err


def parallel(function: Callable[..., Any], calls: Iterable[tuple[Any, ...]], workers: Workers) -> list[Any]:
    """Return ``function(*call)`` for every call, in order; each call uses one thread."""
    results: dict[int, Any] = {}
    in_parallel(function, dict(enumerate(calls)), results.__setitem__, workers, function.__name__)
    return [results[i] for i in range(len(results))]


def interval(values: Sequence[float]) -> dict[str, Any]:
    """The values, their mean, and half the width of its 95% confidence interval (Student's t)."""
    return {"mean": statistics.fmean(values), "ci95": half_width(values), "values": list(values)}


def show(cell: dict[str, Any], scale: float = 1.0, digits: int = 3) -> str:
    """The text ``mean ± half-width``."""
    return f"{scale * cell['mean']:.{digits}f} ± {scale * cell['ci95']:.{digits}f}"


def write_results(path: Path, results: dict[str, Any]) -> None:
    """Write results, with the versions of the libraries that produced them."""
    versions = {"python": platform.python_version(), "torch": str(torch.__version__), "numpy": np.__version__}
    write_text(path, json.dumps({"versions": versions, **results}, indent=1) + "\n")
    print(f"written to {path}")
