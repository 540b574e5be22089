"""What ``archlock compare`` does."""

from __future__ import annotations

import argparse
import json
import os
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pandas as pd

from ..errors import OutputError, StudyError
from ..report.text import table
from ..studies.statistics import analyse
from ..studies.study import Study, load_study
from ..studies.study_results import to_records
from ..studies.study_run import RESULTS, STUDY, resolve, run_study
from .workers import workers_of

_WIDTH = 100


def run_compare(args: argparse.Namespace) -> int:
    """Make the runs of a study that are missing, write its results, and print a table of them."""
    study = load_study(args.study)
    if args.seeds:
        study = replace(study, seeds=args.seeds)
    out = args.out or Path("run") / study.name
    if args.tables and not Path(args.tables).is_dir():
        raise StudyError(f"--tables {args.tables} is not a folder")
    workers = workers_of(args, default_jobs=0)
    tables = os.path.abspath(args.tables) if args.tables else ""  # wherever a worker was started
    study = resolve(study, tables)
    _keep_study_file(args.study, out / STUDY, study)
    try:
        done = run_study(study, out, tables, workers)
    except KeyboardInterrupt:
        print(f"\nfinished runs are in {out}; the same command goes on", file=sys.stderr)
        raise
    summary = analyse(done.results, list(study.methods), study.reference, study.compare_with).summary
    print(_tables(summary))
    print(f"{textwrap.fill(study.meaning, _WIDTH)}\n")
    for note in study.notes:
        print(f"{textwrap.fill(f'Note: {note}.', _WIDTH)}\n")
    print(f"{done.n_runs} runs, {done.n_made} of them made now; written to {out}: {RESULTS}, {STUDY}")
    print(f"make the report:  archlock report {out}")
    if args.json:
        made = {"study": study.name, "out": str(out), "runs": done.n_runs, "made": done.n_made}
        print(json.dumps({**made, "rows": len(done.results), "summary": to_records(summary)}))
    return 0


def _keep_study_file(given: Path, written: Path, study: Study) -> None:
    """Raises: OutputError: if the output would replace the user's own file by other content."""
    if given.resolve() == written.resolve() and given.read_text(encoding="utf-8") != study.to_yaml():
        raise OutputError(f"{written} would be replaced by the study as it was run; rename it, or choose another --out")


def _tables(summary: pd.DataFrame) -> str:
    """A table for each space and budget: lock scores with intervals over pairs and seeds, failures, look-ups."""
    parts = []
    for (space, budget), rows in summary.groupby(["space", "budget_pct"], sort=False):
        lines = [["method", "lock score", "95% interval", "outside the budget", "look-ups: source", "target"]]
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
