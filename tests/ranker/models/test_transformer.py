from __future__ import annotations

import pytest
import torch
from random_networks import DIM, sample

from naslib_archlock.errors import RankerError
from naslib_archlock.ranker.models.transformer import PairTransformer
from naslib_archlock.ranker.pair_model import encoded
from naslib_archlock.spaces.known import NASBENCH201, TRANSBENCH101_MACRO


def test_places_without_a_node_are_not_attended_to():
    model = PairTransformer(DIM, width=8, heads=2, layers=1).requires_grad_(False)
    archs = encoded(sample(30))
    before = model.encode(archs)
    model.of_label.weight[0] += 5  # the label of no node
    torch.testing.assert_close(model.encode(archs), before)
    model.of_label.weight[3] += 5  # 3 x 3 convolutions
    assert (model.encode(archs) - before).abs().max() > 0.01


def test_codes_tell_functions_apart_and_equal_cells_have_one():
    model = PairTransformer(DIM, width=8, heads=2, layers=1).requires_grad_(False)
    cells = NASBENCH201.all()[100::900]
    ours, theirs = (model.encode(encoded(c)) for c in (cells, NASBENCH201.representatives(cells)))
    torch.testing.assert_close(ours, theirs)
    codes = model.encode(encoded(NASBENCH201.distinct()[::50]))
    assert len(torch.unique(codes.round(decimals=5), dim=0)) == len(codes)


def test_macro_architectures_are_read():
    model = PairTransformer(DIM, "macro", width=8, heads=2, layers=1).requires_grad_(False)
    archs = TRANSBENCH101_MACRO.all()[::500]
    assert torch.isfinite(model.encode(torch.from_numpy(TRANSBENCH101_MACRO.encode(archs)))).all()


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"width": 0}, "must be an integer"),
        ({"width": 10, "heads": 4}, "must be a multiple of heads=4"),
        ({"layers": 99}, "must be an integer from 1 to 8"),
        ({"heads": 0}, "must be an integer"),
    ],
)
def test_settings_out_of_range_are_refused(settings, match):
    with pytest.raises(RankerError, match=match):
        PairTransformer(DIM, **settings)
