from __future__ import annotations

import matplotlib
import numpy as np
import pytest

from naslib_archlock.benchmarks.source_oracle import SourceOracle
from naslib_archlock.benchmarks.table import TableBenchmark
from naslib_archlock.report import search_pictures
from naslib_archlock.report.search_pictures import lock_picture, search_picture
from naslib_archlock.spaces.known import TRANSBENCH101_MICRO
from naslib_archlock.strategies.base import SearchSettings
from naslib_archlock.strategies.bayesian import BayesianSearch
from naslib_archlock.strategies.evolution import RegularizedEvolution
from naslib_archlock.strategies.exhaustive import ExhaustiveSearch
from naslib_archlock.strategies.fitness import ExpectedFitness


class FakeFitness:
    """The sum of the op codes serves as fitness and as source rank."""

    def evaluate(self, archs):
        return archs.sum(axis=1).astype(float), archs.sum(axis=1).astype(float)

    def source_ranks(self, archs):
        return archs.sum(axis=1).astype(float)

    def source_rank_at(self, pct):
        return pct


def finished(kind, queries: int, sign: float = 1.0):
    oracle = SourceOracle(lambda arch: sign * (1 + sum(arch)), queries)
    search = kind(TRANSBENCH101_MICRO, FakeFitness(), oracle, SearchSettings(), np.random.default_rng(0))
    for _ in range(15):
        search.step()
    return search


def finished_without_a_ranker(queries: int, sign: float = 1.0):
    oracle = SourceOracle(lambda arch: sign * (1 + sum(arch)), queries)
    fitness = ExpectedFitness(TRANSBENCH101_MICRO, TRANSBENCH101_MICRO.distinct().sum(axis=1).astype(float))
    search = BayesianSearch(TRANSBENCH101_MICRO, fitness, oracle, SearchSettings(), np.random.default_rng(0))
    for _ in range(queries):
        search.step()
    return search


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height, read from the header."""
    assert png.startswith(b"\x89PNG")
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


@pytest.mark.parametrize(("queries", "sign"), [(1, 1.0), (20, -0.1)])
def test_a_picture_shows_the_fitness_and_below_it_the_accuracies_looked_up(queries, sign):
    width, height = size_of(search_picture(finished(RegularizedEvolution, queries, sign), "room_layout"))
    narrow, low = size_of(search_picture(finished(RegularizedEvolution, 0), "room_layout"))
    assert narrow == width
    assert low < 0.6 * height


@pytest.mark.parametrize(("queries", "axis"), [(0, "rank on mine, by the ranker"), (12, "mine validation")])
def test_what_was_judged_in_one_step_has_no_order_to_draw(queries, axis, monkeypatch):
    figures = []
    monkeypatch.setattr(search_pictures, "png", lambda figure: figures.append(figure) or b"")
    search = finished(ExhaustiveSearch, queries)
    search_picture(search, "mine")
    (panel,) = figures[0].axes
    assert panel.get_xlabel().startswith(axis)
    assert str(len(search.history)) in figures[0]._suptitle.get_text()


def test_a_picture_of_a_lock_says_what_it_leaves_out(monkeypatch):
    figures = []
    monkeypatch.setattr(search_pictures, "png", lambda figure: figures.append(figure) or b"")
    archs = TRANSBENCH101_MICRO.all()
    values = archs.sum(axis=1).astype(float)
    columns = {f"{task}/{split}": values for task in ("s", "t") for split in ("val", "test")}
    benchmark = TableBenchmark(TRANSBENCH101_MICRO, archs, columns, "made up")
    found = {"source_val": 17.0, "targets": {"t": 3.0}}
    result = {"scheme": "tu", "search_space": "x", "source": "s", **found, "s": found}
    distinct = TRANSBENCH101_MICRO.distinct().sum(axis=1)
    lock_picture(benchmark, "s", result, floor=16.0)
    n_below = int((distinct < 16.0 - (distinct.max() - 16.0)).sum())
    said = (
        f"{n_below} of {len(distinct)} architectures have less than {32.0 - distinct.max():.4g} on s and are left out"
    )
    assert figures[0]._suptitle.get_text().splitlines()[1] == said
    lock_picture(benchmark, "s", result, floor=float(distinct.min()))
    assert "left out" not in figures[1]._suptitle.get_text()


@pytest.mark.parametrize(("queries", "sign"), [(1, 1.0), (30, -0.1)])
def test_a_search_without_a_ranker_is_drawn_the_same(queries, sign):
    picture = search_picture(finished_without_a_ranker(queries, sign), "room_layout")
    assert size_of(picture) == size_of(search_picture(finished(RegularizedEvolution, 1), "room_layout"))
    assert picture == search_picture(finished_without_a_ranker(queries, sign), "room_layout")


def test_the_same_search_has_the_same_picture():
    first, again, other = (search_picture(finished(RegularizedEvolution, n), "normal") for n in (12, 12, 11))
    assert first == again != other


def test_pictures_of_a_search_have_settings_of_their_own(users_settings):
    search = finished(RegularizedEvolution, 12)
    ours = search_picture(search, "normal")
    with matplotlib.rc_context(users_settings):
        assert search_picture(search, "normal") == ours


@pytest.mark.parametrize("targets", [("t",), ("t", "u"), ("t", "u", "v", "w")])
def test_a_lock_is_drawn_among_all_architectures_one_panel_a_target(targets):
    archs = TRANSBENCH101_MICRO.all()
    values = archs.sum(axis=1).astype(float)
    columns = {f"{task}/{split}": values for task in ("s", *targets) for split in ("val", "test")}
    benchmark = TableBenchmark(TRANSBENCH101_MICRO, archs, columns, "made up")
    found = {"source_val": 17.0, "targets": dict.fromkeys(targets, 3.0)}
    result = {"scheme": "tu", "search_space": "x", "source": "s", **found, "s": {**found, "source_val": 18.0}}
    picture = lock_picture(benchmark, "s", result, floor=16.0)
    assert picture == lock_picture(benchmark, "s", result, floor=16.0)
    assert picture != lock_picture(benchmark, "s", {**result, "source_val": 18.0}, floor=16.0)
    width, height = size_of(picture)
    columns_drawn, rows_drawn = min(3, len(targets)), -(-len(targets) // 3)
    assert (width > 750) == (columns_drawn > 1)
    assert (height > 600) == (rows_drawn > 1)


@pytest.mark.parametrize("name", ["$\\frac$", "$x", "a\nb\x01", "x" * 300, "_hidden", "a_b^c%"])
def test_the_name_of_a_task_is_never_read_as_a_formula(name):
    """A folder may have any name."""
    search = finished(RegularizedEvolution, 5)
    assert size_of(search_picture(search, name)) == size_of(search_picture(search, "room_layout"))
