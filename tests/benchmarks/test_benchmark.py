from __future__ import annotations

import pytest

from naslib_archlock.benchmarks.benchmark import Benchmark
from naslib_archlock.errors import UnknownNameError
from naslib_archlock.spaces.known import TRANSBENCH101_MICRO


class CountingBenchmark(Benchmark):
    """Answers with what it was asked for."""

    space = TRANSBENCH101_MICRO
    tasks = ("normal", "autoencoder")

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def accuracy(self, arch, *, task, split):
        self.calls.append((task, split))
        return float(sum(arch))


def test_the_oracle_asks_for_the_source_validation_accuracy_only():
    benchmark = CountingBenchmark()
    oracle = benchmark.source_oracle("normal", 3)
    assert benchmark.calls == []
    answers = [oracle.validation_accuracy((i,) * 6) for i in (1, 2, 1, 3, 0, 2)]
    assert answers == [6, 12, 6, 18, None, 12]
    assert benchmark.calls == [("normal", "val")] * 3
    assert oracle.known == {(1,) * 6: 6, (2,) * 6: 12, (3,) * 6: 18}


def test_an_oracle_of_an_unknown_task_is_refused():
    with pytest.raises(
        UnknownNameError,
        match="no folder of that name is here; known: normal, autoencoder",
    ):
        CountingBenchmark().source_oracle("jigsaw", 3)


def test_a_benchmark_says_nothing_special_by_default():
    assert CountingBenchmark().notes == ()
