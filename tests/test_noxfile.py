"""The sessions with the lowest and the newest versions: which versions, and what happens if they cannot be had."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

pytest.importorskip("nox", reason="nox is not installed (the extra dev)")
from nox.command import CommandFailed

REPO = Path(__file__).resolve().parents[1]
NO_WHEEL = """\
ERROR: Could not find a version that satisfies the requirement one==1.0 (from versions: 1.1, 2.0)
ERROR: No matching distribution found for one==1.0
"""
NO_INDEX = """\
WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError': /simple/one/
ERROR: Could not find a version that satisfies the requirement one==1.0 (from versions: none)
ERROR: No matching distribution found for one==1.0
"""
NO_FILE = (
    "ERROR: Could not install packages due to an OSError: HTTPSConnectionPool(host='files'): Max retries exceeded\n"
)
CONFLICT = "ERROR: Cannot install one==1.0 and two==1.0 because these package versions have conflicting dependencies.\n"


class EndedError(Exception):
    """What a session ends with: ``skip`` or ``error``, and the text that it says."""


class Session:
    """A session on Python 3.9 whose pip says something and fails."""

    python = "3.9"

    def __init__(self, says):
        self._says = says

    def install(self, *arguments, stdout, **options):
        stdout.write(self._says)
        raise CommandFailed("pip failed")

    def skip(self, text):
        raise EndedError("skip", text)

    def error(self, text):
        raise EndedError("error", text)


@pytest.fixture(scope="module")
def loaded():
    spec = importlib.util.spec_from_file_location("noxfile", REPO / "noxfile.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", os.environ["PATH"])  # noxfile.py adds to it
        spec.loader.exec_module(module)
    return module


@pytest.fixture
def noxfile(loaded, monkeypatch, tmp_path):
    monkeypatch.setattr(loaded, "ROOT", tmp_path)
    return loaded


@pytest.mark.parametrize(
    ("says", "why"),
    [(NO_WHEEL, "there is no wheel of one==1.0"), (NO_INDEX, "the package index does not answer"),
     (NO_FILE, "the package index does not answer")],
)  # fmt: skip
def test_what_cannot_be_had_is_said_and_skipped(noxfile, tmp_path, says, why):
    line = f"Python 3.9 without torch, lowest libraries: not tested, {why}"
    with pytest.raises(EndedError) as end:
        noxfile._install_wheels_or_skip(Session(says), "lowest", "one==1.0")
    assert end.value.args == ("skip", line)
    assert (tmp_path / "build" / "core-tests-lowest-3.9.txt").read_text(encoding="utf-8") == line + "\n"


def test_bounds_that_contradict_each_other_fail(noxfile, tmp_path):
    with pytest.raises(EndedError) as end:
        noxfile._install_wheels_or_skip(Session(CONFLICT), "lowest", "one==1.0", "two==1.0")
    assert end.value.args == ("error", CONFLICT)
    assert not (tmp_path / "build").exists()


@pytest.mark.parametrize(
    ("python", "lowest"),
    [("3.9", ["one==1.9", "two==5"]), ("3.10", ["one==1.10", "two==5"]), ("3.13", ["one==2", "two==5"])],
)
def test_the_highest_bound_that_holds_for_the_python_is_its_lowest_version(noxfile, python, lowest):
    requirements = ["one>=1.9", "two>=5,<6", "one>=1.10; python_version >= '3.10'", "one>=2; python_version >= '3.12'"]
    assert noxfile._lowest(requirements, python) == lowest
