from __future__ import annotations

import pytest

from naslib_archlock.benchmarks.told import ToldBenchmark
from naslib_archlock.errors import ConfigError, UnknownNameError
from naslib_archlock.spaces.known import NASBENCH201


def test_it_knows_tasks_and_no_accuracy():
    benchmark = ToldBenchmark(NASBENCH201, "mine", ["theirs"])
    assert benchmark.tasks == ("mine", "theirs")
    with pytest.raises(ConfigError, match="ask\\(\\) and tell\\(\\)"):
        benchmark.accuracy((1,) * 6, task="mine", split="val")
    with pytest.raises(UnknownNameError):
        benchmark.source_oracle("other", 3)


def test_its_oracle_counts_what_it_is_told():
    oracle = ToldBenchmark(NASBENCH201, "mine").source_oracle("mine", 2)
    oracle.record((1,) * 6, 90.0)
    oracle.record((1,) * 6, 91.0)
    assert oracle.known == {(1,) * 6: 90.0}
    assert oracle.remaining == 1
