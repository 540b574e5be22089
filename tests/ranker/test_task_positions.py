from __future__ import annotations

import numpy as np

from naslib_archlock.ranker import task_positions as t


def test_directions_are_the_distinct_ones_in_order():
    a, b = np.array([3.0, 0.0]), np.array([1.0, 1.0])
    directions = t.directions_of(np.stack([b, a, 2 * b, a]))
    np.testing.assert_allclose(directions, [[np.sqrt(0.5)] * 2, [1, 0]])


def test_positions_are_cosines():
    directions = t.directions_of(np.array([[1.0, 0.0], [0.0, 2.0]]))
    np.testing.assert_allclose(
        t.positions(np.array([[5.0, 5.0], [0.0, 0.0]]), directions), [[np.sqrt(0.5)] * 2, [0, 0]]
    )


def test_there_are_not_too_many(monkeypatch):
    monkeypatch.setattr(t, "MOST_TASKS", 4)
    assert len(t.directions_of(np.random.default_rng(0).standard_normal((9, 3)))) == 4
