"""The ways to evaluate a predictor of accuracy: which architectures train it, and on which it is judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from naslib_archlock.benchmarks.benchmark import Benchmark
from naslib_archlock.spaces.cells import EDGES, NONE
from naslib_archlock.spaces.space import SearchSpace


class Split(NamedTuple):
    """What a predictor learns from and is judged on, for ``n`` architectures of a space.

    Attributes:
        archs: ``n x 6`` codes.
        train: the rows to learn from; ``values`` holds what is known of them.
        values: ``n`` numbers.
        test: the rows to predict.
        truth: ``n`` numbers; Kendall's tau is between the predictions and these.
    """

    archs: np.ndarray
    train: np.ndarray
    values: np.ndarray
    test: np.ndarray
    truth: np.ndarray


def tnasp(benchmark: Benchmark, task: str, n: int, rng: np.random.Generator) -> Split:
    """TNASP's and PINAT's: n random architectures with validation accuracy, judged by the test accuracy of all."""
    archs = benchmark.space.all()
    every = np.arange(len(archs))
    train = rng.choice(len(archs), n, replace=False)
    return Split(archs, train, benchmark.accuracies(task, "val"), every, benchmark.accuracies(task, "test"))


def flan(benchmark: Benchmark, task: str, n: int, rng: np.random.Generator) -> Split:
    """TA-GATES' and FLAN's: n of one half of the space train, and the other half tests, both by validation accuracy.

    Their halves are fixed by the order of their file; here, the seed halves the space.
    """
    archs, values = benchmark.space.all(), benchmark.accuracies(task, "val")
    order = rng.permutation(len(archs))
    half = len(archs) // 2
    return Split(archs, order[:n], values, order[half:], values)


def graf(benchmark: Benchmark, task: str, n: int, rng: np.random.Generator) -> Split:
    """GRAF's: only cells that have no dead edge, n of them train and the others test, both by validation accuracy."""
    keep = has_no_dead_edge(benchmark.space)
    archs, values = benchmark.space.all()[keep], benchmark.accuracies(task, "val")[keep]
    order = rng.permutation(len(archs))
    return Split(archs, order[:n], values, order[n:], values)


PROTOCOLS: dict[str, Callable[[Benchmark, str, int, np.random.Generator], Split]] = {
    "tnasp": tnasp,
    "flan": flan,
    "graf": graf,
}


def has_no_dead_edge(space: SearchSpace) -> np.ndarray:
    """Whether every op of each cell lies on a path from input to output, ``n`` booleans.

    9,445 cells of NAS-Bench-201 are such, with the cell that has no op at all: GRAF's number.
    """
    keep = []
    for cell in space.all().tolist():
        ops = [(edge, op) for edge, op in zip(EDGES, cell) if op != NONE]
        ahead, back = {0}, {3}
        for (start, end), _ in ops:  # by ascending end
            if start in ahead:
                ahead.add(end)
        for (start, end), _ in sorted(ops, key=lambda item: -item[0][0]):
            if end in back:
                back.add(start)
        keep.append(all(start in ahead and end in back for (start, end), _ in ops))
    return np.array(keep)
