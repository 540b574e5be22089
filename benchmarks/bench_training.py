"""Times to train the ranker."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Measure
from inputs import random_ranker, training_info, training_tasks
from stand_ins import train_with_data_loader

from naslib_archlock.ranker import training
from naslib_archlock.ranker.train_settings import TrainSettings
from naslib_archlock.ranker.training import TrainingTask, train_ranker

STEPS = TrainSettings(epochs=1, steps_per_epoch=20, batch_size=1024)
SOME = f"{STEPS.n_steps} training steps of {STEPS.batch_size:,} pairs, 10 tasks"
ALL = "the default training of the ranker, 10 tasks"


@pytest.fixture(scope="module")
def tasks() -> list[TrainingTask]:
    return training_tasks()


def bench_steps_baseline(measure: Measure, tasks: list[TrainingTask]) -> None:
    measure(
        SOME, "baseline", "a DataLoader of pairs", train_with_data_loader,
        setup=lambda: (random_ranker().model.requires_grad_(True), tasks, STEPS.n_steps, STEPS.batch_size),
    )  # fmt: skip


def bench_steps(measure: Measure, tasks: list[TrainingTask]) -> None:
    measure(SOME, "ours", "train_ranker", lambda: train_ranker(tasks, training_info(), STEPS, seed=0))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(torch, "compile") or not shutil.which("g++"), reason="needs torch 2 and g++")
def bench_default_compiled(
    measure: Measure, tasks: list[TrainingTask], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Shows whether torch.compile pays; one compilation serves one training."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    original = training._initial_model

    def compiled(*args: Any) -> torch.nn.Module:
        model = original(*args)
        monkeypatch.setattr(model, "compare", torch.compile(model.compare))
        return model

    monkeypatch.setattr(training, "_initial_model", compiled)
    measure(
        ALL, "baseline", "torch.compile, compilation included",
        lambda: train_ranker(tasks, training_info(), TrainSettings(), seed=0), once=True,
    )  # fmt: skip


def bench_default(measure: Measure, tasks: list[TrainingTask]) -> None:
    measure(ALL, "ours", "train_ranker", lambda: train_ranker(tasks, training_info(), TrainSettings(), seed=0))
