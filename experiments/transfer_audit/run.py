"""Does a locked architecture also resist an attack on its trained weights? Tests all 30 pairs of the digits tasks.

For each source, there are three cells: the one that scheme TU found, the one that scheme S finds, and a random one
within the source budget. For each pair of tasks, there is also the ceiling: the best lock within the budget by the
target's validation accuracy, which no search sees. Each cell is trained on the source and attacked on the target
(``archlock audit``).

python -m experiments.transfer_audit.run        # an interrupted run continues
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import spearmanr

from experiments.common import add_worker_options, interval, show, workers, write_results
from naslib_archlock.audit.attacked_cells import FOUND, RANDOM, S, cells_to_attack
from naslib_archlock.audit.attacks import SCRATCH
from naslib_archlock.audit.audit_results import GAIN, TRANSFER, by_role, chosen_attacks, compare
from naslib_archlock.audit.audit_run import archs_of, run_audit
from naslib_archlock.benchmarks.benchmark import Benchmark
from naslib_archlock.benchmarks.lock_score import LockScale
from naslib_archlock.config.load import load_config
from naslib_archlock.config.sections import Config
from naslib_archlock.locking.prepare import open_benchmark, prepare
from naslib_archlock.locking.result import finish
from naslib_archlock.report.pictures import CHOSEN, OUTSIDE, WITHIN, own_settings, png
from naslib_archlock.report.text import table
from naslib_archlock.spaces.cells import Cell
from naslib_archlock.spaces.known import DIGITS
from naslib_archlock.store.files import write_bytes, write_text

HERE = Path(__file__).parent
CEILING = "ceiling"
ROLES = (FOUND, S, RANDOM, CEILING)


def audit_source(source: str, seeds: int, args: argparse.Namespace) -> pd.DataFrame:
    """The figures of every role on all targets of one source: the columns of ``by_role``, and two more.

    ``source`` is the source, and ``benchmark`` is the test metric in the benchmark's table.
    """
    config = load_config(
        None,
        [
            "search_space", "digits", "dataset", source, "audit.seeds", str(seeds), "audit.fractions", "1,10,100",
            "audit.step_fractions", "100",
        ],
    )  # fmt: skip
    benchmark = open_benchmark(config)
    targets = [task for task in DIGITS.tasks if task != source]
    of_source = cells_of_source(config, benchmark)
    roles = {target: {**of_source, CEILING: [ceiling(config, benchmark, target)]} for target in targets}
    cells = {target: [cell for some in of_target.values() for cell in some] for target, of_target in roles.items()}
    _, attacks = run_audit(config, cells, args.parts / source, workers(args))
    archs = {
        target: {role: archs_of(DIGITS, some) for role, some in of_target.items()}
        for target, of_target in roles.items()
    }
    figures = by_role(chosen_attacks(attacks), archs).assign(source=source)
    table_figures = {
        (target, role): np.mean([benchmark.accuracy(cell, task=target, split="test") for cell in some])
        for target, r in roles.items()
        for role, some in r.items()
    }
    figures["benchmark"] = [table_figures[key] for key in zip(figures["target"], figures["role"])]
    return figures


def cells_of_source(config: Config, benchmark: Benchmark) -> dict[str, list[Cell]]:
    """Role -> cells, for the roles that do not depend on the target."""
    search = prepare(config, benchmark).search
    for _ in range(config.search.epochs):
        search.step()
    return cells_to_attack(config, benchmark, finish(config, benchmark, search))


def ceiling(config: Config, benchmark: Benchmark, target: str) -> Cell:
    """The cell that is the best lock on a target."""
    return LockScale(benchmark, config.dataset, target, config.archlock.source_budget_pct).ceiling()


def differences(figures: pd.DataFrame) -> list[dict[str, Any]]:
    """How much more the attacker gets from the weights of one role than from another's: means over pairs.

    Below 0, the role resists more. Intervals are 95% intervals (Student's t) over the means of the sources, because the
    targets of one source share its cells and their weights.
    """
    rows = []
    for role, other in ((FOUND, S), (FOUND, RANDOM), (CEILING, S), (CEILING, RANDOM), (RANDOM, S)):
        for figure in (TRANSFER, SCRATCH, GAIN):
            pairs = pd.concat(
                [
                    compare(part, role, other, figure).assign(source=source)
                    for source, part in figures.groupby("source", sort=False)
                ]
            )
            for fraction, of_fraction in pairs.groupby("fraction_pct"):
                of_sources = of_fraction.groupby("source", sort=False)["mean"].mean()
                over_sources = interval(of_sources.tolist())
                rows.append(
                    {
                        "role": role, "other": other, "figure": figure, "fraction_pct": fraction,
                        "mean": over_sources["mean"], "ci95": over_sources["ci95"], "of_sources": of_sources.to_dict(),
                        "pairs_below": int((of_fraction["mean"] < 0).sum()), "n_pairs": len(of_fraction),
                    }
                )  # fmt: skip
    return rows


def agreement(figures: pd.DataFrame) -> list[dict[str, Any]]:
    """The rank correlation, over pairs and roles, of the differences to scheme S in the table and under attack.

    It shows whether the benchmark tells how much the strongest attack on the weights gets.
    """
    rows = []
    for fraction, of_fraction in figures.groupby("fraction_pct"):
        x, y = beside_s(of_fraction, "benchmark"), beside_s(of_fraction, TRANSFER)
        rows.append({"fraction_pct": fraction, "spearman": spearmanr(x, y).statistic, "n": len(x)})
    return rows


def beside_s(figures: pd.DataFrame, figure: str) -> pd.Series:
    """The means over seeds of the other roles, minus the means of scheme S."""
    wide = figures.groupby(["source", "target", "role"])[figure].mean().unstack("role")
    return wide[[role for role in wide if role != S]].sub(wide[S], axis=0).stack()


@own_settings()
def picture(figures: pd.DataFrame) -> bytes:
    """Draw the difference to scheme S under attack against the difference in the table, per number of images."""
    fractions = sorted(figures["fraction_pct"].unique())
    figure = Figure(figsize=(1 + 3.4 * len(fractions), 4), layout="constrained")
    axes = figure.subplots(1, len(fractions), squeeze=False, sharex=True)[0]
    for axis, fraction in zip(axes, fractions):
        here = figures[figures["fraction_pct"] == fraction]
        x, y = beside_s(here, "benchmark"), beside_s(here, TRANSFER)
        for role, color in ((RANDOM, OUTSIDE), (CEILING, WITHIN), (FOUND, CHOSEN)):
            of_role = x.index.get_level_values("role") == role
            axis.scatter(x[of_role], y[of_role], s=22, color=color, label=role)
        low = min(x.min(), y.min())
        axis.plot([low, 0], [low, 0], color="black", lw=0.7, ls="--", label="as much")
        axis.axhline(0, color="black", lw=0.5)
        axis.set_title(f"attacker has {fraction:g}% of the images", fontsize=10)
        axis.set_xlabel("target test minus that of scheme S,\ntrained from scratch (benchmark)")
    axes[0].set_ylabel("target test minus that of scheme S,\nstrongest attack on the weights")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False)
    return png(figure)


def difference_table(rows: list[dict[str, Any]], figure: str) -> str:
    """The table of ``differences``."""
    lines = [["difference", "images", "mean ± 95% over sources", "sources below 0", "pairs below 0"]]
    lines += [
        [
            f"{row['role']} - {row['other']}", f"{row['fraction_pct']:g}%", show(row, digits=1),
            f"{sum(mean < 0 for mean in row['of_sources'].values())} of {len(row['of_sources'])}",
            f"{row['pairs_below']} of {row['n_pairs']}",
        ]
        for row in rows
        if row["figure"] == figure
    ]  # fmt: skip
    return table(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="number of networks per cell (default 3)")
    parser.add_argument(
        "--sources", nargs="+", choices=DIGITS.tasks, default=DIGITS.tasks, help="source tasks (default: all)"
    )
    parser.add_argument(
        "--parts", type=Path, default=Path("build/transfer_audit"), help="folder that keeps finished parts"
    )
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to")
    add_worker_options(parser)
    args = parser.parse_args()
    figures = pd.concat([audit_source(source, args.seeds, args) for source in args.sources], ignore_index=True)
    rows, correlations = differences(figures), agreement(figures)
    for title, figure in (
        ("Target test metric in %, strongest attack on the weights", TRANSFER),
        ("The same networks from scratch, with the attacker's images", SCRATCH),
        ("Attack gain: the first minus the second", GAIN),
    ):
        print(f"{title}\n{difference_table(rows, figure)}\n")
    means = (
        figures.groupby(["fraction_pct", "role"], sort=False)[[TRANSFER, SCRATCH, GAIN, "benchmark"]].mean().round(2)
    )
    print(f"Means over pairs\n{means.to_string()}\n")
    for row in correlations:
        print(f"Spearman with {row['fraction_pct']:g}% of the images: {row['spearman']:.2f} (n {row['n']})")
    write_text(args.out / "figures.csv", figures.round(3).to_csv(index=False, lineterminator="\n"))
    write_bytes(args.out / "benchmark_and_attack.png", picture(figures))
    write_results(
        args.out / "results.json",
        {"seeds": args.seeds, "sources": args.sources, "differences": rows, "agreement": correlations},
    )


if __name__ == "__main__":
    main()
