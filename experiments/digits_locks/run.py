"""Lock scores on the embedded benchmark: S, TU and TK for every source and target, beside simple baselines.

python experiments/digits_locks/run.py
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from common import interval, options, parallel, show, write_results

from naslib_archlock import pipeline
from naslib_archlock.config import load_config
from naslib_archlock.report import LIMIT
from naslib_archlock.report.text import table
from naslib_archlock.scoring import LockScale, Scored
from naslib_archlock.spaces import DIGITS

BUDGET_PCT = 2.0
SEARCHES = tuple((scheme, exhaustive) for exhaustive in (False, True) for scheme in ("tu", "tk", "s"))
BASELINES = ("fewest weights", "ceiling")


def run_pair(source: str, target: str, n_seeds: int) -> dict[str, list[dict[str, Any]]]:
    """All methods on one pair: ``n_seeds`` results of each search, one of each baseline."""
    benchmark = pipeline.open_benchmark(load_config(None, ["search_space", "digits", "dataset", source]))
    scale = LockScale(benchmark, source, target, BUDGET_PCT)
    results: dict[str, list[dict[str, Any]]] = {
        "fewest weights": [vars(scale.score(scale.fewest_weights()))],
        "ceiling": [vars(scale.score(scale.ceiling()))],
    }
    for scheme, exhaustive in SEARCHES:
        results[name_of(scheme, exhaustive)] = [
            search_once(scheme, exhaustive, source, target, seed, scale) for seed in range(n_seeds)
        ]
    return results


def name_of(scheme: str, exhaustive: bool) -> str:
    return scheme + (" exhaustive" if exhaustive else "")


METHODS = (*(name_of(*kind) for kind in SEARCHES), *BASELINES)


def search_once(scheme: str, exhaustive: bool, source: str, target: str, seed: int, scale: LockScale) -> dict[str, Any]:
    """The score of what one search found, and its look-ups."""
    overrides = ["seed", str(seed), "search_space", "digits", "dataset", source, "archlock.target", target]
    config = load_config(None, [*overrides, "archlock.source_budget_pct", str(BUDGET_PCT)])
    config = replace(config, archlock=replace(config.archlock, scheme=scheme, exhaustive=exhaustive))
    benchmark = pipeline.open_benchmark(config)
    search = pipeline.prepare(config, benchmark).search
    for _ in range(config.search.epochs):
        search.step()
    scored: Scored = scale.score(search.best().arch)
    return {**vars(scored), "source_queries": search.oracle.queries}


def main() -> None:
    args = options(__doc__ or "", str(Path(__file__).parent), tables=False, seeds=10).parse_args()
    pairs = list(itertools.permutations(DIGITS.tasks, 2))
    found = parallel(run_pair, [(*pair, args.seeds) for pair in pairs], args.jobs)

    # a mean over pairs for each seed, and its interval over seeds: the pairs are all there are, the seeds a sample
    rows = [["lock score", "mean ± 95%", "outside budget", "source loss %", "pairs above fewest weights"]]
    summary: dict[str, Any] = {}
    for method in METHODS:
        n = len(found[0][method])
        scores = [sum(result[method][i]["lock_score"] for result in found) / len(pairs) for i in range(n)]
        runs = [run for result in found for run in result[method]]
        above = sum(mean_score(result[method]) > mean_score(result["fewest weights"]) for result in found)
        summary[method] = {
            "lock_score": interval(scores),
            "failures": sum(not run["is_within_budget"] for run in runs) / len(runs),
            "source_loss_pct": sum(run["source_loss_pct"] for run in runs) / len(runs),
        }
        score = show(summary[method]["lock_score"]) if n > 1 else f"{scores[0]:.3f}"
        failed, loss = summary[method]["failures"], summary[method]["source_loss_pct"]
        rows.append([method, score, f"{100 * failed:.0f}%", f"{loss:.2f}", f"{above} of {len(pairs)}"])
    print(f"all {len(pairs)} pairs, {args.seeds} seeds, source budget {BUDGET_PCT:g}%; random in budget is 0")
    print(table(rows))

    header = ["source -> target", *METHODS]
    body = [
        [f"{source} -> {target}", *(cell(result[method]) for method in METHODS)]
        for (source, target), result in zip(pairs, found)
    ]
    print(f"\n{table([header, *body])}\n\n{LIMIT}")
    by_pair = {
        f"{source} -> {target}": {method: brief(runs) for method, runs in result.items()}
        for (source, target), result in zip(pairs, found)
    }
    write_results(args.out, {"budget_pct": BUDGET_PCT, "summary": summary, "pairs": by_pair})


def brief(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """What is kept of the runs of one method."""
    return {
        "lock_scores": [round(run["lock_score"], 4) for run in runs],
        "target_tests": [round(run["target_test"], 2) for run in runs],
        "outside_budget": sum(not run["is_within_budget"] for run in runs),
    }


def mean_score(runs: list[dict[str, Any]]) -> float:
    return sum(run["lock_score"] for run in runs) / len(runs)


def cell(runs: list[dict[str, Any]]) -> str:
    scores = [run["lock_score"] for run in runs]
    return show(interval(scores), digits=2) if len(scores) > 1 else f"{scores[0]:.2f}"


if __name__ == "__main__":
    main()
