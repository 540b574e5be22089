"""``archlock naslib``: what scripts are given, and what is none; ``tests/integration/test_launcher.py`` runs some."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from naslib_archlock.commands.main import parse
from naslib_archlock.commands.naslib import with_config_file
from naslib_archlock.config.packaged import packaged_config
from naslib_archlock.errors import NaslibError
from naslib_archlock.plugin import launcher


def test_everything_after_the_script_is_its_own():
    """Also what this command, or all commands, would take for an option."""
    own = ["--config-file", "x.yaml", "seed", "1", "--resume", "--help", "--json", "--", "-x"]
    args = parse(["naslib", "runners/nas/runner.py", *own])
    assert args.runner == Path("runners/nas/runner.py")
    assert args.arguments == own


def test_a_packaged_config_is_handed_on_as_its_file():
    """What is no packaged config is left to NASLib, which takes --config for --config-file."""
    file = str(packaged_config("nasbench201"))
    given = ["seed", "1", "--config", "nasbench201", "--config", "x.yaml"]
    assert with_config_file(given) == ["seed", "1", "--config-file", file, "--config", "x.yaml"]


def test_a_script_must_be_named(run):
    code, out, err = run("naslib")
    assert (code, out) == (2, "")
    assert "RUNNER" in err


def test_arguments_reach_the_script_where_naslib_looks_for_them(fails, tmp_path, monkeypatch):
    """On the command line of the process, before NASLib is imported, which reads it."""
    script = tmp_path / "runner.py"
    script.write_text("supported_optimizers = {}\n")
    monkeypatch.setattr("sys.argv", ["pytest"])

    def load():
        raise NaslibError(f"asked with {sys.argv}")

    monkeypatch.setattr(launcher, "load_naslib", load)
    expected = [str(script), "--config-file", "x.yaml", "archlock.trade_off", "1.0"]
    assert f"asked with {expected}" in fails("naslib", script, "--config-file", "x.yaml", "archlock.trade_off", "1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("optimizers = {}\n", "does not assign a dictionary to supported_optimizers or supported_predictors"),
        ("supported_optimizers = dict()\n", "does not assign a dictionary"),
        ("supported_optimizers = {\n", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_a_script_that_is_no_runner(text, message, tmp_path, fails):
    script = tmp_path / "script.py"
    if text is not None:
        script.write_text(text)
    error = fails("naslib", script, "--config-file", "x.yaml")
    assert message in error
    assert str(script) in error
