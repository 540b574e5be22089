"""The curves that a search writes for TensorBoard, read with TensorBoard's own reader."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
RUN = Path("digits/digit/archlock")


def curves(folder: Path) -> dict[str, dict[int, float]]:
    """The tag of each curve -> step -> value."""
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = reading.EventAccumulator(str(folder))
    found.Reload()
    return {tag: {e.step: e.value for e in found.Scalars(tag)} for tag in found.Tags()["scalars"]}


def looked_up(run_folder: Path, task: str) -> dict[int, float]:
    """The accuracies on a task in the order of the look-ups, from ``history.csv``."""
    with (run_folder / "history.csv").open() as file:
        values = [float(row["accuracy"]) for row in csv.DictReader(file) if row["task"] == task]
    return dict(enumerate(values, start=1))


def test_the_curves_are_the_history(run, tmp_path):
    pytest.importorskip("tensorboard")
    keys = ["archlock.scheme", "tk", "archlock.target", "rotation,noise", "archlock.target_queries", 6]
    assert run("search", "--tensorboard", *keys, "archlock.source_queries", 25, "out_dir", tmp_path).code == 0
    folder = tmp_path / RUN / "tk" / "0"
    found = curves(folder / "tensorboard")
    assert set(found) == {"source/digit", "best/digit", "fitness", "target/rotation", "target/noise"}
    for task, tag in (("digit", "source/digit"), ("rotation", "target/rotation"), ("noise", "target/noise")):
        assert found[tag] == pytest.approx(looked_up(folder, task), rel=1e-6)  # they are kept as float32
    assert list(found["best/digit"].values()) == sorted(found["best/digit"].values())
    assert max(found["best/digit"].values()) == max(found["source/digit"].values())


def test_a_resumed_search_goes_on_with_its_curves(run, tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    argv = ["search", "--tensorboard", "archlock.source_queries", 25, "search.checkpoint_freq", 1, "out_dir", tmp_path]
    with monkeypatch.context() as patch:
        patch.setattr("naslib_archlock.commands.make_run.finish", _interrupt)
        assert run(*argv).code == 130
    assert run(*argv, "--resume").code == 0
    folder = tmp_path / RUN / "tu" / "0"
    assert len(list((folder / "tensorboard").iterdir())) == 2
    assert curves(folder / "tensorboard")["source/digit"] == pytest.approx(looked_up(folder, "digit"), rel=1e-6)


def _interrupt(*args: object) -> None:
    raise KeyboardInterrupt


def test_without_the_option_nothing_is_written(run, tmp_path):
    assert run("search", "archlock.source_queries", 5, "out_dir", tmp_path).code == 0
    assert not list(tmp_path.rglob("tensorboard"))


def test_without_tensorboard_the_extra_is_named(fails, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert "pip install 'naslib_archlock[tensorboard]'" in fails("search", "--tensorboard", "out_dir", tmp_path)
    assert not list(tmp_path.iterdir())
