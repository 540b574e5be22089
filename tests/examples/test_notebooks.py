"""The notebooks run, and print what they show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "examples" / "notebooks").glob("*.ipynb"))


def outputs(notebook: Any) -> list[dict[str, Any]]:
    return [output for cell in notebook["cells"] for output in cell.get("outputs", ())]


def printed(notebook: Any) -> list[str]:
    return [output["text"] for output in outputs(notebook) if output.get("name") == "stdout"]


def pictures(notebook: Any) -> int:
    return sum("image/png" in output.get("data", {}) for output in outputs(notebook))


@pytest.mark.slow
@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_prints_what_it_shows(path, tmp_path, child_environment, monkeypatch):
    """Figures are the same for the same seed. Pictures depend on the version of Matplotlib, so they are counted."""
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed (the extra dev)")
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed (it comes with nbclient)")
    for name, value in child_environment.items():
        monkeypatch.setenv(name, value)
    shown, to_run = (nbformat.read(path, as_version=4) for _ in range(2))
    place = {"metadata": {"path": str(tmp_path)}}
    done = nbclient.NotebookClient(to_run, timeout=600, resources=place).execute()
    assert printed(done) == printed(shown)
    assert pictures(done) == pictures(shown)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_small_and_listed(path):
    assert path.stat().st_size < 100_000
    readme = (path.parents[1] / "README.md").read_text(encoding="utf-8")
    assert f"[`{path.name}`](notebooks/{path.name})" in readme
