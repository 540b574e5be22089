"""Measures pair accuracies of the ranker: on unseen cells, on left-out tasks, at the paper's five sizes, and by voters.

python -m experiments.ranker_accuracy.run --tables DIR
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common import interval, options, parallel, show, workers, write_results
from naslib_archlock.benchmarks.table import find_table, read_table
from naslib_archlock.config.load import load_config
from naslib_archlock.config.sections import Config
from naslib_archlock.locking.find_ranker import train_on_scores
from naslib_archlock.locking.knowledge import Knowledge
from naslib_archlock.proxies.votes import Votes, parse_proxies
from naslib_archlock.proxies.zero_cost import read_zero_cost, zero_cost_file_name
from naslib_archlock.report.text import table
from naslib_archlock.spaces.known import NASBENCH201, TRANSBENCH101_MICRO

VOTERS = (
    "nwot,jacov,params,flops,l2_norm,synflow",  # the default voters
    "nwot,params,flops,l2_norm,synflow",
    "nwot,jacov,params",
    "epe_nas,fisher,flops,grad_norm,grasp,jacov,l2_norm,nwot,params,plain,snip,synflow",
)
# The rows of the paper's table of ranker sizes, each with its pair accuracy in %.
PAPER_SIZES = (
    ((256, 64, 32), "sgd", 85),
    ((256, 64, 32, 16), "sgd", 83),
    ((256, 64, 32, 16), "adam", 87),
    ((128, 64, 32, 16), "adam", 88),
    ((128, 64, 32, 16, 8), "adam", 87),
)


def config_for(tables: str, seed: int, *overrides: str) -> Config:
    base = ["seed", str(seed), "archlock.tables", tables, "archlock.held_out_cells", "0.2"]
    return load_config(None, [*base, *overrides])


def train_once(tables: str, seed: int, left_out: str, *overrides: str) -> dict[str, Any]:
    """Train on all tasks but ``left_out``, and return the pair accuracies."""
    config = config_for(tables, seed, "archlock.leave_out", left_out, *overrides)
    _, report = train_on_scores(config, *Knowledge(config).training_tables(), progress=None)
    return {"unseen": report.unseen_cells, "left_out": report.left_out_tasks}


def vote_truth(tables: str, voters: str) -> float:
    """How often the votes order two cells as validation accuracy does, the mean over tasks; a tie counts half."""
    weights = parse_proxies(voters)
    shares = []
    for space in (NASBENCH201, TRANSBENCH101_MICRO):
        benchmark = read_table(find_table(Path(tables), space), space)
        for task, scores in read_zero_cost(Path(tables) / zero_cost_file_name(space), space).items():
            truth = np.array([benchmark.accuracy(cell, task=task, split="val") for cell in scores.cells.tolist()])
            a, b = np.triu_indices(len(truth), k=1)
            order, votes = np.sign(truth[a] - truth[b]), np.sign(Votes.of(scores, weights).margin(a, b))
            agrees = np.where(votes == 0, 0.5, votes == order)[order != 0]
            shares.append(float(agrees.mean()))
    return float(np.mean(shares))


def mean_over_tasks(runs: Sequence[dict[str, Any]], key: str) -> list[float]:
    return [float(np.mean(list(run[key].values()))) for run in runs]


def main() -> None:
    args = options(__doc__ or "", str(Path(__file__).parent)).parse_args()
    seeds = range(args.seeds)
    tasks = [t.task for t in Knowledge(config_for(args.tables, 0)).tables]

    calls: dict[tuple[Any, ...], None] = {}
    for seed in seeds:
        for voters in VOTERS:
            calls[(args.tables, seed, "", "archlock.proxies", voters)] = None
        for task in tasks:
            calls[(args.tables, seed, task)] = None
        for hidden, optimizer, _ in PAPER_SIZES:
            widths = ",".join(map(str, hidden))
            size = ("archlock.preset", "paper", "archlock.hidden", widths, "archlock.ranker_optimizer", optimizer)
            calls[(args.tables, seed, "", *size)] = None
    runs = dict(zip(calls, parallel(train_once, calls, workers(args))))

    def over_seeds(left_out: str, *overrides: str) -> list[dict[str, Any]]:
        return [runs[(args.tables, seed, left_out, *overrides)] for seed in seeds]

    default = over_seeds("", "archlock.proxies", VOTERS[0])
    left_out = {task: interval(mean_over_tasks(over_seeds(task), "left_out")) for task in tasks}
    by_seed = np.mean([mean_over_tasks(over_seeds(task), "left_out") for task in tasks], axis=0)
    results: dict[str, Any] = {
        "unseen_cells": interval(mean_over_tasks(default, "unseen")),
        "left_out_tasks": interval([float(v) for v in by_seed]),
        "left_out_by_task": left_out,
        "voters": {},
        "paper_sizes": [],
    }
    for voters in VOTERS:
        accuracy = interval(mean_over_tasks(over_seeds("", "archlock.proxies", voters), "unseen"))
        results["voters"][voters] = {"unseen_cells": accuracy, "agree_with_accuracy": vote_truth(args.tables, voters)}
    for hidden, optimizer, paper_pct in PAPER_SIZES:
        widths = ",".join(map(str, hidden))
        size = ("archlock.preset", "paper", "archlock.hidden", widths, "archlock.ranker_optimizer", optimizer)
        accuracy = interval(mean_over_tasks(over_seeds("", *size), "unseen"))
        results["paper_sizes"].append(
            {
                "hidden": widths,
                "optimizer": optimizer,
                "paper_pct": paper_pct,
                "unseen_cells": accuracy,
                # If all ReLUs of a network have died, it answers the same to every pair.
                "collapsed": sum(value < 0.6 for value in accuracy["values"]),
            }
        )
    write_results(args.out, {"seeds": args.seeds, **results})

    print(f"\npair accuracy of the default ranker, {args.seeds} seeds")
    print(f"unseen cells {show(results['unseen_cells'])}, left-out tasks {show(results['left_out_tasks'])}\n")
    print(table([["task left out", "pair accuracy"], *([task, show(cell)] for task, cell in left_out.items())]))
    print()
    print(
        table(
            [["voters", "pair accuracy", "agree with accuracy"]]
            + [[v, show(r["unseen_cells"]), f"{r['agree_with_accuracy']:.3f}"] for v, r in results["voters"].items()]
        )
    )
    print()
    print(
        table(
            [["paper preset: layers", "optimizer", "ours %", "collapsed seeds", "paper %"]]
            + [
                [r["hidden"], r["optimizer"], show(r["unseen_cells"], 100, 1), str(r["collapsed"]), str(r["paper_pct"])]
                for r in results["paper_sizes"]
            ]
        )
    )


if __name__ == "__main__":
    main()
