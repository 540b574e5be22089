from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from experiments.predictors import across, protocols
from experiments.predictors.run import HERE, PUBLISHED
from naslib_archlock.benchmarks.tabular import tabular_benchmark
from naslib_archlock.spaces.known import DIGITS, NASBENCH201, TRANSBENCH101_MICRO

GOALS = {78: 0.76, 156: 0.81, 469: 0.865, 781: 0.885, 1563: 0.905}


@pytest.fixture(scope="module")
def stored() -> dict:
    return json.loads((Path(HERE) / "results.json").read_text(encoding="utf-8"))["results"]


def test_the_predictor_keeps_what_its_page_says(stored):
    """Its intervals over 10 seeds lie above the goals, and above what was published."""
    ours = stored["tnasp"]["nasbench201/cifar10"]["archlock ensemble"]
    for n, goal in GOALS.items():
        tau = ours[str(n)]["tau"]
        assert len(tau["values"]) == 10
        assert tau["mean"] - tau["ci95"] > max(goal, *(by_n.get(n, 0.0) for by_n in PUBLISHED.values()))
    for by_name in stored["tasks"].values():
        mean = {name: by_size["156"]["tau"]["mean"] for name, by_size in by_name.items()}
        assert mean["archlock ensemble"] > max(mean[name] for name in mean if name.startswith("NASLib"))


def test_cells_without_dead_edges_are_as_many_as_grafs():
    keep = protocols.has_no_dead_edge(NASBENCH201)
    assert keep.sum() == 9445
    dead = {(3, 0, 0, 1, 0, 0): False, (0, 0, 0, 1, 0, 0): True, (0, 0, 3, 1, 0, 0): False, (1, 0, 2, 0, 0, 3): True}
    assert [bool(keep[NASBENCH201.index([cell])[0]]) for cell in dead] == list(dead.values())


@pytest.mark.parametrize("name", sorted(protocols.PROTOCOLS))
def test_a_split_learns_from_n_architectures_and_other_protocols_than_tnasps_test_on_others(name):
    benchmark = tabular_benchmark(DIGITS)
    split = protocols.PROTOCOLS[name](benchmark, "digit", 30, np.random.default_rng(0))
    assert len(set(split.train.tolist())) == 30
    overlap = set(split.train.tolist()) & set(split.test.tolist())
    assert (len(overlap) == 30) == (name == "tnasp")
    rows = DIGITS.index(split.archs)
    np.testing.assert_array_equal(split.values, benchmark.accuracies("digit", "val")[np.searchsorted(
        DIGITS.index(DIGITS.all()), rows
    )])  # fmt: skip


@pytest.mark.naslib
def test_a_run_of_the_page_comes_out_again(stored, shared_data):
    from experiments.predictors.runs import Cell, evaluate

    cell = Cell("tasks", "transbench101_micro", "class_scene", "archlock ensemble", 156, 0)
    found = evaluate(cell, str(shared_data))
    kept = stored["tasks"]["transbench101_micro/class_scene"]["archlock ensemble"]["156"]["tau"]["values"][0]
    assert found["tau"] == pytest.approx(kept, abs=1e-6)


def test_inner_steps_learn_the_new_task():
    from dataclasses import replace

    from naslib_archlock.proxies.votes import Votes
    from naslib_archlock.ranker.training import TrainingTask

    cells = np.array(TRANSBENCH101_MICRO.sample(60, np.random.default_rng(0)))
    values = (cells == 3).sum(axis=1) + 0.1 * (cells == 2).sum(axis=1)
    task = TrainingTask("transbench101_micro/t", TRANSBENCH101_MICRO, cells, np.ones(2), Votes.of_accuracies(values))
    opposite = replace(task, votes=Votes.of_accuracies(-values))
    before = across.trained("mlp", [opposite], 0)
    after = across.inner_steps(before, task, 100, 0)
    assert across.judged(before, task) < 0.2
    assert across.judged(after, task) > across.judged(before, task) + 0.2
