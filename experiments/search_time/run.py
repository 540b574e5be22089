"""Time of training a ranker, of searches with it, and of the default search, after imports; run it alone.

The baseline does the same evolution with the ranker called for one pair of cells and one task at a time, as the
paper's released script does.

python experiments/search_time/run.py --tables DIR
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from common import options, write_results

from naslib_archlock import pipeline
from naslib_archlock.cells import one_hot
from naslib_archlock.config import Config, load_config
from naslib_archlock.knowledge import Knowledge
from naslib_archlock.ranker import Ranker
from naslib_archlock.report.text import table


class OnePairAtATime(Ranker):
    """The baseline: a forward pass for each pair of cells and each task."""

    @torch.no_grad()
    def win_rates(self, cells: np.ndarray, tasks: np.ndarray, opponents: np.ndarray) -> np.ndarray:
        a, b = torch.from_numpy(one_hot(cells)), torch.from_numpy(one_hot(opponents))
        vectors = torch.from_numpy(tasks.astype(np.float32))
        rates = np.empty((len(tasks), len(cells)))
        for t, vector in enumerate(vectors):
            for i, cell in enumerate(a):
                wins = [torch.sigmoid(self.model(cell[None], other[None], vector[None])).item() for other in b]
                rates[t, i] = np.mean(wins)
        return rates


def time_search(config: Config, ranker: Ranker | None = None) -> float:
    benchmark = pipeline.open_benchmark(config)
    search = pipeline.prepare(config, benchmark, ranker).search
    start = time.perf_counter()
    for _ in range(config.search.epochs):
        search.step()
    return time.perf_counter() - start


def main() -> None:
    args = options(__doc__ or "", str(Path(__file__).parent)).parse_args()
    # TU, 10 simulated targets, population 10 and 40 children: the reference script's setting
    default = ["search_space", "nasbench201", "dataset", "cifar10", "archlock.tables", args.tables]
    bayesian = load_config(None, default)
    base = [*default, "search.epochs", "50", "archlock.strategy", "evolution"]
    config = load_config(None, base)
    tables, left_out = Knowledge(config).training_tables()
    trained = [pipeline.train(config, tables, left_out, progress=None) for _ in range(args.seeds)]
    # what scheme TU may use for this source: neither of the other two tasks of the space
    tu_tables, _ = Knowledge(config, hidden=("cifar100", "ImageNet16-120")).training_tables()
    ranker, _ = pipeline.train(config, tu_tables, [], progress=None)
    exhaustive = load_config(None, [*base, "archlock.strategy", "exhaustive"])
    slow = OnePairAtATime(ranker.model, ranker.info)
    plain = load_config(None, [*base, "archlock.screening", "1"])  # without screening, to spare the baseline
    rows: dict[str, list[float]] = {
        "bayesian, 200 look-ups": [time_search(bayesian) for _ in range(args.seeds)],
        f"training a ranker on {len(tables)} tasks": [report.seconds for _, report in trained],
        "evolution, 50 architectures": [time_search(config, ranker) for _ in range(args.seeds)],
        "evolution without screening": [time_search(plain, ranker) for _ in range(args.seeds)],
        "the same, one pair at a time": [time_search(plain, slow)],
        "exhaustive, all of NAS-Bench-201": [time_search(exhaustive, ranker) for _ in range(args.seeds)],
    }
    results: dict[str, Any] = {name: {"median_s": float(np.median(v)), "runs": v} for name, v in rows.items()}
    ratio = results["the same, one pair at a time"]["median_s"] / results["evolution without screening"]["median_s"]
    write_results(args.out, {"threads": torch.get_num_threads(), "seconds": results, "baseline_ratio": ratio})
    print(table([["work", "median s"], *([name, f"{r['median_s']:.3f}"] for name, r in results.items())]))
    print(f"one pair at a time takes {ratio:.0f} times as long; {torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()
