from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from naslib_archlock.networks.cell_network import CellModule, CellNetwork, network_for
from naslib_archlock.spaces.cells import AVG_POOL, CONV_1X1, CONV_3X3, NONE, SKIP
from naslib_archlock.spaces.known import NASBENCH201
from naslib_archlock.tasks.digits_tasks import DIGITS_TASKS, digits_task

cells = st.tuples(*[st.integers(0, 4)] * 6)


def images(n: int, channels: int = 1, size: int = 8) -> torch.Tensor:
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(0))


def test_skips_add_up_by_hand():
    x = images(2, 3)
    assert torch.equal(CellModule((SKIP,) * 6, 3)(x), 4 * x)  # there are four paths: 03, 013, 023, 0123
    assert torch.equal(CellModule((NONE, NONE, NONE, SKIP, NONE, NONE), 3)(x), x)
    # Node 1 is empty, so its edges add nothing.
    assert torch.equal(CellModule((NONE, SKIP, CONV_3X3, NONE, AVG_POOL, SKIP), 3)(x), x)


def test_a_disconnected_cell_gives_zeros():
    x = images(2, 3)
    for cell in ((NONE,) * 6, (SKIP, SKIP, SKIP, NONE, NONE, NONE), (NONE, NONE, SKIP, NONE, SKIP, SKIP)):
        assert torch.equal(CellModule(cell, 3)(x), torch.zeros_like(x))


def test_an_edge_is_relu_convolution_and_normalisation():
    module = CellModule((NONE, NONE, NONE, CONV_3X3, NONE, NONE), 2)
    x = images(5, 2) - 0.5
    conv, norm = module.ops[0][1], module.ops[0][2]
    module.train()
    assert torch.allclose(module(x), norm(conv(x.clamp(min=0))))
    assert conv.weight.shape == (2, 2, 3, 3)
    assert CellModule((NONE, NONE, NONE, CONV_1X1, NONE, NONE), 2).ops[0][1].weight.shape == (2, 2, 1, 1)


def test_pooling_leaves_a_constant_image_as_it_is():
    x = torch.full((1, 2, 8, 8), 3.0)
    assert torch.allclose(CellModule((NONE, NONE, NONE, AVG_POOL, NONE, NONE), 2)(x), x)


@given(cells)
def test_equal_functions_are_computed_equally(cell):
    """The networks of a cell and of its representative agree if their live edges have the same weights."""
    representative = tuple(NASBENCH201.representatives([cell])[0].tolist())
    x = images(2, 4)
    for module in (a := CellModule(cell, 4)), (b := CellModule(representative, 4)):
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.constant_(layer.weight, 0.1)
    assert torch.allclose(a(x), b(x), atol=1e-4)


@pytest.mark.parametrize("task", DIGITS_TASKS)
def test_a_network_has_the_outputs_of_its_task(task):
    data = digits_task(task)["val"]
    rows = torch.arange(5)
    outputs = network_for(data, (3, 2, 1, 3, 0, 2))(data.images[rows])
    expected = (5, data.n_classes) if data.is_classification else tuple(data.targets[rows].shape)
    assert tuple(outputs.shape) == expected
    assert torch.isfinite(data.loss(outputs, data.targets[rows]))


def test_channels_double_as_the_resolution_halves():
    network = CellNetwork((CONV_3X3,) * 6, 3, 7, widths=(4, 8, 16))
    assert network.forward_before_global_avg_pool(images(2, 3, 16)).shape == (2, 16, 4, 4)
    assert network(images(2, 3, 16)).shape == (2, 7)


def test_copies_share_no_weight_and_see_their_own_images():
    network = CellNetwork((3, 2, 1, 3, 1, 2), 1, 5, copies=3).eval()
    x = images(4, 3)
    before = network(x).chunk(3, dim=1)
    changed = x.clone()
    changed[:, 1] += 1.0  # the images of the second copy
    after = network(changed).chunk(3, dim=1)
    assert torch.equal(before[0], after[0])
    assert torch.equal(before[2], after[2])
    assert not torch.allclose(before[1], after[1])


def test_residual_blocks_halve_the_image_whatever_its_size():
    network = CellNetwork((CONV_3X3,) * 6, 3, 7, widths=(4, 8, 16), cells_per_stage=2, has_residual_blocks=True)
    assert network.forward_before_global_avg_pool(images(2, 3, 16)).shape == (2, 16, 4, 4)
    assert network.forward_before_global_avg_pool(images(2, 3, 15)).shape == (2, 16, 4, 4)  # 15, 8, 4


def test_copies_with_residual_blocks_share_no_weight():
    network = CellNetwork((3, 2, 1, 3, 1, 2), 1, 5, copies=2, has_residual_blocks=True).eval()
    x = images(4, 2)
    changed = x.clone()
    changed[:, 1] += 1.0
    before, after = network(x).chunk(2, dim=1), network(changed).chunk(2, dim=1)
    assert torch.equal(before[0], after[0])
    assert not torch.allclose(before[1], after[1])
