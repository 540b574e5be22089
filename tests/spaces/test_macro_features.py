from __future__ import annotations

import numpy as np
import pytest

from naslib_archlock.spaces.known import TRANSBENCH101_MACRO


def test_costs_and_depths_by_hand():
    """Four modules at 64 channels: plain, double the channels, halve the resolution, and both."""
    space, archs = TRANSBENCH101_MACRO, [(1, 2, 3, 4, 0, 0)]
    plain = 4 * 9 * 64 * 64
    doubles = 9 * 64 * 128 + 3 * 9 * 128 * 128 + 64 * 128
    halves = 4 * 9 * 128 * 128 + 128 * 128
    both = 9 * 128 * 256 + 3 * 9 * 256 * 256 + 128 * 256
    weights = plain + doubles + halves + both
    flops = 2 * ((plain + doubles) * 64**2 + halves * 32**2 + both * 16**2)
    assert space.conv_weights(archs).tolist() == [weights]
    assert space.flops(archs).tolist() == [flops]
    found = dict(zip(space.feature_names, space.features(archs)[0]))
    assert found == pytest.approx(
        {"log_weights": np.log(weights), "log_flops": np.log(flops), "depth": 16, "least_depth": 3}
    )


def test_features_of_all_macro_architectures():
    space = TRANSBENCH101_MACRO
    found = dict(zip(space.feature_names, space.features(space.all()).T))
    assert set(found["depth"]) == {16, 20, 24}
    assert (found["least_depth"] >= 1).all()
    assert (found["least_depth"] * 4 <= found["depth"]).all()
    longer, shorter = space.features([(1, 1, 4, 1, 1, 0), (1, 1, 4, 1, 0, 0)], ["log_flops"])
    assert longer > shorter


@pytest.mark.naslib
def test_weights_are_those_of_naslibs_networks():
    """But for the convolutions before the modules, which are the same in all networks."""
    import torch
    from naslib.search_spaces import TransBench101SearchSpaceMacro

    before = set()
    for arch in TRANSBENCH101_MACRO.all()[::700].tolist():
        graph = TransBench101SearchSpaceMacro(dataset="class_scene")
        graph.set_op_indices(arch)
        graph.parse()
        convs = [module.weight.numel() for module in graph.modules() if isinstance(module, torch.nn.Conv2d)]
        before.add(sum(convs) - int(TRANSBENCH101_MACRO.conv_weights([arch])[0]))
    assert before == {9 * 3 * 32 + 9 * 32 * 64}
