"""Shows which ops on which edges, and which features of a cell, make it non-transferable, per task and overall.

python -m experiments.patterns.run --tables DIR    # without --tables, only the embedded benchmark is studied
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common import write_results
from experiments.patterns import estimates
from experiments.patterns.cell_drawings import cell_grid
from experiments.patterns.estimates import FEATURES, Estimate
from experiments.patterns.measure import (
    ALONE,
    EDGES,
    FEATURE,
    FIXED,
    N_SHARED_OPS,
    NAMES,
    RULES,
    SIGNIFICANT,
    SINGLES,
    Measured,
    comparable,
    corrected,
    measure,
    of_target,
    over_spaces,
    study,
)
from experiments.patterns.pictures import feature_figure, heat_maps, small_png
from naslib_archlock.benchmarks.benchmark import Benchmark
from naslib_archlock.benchmarks.digits_benchmark import digits_benchmark
from naslib_archlock.benchmarks.table import find_table, read_table
from naslib_archlock.errors import ArchLockError
from naslib_archlock.report.pictures import png
from naslib_archlock.report.text import table
from naslib_archlock.spaces.known import NASBENCH201, TRANSBENCH101_MICRO
from naslib_archlock.store.files import make_folder, write_bytes
from naslib_archlock.studies.statistics import holm

BUDGETS_PCT = (2.0, 5.0)
NEARLY_ALL = 0.9
LISTED = 8  # the number of rows in the lists of agreement


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=Path, metavar="DIR", help="folder of plain tables (default: digits only)")
    parser.add_argument("--resamples", type=int, default=1000, help="bootstrap resamples (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the bootstrap and of cross-validation (default 0)")
    parser.add_argument(
        "--out",
        type=Path,
        help="folder for results and pictures (default: the script's, or build/patterns without tables)",
    )
    args = parser.parse_args()
    if args.resamples < 10:
        parser.error(f"--resamples {args.resamples} is too few for an interval: 10 at least, 1000 for figures to keep")
    if args.seed < 0:
        parser.error(f"--seed {args.seed} must not be negative")
    try:
        # The results beside this script cover all spaces, so a run on one space must not replace them.
        out = args.out or (Path(__file__).parent if args.tables else Path("build/patterns"))
        run(args.tables, out, args.resamples, args.seed)
    except ArchLockError as err:
        parser.error(str(err))


def run(tables: Path | None, out: Path, n_resamples: int, seed: int) -> None:
    """Run the study, write results and pictures to ``out``, and print the tables. Raises: TableError, OutputError."""
    make_folder(out)
    benchmarks: list[Benchmark] = [digits_benchmark()]
    if tables:
        spaces = (NASBENCH201, TRANSBENCH101_MICRO)
        benchmarks = [*(read_table(find_table(tables, space), space) for space in spaces), *benchmarks]
    by_budget = {budget: [measure(b, budget, n_resamples, seed) for b in benchmarks] for budget in BUDGETS_PCT}
    results = {f"{budget:g}": study(measured, seed) for budget, measured in by_budget.items()}
    for budget, measured in by_budget.items():
        draw(out, budget, measured)
        print(words(budget, results[f"{budget:g}"]), end="\n\n")
    write_bytes(out / "pairs.csv.gz", pairs_csv(by_budget))
    write_results(out / "results.json", {"resamples": n_resamples, "seed": seed, "budgets": results})
    print(" ".join(dict.fromkeys(b.meaning for b in benchmarks)))


def pairs_csv(by_budget: dict[float, list[Measured]]) -> bytes:
    """The effects of every pair, with intervals over cells, and p corrected within each space, budget and kind."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["budget_pct", "space", "source", "target", "cells", "kind", "name", "value", "low", "high", "p_fdr"]
    )
    for budget, measured in by_budget.items():
        for m, (kind, names) in itertools.product(measured, NAMES.items()):
            found = [estimates.estimate(replicates) for replicates in m.effects[kind]]
            for p, e, p_fdr in zip(m.estimated, found, corrected(found)):
                for k in np.flatnonzero(np.isfinite(e.value)):
                    numbers = (f"{x[k]:.3f}" for x in (e.value, e.low, e.high, p_fdr))
                    writer.writerow([f"{budget:g}", p.space, p.source, p.target, len(p), kind, names[k], *numbers])
    return gzip.compress(text.getvalue().encode(), mtime=0)


# -- pictures ----------------------------------------------------------------------------------------------------------


def draw(folder: Path, budget: float, measured: Sequence[Measured]) -> None:
    """Draw all pictures at one budget."""
    for m in measured:
        about = f"{m.name}, source budget {budget:g}%"
        targets = {task: of_target(m, task) for task in m.benchmark.tasks if task in {p.target for p in m.estimated}}
        is_significant = corrected(list(targets.values())) < SIGNIFICANT
        panels = {f"to {task}": (e, stars) for (task, e), stars in zip(targets.items(), is_significant)}
        panels[f"mean of {len(m.pairs)} pairs"] = with_stars(m.mean(m.effects[EDGES]))
        maps = heat_maps(panels, m.benchmark.space.n_codes, f"{about}: effect of an op on an edge on target accuracy")
        write_bytes(folder / f"edges_{m.name}_{budget:g}.png", small_png(maps))
        grid = cell_grid(extremes(m), m.benchmark.tasks, f"{about}: least and most target accuracy")
        write_bytes(folder / f"cells_{m.name}_{budget:g}.png", small_png(grid))
    if len(measured) > 1:
        panels = {}
        for kind in (EDGES + ALONE, EDGES + FIXED):
            way = kind[len(EDGES) :].replace(", ", "\n")
            panels.update({m.name + way: with_stars(m.mean(comparable(m, kind))) for m in measured})
            panels["all spaces" + way] = with_stars(over_spaces(measured, kind))
        maps = heat_maps(panels, N_SHARED_OPS, f"source budget {budget:g}%: mean effect over pairs", len(measured) + 1)
        write_bytes(folder / f"edges_all_{budget:g}.png", small_png(maps))
    ways = {"alone": ALONE, FIXED[2:]: FIXED}
    features = {m.name: {label: m.mean(m.effects[FEATURE + w]) for label, w in ways.items()} for m in measured}
    write_bytes(folder / f"features_{budget:g}.png", png(feature_figure(features, FEATURES)))


def with_stars(found: Estimate) -> tuple[Estimate, np.ndarray]:
    return found, holm(found.p) < SIGNIFICANT


def extremes(m: Measured) -> dict[str, dict[tuple[str, str], tuple[tuple[int, ...], str]]]:
    """The best and the worst lock of every pair, with their lock scores."""
    return {
        name: {
            (p.source, p.target): (tuple(p.cells[row].tolist()), f"{p.lock_scores[row]:.2f}")
            for p in m.populations
            for row in [int(where(p.lock_scores))]
        }
        for name, where in (("best locks, with their lock scores", np.argmax), ("worst locks", np.argmin))
    }


# -- words -------------------------------------------------------------------------------------------------------------


def words(budget: float, found: dict[str, Any]) -> str:
    """The results at one budget, as text."""
    spaces: dict[str, dict[str, Any]] = found["spaces"]
    parts = [f"== source budget {budget:g}% ==", populations_table(spaces)]
    parts += [agreement_table(kind, rows, list(spaces)) for kind, rows in found["agreement"].items()]
    parts += [features_table(way, spaces) for way in (ALONE, FIXED)]
    parts.append(by_space("rank correlation of the effects of two pairs", spaces, "consistency"))
    if found["between_spaces"]:
        rows = [["rank correlation of mean effects", *next(iter(found["between_spaces"].values()))]]
        parts.append(table([*rows, *([name, *map(show, r.values())] for name, r in found["between_spaces"].items())]))
    rows = [["% of the sum of squares of effects", *spaces]]
    for share in ("common", "target", "source", "rest", "noise of cells"):
        rows.append([share, *(f"{100 * space['shares_of_effects'][share]:.0f}" for space in spaces.values())])
    parts.append(table(rows))
    parts.append(by_space("% of the variance of target accuracy by", spaces, "explained_variance", 100, 0))
    parts += [picks_table(spaces), extremes_table(spaces)]
    return "\n\n".join(parts)


def populations_table(spaces: dict[str, dict[str, Any]]) -> str:
    rows = [["", "pairs", "effects", "significant (FDR 5%)", "rank correlation with effects on ranks"]]
    for name, space in spaces.items():
        figures = (space["pairs"], space["pair_effects"], space["significant_pair_effects"])
        rows.append([name, *map(str, figures), f"{space['rank_correlation_with_effects_on_ranks']:.2f}"])
    sizes = [
        f"{name}: {', '.join(f'{task} {n}' for task, n in space['cells_in_budget'].items())}"
        for name, space in spaces.items()
    ]
    return "distinct cells within the budget\n" + "\n".join(sizes) + "\n\n" + table(rows)


def agreement_table(kind: str, listing: list[dict[str, Any]], spaces: list[str]) -> str:
    n = sum(min(row["share"]) >= NEARLY_ALL for row in listing)
    rows = [[kind, "mean effect", "p (Holm)", *(f"{name}: % (+ / -)" for name in spaces)]]
    for row in listing[: max(n, LISTED)]:
        counts = zip(row["share"], row["significant"], row["against"])
        p = "" if row["p_holm"] is None else f"{row['p_holm']:.3f}"
        rows.append([row["name"], show(row["effect"]), p, *(f"{100 * s:.0f} ({a} / {b})" for s, a, b in counts)])
    unopposed = [row["name"] for row in listing if not any(row["against"]) and all(row["significant"])]
    return (
        f"{table(rows)}\n%: of pairs with the sign of the mean (significant with it / against it); "
        f"{n} of {len(listing)} have it in {100 * NEARLY_ALL:.0f}% of pairs in each space\n"
        f"significant in some pair of each space, and against it in none: {', '.join(unopposed) or 'none'}"
    )


def features_table(way: str, spaces: dict[str, dict[str, Any]]) -> str:
    rows = [[f"correlation with target accuracy{way}", *spaces]]
    for name in FEATURES:
        cells = [space["effects"][FEATURE + way].get(name) for space in spaces.values()]
        rows.append([name, *(show(c["effect"]) + "*" * is_significant(c) if c else "" for c in cells)])
    return table(rows)


def is_significant(cell: dict[str, Any]) -> bool:
    return cell["p_holm"] is not None and cell["p_holm"] < SIGNIFICANT


def picks_table(spaces: dict[str, dict[str, Any]]) -> str:
    rows = [
        ["lock score of the pick", *(f"{n} ({next(iter(s['picks'].values()))['pairs']})" for n, s in spaces.items())]
    ]
    found = dict.fromkeys(rule for space in spaces.values() for rule in space["picks"])
    rules = [rule for rule in found if rule in RULES or rule not in SINGLES]  # the file also has single features
    for rule in rules:
        cells = [space["picks"].get(rule) for space in spaces.values()]
        rows.append([rule, *(f"{show(c['lock_score'])} {correlation(c)}" if c else "" for c in cells)])
    return table(rows) + "\nmean over pairs, interval over tasks (mean rank correlation with target accuracy)"


def extremes_table(spaces: dict[str, dict[str, Any]]) -> str:
    kinds = list(next(iter(spaces.values()))["extremes"])
    rows = [[f"mean feature of {', '.join(kinds)}", *spaces]]
    for name in FEATURES:
        values = [[space["extremes"][kind][name] for kind in kinds] for space in spaces.values()]
        rows.append([name, *(" / ".join(f"{x:.2f}" for x in of_space) for of_space in values)])
    return table(rows)


def correlation(cell: dict[str, Any]) -> str:
    return "" if cell["correlation"] is None else f"({cell['correlation']:.2f})"


def by_space(title: str, spaces: dict[str, dict[str, Any]], key: str, scale: float = 1.0, digits: int = 2) -> str:
    """A table of one kind of result, with a row per name and a column per space."""
    rows = [[title, *spaces]]
    for name in dict.fromkeys(name for space in spaces.values() for name in space[key]):
        cells = [space[key].get(name) for space in spaces.values()]
        rows.append([name, *(show(c, digits, scale) if c else "" for c in cells)])
    return table(rows)


def show(values: Sequence[float | None], digits: int = 2, scale: float = 1.0) -> str:
    """The text ``value [low, high]``, or the value alone if all draws of tasks give the same."""
    value, low, high = ("?" if x is None else f"{scale * x:.{digits}f}" for x in values)
    return f"{value} [{low}, {high}]" if low != high else value


if __name__ == "__main__":
    main()
