from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from linear_tasks import TINY, file_of, linear_task, sample, train

from naslib_archlock.ranker.ranker import Ranker
from naslib_archlock.ranker.train_settings import TrainSettings
from naslib_archlock.store import checkpoint


class Killed(BaseException):
    """Stops a training in the middle."""


@pytest.fixture
def often(monkeypatch) -> None:
    """Save a checkpoint after each step."""
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)


def killed_after(step: int, path, tasks, settings: TrainSettings = TINY, **options: Any) -> None:
    """Train, and stop at the end of a step, before its checkpoint is written."""

    def kill(at: int, loss: float) -> None:
        if at == step:
            raise Killed

    with pytest.raises(Killed):
        train(*tasks, settings=settings, progress=kill, checkpoint=path, **options)


def steps_made(path, tasks, settings: TrainSettings = TINY, **options: Any) -> tuple[list[int], Ranker]:
    steps: list[int] = []
    progress = lambda step, loss: steps.append(step)  # noqa: E731
    ranker, _ = train(*tasks, settings=settings, progress=progress, checkpoint=path, **options)
    return steps, ranker


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("schedule", ["cosine", "step"])
def test_a_killed_training_goes_on_to_the_same_bytes(tmp_path, often, optimizer, schedule, recwarn):
    # The step schedule halves the rate every 10 steps.
    settings = replace(TINY, optimizer=optimizer, schedule=schedule, epochs=12, steps_per_epoch=2)
    tasks = [linear_task(seed, sample(60)) for seed in (1, 2)]
    whole = file_of(train(*tasks, settings=settings, held_out_cells=0.2)[0], tmp_path)
    path = tmp_path / "checkpoint"
    for step in (0, 1, 11, 12, 23):  # each training continues where the last one was stopped
        killed_after(step, path, tasks, settings, held_out_cells=0.2)
    steps, ranker = steps_made(path, tasks, settings, held_out_cells=0.2)
    assert steps == [23]
    assert file_of(ranker, tmp_path) == whole
    assert [str(w.message) for w in recwarn] == []


def test_without_a_checkpoint_due_nothing_is_written(tmp_path):
    task = linear_task(1, sample(60))
    ranker, _ = train(task, checkpoint=tmp_path / "checkpoint")
    assert not (tmp_path / "checkpoint").exists()
    assert file_of(ranker, tmp_path) == file_of(train(task)[0], tmp_path)


@pytest.mark.parametrize(
    "other",
    [{"seed": 1}, {"settings": replace(TINY, learning_rate=1e-3)}, {"held_out_cells": 0.1}, {"tasks": [3]},
     {"tasks": [1, 2]}, {"hidden": (16, 9)}],
)  # fmt: skip
def test_the_checkpoint_of_another_training_is_not_used(tmp_path, often, other, recwarn):
    path, tasks = tmp_path / "checkpoint", [linear_task(1, sample(60))]
    killed_after(5, path, tasks)
    others = [linear_task(seed, sample(60)) for seed in other.pop("tasks", [1])]
    steps, ranker = steps_made(path, others, **other)
    assert len(steps) == TINY.n_steps
    assert file_of(ranker, tmp_path) == file_of(train(*others, **other)[0], tmp_path)
    assert [str(w.message) for w in recwarn] == []


def test_a_damaged_checkpoint_is_said_and_training_starts_again(tmp_path, often):
    path, tasks = tmp_path / "checkpoint", [linear_task(1, sample(60))]
    killed_after(5, path, tasks)
    whole = path.read_bytes()
    expected = file_of(train(*tasks)[0], tmp_path)
    for content in (b"", whole[:100], whole[:-1] + bytes([whole[-1] ^ 1]), whole.replace(b"n_done", b"n_doni")):
        path.write_bytes(content)
        with pytest.warns(UserWarning, match="checkpoint .* cannot be used .*; training starts again"):
            steps, ranker = steps_made(path, tasks)
        assert len(steps) == TINY.n_steps
        assert file_of(ranker, tmp_path) == expected


def test_a_checkpoint_of_another_format_is_another_trainings(tmp_path, often):
    path, tasks = tmp_path / "checkpoint", [linear_task(1, sample(60))]
    train(*tasks)[0].save(path)
    assert len(steps_made(path, tasks)[0]) == TINY.n_steps
