"""Trains the embedded benchmark: every distinct cell without pooling, on every digits task, with three seeds.

python -m experiments.digits_benchmark.build        # an interrupted build continues
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from scipy.stats import spearmanr

from experiments.common import builder_options, workers
from naslib_archlock import data
from naslib_archlock.benchmarks.digits_benchmark import FILE, SEEDS, digits_benchmark, functions, to_csv
from naslib_archlock.compute.parts import compute_parts
from naslib_archlock.networks.fit import FitSettings, fit_and_score
from naslib_archlock.report.text import table
from naslib_archlock.spaces.cells import Cell
from naslib_archlock.spaces.known import DIGITS
from naslib_archlock.tasks.digits_tasks import digits_task

CELLS_A_PART = 30


def train_cells(cells: Sequence[Cell], task: str, settings: FitSettings) -> list[dict[str, Any]]:
    """For each cell, the metric on every split for every seed, and the seconds to train one network."""
    results = []
    for cell in cells:
        metrics, seconds = fit_and_score(cell, digits_task(task), settings, SEEDS)
        results.append({**metrics, "seconds": seconds})
    return results


def main() -> None:
    args = builder_options(__doc__ or "", "build/digits").parse_args()

    settings, cells = FitSettings(), functions()
    starts = range(0, len(cells), CELLS_A_PART)
    calls = {
        f"{task}-{start:04d}": (cells[start : start + CELLS_A_PART], task, settings)
        for start in starts
        for task in DIGITS.tasks
    }
    parts = compute_parts(
        train_cells, calls, args.parts, {**asdict(settings), "seeds": SEEDS}, workers(args), "training"
    )
    of_task = {task: [row for start in starts for row in parts[f"{task}-{start:04d}"]] for task in DIGITS.tasks}
    rows = {cell: {task: of_task[task][i] for task in DIGITS.tasks} for i, cell in enumerate(cells)}
    path = data.publish(FILE, to_csv(rows), args.out)
    seconds = sum(len(SEEDS) * row["seconds"] for task in of_task.values() for row in task)
    size = f"{len(cells)} cells x {len(of_task)} tasks x {len(SEEDS)} seeds"
    print(f"{size}: {seconds / 60:.0f} min of training on one core")
    print(f"written to {path}, {path.stat().st_size / 1e3:.0f} kB")
    if args.out == data.FOLDER:
        describe()


def describe() -> None:
    """Print the range of each task, and how similarly the tasks order the cells."""
    benchmark, cells = digits_benchmark(), functions()[1:]

    def metric(task: str, split: str) -> list[float]:
        return [benchmark.accuracy(cell, task=task, split=split) for cell in cells]

    test = {task: metric(task, "test") for task in DIGITS.tasks}
    correlation = spearmanr(list(test.values()), axis=1).statistic
    header = ["test, connected cells", "least", "median", "most", "val-test", *DIGITS.tasks]
    body = [
        [
            task,
            *(f"{sorted(values)[i]:.2f}" for i in (0, len(values) // 2, -1)),
            f"{spearmanr(metric(task, 'val'), values).statistic:.2f}",
            *(f"{value:.2f}" for value in row),
        ]
        for (task, values), row in zip(test.items(), correlation)
    ]
    print(table([header, *body]))
    n = len(test)
    print(f"mean Spearman correlation between tasks: {(correlation.sum() - n) / (n * (n - 1)):.2f}")


if __name__ == "__main__":
    main()
