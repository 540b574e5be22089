from __future__ import annotations

import numpy as np
import pytest
import torch
from random_networks import DIM, sample, vectors

from naslib_archlock.errors import RankerError
from naslib_archlock.ranker.models import trees
from naslib_archlock.ranker.models.trees import Trees
from naslib_archlock.ranker.pair_model import encoded


def fitted(monkeypatch: pytest.MonkeyPatch) -> tuple[Trees, list]:
    """A forest, and scikit-learn's own that it was made from."""
    made = []
    original = trees._joined
    monkeypatch.setattr(trees, "_joined", lambda parts: made.extend(parts) or original(parts))
    model = Trees(DIM, n_trees=12)
    cells = sample(80)
    model.fit(
        encoded(cells).numpy(), np.repeat(vectors(2), 40, axis=0), np.random.default_rng(0).standard_normal(80),
        np.random.default_rng(0),
    )  # fmt: skip
    return model, made


def test_scores_are_those_of_scikit_learns_trees(monkeypatch):
    monkeypatch.setattr(trees, "_BLOCK", 17)
    model, theirs = fitted(monkeypatch)
    archs, tasks = encoded(sample(60, 1)).numpy(), np.repeat(vectors(2), 30, axis=0)
    expected = np.stack([tree.predict(model._inputs(archs, tasks))[:, 0] for tree in theirs])
    mean, std = model.predict(archs, tasks)
    np.testing.assert_allclose(mean, expected.mean(axis=0))
    np.testing.assert_allclose(std, expected.std(axis=0))


def test_many_cells_are_thinned_out(monkeypatch):
    monkeypatch.setattr(trees, "_MOST_ROWS", 20)
    model, theirs = fitted(monkeypatch)
    assert {int(tree.n_node_samples[0]) for tree in theirs} == {20}
    assert len(model.directions) == 2


@pytest.mark.parametrize(("row", "value"), [(0, -1), (0, 1e6), (2, 0.5), (3, 1e9), (2, 0)])
def test_nodes_that_lead_nowhere_or_back_are_found(monkeypatch, row, value):
    model, _ = fitted(monkeypatch)
    model.check()
    inner = int(torch.nonzero(model.nodes[2] != torch.arange(model.nodes.shape[1]))[-1])
    model.nodes[row, inner] = value
    with pytest.raises(RankerError, match="a tree lead"):
        model.check()
