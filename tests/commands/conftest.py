"""Fixtures that run commands in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commanding import Outcome, Run

from naslib_archlock.commands import main as cli
from naslib_archlock.report import search_pictures as plot


@pytest.fixture(autouse=True)
def quick_pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the drawing, which takes longer than the rest of a short search; only tests named after it draw."""
    if "picture" not in request.node.name:
        monkeypatch.setattr(plot, "search_picture", lambda *args: b"no picture")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """A function that runs a command in this process. It lets unexpected errors through."""

    def run_command(*argv: Any) -> Outcome:
        capsys.readouterr()
        try:
            code = cli.main([str(arg) for arg in argv])
        except SystemExit as stop:  # argparse raises this
            code = int(stop.code or 0)
        return Outcome(code, *capsys.readouterr())

    return run_command


@pytest.fixture
def fails(run: Run) -> Callable[..., str]:
    """A function that runs a command which must end with a user's error, and returns its message."""

    def run_command(*argv: Any) -> str:
        code, out, err = run(*argv)
        assert code == 2
        assert out == ""
        assert "Traceback" not in err
        assert err.startswith(f"archlock {argv[0]}: ")
        return err

    return run_command


@pytest.fixture
def folder(tmp_path) -> Path:
    """The folder of the run of ``toy_args``."""
    return tmp_path / "out" / "transbench101_micro" / "class_scene" / "archlock" / "tu" / "0"
