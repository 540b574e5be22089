"""``--dry-run`` says what would be done, and does nothing."""

from __future__ import annotations

import json
import os

from naslib_archlock.locking.run_folder import RunFolder


def test_a_dry_run_of_a_search_says_as_much_as_the_search_does(run, toy_args, folder, tmp_path):
    code, out, _ = run("search", *toy_args, "--dry-run")
    assert code == 0
    assert "look-ups of the source: at most 15, and 15 under scheme S" in out
    assert f"folder: {folder}, which holds no run yet" in out
    assert not (tmp_path / "out").exists()
    plan = json.loads(run("search", *toy_args, "--dry-run", "--json").out)
    result = json.loads(run("search", *toy_args, "--json").out)
    assert plan["source_look_ups"] == result["source_queries"]
    assert plan["source_look_ups_of_s"] == result["s"]["source_queries"]
    assert "holds this run, finished" in run("search", *toy_args, "--dry-run").out
    assert "holds another run" in run("search", *toy_args, "--dry-run", "seed", "0", "archlock.cosine", "0.5").out
    (folder / RunFolder._FILES[0]).rename(folder / "state.json")
    assert "interrupted: --resume goes on with it" in run("search", *toy_args, "--dry-run").out


def test_a_dry_run_of_an_audit_counts_its_attacks(run, tmp_path):
    keys = ["archlock.target", "rotation", "audit.seeds", "2", "audit.epochs", "1", "audit.fractions", "10,100"]
    rates = ["audit.step_fractions", "100", "audit.learning_rates", "0.03", "audit.random_cells", "1"]
    code, out, _ = run("audit", "--dry-run", "--json", "out_dir", tmp_path / "out", *keys, *rates)
    assert code == 0
    plan = json.loads(out)
    assert plan["networks"] == 3 * 2  # cells, seeds
    assert plan["attacks"] % (3 * 2 * 2) == 0  # cells, seeds, fractions
    assert plan["audit_seconds"] > 0
    assert os.listdir(tmp_path) == []
