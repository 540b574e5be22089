"""Compares predictors of accuracy by Kendall's tau, on the protocols of other papers and on other tasks.

python -m experiments.predictors.run --tables DIR [--only PART]          (needs NASLib)
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from experiments.common import interval, options, parallel, show, workers, write_results
from experiments.predictors.runs import FAST, NASLIB, NETWORKS, SIZES, Cell, cells, evaluate, evaluate_iterated, memory
from naslib_archlock.report.text import table

HERE = str(Path(__file__).parent)
PARTS = (*SIZES, "brpnas", "tasks", "memory")
# Published figures of TNASP's protocol: Kendall's tau on NAS-Bench-201, cifar10. TNASP and PINAT from the
# PINAT paper (Lu et al., AAAI 2023); NAR-Former (Yi et al., CVPR 2023) as quoted from memory.
PUBLISHED = {
    "TNASP": {78: 0.539, 156: 0.589, 469: 0.640, 781: 0.689, 1563: 0.724},
    "PINAT": {78: 0.549, 156: 0.631, 469: 0.706, 781: 0.761, 1563: 0.784},
    "NAR-Former": {156: 0.660, 469: 0.790, 781: 0.849, 1563: 0.901},
}


def summaries(results: list[tuple[Cell, dict[str, float]]]) -> dict[str, Any]:
    """``space/task`` -> predictor -> size -> intervals of what the runs measured."""
    values: dict[tuple[str, str, int], list[dict[str, float]]] = {}
    for cell, found in results:
        values.setdefault((f"{cell.space}/{cell.task}", cell.predictor, cell.n), []).append(found)
    nested: dict[str, Any] = {}
    for (task, predictor, n), runs in values.items():
        at = nested.setdefault(task, {}).setdefault(predictor, {})
        at[str(n)] = {key: interval([run[key] for run in runs]) for key in runs[0]}
    return nested


def protocol_table(results: dict[str, Any], part: str, key: str = "tau") -> str:
    """Predictors by training sizes."""
    sizes = SIZES[part]
    of_part = results["nasbench201/cifar10"]
    rows = [
        [name, *(show(by_size[str(n)][key]) if str(n) in by_size else "" for n in sizes)]
        for name, by_size in of_part.items()
    ]
    if part == "tnasp" and key == "tau":
        for name, by_n in PUBLISHED.items():
            rows.append([f"{name} (published)", *(f"{by_n[n]:.3f}" if n in by_n else "" for n in sizes)])
    return table([[f"{part}: {key}", *map(str, sizes)], *rows])


def tasks_table(results: dict[str, Any]) -> str:
    """Tasks by predictors, with 156 architectures each."""
    names = list(next(iter(results.values())))
    rows = [[task, *(show(by_name[name]["156"]["tau"]) for name in names)] for task, by_name in results.items()]
    return table([["tau, 156 to learn from", *names], *rows])


def main() -> None:
    parser = options(__doc__ or "", HERE, seeds=10)
    parser.add_argument("--only", choices=PARTS, help="make this part anew and keep the others of the results")
    parser.add_argument("--predictors", help="only predictors whose name contains this text; shown, not written")
    args: argparse.Namespace = parser.parse_args()
    kept = json.loads(args.out.read_text(encoding="utf-8"))["results"] if args.out.is_file() else {}
    for part in PARTS if args.only is None else (args.only,):
        if part == "memory":
            kept[part] = {name: memory(name, args.tables) for name in (*FAST, *NETWORKS, *NASLIB[::2])}
        else:
            todo = [c for c in cells(args.seeds) if c.part == part and (args.predictors or "") in c.predictor]
            run = evaluate_iterated if part == "brpnas" else evaluate
            found = parallel(run, [(cell, args.tables) for cell in todo], workers(args))
            kept[part] = summaries(list(zip(todo, found)))
        print_part(part, kept[part])
        if args.predictors is None:
            write_results(args.out, {"seeds": args.seeds, "results": kept})


def print_part(part: str, results: dict[str, Any]) -> None:
    """The tables of one part."""
    if part == "memory":
        print(table([["predictor", "MiB, 1563 cells"], *([name, f"{value:.0f}"] for name, value in results.items())]))
    elif part == "brpnas":
        names = list(next(iter(results.values())))
        for key, digits in (("tau", 3), ("pct_of_best", 2)):
            rows = [[name, *(show(of[name]["100"][key], digits=digits) for of in results.values())] for name in names]
            print(table([[f"brpnas: {key}", *results], *rows]), end="\n\n")
    elif part == "tasks":
        print(tasks_table(results), end="\n\n")
    else:
        for key in ("tau", "fit", "query"):
            print(protocol_table(results, part, key), end="\n\n")


if __name__ == "__main__":
    main()
