"""Every example runs as a process of its own, as a reader would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

NEEDS_FILES = "fashion_mnist.py"  # test_fashion_mnist.py runs it
EXAMPLES = sorted(p for p in (Path(__file__).parents[2] / "examples").glob("*.py") if p.name != NEEDS_FILES)
LONG = ("own_embedding.py", "ask_and_tell.py")  # they train a ranker, and networks


@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize(
    "path", [pytest.param(p, marks=[pytest.mark.slow] if p.name in LONG else [], id=p.name) for p in EXAMPLES]
)
def test_an_example_runs(path, child_environment, tmp_path):
    done = subprocess.run(
        [sys.executable, str(path)], cwd=tmp_path, env=child_environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert not done.stderr
    readme = (path.parent / "README.md").read_text(encoding="utf-8")
    assert f"[`{path.name}`]({path.name})" in readme


def test_examples_are_short():
    for path in EXAMPLES:
        code = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("from")]
        assert len(code) <= 30, path.name
