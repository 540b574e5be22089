"""``archlock compare``: run a study, which compares methods on task pairs."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import OutputError, StudyError, one_line
from .options import (
    add_cluster_options,
    add_dry_run_option,
    add_jobs_option,
    add_verbose_option,
    at_least,
    home_expanded,
    path,
    workers_of,
)
from .printing import result_line

if TYPE_CHECKING:
    import pandas as pd

    from ..compute.parts import Workers
    from ..studies.study import Study

EXAMPLES = (
    "archlock compare --example > study.yaml",
    "archlock compare study.yaml --dry-run",
    "archlock compare study.yaml",
    "archlock compare study.yaml --out results --seeds 10 --jobs 4",
)
_WIDTH = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.epilog = (
        "An interrupted study goes on when the same command is given again. The method nsga2 needs pymoo: pip install "
        "'naslib_archlock[studies]'. The method naslib, and the spaces of NASLib, need NASLib: archlock doctor."
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("study", type=path, nargs="?", metavar="STUDY.yaml", help="methods, task pairs, budgets, seeds")
    what.add_argument("--example", action="store_true", help="print a commented study that runs in seconds")
    parser.add_argument("--out", type=path, metavar="DIR", help="folder for the results (default run/NAME)")
    parser.add_argument(
        "--tables",
        type=home_expanded,
        default="",
        metavar="DIR",
        help="folder of plain tables and zc_*.json files (default: NASLib's own)",
    )
    add_jobs_option(parser, "default: one a core")
    add_cluster_options(parser)
    parser.add_argument("--seeds", type=at_least(1), metavar="N", help="so many instead of the study's")
    add_verbose_option(parser)
    add_dry_run_option(parser)


def run(args: argparse.Namespace) -> Mapping[str, Any]:
    """Make the runs of a study that are missing, write its results, and print a table of them."""
    if args.example:
        return _print_example()
    from ..studies.statistics import analyse
    from ..studies.study import load_study
    from ..studies.study_results import to_records
    from ..studies.study_run import RESULTS, STUDY, resolve, run_study

    study = load_study(args.study)
    if args.seeds:
        study = replace(study, seeds=args.seeds)
    out = args.out or Path("run") / study.name
    if args.tables and not Path(args.tables).is_dir():
        raise StudyError(f"--tables {args.tables} is not a folder")
    workers = workers_of(args, default_jobs=0)
    tables = os.path.abspath(args.tables) if args.tables else ""  # a worker may have another working directory
    study = resolve(study, tables)
    _check_study_file(args.study, out / STUDY, study)
    if args.dry_run:
        return _dry_run(study, out, tables, workers)
    try:
        done = run_study(study, out, tables, workers, args.typed)
    except KeyboardInterrupt:
        print(f"\nfinished runs are in {one_line(str(out))}; the same command goes on", file=sys.stderr)
        raise
    summary = analyse(done.results, list(study.methods), study.reference, study.compare_with).summary
    print(_tables(summary))
    print(f"{textwrap.fill(study.meaning, _WIDTH)}\n")
    for note in study.notes:
        print(f"{textwrap.fill(f'Note: {note}.', _WIDTH)}\n")
    result_line(f"{done.n_runs} runs, {done.n_made} of them made now; written to {out}: {RESULTS}, {STUDY}")
    print(f"make the report:  archlock report {out}")
    made = {"study": study.name, "out": str(out), "runs": done.n_runs, "made": done.n_made}
    return {**made, "rows": len(done.results), "summary": to_records(summary)}


def _print_example() -> Mapping[str, Any]:
    from ..studies.example_study import example_study

    text = example_study()
    result_line(text.rstrip())
    return {"text": text}


def _dry_run(study: Study, out: Path, tables: str, workers: Workers) -> Mapping[str, Any]:
    """Print what is to be run, and about how long that takes."""
    from ..studies.study_run import plan_study

    plan = plan_study(study, out, tables)
    result_line(f"{plan}, {workers}")
    print(f"the results would be in {out}; nothing was written")
    return {
        "study": study.name,
        "out": str(out),
        "dry_run": True,
        "methods": len(study.methods),
        "pairs": plan.n_pairs,
        "budgets": list(study.budgets),
        "seeds": study.seeds,
        "runs": plan.n_runs,
        "missing": plan.n_missing,
        "rankers": plan.n_rankers,
        "seconds": None if plan.seconds is None else round(plan.seconds, 1),
    }


def _check_study_file(given: Path, written: Path, study: Study) -> None:
    """Refuse an output folder in which the written study would replace the user's own file.

    Args:
        given: the file that the user wrote.
        written: the file that ``run_study`` writes.
        study: the study as it is run, in which every name is resolved.

    Raises:
        OutputError: if the two files are one, and its content would change.
    """
    if given.resolve() == written.resolve() and given.read_text(encoding="utf-8") != study.to_yaml():
        raise OutputError(f"{written} would be replaced by the study as it was run; rename it, or choose another --out")


def _tables(summary: pd.DataFrame) -> str:
    """A table for each space and budget: lock scores with intervals over pairs and seeds, failures, look-ups."""
    from ..report.text import table

    parts = []
    for (space, budget), rows in summary.groupby(["space", "budget_pct"], sort=False):
        lines = [["method", "lock score", "95% interval", "outside the budget", "source look-ups", "target look-ups"]]
        lines += [
            [
                row.method,
                f"{row.lock_score:.3f}",
                f"{row.lock_score_low:.3f} to {row.lock_score_high:.3f}" if row.n_pairs > 1 else "",
                f"{row.outside_budget_pct:.0f}%",
                f"{row.source_queries:.0f}",
                f"{row.target_queries:.0f}",
            ]
            for row in rows.itertuples()
        ]
        parts.append(f"{space}, source budget {budget:g}%, task pairs: {rows['n_pairs'].max()}\n{table(lines)}\n")
    return "\n".join(parts)
