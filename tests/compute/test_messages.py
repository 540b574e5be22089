from __future__ import annotations

import logging
import sys

import pytest

from naslib_archlock.compute.messages import LOGGER, messages_shown, shows_bars


def say() -> None:
    LOGGER.debug("detail")
    LOGGER.info("progress")
    LOGGER.warning("warning")


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, ["progress", "warning"]),
        ({"quiet": True}, ["warning"]),
        ({"verbose": True}, ["detail", "progress", "warning"]),
    ],
)
def test_messages_are_lines_on_stderr(capsys, options, shown):
    with messages_shown(**options):
        say()
    out, err = capsys.readouterr()
    assert (out, err.splitlines()) == ("", shown)


def test_a_program_that_uses_the_package_decides_what_it_logs(capsys, caplog):
    with caplog.at_level(logging.INFO), messages_shown():
        say()
    assert caplog.records == []  # otherwise a root logger that a library set up would show them twice
    capsys.readouterr()
    with caplog.at_level(logging.INFO):
        say()
    assert [record.getMessage() for record in caplog.records] == ["progress", "warning"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("is_terminal", "quiet", "bars"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_bars_are_for_terminals_and_not_for_silence(monkeypatch, is_terminal, quiet, bars):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    with messages_shown(quiet=quiet):
        assert shows_bars() == bars
