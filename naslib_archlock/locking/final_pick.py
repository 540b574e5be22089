"""The last choice of a run among what its search found, and what the script of the paper looks at to make it.

The released script ends with the architecture of the lowest *true* validation accuracy on the target, even when the
target is "unknown". An owner does not have these figures. ``archlock.final_pick: true_target_accuracy`` repeats this to
measure what the leak is worth, and every output says so.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..benchmarks.benchmark import Benchmark
from ..benchmarks.lock_score import rank_percentile
from ..config.sections import LEAKS, Config
from ..strategies.base import Evaluated, Search
from .prepare import report_targets

NOTE = (
    "LEAKS: the final pick looked at the true validation accuracy on the target of {n} architectures, as the paper's "
    "script does. An owner does not have these figures: this measures what the leak is worth, and is no lock"
)


class FinalPick(NamedTuple):
    """What a run chose.

    Attributes:
        chosen: the architecture.
        leaked: the number of true accuracies on targets that were looked at to choose it.
    """

    chosen: Evaluated
    leaked: int


def final_pick(config: Config, benchmark: Benchmark, search: Search) -> FinalPick:
    """Choose among what a finished search found, as ``archlock.final_pick`` says."""
    finalists = search.finalists() if config.archlock.final_pick == LEAKS else []
    if not finalists:
        return FinalPick(search.best(), 0)
    targets = report_targets(config, benchmark.tasks)
    percentiles = [
        [rank_percentile(benchmark, evaluated.arch, target, "val") for target in targets] for evaluated in finalists
    ]
    worst = int(np.argmin(np.mean(percentiles, axis=1)))  # of one target, the lowest percentile is the lowest accuracy
    return FinalPick(finalists[worst], len(finalists) * len(targets))
