from __future__ import annotations

import numpy as np
from random_networks import DIM, sample, vectors

from naslib_archlock.ranker.models.ensemble import TreesAndProcess
from naslib_archlock.ranker.pair_model import encoded
from naslib_archlock.testing.ranker_contract import random_model


def test_a_score_is_the_mean_and_variances_add_up():
    model = random_model("ensemble", DIM, np.random.default_rng(0))
    assert isinstance(model, TreesAndProcess)
    archs, tasks = encoded(sample(15)).numpy(), np.tile(vectors(1), (15, 1))
    mean, std = model.predict(archs, tasks)
    (mean_a, std_a), (mean_b, std_b) = (part.predict(archs, tasks) for part in (model.trees, model.process))
    np.testing.assert_allclose(mean, (mean_a + mean_b) / 2)
    np.testing.assert_allclose(std**2, (std_a**2 + std_b**2) / 2 + (mean_a - mean_b) ** 2 / 4)
