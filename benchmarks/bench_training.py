"""Training the ranker."""

from __future__ import annotations

import pytest
from conftest import Measure
from inputs import random_ranker, training_info, training_tasks
from stand_ins import train_with_data_loader

from naslib_archlock.training import TrainingTask, TrainSettings, train_ranker

STEPS = TrainSettings(epochs=1, steps_per_epoch=20)
SOME = f"{STEPS.n_steps} training steps of {STEPS.batch_size:,} pairs, 10 tasks"
ALL = "the default training of the ranker, 10 tasks"


@pytest.fixture(scope="module")
def tasks() -> list[TrainingTask]:
    return training_tasks()


def bench_steps_baseline(measure: Measure, tasks: list[TrainingTask]) -> None:
    measure(
        SOME, "baseline", "a DataLoader of pairs", train_with_data_loader,
        setup=lambda: (random_ranker().model, tasks, STEPS.n_steps, STEPS.batch_size),
    )  # fmt: skip


def bench_steps(measure: Measure, tasks: list[TrainingTask]) -> None:
    measure(SOME, "ours", "train_ranker", lambda: train_ranker(tasks, training_info(), STEPS, seed=0))


def bench_default(measure: Measure, tasks: list[TrainingTask]) -> None:
    measure(ALL, "ours", "train_ranker", lambda: train_ranker(tasks, training_info(), TrainSettings(), seed=0))
