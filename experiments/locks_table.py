"""The tables of the README on how good the locks are, from the results of two studies.

python -m experiments.locks_table
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from naslib_archlock.report.tables import number, to_markdown
from naslib_archlock.studies.statistics import analyse
from naslib_archlock.studies.study import load_study
from naslib_archlock.studies.study_results import read_results

HERE = Path(__file__).parent
STUDIES = ("baselines", "digits_locks")
SPACES = {
    "nasbench201": "NAS-Bench-201",
    "transbench101_micro": "TransNAS-Bench-101 micro",
    "digits": "digits (embedded)",
}
BUDGETS = (2.0, 5.0)
NASLIBS = ("rs", "re", "ls", "bananas", "npenas")

# label of a row, what it looks up, and the methods of which the best lock is shown
ROWS = (
    ("**TU** (target unknown)", "200 source accuracies", ("TU",)),
    ("**TK** (target's data known)", "200 source accuracies", ("TK",)),
    ("the paper's search, λ 2", "100 to 142 source accuracies", ("TU, the paper's",)),
    ("S (source only)", "200 source accuracies", ("S",)),
    ("best of NASLib's rs, re, ls, bananas, npenas", "200 source accuracies", NASLIBS),
    ("fewest weights", "all source accuracies", ("fewest weights",)),
    ("NSGA-II", "200 source *and 200 target* accuracies", ("NSGA-II",)),
    ("ceiling: the target's validation accuracy", "everything", ("ceiling",)),
)


def summaries() -> pd.DataFrame:
    """``Statistics.summary`` of both studies, in one table."""
    found = []
    for name in STUDIES:
        study = load_study(HERE / name / "results" / "study.yaml")
        results = read_results(HERE / name / "results" / "results.csv")
        found.append(analyse(results, list(study.methods), study.reference, study.compare_with).summary)
    return pd.concat(found, ignore_index=True)


def markdown(summary: pd.DataFrame, column: str, digits: int, best: Callable[[pd.Series], float]) -> str:
    """A table of one figure, a row a method and a column a search space, at 2% (and 5%) of the source accuracy.

    Args:
        summary: of ``summaries``.
        column: the figure.
        digits: its decimals.
        best: chooses among the methods of one row.
    """
    rows = []
    for label, look_ups, methods in ROWS:
        of_methods = summary[summary["method"].isin(methods)]
        rows.append([label, look_ups, *_cells(of_methods, column, digits, best)])
    return to_markdown(pd.DataFrame(rows, columns=["", "look-ups", *SPACES.values()])).replace("\\*", "*")


def _cells(rows: pd.DataFrame, column: str, digits: int, best: Callable[[pd.Series], float]) -> Iterator[str]:
    for space in SPACES:
        here = [rows[(rows["space"] == space) & (rows["budget_pct"] == budget)][column] for budget in BUDGETS]
        first, second = (number(best(values), digits) if len(values) else "" for values in here)
        yield f"{first} ({second})" if first else "-"


def main() -> None:
    summary = summaries()
    print("Mean rank percentile on the target, at a budget of 2% (5%); lower is a better lock:\n")
    print(markdown(summary, "target_percentile", 1, min))
    print("Mean lock score, at a budget of 2% (5%); higher is a better lock:\n")
    print(markdown(summary, "lock_score", 2, max))
    print("Share of locks outside a budget of 2% (5%), in %:\n")
    print(markdown(summary, "outside_budget_pct", 0, min))


if __name__ == "__main__":
    main()
