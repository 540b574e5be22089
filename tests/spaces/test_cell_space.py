from __future__ import annotations

import numpy as np
import pytest

from naslib_archlock.errors import CellError
from naslib_archlock.spaces import cell_features as f
from naslib_archlock.spaces import cells as c
from naslib_archlock.spaces.known import DIGITS, NASBENCH201, TRANSBENCH101_MICRO

CELL_SPACES = [NASBENCH201, TRANSBENCH101_MICRO, DIGITS]


@pytest.mark.parametrize("space", CELL_SPACES, ids=lambda s: s.name)
def test_neighbours_of_a_cell(space):
    arch = (3, 3, 2, 1, 3, 1)
    neighbours = space.neighbours(arch)
    assert len(set(neighbours)) == len(neighbours) == 6 * (space.n_codes - 1)
    assert all(sum(a != b for a, b in zip(arch, other)) == 1 for other in neighbours)


def test_all_usable_neighbours_are_reached():
    arch = (0, 0, 0, 3, 0, 0)
    rng = np.random.default_rng(0)
    reached = {NASBENCH201.mutate(arch, rng) for _ in range(500)}
    # Only the op on 0->3 may change, because an op on any other edge would lead nowhere.
    assert reached == {(0, 0, 0, op, 0, 0) for op in (1, 2, 4)}


@pytest.mark.parametrize("space", CELL_SPACES, ids=lambda s: s.name)
def test_every_function_is_drawn_equally_often(space):
    """Draws are uniform over functions: a function is not drawn more often if many cells compute it."""
    rng = np.random.default_rng(0)
    n, draws = len(space.distinct()), 200
    counts = np.zeros(5**6)
    for _ in range(draws):
        counts[c.cell_index(space.sample(n // 2, rng))] += 1
    one_convolution = counts[c.cell_index([(0, 0, 0, 3, 0, 0)])][0]
    assert 0.35 * draws < one_convolution < 0.65 * draws


def test_seeds_draw_different_samples():
    draws = {tuple(NASBENCH201.sample(10, np.random.default_rng(seed))) for seed in range(20)}
    assert len(draws) == 20


def test_a_sample_may_be_the_whole_space_and_no_more():
    sample = TRANSBENCH101_MICRO.sample(870, np.random.default_rng(0))
    assert sorted(sample) == sorted(map(tuple, TRANSBENCH101_MICRO.distinct().tolist()))
    with pytest.raises(CellError, match="870 distinct architectures, fewer than the 871"):
        TRANSBENCH101_MICRO.sample(871, np.random.default_rng(0))


@pytest.mark.parametrize("space", CELL_SPACES, ids=lambda s: s.name)
def test_every_tuple_of_codes_is_a_cell(space):
    assert len(space.all()) == space.n_codes**6
    np.testing.assert_array_equal(space.all(), c.all_codes(space.n_codes))


@pytest.mark.parametrize("space", CELL_SPACES, ids=lambda s: s.name)
def test_features_and_costs_are_those_of_cells(space):
    cells = space.all()[::13]
    assert space.has_features(f.FEATURES)
    np.testing.assert_array_equal(space.features(cells, f.FEATURES), f.features(cells))
    np.testing.assert_array_equal(space.features(cells), f.features(cells, f.TABLE))
    np.testing.assert_array_equal(space.conv_weights(cells), f.conv_weights(cells))
    np.testing.assert_array_equal(space.flops(cells), f.cell_flops(cells))


@pytest.mark.parametrize("space", CELL_SPACES, ids=lambda s: s.name)
def test_a_network_consists_of_the_cell_itself(space):
    assert space.builds_networks
    assert space.network_cell((3, 0, 1, 0, 2, 1)) == (3, 0, 1, 0, 2, 1)
    with pytest.raises(CellError, match=f"from 0 to {space.n_codes - 1}"):
        space.network_cell((space.n_codes, 0, 0, 0, 0, 0))
