"""The figures of ``docs/guides/clusters.md`` equal the last output of its script."""

from __future__ import annotations

import json
from pathlib import Path

from experiments.cluster_estimate.run import block

REPO = Path(__file__).parents[2]


def test_the_page_holds_the_block_of_the_last_measurement():
    results = REPO / "experiments" / "cluster_estimate" / "results.json"
    unit_costs = json.loads(results.read_text(encoding="utf-8"))["unit_costs"]
    page = (REPO / "docs" / "guides" / "clusters.md").read_text(encoding="utf-8")
    assert f"```text\n{block(unit_costs)}\n```" in page
