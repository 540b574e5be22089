from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from naslib_archlock.compute import counted as module
from naslib_archlock.compute.counted import News, counted
from naslib_archlock.compute.messages import messages_shown
from naslib_archlock.store.status_file import STATUS, status_kept


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(capsys: pytest.CaptureFixture[str], clock: Clock, n: int, seconds: float, quiet: bool = False) -> list[str]:
    """What work of ``n`` parts prints, each of which takes so many seconds."""
    with messages_shown(quiet), counted(n, 0, "searching", "look-up", lambda: News("best 93.2")) as count:
        for _ in range(n):
            clock.now += seconds
            count()
    return capsys.readouterr().err.splitlines()


def test_short_work_says_nothing(capsys, clock):
    assert lines(capsys, clock, 1000, 0.0019) == []


def test_the_first_line_comes_after_two_seconds_and_the_last_one_at_the_end(capsys, clock):
    assert lines(capsys, clock, 4, 1.0) == [
        "searching: 2 of 4 look-ups after 00:02, 00:02 left; best 93.2",
        "searching: 4 of 4 look-ups after 00:04; best 93.2",
    ]


def test_between_lines_half_a_minute_passes_and_a_tenth_is_done(capsys, clock):
    after = [line.split(" of ")[0] for line in lines(capsys, clock, 100, 1.0)]
    assert after == ["searching: 2", "searching: 32", "searching: 62", "searching: 92", "searching: 100"]
    after = [line.split(" of ")[0] for line in lines(capsys, clock, 100, 10.0)]
    assert after == [f"searching: {n}" for n in (*range(1, 100, 10), 100)]


def test_who_asked_for_silence_gets_it(capsys, clock):
    assert lines(capsys, clock, 100, 10.0, quiet=True) == []


def test_resumed_work_says_the_time_that_the_rest_takes(capsys, clock):
    with messages_shown(), counted(10, 6, "halving", "part") as count:
        clock.now = 5.0
        count()
    first, *_ = capsys.readouterr().err.splitlines()
    assert first == "halving: 7 of 10 parts after 00:05, 00:15 left"


def test_work_that_fails_has_no_last_line(capsys, clock):
    with pytest.raises(ValueError, match="bug"), messages_shown(), counted(9, 0, "halving", "part") as count:
        for _ in range(2):
            clock.now += 5.0
            count()
        raise ValueError("bug")
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(("seconds", "quiet"), [(0.0, False), (60.0, False), (0.0, True)])
def test_a_bar_appears_on_a_terminal_where_it_takes_long(monkeypatch, seconds, quiet):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(module, "_SECONDS_BEFORE", seconds)
    monkeypatch.setattr(module, "_SECONDS_BETWEEN_NEWS", 0.0)
    with messages_shown(quiet), counted(3, 0, "searching", "look-up", lambda: News("best 93.2")) as count:
        count()
    assert ("searching" in terminal.getvalue()) == (seconds == 0.0 and not quiet)
    assert ("best 93.2" in terminal.getvalue()) == (seconds == 0.0 and not quiet)


def test_the_status_of_the_command_holds_the_progress(clock, tmp_path):
    def status() -> dict[str, object]:
        return dict(json.loads((Path(tmp_path) / STATUS).read_text()))

    with status_kept(tmp_path, ["archlock", "audit"]) as kept:
        kept.say("attacking")
        with counted(8, 2, "attacks", "part", lambda: News("", {"best": 3})) as count:
            for _ in range(4):
                clock.now += 1.0
                count()
            keys = {key: status().get(key) for key in ("done", "total", "unit", "seconds_left", "best")}
            assert keys == {"done": 6, "total": 8, "unit": "part", "seconds_left": 2, "best": 3}
            clock.now += 1.0
            count()
            assert status()["done"] == 6  # two seconds have not passed
    assert (status()["done"], status()["state"], status()["seconds_left"]) == (7, "finished", None)
