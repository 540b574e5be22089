"""NSGA-II as a baseline: its queries, its choice, and that it searches better than chance."""

from __future__ import annotations

import importlib
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from watched import Watched

from naslib_archlock.benchmarks.benchmark import Benchmark
from naslib_archlock.benchmarks.source_oracle import budget_floor
from naslib_archlock.benchmarks.table import find_table, read_table
from naslib_archlock.errors import ArchLockError, ConfigError
from naslib_archlock.spaces.cells import Cell, cell_index
from naslib_archlock.spaces.known import DIGITS, TRANSBENCH101_MACRO, TRANSBENCH101_MICRO
from naslib_archlock.spaces.space import SearchSpace
from naslib_archlock.studies.jobs import Job

pytest.importorskip("pymoo")

from naslib_archlock.studies import nsga2

SOURCE, TARGET = "class_scene", "autoencoder"


class Constant(Benchmark):
    """A benchmark with the same accuracy for every architecture."""

    def __init__(self, space: SearchSpace) -> None:
        self.space, self.tasks = space, (SOURCE, TARGET)

    def accuracy(self, arch: Cell, *, task: str, split: str, pretrained_on: str | None = None) -> float:
        return 50.0


@pytest.fixture(scope="module")
def table(toy_tables: Path) -> Benchmark:
    return read_table(find_table(toy_tables, TRANSBENCH101_MICRO), TRANSBENCH101_MICRO)


def job(benchmark: Benchmark, **changes: Any) -> Job:
    given = {
        "source": SOURCE, "target": TARGET, "budget_pct": 5.0, "seed": 0, "source_queries": 100, "tables": "",
        "options": {}, "rankers": Path("unused"),
    }  # fmt: skip
    return Job(benchmark, **{**given, **changes})


@pytest.mark.parametrize("source_queries", [1, 7, 100])
def test_source_and_target_are_looked_up_for_the_same_architectures(table, source_queries):
    watched = Watched(table)
    picks = nsga2.pick(job(watched, source_queries=source_queries))
    assert picks.source_queries == picks.target_queries == source_queries
    assert len(set(watched.archs(SOURCE))) == len(watched.archs(SOURCE)) == source_queries
    assert watched.archs(SOURCE) == watched.archs(TARGET)


def test_only_validation_figures_of_the_two_tasks_are_read(table):
    watched = Watched(table)
    nsga2.pick(job(watched))
    assert {(task, split) for _, task, split in watched.asked} == {(SOURCE, "val"), (TARGET, "val")}


def test_every_look_up_is_of_another_connected_function(table):
    watched = Watched(table)
    nsga2.pick(job(watched))
    archs = np.array(watched.archs(SOURCE))
    assert np.isin(cell_index(archs), cell_index(TRANSBENCH101_MICRO.distinct())).all()
    assert len(np.unique(cell_index(archs))) == len(archs)


@pytest.mark.parametrize("budget_pct", [0.0, 2.0, 20.0, 100.0])
def test_the_picks_are_the_worst_on_the_target_within_the_budget_of_the_best_seen(table, budget_pct):
    watched = Watched(table)
    picks = nsga2.pick(job(watched, budget_pct=budget_pct))
    source, target = (
        {arch: table.accuracy(arch, task=task, split="val") for arch in watched.archs(task)}
        for task in (SOURCE, TARGET)
    )
    within = [arch for arch in source if source[arch] >= budget_floor(max(source.values()), budget_pct)]
    assert picks.archs == sorted(within, key=lambda arch: target[arch])[:5]
    assert 1 <= len(picks.archs) <= 5


def test_the_seed_alone_decides(table):
    random.seed(1)
    np.random.seed(1)
    first, second = Watched(table), Watched(table)
    picks = nsga2.pick(job(first))
    random.seed(2)
    np.random.seed(2)
    assert nsga2.pick(job(second)) == picks
    assert second.asked == first.asked
    other = Watched(table)
    nsga2.pick(job(other, seed=1))
    assert set(other.archs(SOURCE)) != set(first.archs(SOURCE))


def test_global_generators_are_left_as_they_were(table):
    random.seed(5)
    np.random.seed(5)
    expected = random.random(), np.random.random()
    random.seed(5)
    np.random.seed(5)
    nsga2.pick(job(table, source_queries=50))
    assert (random.random(), np.random.random()) == expected


def test_it_finds_more_of_the_front_than_random_architectures(table):
    indicators = pytest.importorskip("pymoo.indicators.hv")

    def front_volume(archs: list[Cell]) -> float:
        source, target = ([table.accuracy(a, task=t, split="val") for a in archs] for t in (SOURCE, TARGET))
        return float(indicators.HV(ref_point=np.array([0.0, 100.0]))(np.stack([np.negative(source), target], axis=1)))

    gains = []
    for seed in range(10):
        watched = Watched(table)
        nsga2.pick(job(watched, seed=seed))
        drawn = TRANSBENCH101_MICRO.sample(100, np.random.default_rng(seed))
        gains.append(front_volume(watched.archs(SOURCE)) - front_volume(drawn))
    assert np.mean(gains) > 0


def test_on_a_space_that_lacks_some_children_every_look_up_is_in_the_space(macro_tables):
    watched = Watched(read_table(find_table(macro_tables, TRANSBENCH101_MACRO), TRANSBENCH101_MACRO))
    picks = nsga2.pick(job(watched, target="normal"))
    archs = watched.archs(SOURCE)
    assert len(set(archs)) == len(archs) == picks.source_queries == 100
    assert np.isin(cell_index(np.array(archs)), cell_index(TRANSBENCH101_MACRO.all())).all()


def test_a_child_that_the_space_lacks_is_replaced_by_its_parent():
    """Of these parents, a child can have three modules that double the channels, and others none."""
    space, parents = TRANSBENCH101_MACRO, [(1, 1, 1, 4, 0, 0), (4, 1, 1, 1, 0, 0)]
    crossover = nsga2.Uniform(space)
    problem = nsga2.LockProblem(job(Constant(space)))
    mated = np.repeat(np.array(parents)[:, None], 200, axis=1)
    children = crossover._do(problem, mated, random_state=np.random.default_rng(0))
    assert np.isin(cell_index(children), cell_index(space.all())).all()
    found = {tuple(child) for child in children.reshape(-1, 6).tolist()}
    assert found == {*parents, (4, 1, 1, 4, 0, 0)}


def test_more_look_ups_than_there_are_functions():
    picks = nsga2.pick(job(Constant(DIGITS), source_queries=10_000))
    assert 800 < picks.source_queries <= 870
    assert picks.target_queries == picks.source_queries


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": None}, "needs a target and a source budget"),
        ({"budget_pct": None}, "needs a target and a source budget"),
        ({"source_queries": 0}, "source_queries=0: NSGA-II needs at least 1 look-up"),
    ],
)
def test_jobs_that_cannot_be_done(changes, message):
    with pytest.raises(ConfigError, match=message):
        nsga2.pick(job(**{"benchmark": Constant(DIGITS), **changes}))


def test_without_pymoo_the_error_says_what_to_install(monkeypatch):
    for name in [m for m in sys.modules if m.split(".")[0] == "pymoo"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pymoo", None)
    monkeypatch.delitem(sys.modules, nsga2.__name__)
    with pytest.raises(ArchLockError, match="pymoo.*pip install 'naslib_archlock\\[studies\\]'"):
        importlib.import_module(nsga2.__name__)
