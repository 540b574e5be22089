from __future__ import annotations

import numpy as np
import pytest

from naslib_archlock.benchmarks.benchmark import FROM_SCRATCH, Benchmark
from naslib_archlock.errors import UnknownNameError
from naslib_archlock.spaces.known import TRANSBENCH101_MACRO
from naslib_archlock.testing.benchmark_contract import check_benchmark


class CountingBenchmark(Benchmark):
    """Answers with the sum of the codes, plus 100 if the network was fine-tuned, and remembers every query."""

    space = TRANSBENCH101_MACRO
    tasks = ("normal", "autoencoder")

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str | None]] = []

    def accuracy(self, arch, *, task, split, pretrained_on=None):
        self.check_task(task, pretrained_on)
        if split not in ("val", "test"):
            raise UnknownNameError(split)
        self.calls.append((task, split, pretrained_on))
        return float(sum(arch) + 100 * (pretrained_on is not None))


class FineTunedBenchmark(CountingBenchmark):
    """The same benchmark, with networks that were trained on normal and fine-tuned on autoencoder."""

    fine_tuned_from = {"autoencoder": ("normal",)}  # noqa: RUF012


@pytest.mark.parametrize("kind", [CountingBenchmark, FineTunedBenchmark])
def test_a_benchmark_of_ones_own_keeps_the_contract(kind):
    check_benchmark(kind(), np.random.default_rng(0))


def test_a_search_is_given_the_source_validation_accuracy_only():
    benchmark = CountingBenchmark()
    oracle = benchmark.source_oracle("normal", 3)
    assert benchmark.calls == []
    assert oracle.validation_accuracy((1,) * 6) == 6
    assert benchmark.calls == [("normal", "val", None)]


def test_an_oracle_of_an_unknown_task_is_refused():
    with pytest.raises(
        UnknownNameError,
        match="no folder of that name is here; known: normal, autoencoder",
    ):
        CountingBenchmark().source_oracle("jigsaw", 3)


def test_a_benchmark_says_nothing_special_by_default():
    benchmark = CountingBenchmark()
    assert benchmark.notes == ()
    assert benchmark.meaning == FROM_SCRATCH
    assert benchmark.is_tabular
    assert benchmark.fine_tuned_from == {}


def test_without_fine_tuned_networks_a_source_is_refused_and_the_way_out_is_named():
    for source in ("normal", "jigsaw"):
        with pytest.raises(UnknownNameError, match=f"pretrained on '{source}'.*leave pretrained_on out.*SOURCE>TASK"):
            CountingBenchmark().accuracy((1,) * 6, task="autoencoder", split="val", pretrained_on=source)


def test_a_source_that_was_not_fine_tuned_from_is_refused_and_the_known_ones_are_named():
    benchmark = FineTunedBenchmark()
    assert benchmark.accuracy((1,) * 6, task="autoencoder", split="val", pretrained_on="normal") == 106
    with pytest.raises(UnknownNameError, match="pretrained_on 'norml'.*on autoencoder; known: normal; did you mean"):
        benchmark.accuracy((1,) * 6, task="autoencoder", split="val", pretrained_on="norml")
    with pytest.raises(UnknownNameError, match="pretrained_on 'autoencoder'.*on normal; known: none"):
        benchmark.accuracy((1,) * 6, task="normal", split="val", pretrained_on="autoencoder")


def test_a_whole_column_is_read_once():
    benchmark = FineTunedBenchmark()
    archs = benchmark.space.all()
    column = benchmark.accuracies("autoencoder", "test")
    np.testing.assert_array_equal(column, archs.sum(axis=1))
    assert benchmark.accuracies("autoencoder", "test") is column
    assert benchmark.calls == [("autoencoder", "test", None)] * len(archs)
    with pytest.raises(ValueError, match="read-only"):
        column[0] = 0
    np.testing.assert_array_equal(benchmark.accuracies("autoencoder", "test", "normal"), column + 100)
    np.testing.assert_array_equal(benchmark.accuracies("autoencoder", "val"), column)
    assert len(benchmark.calls) == 3 * len(archs)
    assert FineTunedBenchmark().accuracies("autoencoder", "test") is not column
    with pytest.raises(UnknownNameError, match="unknown task"):
        benchmark.accuracies("jigsaw", "val")
