from __future__ import annotations

import numpy as np
from random_networks import DIM, sample, vectors

from naslib_archlock.compute.additive_process import AdditiveKernel, Points, Process
from naslib_archlock.ranker import family_inputs
from naslib_archlock.ranker.models import gp
from naslib_archlock.ranker.models.gp import GaussianProcess
from naslib_archlock.ranker.pair_model import encoded
from naslib_archlock.spaces.cells import cell_index


def test_scores_are_those_of_the_process_on_graph_features():
    model, cells, scores = GaussianProcess(DIM), sample(50), np.random.default_rng(0).standard_normal(50)
    model.fit(encoded(cells).numpy(), np.tile(vectors(1), (50, 1)), scores, np.random.default_rng(0))

    def points(of: np.ndarray) -> Points:
        tables = family_inputs.feature_tables("cell")
        return Points(tuple(table[cell_index(of)] for table in tables), np.ones((len(of), 1)))

    process = Process.of(AdditiveKernel(model.logs.numpy()), points(cells), scores)
    others = sample(20, 1)
    mean, std = model.predict(encoded(others).numpy(), np.tile(vectors(1), (20, 1)))
    for ours, expected in zip((mean, std), process.predict(points(others))):
        np.testing.assert_allclose(ours, expected, atol=1e-8)


def test_many_cells_are_thinned_out(monkeypatch):
    monkeypatch.setattr(gp, "_MOST_ROWS", 30)
    model = GaussianProcess(DIM)
    model.fit(encoded(sample(50)).numpy(), np.tile(vectors(1), (50, 1)), np.arange(50.0), np.random.default_rng(0))
    assert len(model.numbers) == model.settings["n_cells"] == 30


def test_a_further_input_that_is_constant_does_no_harm():
    model = GaussianProcess(DIM, n_extra=1)
    archs = np.hstack([encoded(sample(40)).numpy(), np.full((40, 1), 7.0)])
    model.fit(archs, np.tile(vectors(1), (40, 1)), np.arange(40.0) / 20 - 1, np.random.default_rng(0))
    assert np.isfinite(model.predict(archs, np.tile(vectors(1), (40, 1)))[0]).all()
