"""``archlock train-ranker`` as a user sees it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from commanding import Outcome, Run, interrupt

from naslib_archlock.ranker.ranker import Ranker


@pytest.fixture
def train(run: Run, toy_args, tmp_path, fast_training) -> Run:
    """A function that runs ``train-ranker`` and writes to ``tmp_path/new/ranker.safetensors``."""

    def run_command(*argv: Any) -> Outcome:
        return run("train-ranker", "--out", tmp_path / "new" / "ranker.safetensors", *toy_args, *argv)

    return run_command


def test_a_ranker_is_written_and_its_accuracies_are_reported(train, run, tmp_path, ranked_args):
    code, printed, out = train("--json", "archlock.leave_out", "normal", "archlock.held_out_cells", "0.2")
    assert code == 0
    report = json.loads(printed)
    trained = [f"transbench101_micro/{task}" for task in ("class_scene", "class_object", "autoencoder")]
    assert report["tasks"] == trained
    assert list(report["unseen_cells"]) == trained
    assert list(report["left_out_tasks"]) == ["transbench101_micro/normal"]
    for accuracy in (*report["unseen_cells"].values(), *report["left_out_tasks"].values()):
        assert 0.55 < accuracy <= 1
    assert report["pairs"] == 2 * 30 * 512
    assert report["seconds"] > 0
    for shown in ("unseen cells", "all cells; task left out", "30,720 pairs of 3 tasks"):
        assert shown in out
    path = Path(report["out"])
    assert path == tmp_path / "new" / "ranker.safetensors"
    assert Ranker.load(path).info.tasks == tuple(trained)
    assert run("search", *ranked_args, "archlock.ranker", path).code == 0


def test_a_seed_trains_the_same_bytes(train, tmp_path):
    path = tmp_path / "new" / "ranker.safetensors"
    contents = []
    for seed in (0, 0, 1):
        assert train("--overwrite", "seed", seed).code == 0
        contents.append(path.read_bytes())
    assert contents[0] == contents[1] != contents[2]


def test_an_existing_ranker_is_kept(train, tmp_path):
    path = tmp_path / "new" / "ranker.safetensors"
    path.parent.mkdir()
    path.write_text("precious")
    code, out, err = train()
    assert (code, out) == (2, "")
    assert f"{path} exists; choose another name, or give --overwrite" in err
    assert path.read_text() == "precious"
    assert train("--overwrite").code == 0
    assert Ranker.load(path)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["archlock.leave_out", "norml"], "unknown task 'norml'"),
        (["archlock.train_tasks", "norml"], "unknown task 'norml'"),
        (["archlock.leave_out", "class_scene,class_object,normal,autoencoder"], "no task is left"),
        (["archlock.proxies", "zen"], "none of zen has scores"),
        (["archlock.hidden", "0"], "widths from 1 to 4096"),
        (["archlock.tables", "nowhere"], "no zero-cost file"),
        (["archlock.embedding", "nowhere/{task}.npy"], "cannot be read"),
    ],
)
def test_mistakes_in_training(train, tmp_path, overrides, message):
    code, out, err = train(*overrides)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert not (tmp_path / "new" / "ranker.safetensors").exists()


def test_a_ranker_that_cannot_be_written(fails, toy_args, tmp_path, fast_training):
    (tmp_path / "file").write_text("here")
    assert "cannot be written" in fails("train-ranker", "--out", tmp_path / "file" / "r.safetensors", *toy_args)
    (tmp_path / "folder").mkdir()
    assert "exists" in fails("train-ranker", "--out", tmp_path / "folder", *toy_args)


def test_ctrl_c_while_training_a_ranker(train, tmp_path, monkeypatch):
    monkeypatch.setattr("naslib_archlock.locking.find_ranker.train_on_scores", interrupt)
    assert train().code == 130
    assert os.listdir(tmp_path / "new") == []
