from __future__ import annotations

import pytest
from random_networks import DIM

from naslib_archlock.errors import ConfigError, RankerError
from naslib_archlock.ranker.comparisons import AdditiveContest
from naslib_archlock.ranker.encoded_pair import EncodedPairModel
from naslib_archlock.ranker.model_kinds import build_model


@pytest.mark.parametrize("kind", ["mlp", "features", "gcn", "transformer"])
def test_networks_share_the_head_and_the_fast_comparisons(kind):
    from random_networks import sample, vectors

    model = build_model(kind, DIM, {"hidden": [6, 4]}).requires_grad_(False)
    assert isinstance(model, EncodedPairModel)
    assert [layer.out_features for layer in model.head if hasattr(layer, "out_features")] == [4, 1]
    assert isinstance(model.contest(vectors(2), sample(5)), AdditiveContest)
    with pytest.raises(ConfigError, match="widths from 1 to 4096"):
        build_model(kind, DIM, {"hidden": [0]})
    with pytest.raises(RankerError, match="antisymmetric='no' must be true or false|must be a list of widths"):
        build_model(kind, DIM, {"antisymmetric": "no"})
