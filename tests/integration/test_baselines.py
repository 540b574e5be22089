"""NASLib's optimizers as baselines: NASLib itself searches, and sees only the source's validation accuracy."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from watched import Watched

from naslib_archlock.benchmarks.benchmark import Benchmark
from naslib_archlock.benchmarks.digits_benchmark import digits_benchmark
from naslib_archlock.benchmarks.table import find_table, read_table
from naslib_archlock.errors import ConfigError, UnknownNameError
from naslib_archlock.plugin.naslib_benchmark import NaslibBenchmark
from naslib_archlock.spaces.known import TRANSBENCH101_MACRO, TRANSBENCH101_MICRO, get_space
from naslib_archlock.studies.jobs import Job, first_distinct

SPACES = ("nasbench201", "transbench101_micro", "transbench101_macro")
OPTIMIZERS = ("rs", "re", "ls", "bananas", "npenas")


@pytest.fixture(scope="session")
def baselines(naslib: ModuleType) -> Any:
    from naslib_archlock.plugin import baselines

    return baselines


@pytest.fixture(scope="session")
def sources(sources: dict[str, str]) -> dict[str, str]:
    return {**sources, "transbench101_macro": "class_scene"}


@pytest.fixture(scope="session")
def dataset_apis(dataset_apis: dict[str, Any]) -> dict[str, Any]:
    return {**dataset_apis, "transbench101_macro": dataset_apis["transbench101_micro"]}  # NASLib has one file of both


@pytest.fixture
def benchmark_of(dataset_apis, sources) -> Callable[[str], Watched]:
    """A function that makes a watched benchmark of a search space, from NASLib's own files."""
    return lambda name: Watched(NaslibBenchmark(get_space(name), {sources[name]: dataset_apis[name]}))


@pytest.fixture
def toy(toy_tables: Path) -> Watched:
    return Watched(read_table(find_table(toy_tables, TRANSBENCH101_MICRO), TRANSBENCH101_MICRO))


def job(benchmark: Benchmark, optimizer: str, **changes: Any) -> Job:
    given = {
        "source": "class_scene", "target": None, "budget_pct": None, "seed": 0, "source_queries": 40, "tables": "",
        "options": {"optimizer": optimizer}, "rankers": Path("unused"),
    }  # fmt: skip
    return Job(benchmark, **{**given, **changes})


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("space", SPACES)
def test_the_picks_are_the_best_of_what_was_looked_up_on_the_source(baselines, benchmark_of, sources, space, optimizer):
    benchmark = benchmark_of(space)
    picks = baselines.pick(job(benchmark, optimizer, source=sources[space]))
    assert {(task, split) for _, task, split in benchmark.asked} == {(sources[space], "val")}
    archs = [arch for arch, _, _ in benchmark.asked]
    assert len(set(archs)) == len(archs) == picks.source_queries == 40
    assert picks.target_queries == 0
    best_first = sorted(archs, key=lambda a: -benchmark.accuracy(a, task=sources[space], split="val"))
    assert picks.archs == first_distinct(benchmark.space, best_first)
    assert len(picks.archs) == 5


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_seed_alone_decides(baselines, toy, optimizer):
    def asked(seed: int, global_seed: int) -> list[Any]:
        random.seed(global_seed)
        np.random.seed(global_seed)
        torch.manual_seed(global_seed)
        toy.asked.clear()
        baselines.pick(job(toy, optimizer, seed=seed))
        return list(toy.asked)

    assert asked(0, global_seed=1) == asked(0, global_seed=2)
    assert asked(0, global_seed=1) != asked(1, global_seed=1)


def test_global_generators_are_left_as_they_were(baselines, toy):
    def draw() -> tuple[float, float, float]:
        return random.random(), np.random.random(), torch.rand(1).item()

    def seed() -> None:
        random.seed(5)
        np.random.seed(5)
        torch.manual_seed(5)

    seed()
    expected = draw()
    seed()
    baselines.pick(job(toy, "ls"))
    assert draw() == expected


# The settings are small, because NASLib's search spaces build graphs, and networks for the neighbours.
QUICK = {"population_size": 6, "sample_size": 3, "num_init": 5, "k": 3, "num_candidates": 10}


@pytest.mark.parametrize(
    ("space", "optimizer", "epochs"),
    [(space, optimizer, 12) for space in SPACES[:2] for optimizer in ("rs", "re", "ls")]
    + [("transbench101_micro", "bananas", 9), ("transbench101_micro", "npenas", 9)],
)
def test_the_search_is_the_one_that_naslib_makes_in_its_own_search_space(
    baselines, benchmark_of, dataset_apis, sources, monkeypatch, space, optimizer, epochs
):
    from naslib.search_spaces import supported_search_spaces

    monkeypatch.setattr(random, "shuffle", lambda items: None)  # NASLib's constructor draws from ``random`` before it
    config = baselines.AttrDict(
        dataset=sources[space], search=baselines.AttrDict({**baselines.SEARCH, **QUICK, "epochs": epochs})
    )
    naslibs = supported_search_spaces[space]()
    naslibs.instantiate_model = False
    oracle = benchmark_of(space).source_oracle(sources[space], 100)
    ours = baselines.op_index_space(get_space(space), sources[space], oracle)

    def history(search_space: Any) -> list[tuple[Any, float]]:
        search = baselines.OPTIMIZERS[optimizer](config)
        with baselines.global_generators(3):
            search.adapt_search_space(search_space, dataset_api=dataset_apis[space])
            for epoch in range(epochs):
                search.new_epoch(epoch)
        return [(tuple(map(int, m.arch.get_op_indices())), float(m.accuracy)) for m in search.history]

    found = history(ours)
    assert found == history(naslibs)
    assert len({arch for arch, _ in found}) > len(found) / 2


def test_naslibs_own_mutation_fails_on_macro_so_ours_takes_its_place(baselines, naslib):
    from naslib.search_spaces import TransBench101SearchSpaceMacro

    space = TRANSBENCH101_MACRO
    naslibs, parent = TransBench101SearchSpaceMacro(), TransBench101SearchSpaceMacro()
    parent.op_indices = (1, 4, 2, 3, 1, 0)
    with pytest.raises(TypeError, match="len"):
        naslibs.mutate(parent)
    ours = baselines.op_index_space(space, "class_scene", None)
    parent = ours._with((1, 4, 2, 3, 1, 0))
    with baselines.global_generators(0):
        found = set()
        for _ in range(300):
            ours.mutate(parent)
            found.add(space.from_naslib(ours.op_indices))
        nbhd = [space.from_naslib(module.arch.op_indices) for module in parent.get_nbhd()]
    assert found == set(nbhd) == set(space.neighbours((1, 4, 2, 3, 1, 0)))
    assert len(nbhd) == len(found)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_digits_are_searched_as_the_cells_of_micro(baselines, optimizer):
    benchmark = Watched(digits_benchmark())
    picks = baselines.pick(job(benchmark, optimizer, source="digit"))
    archs = [arch for arch, _, _ in benchmark.asked]
    assert {(task, split) for _, task, split in benchmark.asked} == {("digit", "val")}
    assert len(set(archs)) == picks.source_queries == 40
    best_first = sorted(archs, key=lambda a: -benchmark.accuracy(a, task="digit", split="val"))
    assert picks.archs == first_distinct(benchmark.space, best_first)


@pytest.mark.parametrize("optimizer", ["bananas", "npenas"])
def test_one_member_of_the_predictor_ensemble_is_as_good_as_three(baselines, toy, monkeypatch, optimizer):
    baselines.pick(job(toy, optimizer))
    with_one = list(toy.asked)
    toy.asked.clear()
    monkeypatch.setitem(baselines.SEARCH, "num_ensemble", 3)
    baselines.pick(job(toy, optimizer))
    assert toy.asked == with_one


def test_the_search_space_answers_for_nothing_but_the_source(baselines, toy):
    from naslib.search_spaces.core.query_metrics import Metric

    arch = baselines.op_index_space(toy.space, "class_scene", toy.source_oracle("class_scene", 10))
    arch.set_op_indices([3, 3, 2, 1, 3, 1])
    expected = toy.accuracy((3, 3, 2, 1, 3, 1), task="class_scene", split="val")
    assert arch.query(Metric.VAL_ACCURACY, "class_scene") == expected
    for metric, task in ((Metric.TEST_ACCURACY, "class_scene"), (Metric.VAL_ACCURACY, "autoencoder")):
        with pytest.raises(ConfigError, match=f"validation accuracy on class_scene, not {metric} on {task}"):
            arch.query(metric, task)


def test_an_optimizer_that_finds_nothing_new_ends(baselines, toy, monkeypatch):
    monkeypatch.setattr(baselines, "MAX_EPOCHS_WITHOUT_LOOK_UP", 3)
    picks = baselines.pick(job(toy, "rs", source_queries=100_000))
    assert 100 < picks.source_queries == len(toy.asked) < 4096
    assert len(picks.archs) == 5


def test_jobs_that_cannot_be_done(baselines, toy):
    with pytest.raises(UnknownNameError, match="unknown NASLib optimizer 'banana'.*did you mean 'bananas'"):
        baselines.pick(job(toy, "banana"))
    with pytest.raises(ConfigError, match="source_queries=0: NASLib's optimizers need at least 1 look-up"):
        baselines.pick(job(toy, "rs", source_queries=0))
