from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naslib_archlock.spaces.cell_features import FEATURES, TABLE, cell_flops, features
from naslib_archlock.spaces.cells import (
    AVG_POOL,
    CONV_1X1,
    CONV_3X3,
    EDGES,
    NONE,
    SKIP,
    Cell,
    all_codes,
    computed_function,
    representatives,
)
from naslib_archlock.spaces.known import DIGITS, NASBENCH201, TRANSBENCH101_MICRO

# These depend only on the paths from input to output, and so only on the function.
OF_PATHS = ("depth", "least_depth", "receptive_field", "identity_path", "paths", "residual")
# These depend on which cell represents the function.
OF_REPRESENTATIVES = (
    "conv_3x3", "conv_1x1", "skip", "pool", "none", "weights", "log_weights", "log_flops", "skip_to_output",
    "longest_path", "mean_path",
)  # fmt: skip


BY_HAND = ("conv_1x1", "skip", "pool", "log_weights", "depth", "least_depth", "receptive_field", "identity_path")


def named(cell: Cell) -> dict[str, float]:
    """Some features of a cell, by name."""
    return dict(zip(BY_HAND, features(np.array([cell]), BY_HAND)[0].tolist()))


def walks(cell: Cell, node: int = 0) -> list[list[int]]:
    """The ops on each path from a node to the output."""
    if node == 3:
        return [[]]
    return [
        [op, *rest]
        for op, (source, target) in zip(cell, EDGES)
        if source == node and op != NONE
        for rest in walks(cell, target)
    ]


def by_walking(cell: Cell) -> dict[str, float]:
    """The features that depend only on the paths."""
    paths = walks(cell)
    convs = [sum(op in (CONV_1X1, CONV_3X3) for op in path) for path in paths]
    return {
        "depth": max(convs, default=0),
        "least_depth": min(convs, default=0),
        "receptive_field": max((path.count(CONV_3X3) for path in paths), default=0),
        "identity_path": any(set(path) == {SKIP} for path in paths),
        "paths": len(paths),
        "longest_path": max(map(len, paths), default=0),
        "mean_path": np.mean([len(path) for path in paths]) if paths else 0,
        "residual": len(paths) > 1 and any(set(path) == {SKIP} for path in paths),
    }


def by_counting(cell: Cell) -> dict[str, float]:
    """The features that depend on the edges."""
    weights = cell.count(CONV_1X1) + 9 * cell.count(CONV_3X3)
    return {
        "conv_3x3": cell.count(CONV_3X3),
        "conv_1x1": cell.count(CONV_1X1),
        "skip": cell.count(SKIP),
        "pool": cell.count(AVG_POOL),
        "none": cell.count(NONE),
        "weights": weights,
        "log_weights": np.log(1 + weights),
        "log_flops": np.log(1 + cell_flops(np.array([cell]))[0]),
        "skip_to_output": cell[EDGES.index((0, 3))] == SKIP,
    }


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        # There is no edge, or the edges lead nowhere.
        ((0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0, 0, 0)),
        ((3, 2, 1, 0, 0, 0), (0, 0, 0, 0, 0, 0, 0, 0)),
        ((0, 0, 3, 0, 3, 3), (0, 0, 0, 0, 0, 0, 0, 0)),
        # One edge leads from input to output.
        ((0, 0, 0, SKIP, 0, 0), (0, 1, 0, 0, 0, 0, 0, 1)),
        ((0, 0, 0, AVG_POOL, 0, 0), (0, 0, 1, 0, 0, 0, 0, 0)),
        ((0, 0, 0, CONV_1X1, 0, 0), (1, 0, 0, np.log(2), 1, 1, 0, 0)),
        ((0, 0, 0, CONV_3X3, 0, 0), (0, 0, 0, np.log(10), 1, 1, 1, 0)),
        # The longest path has only convolutions.
        ((3, 0, 3, 0, 0, 2), (1, 0, 0, np.log(20), 3, 3, 2, 0)),
        # All six edges have the same op.
        ((3, 3, 3, 3, 3, 3), (0, 0, 0, np.log(55), 3, 1, 3, 0)),
        ((4, 4, 4, 4, 4, 4), (0, 0, 6, 0, 0, 0, 0, 0)),
        # A dead edge does not count (1 -> 2, because no edge leaves 2).
        ((2, 0, 3, 0, 2, 0), (2, 0, 0, np.log(3), 2, 2, 0, 0)),
        # A pooling leads from input to output: the least deep path has no convolution, but is no identity.
        ((3, 0, 0, AVG_POOL, 3, 0), (0, 0, 1, np.log(19), 2, 0, 2, 0)),
    ],
)
def test_features_by_hand(cell, expected):
    assert list(named(cell).values()) == pytest.approx(list(expected))


def test_the_papers_example():
    """The cell computes in + 3x3(3x3(in)) + 3x3(in) + pool(3x3(in)), with three convolutions, one pool, two skips."""
    found = named((3, 3, 4, 1, 3, 1))
    assert found == pytest.approx(
        {
            "conv_1x1": 0, "skip": 2, "pool": 1, "log_weights": np.log(28), "depth": 2, "least_depth": 0,
            "receptive_field": 2, "identity_path": 1,
        }
    )  # fmt: skip


def test_all_cells_against_walking_their_paths():
    """Features of paths depend on the cell as written; counts depend on the cell that represents its function."""
    cells = [tuple(cell) for cell in all_codes(5).tolist()]
    walked = [by_walking(cell) for cell in cells]
    found = features(np.array(cells), OF_PATHS)
    np.testing.assert_array_equal(found, np.array([[of[name] for name in OF_PATHS] for of in walked], dtype=float))
    stand_ins = [tuple(cell) for cell in representatives(cells).tolist()]
    expected = [{**by_walking(cell), **by_counting(cell)} for cell in stand_ins]
    found = features(np.array(cells), OF_REPRESENTATIVES)
    expected_rows = np.array([[of[name] for name in OF_REPRESENTATIVES] for of in expected])
    np.testing.assert_allclose(found, expected_rows, rtol=1e-12)
    assert sorted((*OF_PATHS, *OF_REPRESENTATIVES)) == sorted(TABLE)


def test_features_are_chosen_by_name_and_in_their_order():
    cells = all_codes(5)[::7]
    names = ("paths", "none", "depth")
    np.testing.assert_array_equal(features(cells, names), np.hstack([features(cells, [name]) for name in names]))
    np.testing.assert_array_equal(features(cells), features(cells, FEATURES))
    assert set(FEATURES) <= set(TABLE)


def test_cells_of_one_function_have_the_same_features():
    cells = all_codes(5)
    of_function: dict[tuple, tuple] = {}
    for cell, row in zip(cells.tolist(), features(cells, TABLE).tolist()):
        assert of_function.setdefault(computed_function(tuple(cell)), tuple(row)) == tuple(row)
    assert len(set(of_function.values())) > 300  # most cells with different functions differ


codes = st.lists(st.integers(0, 4), min_size=6, max_size=6).map(tuple)


@given(st.lists(codes, min_size=1, max_size=5))
def test_the_features_of_a_cell_do_not_depend_on_those_beside_it(cells):
    together = features(np.array(cells))
    assert together.shape == (len(cells), len(FEATURES))
    assert together.dtype == np.float64
    for cell, row in zip(cells, together):
        np.testing.assert_array_equal(features(np.array([cell]))[0], row)


@pytest.mark.parametrize("space", [NASBENCH201, TRANSBENCH101_MICRO, DIGITS])
def test_depths_are_in_order_and_weights_follow_from_ops(space):
    column = dict(zip(TABLE, features(space.distinct(), TABLE).T))
    assert (column["least_depth"] <= column["depth"]).all()
    assert (column["receptive_field"] <= column["depth"]).all()
    assert (column["least_depth"][column["identity_path"] == 1] == 0).all()
    assert ((column["log_weights"] == 0) == (column["depth"] == 0)).all()
    assert (column["pool"] == 0).all() == (space is not NASBENCH201)
    assert set(column["identity_path"]) == {0, 1}


def test_what_is_returned_may_be_changed():
    """The table of all features is cached, so a caller must get a copy of its rows."""
    cells = np.array([[3, 3, 4, 1, 3, 1]])
    before = features(cells)
    features(cells)[:] = -1
    np.testing.assert_array_equal(features(cells), before)
    everything = features(all_codes(5))
    everything[:] = -1
    np.testing.assert_array_equal(features(cells), before)
