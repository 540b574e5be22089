"""The runs of the study, each of one predictor; parallel processes import them from here."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy.stats import kendalltau

from experiments.predictors import candidates
from experiments.predictors.protocols import PROTOCOLS, Split
from naslib_archlock.spaces.known import get_space
from naslib_archlock.studies.study_run import benchmark_of

SIZES = {"tnasp": (78, 156, 469, 781, 1563), "flan": (78, 390, 781), "graf": (32, 128, 1024)}
FAST = ("archlock mlp", "archlock features", "archlock trees", "archlock gp", "archlock ensemble")
NETWORKS = ("archlock gcn", "archlock transformer")
NASLIB = tuple(f"NASLib {name} {enc}" for name in ("xgb", "lgb", "rf") for enc in ("raw", "canonical"))
NASLIB_NETWORKS = tuple(f"NASLib {name} {enc}" for name in ("mlp", "gcn", "bonas") for enc in ("raw", "canonical"))
ON_OTHER_TASKS = (*FAST, "archlock gcn", "NASLib xgb canonical", "NASLib lgb canonical", "NASLib rf canonical")
TASKS = {
    "nasbench201": ("cifar10", "cifar100", "ImageNet16-120"),
    "transbench101_micro": ("class_scene", "class_object", "room_layout", "normal", "autoencoder"),
    "transbench101_macro": ("class_scene", "class_object", "room_layout", "normal", "autoencoder"),
}
ITERATIONS = 5  # of BRP-NAS's protocol


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
    for task in TASKS["nasbench201"]:
        for name in ON_OTHER_TASKS:
            n_seeds = few if name in ("archlock mlp", "archlock features", "archlock gcn") else seeds
            yield from (Cell("brpnas", "nasbench201", task, name, 100, seed) for seed in range(n_seeds))
    for space, tasks in TASKS.items():
        for task in tasks:
            for name in ON_OTHER_TASKS:
                n_seeds = few if name == "archlock gcn" else min(seeds, 5)
                yield from (Cell("tasks", space, task, name, 156, seed) for seed in range(n_seeds))


def evaluate(cell: Cell, tables: str) -> dict[str, float]:
    """Kendall's tau and the seconds of one run."""
    split = _split(cell, tables)
    found = candidates.predict(cell.predictor, get_space(cell.space), split, cell.seed)
    tau = float(kendalltau(found.values, split.truth[split.test])[0])
    return {"tau": tau, "fit": found.fit, "query": found.query}


def evaluate_iterated(cell: Cell, tables: str) -> dict[str, float]:
    """BRP-NAS's protocol: the architectures to learn from are chosen in 5 iterations, with what is known by then.

    The first batch is random. Half of each later batch are the best by the predictor, and the other half is drawn from
    the best 1 / 2^i of the space in iteration i (Dudziak et al., NeurIPS 2020, section 4.2).

    Returns:
        Kendall's tau after the last iteration, and the test accuracy of the architecture with the best validation
        accuracy of all that were learnt from, in % of the best test accuracy of the table.
    """
    rng = np.random.default_rng(cell.seed)
    whole = PROTOCOLS["tnasp"](benchmark_of(cell.space, tables), cell.task, cell.n // ITERATIONS, rng)
    known, space = whole.train, get_space(cell.space)
    for iteration in range(1, ITERATIONS + 1):
        found = candidates.predict(cell.predictor, space, whole._replace(train=known), cell.seed)
        if iteration == ITERATIONS:
            break
        is_known = np.isin(whole.test, known)
        best_first = np.argsort(-found.values, kind="stable")
        best_first = best_first[~is_known[best_first]]
        n_top = cell.n // ITERATIONS // 2
        others = best_first[n_top : max(len(whole.test) // 2**iteration, 2 * n_top)]
        known = np.concatenate([known, best_first[:n_top], rng.choice(others, n_top, replace=False)])
    best = known[whole.values[known].argmax()]
    return {
        "tau": float(kendalltau(found.values, whole.truth)[0]),
        "pct_of_best": float(100 * whole.truth[best] / whole.truth.max()),
    }


def _split(cell: Cell, tables: str) -> Split:
    protocol = PROTOCOLS["tnasp" if cell.part == "tasks" else cell.part]
    return protocol(benchmark_of(cell.space, tables), cell.task, cell.n, np.random.default_rng(cell.seed))


def memory(name: str, tables: str) -> float:
    """The MiB that a predictor adds to a process, trained on 1,563 cells of NAS-Bench-201 and asked for all."""
    code = (
        "import sys; from experiments.predictors.runs import own_memory; "
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
