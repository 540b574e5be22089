from __future__ import annotations

import numpy as np
import torch
from random_networks import DIM, sample

from naslib_archlock.ranker.family_inputs import joined_features
from naslib_archlock.ranker.models.features import PairFeatures
from naslib_archlock.ranker.pair_model import encoded
from naslib_archlock.spaces.cells import cell_index
from naslib_archlock.spaces.known import TRANSBENCH101_MACRO


def test_a_cell_is_read_as_its_graph_features():
    cells = sample(9)
    codes = PairFeatures(DIM).encode(encoded(cells)).numpy()
    np.testing.assert_array_equal(codes, joined_features("cell")[cell_index(cells)])


def test_the_features_are_those_of_the_family_and_are_not_saved():
    model = PairFeatures(DIM, "macro", hidden=[5])
    archs = TRANSBENCH101_MACRO.all()[:4]
    codes = model.encode(torch.from_numpy(TRANSBENCH101_MACRO.encode(archs)))
    np.testing.assert_array_equal(codes.numpy(), joined_features("macro")[TRANSBENCH101_MACRO.index(archs)])
    assert "table" not in model.state_dict()
    assert model.settings == {"hidden": [5], "antisymmetric": True, "family": "macro"}
