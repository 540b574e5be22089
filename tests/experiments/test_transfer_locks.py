from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from experiments.transfer_locks import choices
from experiments.transfer_locks.choices import LIMIT, METHODS, RANDOM, SPACE, TK_TRANSFER, S
from experiments.transfer_locks.run import HERE, pair_results
from naslib_archlock.benchmarks.domains_benchmark import N_IMAGES, column, read_figures


def test_images_are_read_between_the_measured_amounts():
    of_cell = np.array([[20.0, 60.0], [40.0, 70.0], [60.0, 80.0], [80.0, 90.0]])
    found = choices.images_to_reach(of_cell, 50.0)
    assert found[0] == pytest.approx(np.sqrt(10 * 30))  # half way on the logarithmic axis
    assert found[1] == 1  # above the level without any image
    assert choices.images_to_reach(of_cell, 95.0).tolist() == [100, 100]  # not reached


def test_a_pair_of_the_page_comes_out_again():
    rows = pair_results("bold", "faint", 2)
    stored = json.loads((Path(HERE) / "results.json").read_text(encoding="utf-8"))
    assert {row["method"] for row in rows} == set(METHODS) == set(stored["methods"])
    by_method = {row["method"]: row for row in rows if row["seed"] == 0}
    (limit,) = (p for p in stored["pairs"] if (p["source"], p["target"], p["method"]) == ("bold", "faint", LIMIT))
    assert by_method[LIMIT]["attacked_10"] == pytest.approx(limit["attacked_10"], abs=1e-3)
    assert by_method[S]["log_ratio"] == 0
    assert not any(by_method[method]["outside"] for method in (LIMIT, RANDOM))


def test_the_limit_is_the_cell_that_serves_the_attacker_least_by_validation():
    cells, figures = read_figures()
    attacked = figures[f"{column('plain', 'noisy', 10)}/val"].mean(axis=1)
    within = {tuple(cell) for cell in choices.within_budget("plain")}
    lowest = min(attacked[row] for row, cell in enumerate(cells.tolist()) if tuple(cell) in within)
    chosen = choices.chosen(LIMIT, "plain", "noisy", 0)
    row = int(np.flatnonzero((cells == SPACE.representatives([chosen])[0]).all(axis=1))[0])
    assert attacked[row] == lowest
    assert len(N_IMAGES) == choices.curve(chosen, "plain", "noisy").shape[0]


def test_the_search_for_a_lock_against_fine_tuning_finds_a_better_one_than_s():
    found = [choices.chosen(TK_TRANSFER, "bold", "noisy", seed) for seed in range(2)]
    of_s = [choices.chosen(S, "bold", "noisy", seed) for seed in range(2)]
    with_ten = N_IMAGES.index(10)
    lock, reference = (
        np.mean([choices.curve(cell, "bold", "noisy")[with_ten] for cell in cells]) for cells in (found, of_s)
    )
    assert lock < reference
