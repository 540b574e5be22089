"""Compares two encodings for a ranker trained on NAS-Bench-201 that ranks TransNAS cells: canonical, and NASLib's raw.

python -m experiments.encoding_trap.run --tables DIR
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from experiments.common import interval, options, parallel, show, workers, write_results
from naslib_archlock.benchmarks.table import find_table, read_table
from naslib_archlock.config.load import load_config
from naslib_archlock.locking.find_ranker import train_on_scores
from naslib_archlock.proxies.votes import Votes
from naslib_archlock.proxies.zero_cost import ZeroCostScores, read_zero_cost, zero_cost_file_name
from naslib_archlock.ranker.training import TrainingTask, pair_accuracy
from naslib_archlock.report.text import table
from naslib_archlock.spaces.known import NASBENCH201, TRANSBENCH101_MICRO


def raw(scores: ZeroCostScores) -> ZeroCostScores:
    """The same scores, but with NASLib's op indices in place of the canonical codes: this is the trap."""
    cells = [scores.space.to_naslib(tuple(cell)) for cell in scores.cells.tolist()]
    return replace(scores, cells=np.array(cells))


def run_once(tables: str, seed: int, encoding: str) -> dict[str, list[float]]:
    """Train on the NAS-Bench-201 tasks, then rank the cells of each TransNAS task.

    All tasks get the same embedding, so that the two runs differ only in the encoding of cells.

    Returns:
        for each TransNAS task, the pair accuracy on its votes, and Kendall's tau to its validation accuracy.
    """
    view = raw if encoding == "raw" else (lambda scores: scores)
    by_space = {
        space: read_zero_cost(Path(tables) / zero_cost_file_name(space), space)
        for space in (NASBENCH201, TRANSBENCH101_MICRO)
    }
    with tempfile.TemporaryDirectory() as folder:
        constant = Path(folder) / "constant.npy"
        np.save(constant, np.ones(2))
        config = load_config(None, ["seed", str(seed), "archlock.embedding", str(constant)])
        ranker, _ = train_on_scores(config, [view(s) for s in by_space[NASBENCH201].values()], [], progress=None)

    benchmark = read_table(find_table(Path(tables), TRANSBENCH101_MICRO), TRANSBENCH101_MICRO)
    results: dict[str, list[float]] = {"pair accuracy on votes": [], "Kendall tau to accuracy": []}
    for task, scores in by_space[TRANSBENCH101_MICRO].items():
        cells = view(scores).cells
        judged = TrainingTask(task, scores.space, cells, np.ones(2), Votes.of(scores, ranker.info.proxies))
        truth = [benchmark.accuracy(cell, task=task, split="val") for cell in scores.cells.tolist()]
        rates = ranker.win_rates(cells, np.ones((1, 2)), cells)[0]
        results["pair accuracy on votes"].append(pair_accuracy(ranker, judged, np.arange(len(cells))))
        results["Kendall tau to accuracy"].append(float(kendalltau(rates, truth)[0]))
    return results


def main() -> None:
    args = options(__doc__ or "", str(Path(__file__).parent)).parse_args()
    encodings = ("canonical", "raw")
    calls = [(args.tables, seed, encoding) for encoding in encodings for seed in range(args.seeds)]
    runs = parallel(run_once, calls, workers(args))
    results: dict[str, Any] = {}
    for encoding in encodings:
        mine = [run for (_, _, e), run in zip(calls, runs) if e == encoding]
        results[encoding] = {measure: interval([float(np.mean(r[measure])) for r in mine]) for measure in mine[0]}
    write_results(args.out, {"seeds": args.seeds, **results})
    measures = list(results["canonical"])
    print(f"\ntrained on NAS-Bench-201, judged on TransNAS-Bench-101 cells, mean over tasks, {args.seeds} seeds")
    print(
        table(
            [["encoding", *measures], *([e, *(show(results[e][measure]) for measure in measures)] for e in encodings)]
        )
    )


if __name__ == "__main__":
    main()
