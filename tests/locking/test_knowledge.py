from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from naslib_archlock.errors import ConfigError
from naslib_archlock.locking.knowledge import Knowledge

Names = tuple[list[str], list[str]]


@pytest.fixture
def tasks_of(toy_config, toy_zero_cost: dict[str, Any], tmp_path) -> Callable[..., Names]:
    """Names of the tasks to train on and of those left out, where tasks are sampled from two of them."""
    scores = {**toy_zero_cost, "normal~1+2": toy_zero_cost["normal"], "class_scene~3+4": toy_zero_cost["class_scene"]}
    file = tmp_path / "zc_transbench101_micro.json"
    file.write_text(json.dumps(scores), encoding="utf-8")

    def names(*overrides: str, hidden: tuple[str, ...] = ()) -> Names:
        chosen, left_out = Knowledge(toy_config("archlock.zero_cost", str(file), *overrides), hidden).training_tables()
        return [t.task for t in chosen], [t.task for t in left_out]

    return names


def test_with_a_task_those_sampled_from_it_are_left_out(tasks_of):
    """They share images with it, so a ranker that learnt from them would have seen it."""
    chosen, left_out = tasks_of("archlock.leave_out", "normal")
    assert set(left_out) == {"normal", "normal~1+2"}
    assert set(chosen) == {"class_scene", "class_object", "autoencoder", "class_scene~3+4"}


def test_a_sampled_task_is_left_out_alone(tasks_of):
    chosen, left_out = tasks_of("archlock.leave_out", "normal~1+2")
    assert left_out == ["normal~1+2"]
    assert "normal" in chosen


def test_what_is_left_out_is_not_trained_on_even_where_it_is_asked_for(tasks_of):
    chosen, left_out = tasks_of("archlock.leave_out", "normal", "archlock.train_tasks", "normal~1+2,class_object")
    assert chosen == ["class_object"]
    assert set(left_out) == {"normal", "normal~1+2"}


def test_a_hidden_task_may_be_left_out_but_not_asked_for(tasks_of):
    _, left_out = tasks_of("archlock.leave_out", "normal", hidden=("normal",))
    assert "normal" not in left_out
    with pytest.raises(ConfigError, match="train_tasks names normal, a target"):
        tasks_of("archlock.train_tasks", "normal", hidden=("normal",))
