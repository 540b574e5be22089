"""Estimates the cost of scoring all of NAS-Bench-201 by all proxies on 100 tasks, from unit costs measured here.

python -m experiments.cluster_estimate.run      # needs NASLib; prints the block of docs/guides/clusters.md
"""

from __future__ import annotations

import argparse
import pickle
import resource
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments.common import write_results
from naslib_archlock.compute.parts import LocalProcesses
from naslib_archlock.plugin.score_tasks import score_tasks
from naslib_archlock.proxies.zero_cost import PROXIES, write_zero_cost, zero_cost_file_name
from naslib_archlock.report.text import table
from naslib_archlock.spaces.known import NASBENCH201
from naslib_archlock.tasks.labelled_images import LabelledImages

N_TASKS, CORES = 100, (1, 16, 256)
SIDE, BATCH_SIZE = 16, 32  # the defaults of archlock proxies


class Measured(LocalProcesses):
    """This process; it records the size and time of every call and result."""

    def __init__(self) -> None:
        super().__init__(1)
        self.call_bytes, self.result_bytes, self.call_s, self.keep_s = [list[float]() for _ in range(4)]

    def results(
        self, function: Callable[..., Any], calls: Mapping[Any, tuple[Any, ...]]
    ) -> Generator[tuple[Any, Any], None, None]:
        for name, call in calls.items():
            self.call_bytes.append(len(pickle.dumps((function, call))))
            start = time.process_time()  # processor time, which does not depend on other programs
            result = function(*call)
            self.call_s.append(time.process_time() - start)
            self.result_bytes.append(len(pickle.dumps(result)))
            start = time.perf_counter()
            yield name, result
            self.keep_s.append(time.perf_counter() - start)


def measure(n_cells: int, folder: Path) -> dict[str, float]:
    """The unit costs: seconds of one core, and bytes. The costs of a cell count one cell on one task."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(4 * BATCH_SIZE, 3, SIDE, SIDE, generator=generator)
    tasks = [LabelledImages("task", images, torch.arange(len(images)) % 10, 10)]
    cells = NASBENCH201.sample(n_cells, np.random.default_rng(0))
    score_tasks(NASBENCH201, tasks, cells[:1], PROXIES, folder / "warm", LocalProcesses(1), BATCH_SIZE)
    workers = Measured()
    scores = score_tasks(NASBENCH201, tasks, cells, PROXIES, folder / "parts", workers, BATCH_SIZE)
    parts = [path.stat().st_size for path in (folder / "parts").glob("[0-9]*.json")]
    path = folder / zero_cost_file_name(NASBENCH201)
    write_zero_cost(path, scores)
    return {
        "cell_s": sum(workers.call_s) / n_cells,
        "cells_a_part": round(n_cells / len(parts)),
        "keep_s": float(np.median(workers.keep_s)),
        "call_bytes": float(np.mean(workers.call_bytes)),
        "result_bytes": float(np.mean(workers.result_bytes)),
        "part_file_bytes": float(np.mean(parts)),
        "table_bytes_a_cell": path.stat().st_size / n_cells,
        "process_bytes": 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,  # Linux reports kB
    }


def time_text(seconds: float) -> str:
    for unit, size in (("days", 86400), ("h", 3600)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds / 60:.0f} min"


def size_text(n_bytes: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= size:
            return f"{n_bytes / size:,.1f} {unit}"
    return f"{n_bytes / 1e3:.1f} kB" if n_bytes >= 1e4 else f"{n_bytes:.0f} bytes"


def block(unit: Mapping[str, float]) -> str:
    """The text block for docs/guides/clusters.md."""
    n_cells, n_distinct = len(NASBENCH201.all()), len(NASBENCH201.distinct())
    n_scored = n_cells * N_TASKS
    n_parts = n_scored / unit["cells_a_part"]
    work = n_scored * unit["cell_s"]
    call, result, in_table = (size_text(unit[key]) for key in ("call_bytes", "result_bytes", "table_bytes_a_cell"))
    units = [
        ["measured on one core", f"{BATCH_SIZE} images of {SIDE} x {SIDE}, all {len(PROXIES)} proxies"],
        ["a cell on a task", f"{unit['cell_s']:.2f} s, in a process of {size_text(unit['process_bytes'])}"],
        ["a part", f"{unit['cells_a_part']:.0f} cells, {unit['cells_a_part'] * unit['cell_s']:.1f} s"],
        ["to keep a part", f"{1e3 * unit['keep_s']:.1f} ms of the command's time"],
        ["a call", f"{call} to a worker: the task's batch, and the cells"],
        ["a result", f"{result} back, {size_text(unit['part_file_bytes'])} as a part's file"],
        ["in the table", f"{in_table} a cell and task"],
    ]
    total = [
        ["in all", f"{n_cells:,} cells x {N_TASKS} tasks = {n_scored:,} x {len(PROXIES)} proxies"],
        ["parts", f"{n_scored:,} / {unit['cells_a_part']:.0f} = {n_parts:,.0f}"],
        ["work", f"{n_scored:,} x {unit['cell_s']:.2f} s = {work / 3600:,.0f} core hours"],
        ["moved to workers", f"{n_parts:,.0f} x {call} = {size_text(n_parts * unit['call_bytes'])}"],
        ["moved back", f"{n_parts:,.0f} x {result} = {size_text(n_parts * unit['result_bytes'])}"],
        ["stored meanwhile", f"{n_parts:,.0f} files, {size_text(n_parts * unit['part_file_bytes'])}"],
        ["stored in the end", f"{n_scored:,} x {in_table} = {size_text(n_scored * unit['table_bytes_a_cell'])}"],
        ["distinct cells only", f"{n_distinct:,} of {n_cells:,}: all of this x {n_distinct / n_cells:.2f}"],
    ]
    rows = [["cores", "wall time: work / cores", "moved, a second", "the command is busy"]]
    for n in CORES:
        wall = work / n
        busy = 100 * n_parts * unit["keep_s"] / wall
        rows.append([str(n), time_text(wall), size_text(n_parts * unit["call_bytes"] / wall), f"{busy:.2g}%"])
    return "\n\n".join(lines(pairs) for pairs in (units, total)) + f"\n\n{table(rows)}"


def lines(pairs: list[list[str]]) -> str:
    width = max(len(name) for name, _ in pairs)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=12, help="number of cells to measure (default 12)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results.json")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        unit = measure(args.cells, Path(folder))
    write_results(args.out, {"cells": args.cells, "unit_costs": unit})
    print(f"\n{block(unit)}")


if __name__ == "__main__":
    main()
