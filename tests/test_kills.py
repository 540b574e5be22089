"""Real processes, killed at random moments and before file operations, continue to the same bytes.

``experiments/faults`` kills many more.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.faults.killing import (
    Command,
    by_steps,
    commands,
    kill_at_operations,
    kill_at_random,
    proxies,
    run_whole,
)

pytestmark = pytest.mark.slow  # every kill starts two more processes

N_KILLS = {
    "search, bayesian": 32, "search, evolution, training a ranker": 3, "search, exhaustive, training a ranker": 2,
    "search --train-top": 2, "train-ranker": 3, "compare": 2, "audit": 2,
}  # fmt: skip


@pytest.fixture
def command(toy_tables: Path, digit_images: dict[str, Path], tmp_path: Path) -> Callable[[str], Command]:
    known = {c.name: c for c in commands(toy_tables, digit_images["low"], tmp_path / "study.yaml")}
    assert set(known) == set(N_KILLS)
    return known.__getitem__


@pytest.mark.parametrize("name", N_KILLS)
def test_killed_at_random(name, command, tmp_path):
    whole = run_whole(command(name), tmp_path / "runs")
    kills = kill_at_random(command(name), whole, tmp_path / "runs", N_KILLS[name], seed=0)
    assert len(kills) == N_KILLS[name]
    assert [kill for kill in kills if not kill.survived] == []


def test_killed_before_operations_on_files(command, tmp_path):
    """The kills come at the first state of a search, at a later one, and at pictures, timings, result and clean-up."""
    search = by_steps(command("search, bayesian"))
    whole = run_whole(search, tmp_path / "runs")
    n = whole.operations
    kills = kill_at_operations(search, whole, tmp_path / "runs", [1, n - 26, n - 25, n - 10, *range(n - 4, n + 1)])
    assert len(kills) == 9
    assert [kill for kill in kills if not kill.survived] == []
    assert {kill.stage for kill in kills} >= {
        "before it wrote anything", "with a state of the search", "after its result"
    }  # fmt: skip


@pytest.mark.naslib
def test_scores_killed_at_random(digit_images, tmp_path):
    command = proxies(digit_images["low"])
    whole = run_whole(command, tmp_path / "runs")
    kills = kill_at_random(command, whole, tmp_path / "runs", 1, seed=0)
    assert [kill.survived for kill in kills] == [True]
