"""What the experiments share: reading options, seeds, running in parallel, writing results."""

from __future__ import annotations

import argparse
import json
import platform
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from scipy import stats

from naslib_archlock.files import write_text


def options(description: str, folder: str, tables: bool = True, seeds: int = 5) -> argparse.ArgumentParser:
    """Options every experiment has; results go beside its script. Those on the embedded benchmark need no tables."""
    parser = argparse.ArgumentParser(description=description)
    if tables:
        parser.add_argument("--tables", required=True, metavar="DIR", help="folder of plain tables and zc_*.json files")
    parser.add_argument("--seeds", type=int, default=seeds, help=f"number of seeds (default {seeds})")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once (default 2)")
    parser.add_argument("--out", type=Path, default=Path(folder) / "results.json")
    return parser


def parallel(function: Callable[..., Any], calls: Iterable[tuple[Any, ...]], jobs: int) -> list[Any]:
    """``function(*call)`` for every call, in order, on ``jobs`` processes of one thread each."""
    return list(joblib.Parallel(n_jobs=jobs, verbose=1)(joblib.delayed(function)(*call) for call in calls))


def interval(values: Sequence[float]) -> dict[str, Any]:
    """The values, their mean, and the half-width of its 95% confidence interval (Student's t)."""
    half = float("nan")
    if len(values) > 1:
        half = stats.t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / np.sqrt(len(values))
    return {"mean": statistics.fmean(values), "ci95": float(half), "values": list(values)}


def show(cell: dict[str, Any], scale: float = 1.0, digits: int = 3) -> str:
    """``mean ± half-width``."""
    return f"{scale * cell['mean']:.{digits}f} ± {scale * cell['ci95']:.{digits}f}"


def write_results(path: Path, results: dict[str, Any]) -> None:
    """Write results with the versions they were made with."""
    versions = {"python": platform.python_version(), "torch": str(torch.__version__), "numpy": np.__version__}
    write_text(path, json.dumps({"versions": versions, **results}, indent=1) + "\n")
    print(f"written to {path}")
