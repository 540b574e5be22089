"""Fixtures that run commands in this process."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commanding import Outcome, Run

from naslib_archlock.commands import main as cli
from naslib_archlock.report import search_pictures as plot

# A command in the place of ``doctor``: it prints, and then it does its work.
CHILD = """
import os, signal, sys, time
from pathlib import Path
from naslib_archlock.commands import doctor, main

def run(args):
    {body}
    Path("done").write_text("work")
    return 0

doctor.run = run
sys.exit(main.main(["doctor"]))
"""


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
        code = cli.main([str(arg) for arg in argv])
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
def child(child_environment, tmp_path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a process in which ``archlock doctor`` has another body, with given redirections of a shell."""

    def run(
        body: str, redirections: str = "", encoding: str = "utf-8", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        code = CHILD.format(body="\n    ".join(body.splitlines()))
        return subprocess.run(
            ["sh", "-c", f'exec "$@" {redirections}', "sh", sys.executable, "-c", code],
            env={**child_environment, **environment},
            cwd=tmp_path,
            capture_output=True,
            encoding=encoding,
            timeout=60,
            # A shell without job control makes its processes ignore SIGINT. Undo this.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    return run


@pytest.fixture
def folder(tmp_path) -> Path:
    """The folder of the run of ``toy_args``."""
    return tmp_path / "out" / "transbench101_micro" / "class_scene" / "archlock" / "tu" / "0"
