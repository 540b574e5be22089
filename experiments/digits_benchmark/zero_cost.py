"""Scores the cells of the embedded benchmark with NASLib's 13 zero-cost proxies, on each of its tasks.

This needs NASLib. An interrupted run continues:

    python -m experiments.digits_benchmark.zero_cost
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from experiments.common import add_worker_options, workers
from naslib_archlock import data
from naslib_archlock.plugin.score_tasks import score_own_networks
from naslib_archlock.proxies.zero_cost import PROXIES, encode_zero_cost, zero_cost_file_name
from naslib_archlock.report.text import table
from naslib_archlock.spaces.known import DIGITS
from naslib_archlock.tasks.digits_tasks import digits_task

N_IMAGES = 64
SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--parts", type=Path, default=Path("build/digits-zero-cost"), help="folder that keeps finished parts"
    )
    add_worker_options(parser)
    parser.add_argument("--out", type=Path, default=data.FOLDER, help="folder to write to (default: the package's)")
    args = parser.parse_args()

    cells = [tuple(cell) for cell in DIGITS.distinct().tolist()]
    tasks = [digits_task(task)["train"] for task in DIGITS.tasks]
    tables = score_own_networks(DIGITS, tasks, cells, PROXIES, args.parts, workers(args), N_IMAGES, SEED)
    name = f"{zero_cost_file_name(DIGITS)}.gz"
    path = data.publish(name, encode_zero_cost(tables, compressed=True), args.out)
    scored = {t.task: {p: f"{100 * (~np.isnan(t.scores[p])).mean():.0f}" for p in PROXIES} for t in tables}
    print(table([["cells scored, %", *scored], *([p, *(scored[task][p] for task in scored)] for p in PROXIES)]))
    print(f"written to {path}, {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
