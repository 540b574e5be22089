from __future__ import annotations

from pathlib import Path

import pytest

from naslib_archlock.commands.main import main
from naslib_archlock.errors import OutputError
from naslib_archlock.report.finished_run import read_run

KEYS = ["search_space", "digits", "dataset", "digit", "archlock.target", "edges", "search.epochs", "20"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assert main(["search", *KEYS, "out_dir", str(tmp_path)]) == 0
    return tmp_path / "digits" / "digit" / "archlock" / "tu" / "0"


def test_a_run_is_read_with_the_benchmark_it_was_made_on(folder):
    run = read_run(folder)
    assert run.benchmark is not None
    assert run.benchmark.accuracy(tuple(run.result["cell"]), task="digit", split="val") == run.result["source_val"]
    assert len(run.history.splitlines()) == 21
    assert run.made["date"].endswith("UTC")
    assert run.attacked is None


@pytest.mark.parametrize("name", ["result.json", "history.csv", "timings.json"])
def test_a_changed_file_is_refused(folder, name):
    path = folder / name
    path.write_text(path.read_text().replace("1", "2", 1))
    with pytest.raises(OutputError, match=f"cannot be reported: {name} was changed after the run"):
        read_run(folder)


def test_a_missing_result_is_told(folder):
    (folder / "result.json").unlink()
    with pytest.raises(OutputError, match="not finished.*--resume"):
        read_run(folder)


def test_a_damaged_audit_is_told(folder):
    (folder / "audit").mkdir()
    (folder / "audit" / "audit.json").write_text('{"cells": {}, "targets": ["edges"]}')
    (folder / "audit" / "attacks.csv").write_text("a,b\n1,2\n")
    with pytest.raises(OutputError, match="audit is damaged"):
        read_run(folder)
