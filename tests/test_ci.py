"""``.ci/run`` passes only if what it is for was tested."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / ".ci" / "run"
# In the place of make: "make test" leaves the line that tests/conftest.py writes.
MAKE = """#!/bin/sh
mkdir -p build
case $1 in
test-newcomer) echo 'newcomer' > build/newcomer-tests.txt ;;
test) [ -z "$LINE" ] || echo "$LINE" > build/naslib-tests.txt ;;
core) echo 'core' > build/core-tests-3.9.txt ;;
esac
"""


@pytest.mark.parametrize(
    ("line", "has_checkout", "passes"),
    [("NASLib tests: 70 ran, 2 skipped", True, True), ("NASLib tests: 0 ran, 72 skipped", True, False),
     ("NASLib tests: 0 ran, 72 skipped", False, True), ("", True, False)],
)  # fmt: skip
def test_it_fails_where_naslib_is_and_none_of_its_tests_ran(tmp_path, line, has_checkout, passes):
    (tmp_path / ".ci").mkdir()
    shutil.copy(SCRIPT, tmp_path / ".ci")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "make").write_text(MAKE)
    (tmp_path / "bin" / "make").chmod(0o755)
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "naslib-tests.txt").write_text("NASLib tests: 9 ran, 0 skipped\n")  # of an earlier run
    if has_checkout:
        (tmp_path / "NASLib" / "naslib").mkdir(parents=True)
        (tmp_path / "NASLib" / "naslib" / "__init__.py").touch()
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [tmp_path / ".ci" / "run"],
        env={**os.environ, "PATH": path, "NASLIB_HOME": str(tmp_path / "NASLib"), "LINE": line},
        capture_output=True,
        text=True,
    )
    assert (done.returncode == 0) == passes
    assert ("none of its tests ran" in done.stderr) == (has_checkout and "tests: 0 ran" in line)
