from __future__ import annotations

import pytest

from naslib_archlock.benchmarks.target_oracle import TargetOracle
from naslib_archlock.errors import ConfigError
from naslib_archlock.spaces.cells import Cell

ARCHS: list[Cell] = [(1,) * 6, (2,) * 6, (3,) * 6]


def test_every_accuracy_is_looked_up_once_and_counted():
    asked: list[tuple[str, Cell]] = []

    def look_up(target: str, arch: Cell) -> float:
        asked.append((target, arch))
        return len(target) + arch[0] / 10

    oracle = TargetOracle({name: lambda arch, name=name: look_up(name, arch) for name in ("a", "bcd")}, 5)
    assert (oracle.max_archs, oracle.queries) == (2, 0)
    assert oracle.validation_accuracies(ARCHS[0]) == (1.1, 3.1)
    assert oracle.validation_accuracies(ARCHS[1]) == (1.2, 3.2)
    assert oracle.validation_accuracies(ARCHS[0]) == (1.1, 3.1)
    assert oracle.queries == len(asked) == 4
    assert list(oracle.known) == ARCHS[:2]


def test_no_look_up_is_made_beyond_the_budget():
    oracle = TargetOracle({"a": float.__abs__}, 1)  # type: ignore[dict-item]
    oracle.known[ARCHS[0]] = (1.0,)
    with pytest.raises(ConfigError, match="all look-ups of target accuracy are used up: 1 architectures"):
        oracle.validation_accuracies(ARCHS[1])
    assert oracle.validation_accuracies(ARCHS[0]) == (1.0,)


def test_one_architecture_at_least_can_be_looked_up():
    with pytest.raises(ConfigError, match=r"target_queries 1 is too few for 2 targets: .* a query for each target"):
        TargetOracle({"a": lambda _: 0.0, "b": lambda _: 0.0}, 1)
