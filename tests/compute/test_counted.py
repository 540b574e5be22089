from __future__ import annotations

import io
import sys

import pytest

from naslib_archlock.compute import counted as module
from naslib_archlock.compute.counted import counted


def test_a_line_now_and_then_says_how_many_and_the_time_left(capsys, monkeypatch):
    monkeypatch.setattr(module, "_SECONDS_BETWEEN_LINES", 0.0)
    with counted(5, 2, "searching", "architecture") as count:
        count()
    line = capsys.readouterr().err.strip()
    assert line.startswith("searching: 3 of 5 after ")
    assert line.endswith(" left")


def test_short_work_says_nothing(capsys):
    with counted(3, 0, "searching", "architecture") as count:
        for _ in range(3):
            count()
    assert capsys.readouterr().err == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("seconds", [0.0, 60.0])
def test_a_bar_appears_on_a_terminal_where_it_takes_long(monkeypatch, seconds):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(module, "_SECONDS_BEFORE_BAR", seconds)
    with counted(3, 0, "searching", "architecture") as count:
        count()
    assert ("searching" in terminal.getvalue()) == (seconds == 0.0)
