"""Every script of experiments/ can be imported from the checkout alone, and every folder has a page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"
FOLDERS = sorted(path.parent.name for path in EXPERIMENTS.glob("*/*.*") if path.suffix in (".py", ".yaml"))
# coverage_guided needs atheris, which has no wheels for some Pythons.
MODULES = sorted(
    ".".join(("experiments", *path.relative_to(EXPERIMENTS).with_suffix("").parts))
    for path in EXPERIMENTS.rglob("*.py")
    if path.name not in ("__init__.py", "coverage_guided.py")
)


@pytest.mark.usefixtures("torch")
def test_every_script_imports_only_the_package_and_experiments():
    """Import in a fresh process, because pytest adds the tests' folders to the path, where users do not have them."""
    program = f"import importlib\nfor name in {MODULES}: importlib.import_module(name)"
    done = subprocess.run([sys.executable, "-c", program], cwd=EXPERIMENTS.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("folder", sorted(set(FOLDERS)))
def test_every_folder_has_a_page_that_the_list_of_experiments_links(folder):
    assert (EXPERIMENTS / folder / "README.md").is_file()
    assert f"({folder}/README.md)" in (EXPERIMENTS / "README.md").read_text(encoding="utf-8")
