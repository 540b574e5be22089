"""One changed byte in any file that the package reads back is noticed, reported, and repaired if possible."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from experiments.faults.damage import MISSED, NOTICED, flip, kinds, spread
from naslib_archlock.commands import main as cli
from naslib_archlock.store import checkpoint

N_KINDS = 11


def test_no_changed_byte_is_missed(tmp_path, toy_tables, digit_images, own_cache):
    """This changes some bytes of each kind of file; experiments/faults changes all."""
    found = {kind.name: flip(kind, spread(kind, 50)) for kind in kinds(tmp_path, toy_tables, digit_images["low"])}
    assert len(found) == N_KINDS
    for name, counts in found.items():
        assert counts[MISSED] == 0, name
        assert counts[NOTICED] > 0.9 * sum(counts.values()), name


# -- what the commands say and do --------------------------------------------------------------------------------------


def flipped(path: Path) -> None:
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "timings.json"
    }


def stopped(*args: Any, **kwargs: Any) -> None:
    raise KeyboardInterrupt


def test_a_ranker_that_a_search_was_given(ranked_args, toy_ranker_file, tmp_path, capsys):
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(toy_ranker_file.read_bytes())
    flipped(path)
    assert cli.main(["search", *ranked_args, "archlock.ranker", str(path)]) == 2
    assert capsys.readouterr().err == (
        f"archlock search: ranker file {path} cannot be read (it does not match its checksum); it must be a "
        "safetensors file that 'archlock train-ranker' wrote\n"
    )


def test_figures_of_networks_that_a_killed_search_has_trained(
    digit_images, tmp_path, capsys, monkeypatch, own_cache, few_steps
):
    def search(out: str, *options: str) -> int:
        keys = ["search_space", "transbench101_micro", "dataset", str(digit_images["low"]), "archlock.image_size", "12"]
        return cli.main(["search", *keys, "--train-top", "2", "out_dir", str(tmp_path / out), *options])

    assert search("whole") == 0
    n_trained = capsys.readouterr().err.count("trained ")
    with monkeypatch.context() as patch:
        patch.setattr("naslib_archlock.commands.make_run.finish", stopped)
        assert search("out") == 130
    kept = list((tmp_path / "out" / "networks").iterdir())
    assert capsys.readouterr().err.count("trained ") == len(kept) == 4  # first impressions, and whole trainings
    for chosen in (tmp_path / "out" / "networks").glob("333233_*"):
        flipped(chosen)
    with pytest.warns(UserWarning, match="cannot use .*networks/.*; what is lost is made again"):
        assert search("out", "--resume") == 0
    assert 1 <= capsys.readouterr().err.count("trained ") < n_trained  # the others are kept
    files, whole = (files_in(tmp_path / out / "transbench101_micro/low/archlock/tu/0") for out in ("out", "whole"))
    assert files.pop("config.yaml") == whole.pop("config.yaml").replace(b"whole", b"out")
    assert files.pop("status.json") != whole.pop("status.json")  # it holds times
    assert files == whole


def test_the_checkpoint_of_a_training(toy_args, tmp_path, monkeypatch, fast_training):
    whole, out = tmp_path / "whole.safetensors", tmp_path / "out.safetensors"
    assert cli.main(["train-ranker", "--out", str(whole), *toy_args]) == 0
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr("naslib_archlock.ranker.training.pair_accuracy", stopped)
        assert cli.main(["train-ranker", "--out", str(out), *toy_args]) == 130
    assert [name for name in os.listdir(tmp_path) if "out" in name] == [".out.safetensors.checkpoint"]
    flipped(checkpoint.beside(out))
    with pytest.warns(UserWarning, match="checkpoint .* cannot be used .*; training starts again"):
        assert cli.main(["train-ranker", "--out", str(out), *toy_args]) == 0
    assert out.read_bytes() == whole.read_bytes()
    assert not checkpoint.beside(out).exists()


def test_runs_and_rankers_of_a_study(tmp_path, toy_tables, monkeypatch, capsys):
    from experiments.faults.killing import commands, contents

    monkeypatch.chdir(tmp_path)
    (command,) = (c for c in commands(toy_tables, tmp_path, tmp_path / "study.yaml") if c.name == "compare")
    argv = [part if part != "2" else "1" for part in command.argv]
    assert cli.main(argv) == 0
    whole = contents(tmp_path / "out")
    for path in (*Path("out/runs").glob("ranks_*"), *Path("out/rankers").iterdir()):
        flipped(path)
    capsys.readouterr()
    with pytest.warns(UserWarning) as caught:
        assert cli.main(argv) == 0
    said = [str(warning.message) for warning in caught]
    assert len(said) == 2  # one message for all runs, one for their ranker
    assert "cannot use out/runs/ranks_" in said[0] and "and 1 more; what is lost is made again" in said[0]
    assert "ranker file out/rankers" in said[1] and "it is trained again" in said[1]
    assert "6 runs, 2 of them made now" in capsys.readouterr().out
    assert contents(tmp_path / "out") == whole
