"""The script that turns benchmark results into tables, on small results in pytest-benchmark's format."""

from __future__ import annotations

import copy
import importlib.util
import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PAGE = "# Page\n\nabove\n<!-- written by make bench -->\nold figures\n<!-- end -->\nbelow\n"


def _script() -> Any:
    """``benchmarks/table.py``, which belongs to no package."""
    spec = importlib.util.spec_from_file_location("bench_table", Path(__file__).parents[2] / "benchmarks" / "table.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = _script()
MACHINE = {
    "cpu": "A CPU",
    "cores": 2,
    "threads": 2,
    "load": 1.5,
    "python": "3.11.7",
    "torch": "2.13.0",
    "numpy": "2.3.5",
}


def work(name: str, side: str, label: str, *seconds: float, share: float = 1, multiply_adds: int = 0) -> Any:
    info = {"work": name, "side": side, "name": label, "share": share, "multiply_adds": multiply_adds}
    return {"extra_info": info, "stats": {"median": sorted(seconds)[len(seconds) // 2], "data": list(seconds)}}


def point(axis: str, n: int, seconds: float) -> Any:
    return {"extra_info": {"axis": axis, "n": n}, "stats": {"median": seconds, "data": [seconds]}}


MEASURED = {
    "machine_info": {"measured_on": MACHINE, "system": "Linux"},
    "benchmarks": [
        work("search", "baseline", "script", 2.0, share=0.1),
        work("search", "baseline", "quicker script", 4.0, 5.0, 6.0),
        work("search", "ours", "archlock", 0.1, 0.3, 0.2),
        work("product", "baseline", "plain", 0.5, 0.5, 0.5, share=0.25, multiply_adds=10_000_000_000),
        work("product", "ours", "archlock", 4.0, 4.0, 4.0, multiply_adds=40_000_000_000),
        work("alone", "ours", "archlock", 7.0, 7.0, 7.0),
        point("cells", 1000, 0.5),
        point("cells", 100, 0.25),
    ],
}


@dataclass
class Done:
    """The result of the script."""

    returncode: int
    stdout: str
    stderr: str


def run(folder: Path, *arguments: str, measured: Any = MEASURED) -> Done:
    path = folder / "bench.json"
    path.write_text(measured if isinstance(measured, str) else json.dumps(measured))
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = SCRIPT.main([str(path), "--folder", str(folder), *arguments])
    return Done(code, out.getvalue(), err.getvalue())


def cells_of(text: str) -> list[list[str]]:
    """The cells in the rows of Markdown tables."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "README.md").write_text(PAGE)
    return tmp_path


def keep_as_before(folder: Path, **changes: Any) -> None:
    """Write the results of an earlier run, in which ours was slower."""
    measured: Any = copy.deepcopy(MEASURED)
    measured["machine_info"]["measured_on"].update(changes)
    measured["benchmarks"][2]["stats"] = {"median": 1.0, "data": [1.0, 1.0, 1.0]}
    assert run(folder, "--keep", measured=measured).returncode == 0
    (folder / "results.json").rename(folder / "before.json")


def test_the_page_gets_medians_ratios_and_rates(folder):
    done = run(folder, "--keep")
    assert done.returncode == 0, done.stderr
    page = (folder / "README.md").read_text()
    assert page.startswith("# Page\n\nabove\n")
    assert page.endswith("\nbelow\n")
    assert "old figures" not in page
    assert cells_of(page) == [
        ["work", "baseline", "median s", "ours", "median s", "ratio", "before"],
        ["search", "script (on 0.1 of it, one run)", "20", "archlock", "0.2", "100", "-"],
        ["search", "quicker script", "5", "archlock", "0.2", "25", "-"],
        ["product", "plain (on 0.25 of it)", "2", "archlock", "4", "0.5", "-"],
        ["alone", "-", "-", "archlock", "7", "-", "-"],
        ["work", "baseline", "GMAC/s", "ours", "GMAC/s", "share"],
        ["product", "plain", "20", "archlock", "10", "50%"],
    ]
    assert "A CPU, 2 cores, 2 threads; Python 3.11.7, torch 2.13.0, NumPy 2.3.5; load average 1.5" in page
    assert "Medians of 3 runs" in page
    assert "quicker script" in done.stdout


def test_results_keep_runs_and_growth_in_order(folder):
    assert run(folder, "--keep").returncode == 0
    results = json.loads((folder / "results.json").read_text())
    assert results["measured_on"] == MACHINE
    assert [entry["median_s"] for entry in results["works"]] == [20.0, 5.0, 0.2, 2.0, 4.0, 7.0]
    assert results["works"][2]["runs_s"] == [0.1, 0.3, 0.2]
    assert results["growth"] == {"cells": [{"n": 100, "median_s": 0.25}, {"n": 1000, "median_s": 0.5}]}
    assert (folder / "growth.png").read_bytes().startswith(b"\x89PNG")


def test_ours_now_is_compared_with_ours_before(folder):
    keep_as_before(folder)
    assert run(folder, "--keep").returncode == 0
    rows = cells_of((folder / "README.md").read_text())
    assert [row[-1] for row in rows[1:5]] == ["5", "5", "1", "1"]


def test_another_machine_or_number_of_threads_is_not_compared_with(folder):
    keep_as_before(folder, threads=1)
    assert run(folder, "--keep").returncode == 0
    page = (folder / "README.md").read_text()
    assert [row[-1] for row in cells_of(page)[1:5]] == ["-"] * 4
    assert "Not compared with before, which was measured on A CPU, 2 cores, 1 threads" in page


def test_showing_writes_nothing(folder):
    done = run(folder)
    assert "archlock" in done.stdout
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "bench.json"]
    assert (folder / "README.md").read_text() == PAGE


@pytest.mark.parametrize(
    ("measured", "message"), [("{", "cannot be read"), ('{"benchmarks": []}', "no measurement of this suite")]
)
def test_a_file_that_holds_no_measurements(folder, measured, message):
    done = run(folder, "--keep", measured=measured)
    assert done.returncode == 2
    assert message in done.stderr
    assert "make bench" in done.stderr
    assert not (folder / "results.json").exists()


def test_a_page_without_a_place_for_the_tables_is_left_alone(folder):
    (folder / "README.md").write_text("# Mine\n")
    done = run(folder, "--keep")
    assert done.returncode == 2
    assert "put them back" in done.stderr
    assert (folder / "README.md").read_text() == "# Mine\n"
    assert not (folder / "results.json").exists()
