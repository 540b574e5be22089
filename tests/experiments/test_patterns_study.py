"""The study experiments/patterns, run as on its page, but with few resamples."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# The whole study runs here several times, for two minutes on one core.
pytestmark = pytest.mark.slow

REPO = Path(__file__).parents[2]


def run(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the page's command from another folder ``cwd``, in which the results go."""
    command = [sys.executable, "-m", "experiments.patterns.run", *args]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPO)}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, str]:
    """The results on the embedded benchmark, and the printed text."""
    cwd = tmp_path_factory.mktemp("patterns")
    done = run("--resamples", "20", cwd=cwd)
    assert (done.returncode, done.stderr) == (0, "")
    return cwd / "build" / "patterns", done.stdout


def test_it_runs_without_tables_and_holds_what_it_says(finished):
    out, printed = finished
    results = json.loads((out / "results.json").read_text())
    assert set(results["budgets"]) == {"2", "5"}
    assert set(results["budgets"]["5"]["spaces"]) == {"digits"}
    digits = results["budgets"]["5"]["spaces"]["digits"]
    assert digits["pairs"] == 30
    assert set(digits["effects"]) == set(results["budgets"]["5"]["agreement"])
    shares = digits["shares_of_effects"]
    assert sum(shares[name] for name in ("common", "target", "source", "rest")) == pytest.approx(1, abs=1e-3)
    # Target accuracies predict better than ops do, and a model of this pair better than a model of other pairs.
    explained = {name: value for name, (value, _, _) in digits["explained_variance"].items()}
    assert explained["target validation accuracy of the cell"] > max(
        value for name, value in explained.items() if not name.startswith("target")
    )
    scores = {name: pick["lock_score"][0] for name, pick in digits["picks"].items()}
    # Every function of this benchmark was trained once, so the best one has a score of 1.
    assert scores.pop("best distinct function: test accuracy on the target") == pytest.approx(1)
    assert max(scores, key=scores.__getitem__) == "ceiling: validation accuracy on the target"
    assert "source budget 2%" in printed
    assert "how well trained weights transfer" in printed


def test_pictures_are_there_and_small(finished):
    out, _ = finished
    names = {f"{kind}_{budget}.png" for kind in ("edges_digits", "cells_digits", "features") for budget in (2, 5)}
    assert {path.name for path in out.glob("*.png")} == names
    for path in out.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size < 150_000


def test_every_pair_has_its_effects_within_their_intervals(finished):
    out, _ = finished
    rows = list(csv.DictReader(io.StringIO(gzip.decompress((out / "pairs.csv.gz").read_bytes()).decode())))
    assert len({(row["source"], row["target"]) for row in rows if row["budget_pct"] == "5"}) == 30
    assert all(float(row["low"]) <= float(row["high"]) for row in rows)
    assert all(0 <= float(row["p_fdr"]) <= 1 for row in rows)
    inside = [float(row["low"]) <= float(row["value"]) <= float(row["high"]) for row in rows]
    assert sum(inside) / len(inside) > 0.9


def test_the_same_seed_has_the_same_bytes(finished, tmp_path):
    out, printed = finished
    again = run("--resamples", "20", "--out", str(tmp_path / "again"), cwd=tmp_path)
    assert again.stdout.replace(str(tmp_path / "again"), "build/patterns") == printed
    names = sorted(path.name for path in out.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "again").iterdir())
    assert all((out / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in names)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--resamples", "3"], "--resamples 3 is too few"),
        (["--seed", "-1"], "--seed -1 must not be negative"),
        (["--tables", "nowhere"], "no table of nasbench201 in nowhere"),
        (["--out", "file/results"], "output folder file/results cannot be written"),
    ],
)
def test_mistakes(args, message, tmp_path):
    (tmp_path / "file").write_text("")
    done = run(*args, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
