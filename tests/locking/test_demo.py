"""What ``make demo`` runs."""

from __future__ import annotations

import json

import pytest

from naslib_archlock.commands.main import main

pytestmark = pytest.mark.usefixtures("own_cache")


def test_the_demo(tmp_path, capsys):
    """What ``make demo`` runs, on one target: a lock that was not seen in the making, measured beside that of S."""
    args = ["search", "--json", "search_space", "digits", "dataset", "digit", "archlock.target", "edges"]
    assert main([*args, "out_dir", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    result = json.loads(out.splitlines()[-1])
    assert result["source_val"] >= 0.97 * result["s"]["source_val"]
    assert result["targets"]["edges"] < result["s"]["targets"]["edges"] - 5
    assert "means of three seeds" in " ".join(out.split())
    folder = tmp_path / "digits/digit/archlock/tu/0"
    assert {p.name for p in folder.iterdir()} == {
        "result.json",
        "config.yaml",
        "timings.json",
        "history.csv",
        "cell.png",
        "search.png",
        "lock.png",
        "run.json",
    }  # no ranker
    assert (folder / "lock.png").read_bytes().startswith(b"\x89PNG")


def test_the_demo_with_the_ranker_in_the_box(tmp_path, capsys):
    """The same by the paper's search, which ranks."""
    args = ["search", "--json", "search_space", "digits", "dataset", "digit", "archlock.target", "jigsaw"]
    keys = ["archlock.strategy", "evolution", "search.epochs", "50", "out_dir", str(tmp_path)]
    assert main([*args, *keys]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["source_val"] >= 0.97 * result["s"]["source_val"]
    assert result["targets"]["jigsaw"] < result["s"]["targets"]["jigsaw"] - 5
    assert (tmp_path / "digits/digit/archlock/tu/0/ranker.safetensors").is_file()
