"""The figures of ``docs/cluster.md`` are those that its script last printed."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

REPO = Path(__file__).parents[2]


def test_the_page_holds_the_block_of_the_last_measurement():
    folder = REPO / "experiments" / "cluster_estimate"
    unit_costs = json.loads((folder / "results.json").read_text(encoding="utf-8"))["unit_costs"]
    block = runpy.run_path(str(folder / "run.py"))["block"](unit_costs)
    assert f"```text\n{block}\n```" in (REPO / "docs" / "cluster.md").read_text(encoding="utf-8")
