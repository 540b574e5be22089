"""The tables on how good the locks are, from the results of three studies.

python -m experiments.locks_table            # prints the tables of docs/explanation/lock_quality.md
python -m experiments.locks_table --write    # writes experiments/locks.md, with intervals
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from naslib_archlock.report.tables import number, to_markdown, with_interval
from naslib_archlock.store.files import write_text
from naslib_archlock.studies.statistics import analyse
from naslib_archlock.studies.study import load_study
from naslib_archlock.studies.study_results import read_results

HERE = Path(__file__).parent
STUDIES = ("baselines", "macro_locks", "digits_locks")
SPACES = {
    "nasbench201": "NAS-Bench-201",
    "transbench101_micro": "TransNAS micro",
    "transbench101_macro": "TransNAS macro",
    "digits": "digits (embedded)",
}
BUDGETS = (2.0, 5.0)
NASLIBS = ("rs", "re", "ls", "bananas", "npenas")

# label of a row, what it looks up, and the methods of which the best lock is shown
ROWS = (
    ("**TU** (target unknown)", "200 source accuracies", ("TU",)),
    ("**TK** (target's data known)", "200 source accuracies", ("TK",)),
    ("**TK + 20**", "200 source, 20 target accuracies", ("TK + 20",)),
    ("**TK + 200**", "200 source, 200 target accuracies", ("TK + 200",)),
    ("the paper's search, λ 2", "100 to 142 source accuracies", ("TU, the paper's",)),
    ("S (source only)", "200 source accuracies", ("S",)),
    ("best of NASLib's rs, re, ls, bananas, npenas", "200 source accuracies", NASLIBS),
    ("fewest weights", "all source accuracies", ("fewest weights",)),
    ("fewest FLOPs", "all source accuracies", ("fewest FLOPs",)),
    ("NSGA-II", "200 source, 200 target accuracies", ("NSGA-II",)),
    ("limit: the target's validation accuracy", "everything", ("ceiling",)),
)
INTRODUCTION = """# How good the locks are, with intervals

These are means over all pairs of tasks and 10 seeds, with the 95% bootstrap interval over pairs and seeds. "Outside" is
the share of architectures outside the source budget; such an architecture has the lock score 0.
`python -m experiments.locks_table --write` makes this page from the results of the studies
[baselines](baselines/README.md), [macro_locks](macro_locks/README.md) and [digits_locks](digits_locks/README.md).
"""


def summaries() -> pd.DataFrame:
    """``Statistics.summary`` of the studies, in one table."""
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


def with_intervals(summary: pd.DataFrame, space: str, budget: float) -> str:
    """All figures of all methods on one space at one budget."""
    here = summary[(summary["space"] == space) & (summary["budget_pct"] == budget)]
    table = pd.DataFrame(
        {
            "method": here["method"],
            "source look-ups": [number(x, 0) for x in here["source_queries"]],
            "target look-ups": [number(x, 0) for x in here["target_queries"]],
            "target percentile": _intervals(here, "target_percentile", 1),
            "lock score": _intervals(here, "lock_score", 2),
            "source percentile": [number(x, 1) for x in here["source_percentile"]],
            "source loss, %": [number(x, 1) for x in here["source_loss_pct"]],
            "outside, %": [number(x, 0) for x in here["outside_budget_pct"]],
        }
    )
    return to_markdown(table)


def _intervals(rows: pd.DataFrame, column: str, digits: int) -> list[str]:
    figures = zip(rows[column], rows[f"{column}_low"], rows[f"{column}_high"])
    return [with_interval(*of_row, digits=digits) for of_row in figures]


def page(summary: pd.DataFrame) -> str:
    """The page with every figure."""
    parts = [INTRODUCTION]
    for space, name in SPACES.items():
        parts += [f"## {name}, budget {budget:g}%\n\n{with_intervals(summary, space, budget)}" for budget in BUDGETS]
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the page with intervals")
    summary = summaries()
    if parser.parse_args().write:
        write_text(HERE / "locks.md", page(summary))
        return
    print("Mean rank percentile on the target, at a budget of 2% (5%); lower is a better lock:\n")
    print(markdown(summary, "target_percentile", 1, min))
    print("Mean lock score, at a budget of 2% (5%); higher is a better lock:\n")
    print(markdown(summary, "lock_score", 2, max))
    print("Share of locks outside a budget of 2% (5%), in %:\n")
    print(markdown(summary, "outside_budget_pct", 0, min))


if __name__ == "__main__":
    main()
