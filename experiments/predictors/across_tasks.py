"""Measures every kind of ranker on tasks that it was not trained on, also in another space and after few look-ups.

python -m experiments.predictors.across_tasks --tables DIR
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common import interval, options, parallel, show, workers, write_results
from experiments.predictors.across import FEW, by_votes, few_shot, left_out, tasks_of
from naslib_archlock.report.text import table

KINDS = ("mlp", "features", "gcn", "trees", "gp", "ensemble")
ALL_KINDS = (*KINDS, "transformer")  # it trains for minutes, and is only asked about left-out tasks
FEW_KINDS = ("mlp", "features", "ensemble")
HIDDEN = "ImageNet16-120,normal"  # left out where rankers learn from votes
PARTS = ("left_out", "spaces", "few_shot", "votes")


def main() -> None:
    parser = options(__doc__ or "", str(Path(__file__).parent), seeds=2)
    parser.add_argument("--only", choices=PARTS, help="make this part anew and keep the others of the results")
    parser.set_defaults(out=Path(__file__).parent / "across_tasks.json")
    args = parser.parse_args()
    names, seeds = [task.name for task in tasks_of(args.tables)], range(args.seeds)
    kept = json.loads(args.out.read_text(encoding="utf-8")) if args.out.is_file() else {}
    pool = workers(args)
    for part in PARTS if args.only is None else (args.only,):
        if part == "votes":
            calls: list[Any] = [(args.tables, kind, seed, HIDDEN) for kind in KINDS for seed in seeds]
            found = dict(zip(calls, parallel(by_votes, calls, pool)))
            kept[part] = {
                kind: {key: interval([found[c][key] for c in calls if c[1] == kind]) for key in found[calls[0]]}
                for kind in KINDS
            }
        elif part == "few_shot":
            calls = list(itertools.product([args.tables], FEW_KINDS, names, seeds))
            kept[part] = few_shot_results(calls, parallel(few_shot, calls, pool))
        else:
            kinds = ALL_KINDS if part == "left_out" else KINDS
            calls = [
                (args.tables, kind, name, seed, sources_of(name, part))
                for kind, name, seed in itertools.product(kinds, names, seeds)
            ]
            found = dict(zip(calls, parallel(left_out, calls, pool)))
            kept[part] = {
                kind: {
                    name: interval([v for c, v in found.items() if c[1:3] == (kind, name)]) for name in names
                } | {"mean": over_seeds([(c[3], v) for c, v in found.items() if c[1] == kind])}
                for kind in kinds
            }  # fmt: skip
        write_results(args.out, {"seeds": args.seeds, **{k: v for k, v in kept.items() if k in PARTS}})
        print_part(part, kept[part])


def sources_of(name: str, part: str) -> str:
    """The tasks to learn from: all others, or those of the other space."""
    if part == "left_out":
        return "all"
    return "transbench101_micro" if name.startswith("nasbench201") else "nasbench201"


def over_seeds(values: Iterable[tuple[int, float]]) -> dict[str, Any]:
    """The interval of the mean over tasks, of (seed, value)."""
    by_seed: dict[int, list[float]] = {}
    for seed, value in values:
        by_seed.setdefault(seed, []).append(value)
    return interval([float(np.mean(of)) for of in by_seed.values()])


def few_shot_results(calls: Sequence[Any], found: Sequence[dict[int, dict[str, float]]]) -> dict[str, Any]:
    """kind -> number of look-ups -> way -> interval of the mean over tasks."""
    results: dict[str, Any] = {}
    for kind, n in itertools.product(FEW_KINDS, FEW):
        mine = [(c[3], values[n]) for c, values in zip(calls, found) if c[1] == kind]
        ways = mine[0][1]
        results.setdefault(kind, {})[str(n)] = {
            way: over_seeds([(seed, values[way]) for seed, values in mine]) for way in ways
        }
    return results


def print_part(part: str, results: dict[str, Any]) -> None:
    """The table of one part."""
    if part == "votes":
        rows = [[kind, *(show(of[key]) for key in ("unseen_cells", "left_out_tasks"))] for kind, of in results.items()]
        print(table([["votes", "unseen cells", "left-out tasks"], *rows]), end="\n\n")
    elif part == "few_shot":
        for kind, by_n in results.items():
            ways = list(next(iter(by_n.values())))
            rows = [[n, *(show(of[way]) for way in ways)] for n, of in by_n.items()]
            print(table([[f"{kind}: look-ups", *ways], *rows]), end="\n\n")
    else:
        names = list(next(iter(results.values())))
        rows = [[name, *(show(of[name]) for of in results.values())] for name in names]
        print(table([[part, *results], *rows]), end="\n\n")


if __name__ == "__main__":
    main()
