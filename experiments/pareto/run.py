"""Draws source against target accuracy: the exact front of the embedded benchmark, and what each method found.

archlock compare experiments/pareto/study.yaml --out experiments/pareto/results
python -m experiments.pareto.run
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from naslib_archlock.benchmarks.benchmark import Benchmark
from naslib_archlock.benchmarks.digits_benchmark import digits_benchmark
from naslib_archlock.report.pictures import OUTSIDE, own_settings, png
from naslib_archlock.report.text import table
from naslib_archlock.store.files import write_bytes
from naslib_archlock.studies.study_results import read_results

FOLDER = Path(__file__).parent / "results"


def exact_front(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The rows that no other row beats on both tasks, from the highest source accuracy down; a good target is low."""
    order = np.lexsort((target, -source))
    lowest_before = np.minimum.accumulate(np.concatenate([[np.inf], target[order][:-1]]))
    return order[target[order] < lowest_before]


def distance_to_front(frame: pd.DataFrame, source: np.ndarray, target: np.ndarray) -> pd.Series:
    """For each row of results, how many points lower the target could be with at least the same source accuracy."""
    lowest = [target[source >= reached].min() for reached in frame["source_test"] - 1e-3]  # results are rounded
    return frame["target_test"] - lowest


def draw(axis: Axes, frame: pd.DataFrame, source: np.ndarray, target: np.ndarray) -> None:
    front = exact_front(source, target)
    shown = source >= frame["source_test"].min() - 1
    axis.scatter(source[shown], target[shown], c=OUTSIDE, s=4, label="every cell")
    front = front[source[front] >= frame["source_test"].min() - 1]
    axis.step(source[front], target[front], where="post", color="black", lw=1, label="exact front")
    for i, (method, runs) in enumerate(frame.groupby("method", sort=False)):
        mean = runs.groupby("budget_pct")[["source_test", "target_test"]].mean()
        axis.plot(mean["source_test"], mean["target_test"], marker="o", ms=4, lw=1, color=f"C{i}", label=method)
    pair = frame.iloc[0]
    axis.set_xlabel(f"{pair['source']} test")
    axis.set_ylabel(f"{pair['target']} test")


@own_settings()
def main() -> None:
    benchmark: Benchmark = digits_benchmark()
    results = read_results(FOLDER / "results.csv")
    pairs = list(results.groupby(["source", "target"], sort=False))
    figure = Figure(figsize=(4.2 * len(pairs), 4.4), layout="constrained")
    rows = [["points above the exact front", *(f"{source} -> {target}" for (source, target), _ in pairs)]]
    columns: dict[str, list[str]] = {method: [] for method in results["method"].unique()}
    for axis, ((source, target), frame) in zip(figure.subplots(1, len(pairs)), pairs):
        x, y = (benchmark.accuracies(task, "test") for task in (source, target))
        draw(axis, frame, x, y)
        above = distance_to_front(frame, x, y).groupby(frame["method"]).mean()
        for method, cells in columns.items():
            cells.append(f"{above[method]:.2f}")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=5, frameon=False)
    write_bytes(FOLDER / "pareto.png", png(figure))
    print(table([*rows, *([method, *cells] for method, cells in columns.items())]))
    print("means over budgets and seeds; 0 would be a cell of the front")


if __name__ == "__main__":
    main()
