"""Scheme S on images of one's own, and what is said of too few of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from naslib_archlock.config.load import load_config
from naslib_archlock.locking.result import _choice_of_s, _notes_on_noise
from naslib_archlock.strategies.base import Evaluated

A, B = (3, 3, 3, 3, 3, 3), (1, 1, 1, 1, 1, 1)


def searched(known: dict[Any, float]) -> Any:
    """A finished search that chose its most accurate architecture."""
    best = max(known, key=lambda arch: known[arch])
    return SimpleNamespace(
        best=lambda: Evaluated(best, 1.0, None, known[best]),
        oracle=SimpleNamespace(known=known),
        fitness=SimpleNamespace(of=lambda archs: np.full(len(archs), 7.0)),
        uses_source_accuracy=bool(known),
    )


def benchmark(n_val: int | None, is_tabular: bool = False) -> Any:
    return SimpleNamespace(is_tabular=is_tabular, n_images=lambda task, split: n_val)


def test_s_chooses_among_all_networks_that_were_trained():
    own, of_lock = searched({A: 70.0}), searched({A: 70.0, B: 71.0})
    assert _choice_of_s(benchmark(50), own, of_lock) == Evaluated(B, 7.0, None, 71.0)
    assert _choice_of_s(benchmark(50), of_lock, own).arch == B
    assert _choice_of_s(benchmark(50), own, searched({B: 70.0})).arch == A  # of equals its own
    assert _choice_of_s(benchmark(None, is_tabular=True), own, of_lock).arch == A  # every method looks up its own


@pytest.mark.parametrize(("n_val", "budget", "is_said"), [(48, 2, True), (10_000, 2, False), (48, 40, False)])
def test_a_budget_that_the_validation_images_do_not_resolve_is_said(n_val, budget, is_said):
    config = load_config(None, ["dataset", "./photos", "archlock.source_budget_pct", str(budget)])
    notes = _notes_on_noise(config, benchmark(n_val), searched({A: 70.0}))
    assert len(notes) == is_said
    if is_said:
        assert "photos has 48 validation images, so one image is 2.1 points" in notes[0]
        assert "70.0, has the 95% interval [56.0, 81.1]. The source budget is 1.4 points" in notes[0]
    assert _notes_on_noise(config, benchmark(None), searched({A: 70.0})) == []
