"""Is there an architecture that is good on the source and bad on all other tasks at once?

python -m experiments.all_targets --tables DIR      # writes experiments/all_targets.md

For each source it reads whole tables: among the architectures within the source budget, the lowest mean of the rank
percentiles on all other tasks, and the lowest percentile on the task that the architecture fits best.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from naslib_archlock.benchmarks.benchmark import Benchmark
from naslib_archlock.benchmarks.lock_score import LockScale, rank_percentile
from naslib_archlock.benchmarks.tabular import tabular_benchmark
from naslib_archlock.locking.result import limit_over_targets
from naslib_archlock.report.tables import number, to_markdown
from naslib_archlock.spaces.known import SPACES
from naslib_archlock.store.files import write_text

BUDGETS_PCT = (2.0, 5.0)
PAGE = Path(__file__).with_suffix(".md")
INTRODUCTION = """# Is there an architecture that is bad on all other tasks?

ArchLock's authors said that no type of architecture transfers badly to all tasks. These tables show how far single
architectures go. Each row takes all other tasks of the benchmark as targets. "Mean" and "worst" are rank percentiles by
validation accuracy: the mean over the targets, and the target that the architecture fits best. "S" is the most accurate
architecture on the source. "Limit" is the lowest that a source budget of 2% or 5% allows. Each limit has an
architecture of its own.

At 5%, every source has an architecture that is worse than S even on the target that it fits best, on most sources by
far. At 2%, this depends on the source. On normal of TransNAS, no other architecture than the best lies within 2%.
`archlock.target all` with `archlock.targets_by worst` searches for such a lock.

`python -m experiments.all_targets --tables DIR` makes this page.
"""


def rows_of(benchmark: Benchmark) -> list[list[str]]:
    """A row for each source task of a benchmark."""
    rows = []
    for source in benchmark.tasks:
        targets = [task for task in benchmark.tasks if task != source]
        scales = {p: [LockScale(benchmark, source, target, p) for target in targets] for p in BUDGETS_PCT}
        best = scales[BUDGETS_PCT[0]][0].most_accurate()
        of_s = [rank_percentile(benchmark, best, target, "val") for target in targets]
        row = [source, f"{number(float(np.mean(of_s)), 1)}, {number(max(of_s), 1)}"]
        for of_budget in scales.values():
            limits = (limit_over_targets(of_budget, over) for over in (np.mean, np.max))
            row.append(", ".join(number(limit, 1) for limit in limits))
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", required=True, help="folder of plain tables")
    tables = parser.parse_args().tables
    parts = [INTRODUCTION]
    header = ["source", "S: mean, worst", *(f"limit at {p:g}%: mean, worst" for p in BUDGETS_PCT)]
    for space in SPACES.values():
        rows = rows_of(tabular_benchmark(space, "" if space.is_embedded else tables))
        parts.append(f"## {space.name}\n\n{to_markdown(pd.DataFrame(rows, columns=header))}")
    write_text(PAGE, "\n".join(parts))


if __name__ == "__main__":
    main()
