from __future__ import annotations

import pytest

from naslib_archlock.benchmarks import tabular
from naslib_archlock.benchmarks.tabular import tabular_benchmark
from naslib_archlock.errors import NaslibError, TableError
from naslib_archlock.spaces.known import DIGITS, NASBENCH201, TRANSBENCH101_MICRO


def test_plain_tables_come_first(toy_tables):
    assert "class_scene" in tabular_benchmark(TRANSBENCH101_MICRO, str(toy_tables)).tasks
    with pytest.raises(TableError, match="no table of digits"):
        tabular_benchmark(DIGITS, str(toy_tables))


def test_the_embedded_benchmark_needs_nothing():
    assert tabular_benchmark(DIGITS).tasks == DIGITS.tasks


def test_other_spaces_are_asked_of_naslib(monkeypatch):
    class Provider:
        def open_benchmark(self, space):
            raise NaslibError(f"asked for {space.name}")

    monkeypatch.setattr(tabular, "naslib", Provider)
    with pytest.raises(NaslibError, match="asked for nasbench201"):
        tabular_benchmark(NASBENCH201)
