"""``archlock audit``: attack what a search found, as somebody who has its weights would."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from .options import (
    GOES_ON,
    OVERRIDES,
    add_config_options,
    add_dry_run_option,
    add_jobs_option,
    add_verbose_option,
    config_path,
    jobs_for,
    path,
)
from .printing import result_line

if TYPE_CHECKING:
    from ..benchmarks.benchmark import Benchmark
    from ..compute.parts import Workers
    from ..config.sections import Config

EXAMPLES = (
    "archlock audit  # on the embedded benchmark",
    "archlock audit --config images dataset photos/mine archlock.target photos/theirs",
    "archlock audit --config digits archlock.target jigsaw audit.attacks fine-tuning,LoRA --jobs 2",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.set_defaults(after_interrupt=GOES_ON)
    parser.epilog = (
        f"{OVERRIDES}. The search is made first where its result is not there. An interrupted audit goes on when the "
        "same command is given again."
    )
    add_config_options(parser, default="digits")
    add_verbose_option(parser)
    add_dry_run_option(parser)
    parser.add_argument("--out", type=path, metavar="DIR", help="folder (default: audit in the run's folder)")
    add_jobs_option(parser, "default: one a core; on a GPU one")


def run(args: argparse.Namespace) -> Mapping[str, Any]:
    """Attack what a search found, and write figures and a picture. The search is made first if it is not finished."""
    from ..compute.parts import LocalProcesses
    from ..config.load import load_config
    from ..locking.prepare import open_benchmark, report_targets
    from ..locking.run_folder import open_run_folder
    from ..report.text import summary
    from ..store.locks import alone_in
    from ..store.status_file import status_kept
    from .make_run import make_run

    config = load_config(config_path(args), args.overrides)
    benchmark = open_benchmark(config)
    workers = LocalProcesses(args.jobs or jobs_for(config.archlock.device))
    benchmark.train_with(workers)
    targets = report_targets(config, benchmark.tasks)
    if not targets:
        raise ConfigError("there is no target to attack: name some with archlock.target")
    if args.dry_run:
        return _dry_run(config, benchmark, targets)
    with open_run_folder(config, benchmark, resume=None) as run_folder:
        result = make_run(config, benchmark, run_folder, args.typed)
        print(summary(result, benchmark.space, benchmark.meaning))
        out: Path = args.out or run_folder.folder / "audit"
        with alone_in(out), status_kept(out, args.typed) as status:
            status.say("attacking")
            return _audit(config, benchmark, result, targets, out, workers)


def _dry_run(config: Config, benchmark: Benchmark, targets: Sequence[str]) -> dict[str, Any]:
    """Print what the audit would compute."""
    from ..audit.audit_images import learning_settings
    from ..audit.audit_run import plan_audit
    from ..compute.devices import find_device
    from ..locking.schemes import get_scheme
    from .dry_run import print_search_plan

    search = print_search_plan(config, benchmark)
    device = find_device(config.archlock.device)
    n_cells = 1 + get_scheme(config.archlock.scheme).locks + config.audit.random_cells
    plan = plan_audit(config, dict.fromkeys(targets, n_cells), learning_settings(config, device), device)
    print(f"then the audit, with at most {n_cells} cells and {len(targets)} targets:\n  {plan}\nnothing was written")
    return {**search, "networks": plan.n_released, "attacks": plan.n_attacks, "audit_seconds": round(plan.seconds, 1)}


def _audit(
    config: Config, benchmark: Benchmark, result: dict[str, Any], targets: Sequence[str], out: Path, workers: Workers
) -> dict[str, Any]:
    """Attack the cells of a result, print what came of it, and write it to a folder.

    Returns:
        the content of ``audit.json``.
    """
    import pandas as pd

    from ..audit.attack_cost import curves
    from ..audit.attacked_cells import S, cells_to_attack
    from ..audit.audit_images import notes_on_noise, notes_on_untrained
    from ..audit.audit_results import STEPS, by_role, chosen_attacks, summarise
    from ..audit.audit_run import archs_of, notes_on_attacks, run_audit
    from ..report.audit_report import UNITS, audit_picture, audit_text, cost_ratios
    from ..store.files import write_bytes, write_text
    from ..studies.study_results import to_records
    from ..tasks.names import task_name

    roles = cells_to_attack(config, benchmark, result)
    cells = [cell for some in roles.values() for cell in some]
    on_source, attacks = run_audit(config, dict.fromkeys(targets, cells), out / "parts", workers)
    archs = {role: archs_of(benchmark.space, some) for role, some in roles.items()}
    figures = by_role(chosen_attacks(attacks), {task_name(target): archs for target in targets})
    source_figures = pd.concat(
        [on_source[on_source["arch"] == arch].assign(role=role) for role, some in archs.items() for arch in some]
    )
    about: dict[str, Any] = {
        "search_space": config.search_space,
        "source": task_name(config.dataset),
        "targets": [task_name(target) for target in targets],
        "scheme": config.archlock.scheme,
        "seed": config.seed,
        "cells": archs,
        "on_source": to_records(source_figures[["role", "arch", "seed", "val", "test"]]),
        "summary": to_records(summarise(figures)),
        "costs": to_records(pd.concat([curves(figures, axis, S).assign(over=over) for axis, over in UNITS.items()])),
        "cost_ratios": to_records(
            pd.DataFrame([{"over": UNITS[axis], **cost._asdict()} for axis, cost in cost_ratios(figures).items()])
        ),
        "notes": notes_on_attacks(config, targets)
        + notes_on_noise(config, targets)
        + notes_on_untrained(config, dict(source_figures.groupby("role", sort=False)["test"].mean())),
    }
    write_text(out / "attacks.csv", attacks.to_csv(index=False, lineterminator="\n"))
    write_bytes(out / "audit.png", audit_picture(figures))
    write_bytes(out / "audit_steps.png", audit_picture(figures, STEPS))
    write_text(out / "audit.json", json.dumps(about, indent=1) + "\n")
    print(f"\nAudit of {config.search_space}, source {about['source']}, scheme {about['scheme']}, seed {config.seed}")
    print(audit_text(figures, source_figures, about["source"]))
    print("\n".join(textwrap.fill(f"Note: {note}", 100) for note in about["notes"]))
    result_line(f"written to {out}: audit.json, attacks.csv, audit.png, audit_steps.png")
    return about
