from __future__ import annotations

import numpy as np
import pytest
import torch
from random_networks import DIM, sample

from naslib_archlock.errors import RankerError
from naslib_archlock.ranker.models.gcn import PairGCN
from naslib_archlock.ranker.pair_model import encoded
from naslib_archlock.spaces.known import NASBENCH201, TRANSBENCH101_MACRO
from naslib_archlock.spaces.op_graphs import N_LABELS


def test_one_convolution_by_hand():
    model = PairGCN(DIM, width=4, layers=1).requires_grad_(False)
    cells = sample(5)
    graphs, convolution = NASBENCH201.op_graphs(cells), model.convolutions[0]
    for code, labels, adjacency in zip(model.encode(encoded(cells)), graphs.labels, graphs.adjacency):
        states = []
        for node in np.flatnonzero(labels):
            total = convolution.own(torch.eye(N_LABELS)[labels[node]])
            for others, layer in ((adjacency[:, node], convolution.before), (adjacency[node], convolution.behind)):
                neighbours = labels[np.flatnonzero(others)]
                if len(neighbours):
                    total = total + layer(torch.eye(N_LABELS)[neighbours].mean(dim=0))
            states.append(total.relu())
        torch.testing.assert_close(code, torch.stack(states).mean(dim=0))


def test_cells_that_compute_one_function_have_one_code():
    model = PairGCN(DIM).requires_grad_(False)
    cells = NASBENCH201.all()[100::900]
    ours, theirs = (model.encode(encoded(c)) for c in (cells, NASBENCH201.representatives(cells)))
    torch.testing.assert_close(ours, theirs)


def test_macro_architectures_are_read_as_chains():
    model = PairGCN(DIM, "macro").requires_grad_(False)
    archs = TRANSBENCH101_MACRO.all()[::500]
    codes = model.encode(torch.from_numpy(TRANSBENCH101_MACRO.encode(archs)))
    assert torch.isfinite(codes).all()
    assert len(torch.unique(codes, dim=0)) == len(archs)


@pytest.mark.parametrize("settings", [{"width": 0}, {"width": 4096}, {"layers": True}, {"layers": 99}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(RankerError, match="must be an integer from 1 to"):
        PairGCN(DIM, **settings)
