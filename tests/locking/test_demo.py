"""What ``make demo`` runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from naslib_archlock.commands.main import main

REPO = Path(__file__).resolve().parents[2]
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


def test_the_second_pair_of_the_demo_is_one_of_the_two_in_the_middle():
    """By the mean lock score of TU over all pairs, at the budget of the demo."""
    pd = pytest.importorskip("pandas")
    results = pd.read_csv(REPO / "experiments" / "digits_locks" / "results" / "results.csv")
    of_tu = results[(results["method"] == "TU") & (results["budget_pct"] == 2)]
    scores = of_tu.groupby(["source", "target"])["lock_score"].mean().sort_values()
    assert len(scores) == 30
    assert ("noise", "rotation") in scores.index[14:16]
    assert "dataset noise archlock.target rotation" in (REPO / "Makefile").read_text(encoding="utf-8")


def test_with_target_look_ups_the_demo_finds_another_cell(tmp_path, capsys):
    """What ``make demo`` says to try next."""
    found = []
    for keys in (["archlock.scheme", "tu"], ["archlock.scheme", "tk", "archlock.target_queries", "20"]):
        assert main(["search", "--json", "archlock.target", "jigsaw", *keys, "out_dir", str(tmp_path)]) == 0
        found.append(json.loads(capsys.readouterr().out))
    tu, tk = found
    assert tk["arch"] != tu["arch"]
    assert tk["targets"]["jigsaw"] < tu["targets"]["jigsaw"] - 5


def test_the_demo_with_the_ranker_in_the_box(tmp_path, capsys):
    """The same by the paper's search, which ranks."""
    args = ["search", "--json", "search_space", "digits", "dataset", "digit", "archlock.target", "jigsaw"]
    keys = ["archlock.strategy", "evolution", "search.epochs", "50", "out_dir", str(tmp_path)]
    assert main([*args, *keys]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["source_val"] >= 0.97 * result["s"]["source_val"]
    assert result["targets"]["jigsaw"] < result["s"]["targets"]["jigsaw"] - 5
    assert (tmp_path / "digits/digit/archlock/tu/0/ranker.safetensors").is_file()
