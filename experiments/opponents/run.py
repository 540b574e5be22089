"""How many opponents are enough? Compares rankings of all of NAS-Bench-201 by a sample of opponents and by all pairs.

There are one source and 10 simulated targets, as in scheme TU, and the ranker is trained on what that scheme may see.
Rank correlations are the worst over tasks and over draws of the opponents.

python -m experiments.opponents.run --tables DIR
"""

from __future__ import annotations

import resource
import time
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr

from experiments.common import options, write_results
from naslib_archlock.compute.seeding import stream
from naslib_archlock.config.load import load_config
from naslib_archlock.embedding.simulate import simulate_targets
from naslib_archlock.locking.find_ranker import train_on_scores
from naslib_archlock.locking.knowledge import Knowledge
from naslib_archlock.report.text import table
from naslib_archlock.spaces.known import NASBENCH201

NUMBERS = (16, 32, 64, 128, 256, 512)


def main() -> None:
    args = options(__doc__ or "", str(Path(__file__).parent)).parse_args()
    config = load_config(None, ["search_space", "nasbench201", "dataset", "cifar10", "archlock.tables", args.tables])
    knowledge = Knowledge(config, hidden=("cifar100", "ImageNet16-120"))
    ranker, _ = train_on_scores(config, *knowledge.training_tables(), progress=None)
    source = knowledge.embedding(config.dataset, ranker.info)
    n_targets, cosine = config.archlock.n_targets, config.archlock.cosine
    tasks = np.vstack([source, simulate_targets(source, n_targets, cosine, stream(config.seed, "targets"))])
    cells = NASBENCH201.distinct()
    start = time.perf_counter()
    by_all_pairs = ranker.win_rates_of_all(cells, tasks)
    all_pairs_s = time.perf_counter() - start
    rows, results = [["opponents", "worst Spearman correlation", "s"]], {}
    for n in NUMBERS:
        start, worst = time.perf_counter(), 1.0
        for seed in range(args.seeds):
            opponents = np.array(NASBENCH201.sample(n, stream(seed, "opponents")))
            sampled = ranker.win_rates(cells, tasks, opponents)
            worst = min(worst, *(spearmanr(one, other)[0] for one, other in zip(sampled, by_all_pairs)))
        seconds = (time.perf_counter() - start) / args.seeds
        results[n] = {"worst_spearman": worst, "seconds": seconds}
        rows.append([str(n), f"{worst:.5f}", f"{seconds:.2f}"])
    rows.append([f"{len(cells)} (all pairs)", "", f"{all_pairs_s:.1f}"])
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3  # Linux reports kB
    write_results(args.out, {"all_pairs_seconds": all_pairs_s, "opponents": results, "peak_memory_mb": peak_mb})
    print(table(rows))
    print(f"{len(tasks)} tasks, {torch.get_num_threads()} threads; peak memory of the process {peak_mb:.0f} MB")


if __name__ == "__main__":
    main()
