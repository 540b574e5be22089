"""Compares predictors of accuracy by Kendall's tau, on the protocols of other papers and on other tasks.

python -m experiments.predictors.run --tables DIR [--only PART]          (needs NASLib)
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import kendalltau

from experiments.common import interval, options, parallel, show, workers, write_results
from experiments.predictors import candidates
from experiments.predictors.protocols import PROTOCOLS, Split
from naslib_archlock.benchmarks.benchmark import Benchmark
from naslib_archlock.benchmarks.tabular import tabular_benchmark
from naslib_archlock.report.text import table
from naslib_archlock.spaces.known import get_space

# Published figures of TNASP's protocol: Kendall's tau on NAS-Bench-201, cifar10. TNASP and PINAT from PINAT's table 3
# (Lu et al., AAAI 2023); NAR-Former (Yi et al., CVPR 2023) as quoted from memory.
PUBLISHED = {
    "TNASP": {78: 0.539, 156: 0.589, 469: 0.640, 781: 0.689, 1563: 0.724},
    "PINAT": {78: 0.549, 156: 0.631, 469: 0.706, 781: 0.761, 1563: 0.784},
    "NAR-Former": {156: 0.660, 469: 0.790, 781: 0.849, 1563: 0.901},
}
SIZES = {"tnasp": (78, 156, 469, 781, 1563), "flan": (78, 390, 781), "graf": (32, 128, 1024)}
FAST = ("archlock mlp", "archlock features", "archlock trees", "archlock gp", "archlock ensemble")
NETWORKS = ("archlock gcn", "archlock transformer")
NASLIB = tuple(f"NASLib {name} {enc}" for name in ("xgb", "lgb", "rf") for enc in ("raw", "canonical"))
NASLIB_NETWORKS = tuple(f"NASLib {name} {enc}" for name in ("mlp", "gcn", "bonas") for enc in ("raw", "canonical"))
TASKS = {
    "nasbench201": ("cifar10", "cifar100", "ImageNet16-120"),
    "transbench101_micro": ("class_scene", "class_object", "room_layout", "normal", "autoencoder"),
    "transbench101_macro": ("class_scene", "class_object", "room_layout", "normal", "autoencoder"),
}


class Cell(NamedTuple):
    """One run of one predictor."""

    part: str
    space: str
    task: str
    predictor: str
    n: int
    seed: int


def cells(seeds: int) -> Iterable[Cell]:
    """All runs of the study; what takes minutes has fewer seeds and sizes."""
    few = min(seeds, 3)
    for n in SIZES["tnasp"]:
        for name in (*FAST, *NASLIB, *NETWORKS):
            n_seeds = few if name in NETWORKS else seeds
            yield from (Cell("tnasp", "nasbench201", "cifar10", name, n, seed) for seed in range(n_seeds))
    for n in SIZES["tnasp"][:2]:  # they take a minute for the third size
        yield from (Cell("tnasp", "nasbench201", "cifar10", x, n, s) for x in NASLIB_NETWORKS for s in range(few))
    for part in ("flan", "graf"):
        for n in SIZES[part]:
            for name in (*FAST, *NASLIB):
                yield from (Cell(part, "nasbench201", "cifar10", name, n, seed) for seed in range(seeds))
    for space, tasks in TASKS.items():
        for task in tasks:
            for name in (*FAST, "archlock gcn", "NASLib xgb canonical", "NASLib lgb canonical", "NASLib rf canonical"):
                n_seeds = few if name == "archlock gcn" else min(seeds, 5)
                yield from (Cell("tasks", space, task, name, 156, seed) for seed in range(n_seeds))


def evaluate(cell: Cell, tables: str) -> dict[str, float]:
    """Kendall's tau and the seconds of one run."""
    split = _split(cell, tables)
    found = candidates.predict(cell.predictor, get_space(cell.space), split, cell.seed)
    tau = float(kendalltau(found.values, split.truth[split.test])[0])
    return {"tau": tau, "fit": found.fit, "query": found.query}


def _split(cell: Cell, tables: str) -> Split:
    protocol = PROTOCOLS["tnasp" if cell.part == "tasks" else cell.part]
    return protocol(_benchmark(cell.space, tables), cell.task, cell.n, np.random.default_rng(cell.seed))


@cache
def _benchmark(space: str, tables: str) -> Benchmark:
    return tabular_benchmark(get_space(space), tables)


def memory(name: str, tables: str) -> float:
    """The MiB that a predictor adds to a process, trained on 1,563 cells of NAS-Bench-201 and asked for all."""
    code = (
        "import sys; from experiments.predictors.run import own_memory; "
        "print(own_memory(sys.argv[1], sys.argv[2]))"
    )  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code, name, tables], check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def own_memory(name: str, tables: str) -> float:
    """``memory``, in a process that has done nothing else."""
    cell = Cell("tnasp", "nasbench201", "cifar10", name, 1563, 0)
    split = _split(cell, tables)
    candidates.predict(name, get_space(cell.space), split._replace(train=split.train[:2], test=split.test[:2]), 0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    candidates.predict(name, get_space(cell.space), split, 0)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def summaries(results: list[tuple[Cell, dict[str, float]]]) -> dict[str, Any]:
    """part -> ``space/task`` -> predictor -> size -> intervals of tau and of the seconds."""
    values: dict[tuple[str, str, str, int], list[dict[str, float]]] = {}
    for cell, found in results:
        values.setdefault((cell.part, f"{cell.space}/{cell.task}", cell.predictor, cell.n), []).append(found)
    nested: dict[str, Any] = {}
    for (part, task, predictor, n), runs in values.items():
        at = nested.setdefault(part, {}).setdefault(task, {}).setdefault(predictor, {})
        at[str(n)] = {key: interval([run[key] for run in runs]) for key in ("tau", "fit", "query")}
    return nested


def protocol_table(results: dict[str, Any], part: str, key: str = "tau") -> str:
    """Predictors by training sizes."""
    sizes = SIZES[part]
    of_part = results[part]["nasbench201/cifar10"]
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
    of_part = results["tasks"]
    names = list(next(iter(of_part.values())))
    rows = [[task, *(show(by_name[name]["156"]["tau"]) for name in names)] for task, by_name in of_part.items()]
    return table([["tau, 156 to learn from", *names], *rows])


def main() -> None:
    parser = options(__doc__ or "", str(Path(__file__).parent), seeds=10)
    parser.add_argument("--only", choices=("tnasp", "flan", "graf", "tasks"), help="one part, shown and not written")
    parser.add_argument("--predictors", help="only predictors whose name contains this text; shown and not written")
    args: argparse.Namespace = parser.parse_args()
    todo = [
        cell
        for cell in cells(args.seeds)
        if args.only in (None, cell.part) and (args.predictors is None or args.predictors in cell.predictor)
    ]
    found = parallel(evaluate, [(cell, args.tables) for cell in todo], workers(args))
    results = summaries(list(zip(todo, found)))
    if args.only is None and args.predictors is None:
        mib = {name: memory(name, args.tables) for name in (*FAST, *NETWORKS, *NASLIB[::2])}
        write_results(args.out, {"seeds": args.seeds, "results": results, "memory_mib": mib})
        print(table([["predictor", "MiB, 1563 cells"], *([name, f"{value:.0f}"] for name, value in mib.items())]))
    print(json.dumps(sorted(results)))
    for part in (part for part in SIZES if part in results):
        for key in ("tau", "fit", "query"):
            print(protocol_table(results, part, key), end="\n\n")
    if "tasks" in results:
        print(tasks_table(results))


if __name__ == "__main__":
    main()
