from __future__ import annotations

import io
import sys
from typing import Any

import pytest
from tqdm import tqdm

from naslib_archlock.commands.progress import training_bar
from naslib_archlock.compute import counted as module
from naslib_archlock.config.load import load_config

N_STEPS = load_config(None).archlock.train_settings.n_steps


class EagerBar(tqdm):
    """A bar that shows every step, where another may wait."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, mininterval=0, miniters=1)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def written(stderr: io.StringIO, monkeypatch: pytest.MonkeyPatch, *steps: int) -> str:
    """What the bar of a training writes to ``stderr`` when these steps are done, the last of them just now."""
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setattr(module, "tqdm", EagerBar)
    monkeypatch.setattr(module, "_SECONDS_BEFORE", 0.0)
    monkeypatch.setattr(module, "_SECONDS_BETWEEN_NEWS", 0.0)
    with training_bar(load_config(None)) as progress:
        for step in steps:
            progress(step, 0.25)
        return stderr.getvalue()


def test_a_terminal_is_shown_a_bar_of_all_steps_with_the_loss(monkeypatch):
    text = written(Terminal(), monkeypatch, 0, 1)
    assert "training the ranker" in text
    assert f" 2/{N_STEPS} " in text
    assert "loss=0.250" in text


def test_a_training_that_is_resumed_goes_on_where_it_was(monkeypatch):
    assert f"{N_STEPS - 1}/{N_STEPS}" in written(Terminal(), monkeypatch, N_STEPS - 3, N_STEPS - 2)


def test_nothing_is_left_of_the_bar_when_the_training_is_over(monkeypatch):
    stderr = Terminal()
    written(stderr, monkeypatch, 0, 1)
    assert stderr.getvalue().rpartition("\r")[2] == ""
    assert "\n" not in stderr.getvalue()


def test_no_bar_is_written_where_nobody_looks(monkeypatch):
    assert written(io.StringIO(), monkeypatch, 0, 1) == ""
