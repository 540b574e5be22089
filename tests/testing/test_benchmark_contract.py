from __future__ import annotations

import itertools

import numpy as np
import pytest

from naslib_archlock.benchmarks.benchmark import Benchmark
from naslib_archlock.errors import UnknownNameError
from naslib_archlock.spaces.known import TRANSBENCH101_MACRO
from naslib_archlock.testing.benchmark_contract import check_benchmark


class Good(Benchmark):
    """A benchmark that keeps all promises."""

    space = TRANSBENCH101_MACRO
    tasks = ("a", "b")
    fine_tuned_from = {"b": ("a",)}  # noqa: RUF012

    def accuracy(self, arch, *, task, split, pretrained_on=None):
        self.check_task(task, pretrained_on)
        if split not in ("val", "test"):
            raise UnknownNameError(split)
        return float(sum(arch))


def test_a_good_benchmark_passes():
    check_benchmark(Good(), np.random.default_rng(0))


class NoTasks(Good):
    tasks = ()


class DoubledTask(Good):
    tasks = ("a", "b", "a")


class Infinite(Good):
    def accuracy(self, arch, **asked):
        return super().accuracy(arch, **asked) + (np.inf if asked["split"] == "test" else 0.0)


class AnArray(Good):
    def accuracy(self, arch, **asked):
        return np.array(super().accuracy(arch, **asked))


class Changing(Good):
    def __init__(self):
        self.count = itertools.count()

    def accuracy(self, arch, **asked):
        return super().accuracy(arch, **asked) + next(self.count)


class AnyTask(Good):
    def accuracy(self, arch, *, task, split, pretrained_on=None):
        return super().accuracy(arch, task=task if task in self.tasks else "a", split=split)


class AnySplit(Good):
    def accuracy(self, arch, *, task, split, pretrained_on=None):
        return super().accuracy(arch, task=task, split="val", pretrained_on=pretrained_on)


class AnySource(Good):
    def accuracy(self, arch, *, task, split, pretrained_on=None):
        return super().accuracy(arch, task=task, split=split)


class SourceOfNoTask(Good):
    fine_tuned_from = {"b": ("a",), "c": ("a",)}  # noqa: RUF012


class MissingSource(Good):
    fine_tuned_from = {"b": ("a",)}  # noqa: RUF012

    def check_task(self, task, pretrained_on=None):
        super().check_task(task)
        if pretrained_on is not None:
            raise UnknownNameError(pretrained_on)


class AnyOracle(Good):
    def source_oracle(self, task, max_queries):
        return super().source_oracle("a", max_queries)


class Generous(Good):
    def source_oracle(self, task, max_queries):
        return super().source_oracle(task, max_queries + 1)


class OtherSplit(Good):
    """Its oracle answers with other numbers than validation accuracies."""

    def source_oracle(self, task, max_queries):
        oracle = super().source_oracle(task, max_queries)
        look_up = oracle._look_up
        oracle._look_up = lambda arch: look_up(arch) + 1
        return oracle


class Writable(Good):
    def accuracies(self, task, split, pretrained_on=None):
        return super().accuracies(task, split, pretrained_on).copy()


class OtherOrder(Good):
    def accuracies(self, task, split, pretrained_on=None):
        if not hasattr(self, "column"):
            self.column = super().accuracies(task, split, pretrained_on)[::-1]
        return self.column


class Meaningless(Good):
    meaning = ""


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        (NoTasks, AssertionError, "at least one task"),
        (DoubledTask, AssertionError, "occurs twice"),
        (Infinite, AssertionError, "/test.* is inf"),
        (AnArray, AssertionError, "is no float"),
        (Changing, AssertionError, "at the next look-up"),
        (AnyTask, AssertionError, "'no such name'.*must raise UnknownNameError"),
        (AnySplit, AssertionError, "'split': 'no such name'.* must raise UnknownNameError"),
        (AnySource, AssertionError, "pretrained_on=.* must raise UnknownNameError"),
        (SourceOfNoTask, AssertionError, "names tasks that the benchmark lacks: {'c'}"),
        (MissingSource, AssertionError, "names 'a' for b, but there is no figure of networks pretrained on it"),
        (AnyOracle, AssertionError, "an oracle of no task must raise"),
        (Generous, AssertionError, "not exhausted"),
        (OtherSplit, AssertionError, "the oracle of a answers"),
        (Writable, AssertionError, "read-only"),
        (OtherOrder, AssertionError, "accuracies differs in row"),
        (Meaningless, AssertionError, "meaning must be a sentence"),
    ],
)
def test_each_broken_promise_is_named(kind, error, message):
    with pytest.raises(error, match=message):
        check_benchmark(kind(), np.random.default_rng(0))
