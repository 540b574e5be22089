"""What every benchmark must do, as a check for authors of their own ones.

A test of a benchmark calls ``check_benchmark(MyBenchmark(), np.random.default_rng(0))``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ..benchmarks.benchmark import Benchmark
from ..errors import UnknownNameError
from ..spaces.cells import Cell
from ..tasks.names import SPLITS

NO_SUCH_NAME = "no such name"
_REQUIRED_SPLITS = ("val", "test")


def check_benchmark(benchmark: Benchmark, rng: np.random.Generator, n_archs: int = 5) -> None:
    """Check that a benchmark keeps its promises (``Benchmark``).

    Args:
        benchmark: The benchmark. One that is not tabular trains ``n_archs`` networks on each of its tasks.
        rng: The generator that draws the architectures.
        n_archs: The number of architectures to look up; at least 2.

    Raises:
        AssertionError: If it breaks a promise; the message says which.
    """
    archs = benchmark.space.sample(n_archs, rng)
    assert benchmark.tasks, "a benchmark needs at least one task"
    assert len(set(benchmark.tasks)) == len(benchmark.tasks), f"a task occurs twice: {benchmark.tasks}"
    assert benchmark.meaning.endswith("."), f"meaning must be a sentence: {benchmark.meaning!r}"
    assert all(benchmark.notes), f"an empty note: {benchmark.notes}"
    for task in benchmark.tasks:
        _check_figures(benchmark, archs, task, None)
        _check_oracle(benchmark, archs, task)
    _check_unknown_names(benchmark, archs[0])
    _check_fine_tuned(benchmark, archs)
    if benchmark.is_tabular:
        _check_whole_column(benchmark, archs)


def _check_figures(benchmark: Benchmark, archs: Sequence[Cell], task: str, pretrained_on: str | None) -> None:
    """Each accuracy is a finite float, and the same whenever it is looked up; ``train`` alone may be missing."""
    for split in SPLITS:
        if split not in _REQUIRED_SPLITS and _refuses(
            lambda: benchmark.accuracy(archs[0], task=task, split=split, pretrained_on=pretrained_on)  # noqa: B023
        ):
            continue
        for arch in archs:
            first, second = (
                benchmark.accuracy(arch, task=task, split=split, pretrained_on=pretrained_on) for _ in range(2)
            )
            where = f"{benchmark.space.to_str(arch)} on {task}/{split}, pretrained on {pretrained_on}"
            assert isinstance(first, float), f"the accuracy of {where} is no float: {first!r}"
            assert math.isfinite(first), f"the accuracy of {where} is {first}"
            assert first == second, f"the accuracy of {where} is {first}, and at the next look-up {second}"


def _check_oracle(benchmark: Benchmark, archs: Sequence[Cell], task: str) -> None:
    """The oracle answers with validation accuracies, counts look-ups, and asks for the same one at no cost."""
    oracle = benchmark.source_oracle(task, len(archs) - 1)
    for n_asked, arch in enumerate(archs[:-1], start=1):
        for _ in range(2):
            found = oracle.validation_accuracy(arch)
            assert found == benchmark.accuracy(arch, task=task, split="val"), f"the oracle of {task} answers {found}"
            assert oracle.queries == n_asked, f"the oracle counts {oracle.queries} look-ups instead of {n_asked}"
    assert oracle.is_exhausted, "all look-ups are used, but the oracle is not exhausted"
    assert oracle.validation_accuracy(archs[-1]) is None, "the oracle answers more often than it may"
    assert oracle.validation_accuracy(archs[0]) is not None, "an answer that was paid for must remain free"


def _check_unknown_names(benchmark: Benchmark, arch: Cell) -> None:
    task = benchmark.tasks[0]
    for names in ({"task": NO_SUCH_NAME, "split": "val"}, {"task": task, "split": NO_SUCH_NAME}):
        assert _refuses(lambda: benchmark.accuracy(arch, **names)), f"{names} must raise UnknownNameError"  # noqa: B023
    assert _refuses(lambda: benchmark.source_oracle(NO_SUCH_NAME, 1)), (
        "an oracle of no task must raise UnknownNameError"
    )


def _check_fine_tuned(benchmark: Benchmark, archs: Sequence[Cell]) -> None:
    """Fine-tuned figures are there for the sources in ``fine_tuned_from``, and refused for all others.

    A benchmark may have those of some architectures only.
    """
    strangers = set(benchmark.fine_tuned_from) - set(benchmark.tasks)
    assert not strangers, f"fine_tuned_from names tasks that the benchmark lacks: {strangers}"
    for task in benchmark.tasks:
        sources = benchmark.fine_tuned_from.get(task, ())
        for source in sources:
            measured = [
                arch
                for arch in archs
                if not _refuses(
                    lambda: benchmark.accuracy(arch, task=task, split="val", pretrained_on=source)  # noqa: B023
                )
            ]
            if measured:
                _check_figures(benchmark, measured, task, source)
            else:
                assert benchmark.is_tabular and not _refuses(
                    lambda: benchmark.accuracies(task, "val", pretrained_on=source)  # noqa: B023
                ), f"fine_tuned_from names {source!r} for {task}, but there is no figure of networks pretrained on it"
        for other in {*benchmark.tasks, NO_SUCH_NAME} - set(sources):
            assert _refuses(
                lambda: benchmark.accuracy(archs[0], task=task, split="val", pretrained_on=other)  # noqa: B023
            ), f"pretrained_on={other!r} must raise UnknownNameError for {task}: it is not in fine_tuned_from"


def _check_whole_column(benchmark: Benchmark, archs: Sequence[Cell]) -> None:
    """``accuracies`` holds what ``accuracy`` answers, in the order of ``space.all()``."""
    task, everything = benchmark.tasks[0], benchmark.space.all()
    column = benchmark.accuracies(task, "val")
    assert column.shape == (len(everything),), f"accuracies has shape {column.shape}, not {(len(everything),)}"
    assert not column.flags.writeable, "accuracies must be read-only: all callers share it"
    assert benchmark.accuracies(task, "val") is column, "accuracies must return the same array again"
    for arch in archs:
        row = int(np.flatnonzero((everything == arch).all(axis=1))[0])
        assert column[row] == benchmark.accuracy(arch, task=task, split="val"), f"accuracies differs in row {row}"


def _refuses(ask: Callable[[], object]) -> bool:
    """Whether a call raises UnknownNameError."""
    try:
        ask()
    except UnknownNameError:
        return True
    return False
