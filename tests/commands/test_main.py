"""The command line as a whole: help, usage, exit codes. No user's error ends in a traceback."""

from __future__ import annotations

import os
import subprocess

import pytest
from commanding import COMMAND

from naslib_archlock import __version__


def test_the_version_and_the_help(run):
    assert run("--version") == (0, f"archlock {__version__}\n", "")
    for command in ("search", "train-ranker", "compare", "report", "naslib", "doctor"):
        assert command in run("--help").out
        assert run(command, "--help").code == 0
    assert "--resume" in run("search", "--help").out


@pytest.mark.parametrize(
    ("argv", "message"),
    [([], "COMMAND"), (["serch"], "serch"), (["search", "--resme"], "--resme"), (["search", "--x"], "--x"),
     (["train-ranker"], "--out"), (["doctor", "seed", "1"], "seed"), (["search", "--config-file"], "--config-file")],
)  # fmt: skip
def test_wrong_usage(run, argv, message):
    code, out, err = run(*argv)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_a_real_process_reports_an_error_without_a_traceback(child_environment):
    done = subprocess.run(
        [*COMMAND, "search", "archlock.schem", "s"], env=child_environment, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "archlock search: unknown key archlock.schem; did you mean 'scheme'?\n"


def test_settings_of_matplotlib_that_it_does_not_know_stop_no_command(child, tmp_path):
    (tmp_path / "theirs").write_bytes(b"axes.facecolor: \xff")
    body = """\
from matplotlib.figure import Figure
from naslib_archlock.report.pictures import png
png(Figure())"""
    done = child(body, MPLBACKEND="qt4agg", MATPLOTLIBRC=str(tmp_path / "theirs"))
    assert (done.returncode, done.stderr) == (0, "")


def test_the_users_settings_of_matplotlib_come_back(run, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "svg")
    monkeypatch.delenv("MATPLOTLIBRC", raising=False)
    assert run("--version").code == 0
    assert os.environ["MPLBACKEND"] == "svg"
    assert "MATPLOTLIBRC" not in os.environ
