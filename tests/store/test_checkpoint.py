from __future__ import annotations

from pathlib import Path

from naslib_archlock.store import checkpoint


def test_the_state_stands_beside_the_file_and_is_hidden():
    assert checkpoint.beside(Path("a/b.safetensors")) == Path("a/.b.safetensors.checkpoint")


def test_a_clock_is_due_every_so_many_seconds(monkeypatch):
    now = 100.0
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now)
    clock = checkpoint.Clock()
    due = []
    for seconds in (0.0, 9.0, 10.5, 11.0, 20.0, 20.6):
        now = 100.0 + seconds
        due.append(clock.is_due())
    assert due == [False, False, True, False, False, True]
