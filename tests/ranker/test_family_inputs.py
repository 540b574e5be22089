from __future__ import annotations

import numpy as np
import pytest
import torch

from naslib_archlock.errors import RankerError
from naslib_archlock.ranker import family_inputs as f
from naslib_archlock.spaces import known
from naslib_archlock.spaces.cells import cell_index, one_hot
from naslib_archlock.spaces.known import NASBENCH201, TRANSBENCH101_MACRO


@pytest.mark.parametrize("extra", [0, 3])
def test_numbers_are_read_from_encodings(extra):
    cells = NASBENCH201.all()[::100]
    inputs = np.hstack([one_hot(cells), np.full((len(cells), extra), 9.0, dtype=np.float32)])
    assert f.numbers_of(torch.from_numpy(inputs)).tolist() == cell_index(cells).tolist()


@pytest.mark.parametrize("space", [NASBENCH201, TRANSBENCH101_MACRO], ids=lambda space: space.name)
def test_columns_are_standardised_over_the_functions(space):
    rows = space.index(space.distinct())
    for table in f.feature_tables(space.family):
        np.testing.assert_allclose(table[rows].mean(axis=0), 0, atol=1e-9)
        np.testing.assert_allclose(table[rows].std(axis=0), 1, atol=1e-9)
    assert f.joined_features(space.family).shape[1] == sum(table.shape[1] for table in f.feature_tables(space.family))


def test_graphs_stand_at_the_numbers_of_their_architectures():
    archs = TRANSBENCH101_MACRO.all()[::50]
    table = f.graph_tables("macro")
    for of_table, expected in zip(table, TRANSBENCH101_MACRO.op_graphs(archs)):
        np.testing.assert_array_equal(of_table[TRANSBENCH101_MACRO.index(archs)], expected)


def test_a_family_without_graphs_is_refused(monkeypatch):
    class Plain(type(NASBENCH201)):
        family = "plain"
        graph_features = known.SearchSpace.graph_features

    space = Plain("plain", 5, NASBENCH201._notation, {})
    monkeypatch.setitem(known.SPACES, "plain", space)
    with pytest.raises(RankerError, match="'plain'.*no graph features.*choose archlock.ranker_model mlp"):
        f.feature_tables("plain")
    with pytest.raises(RankerError, match="unknown family of search spaces 'nowhere'; known: cell, macro"):
        f.graph_tables("nowhere")
