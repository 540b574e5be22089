from __future__ import annotations

import itertools

import numpy as np
import pytest

from naslib_archlock.spaces import graph_features as g
from naslib_archlock.spaces.cells import EDGES, NONE, SKIP, computed_function, representatives
from naslib_archlock.spaces.known import DIGITS, NASBENCH201, TRANSBENCH101_MACRO

PAPER = (3, 3, 4, 1, 3, 1)  # the example of ArchLock, section 4.1


def routes(cell: tuple[int, ...], node: int = 0) -> list[tuple[int, ...]]:
    """The ops on every open path from a node to the output."""
    if node == 3:
        return [()]
    ops = dict(zip(EDGES, cell))
    return [(ops[node, to], *rest) for to in range(node + 1, 4) if ops[node, to] != NONE for rest in routes(cell, to)]


def test_the_groups_and_their_sizes():
    groups = g.graph_features(NASBENCH201.distinct()[:5])
    assert {name: group.shape for name, group in groups.items()} == {
        "features": (5, 17), "paths": (5, 40), "op_sets": (5, 150)
    }  # fmt: skip


def test_cells_that_compute_one_function_have_equal_features():
    cells = NASBENCH201.all()[::7]
    for of_cells, of_representatives in zip(
        g.graph_features(cells).values(), g.graph_features(representatives(cells)).values()
    ):
        np.testing.assert_array_equal(of_cells, of_representatives)


def test_different_functions_have_different_features():
    joined = np.hstack(list(g.graph_features(NASBENCH201.distinct()).values()))
    functions = {computed_function(tuple(cell)) for cell in NASBENCH201.distinct().tolist()}
    assert len(np.unique(joined, axis=0)) > 0.99 * len(functions)


@pytest.mark.parametrize("cell", [PAPER, *map(tuple, NASBENCH201.distinct()[5::900].tolist())])
def test_paths_and_sets_of_ops_are_counted_as_on_the_routes(cell):
    cell = tuple(representatives([cell])[0].tolist())
    groups, open_routes = g.graph_features(np.array([cell])), routes(cell)
    sequences = [s for n in range(4) for s in itertools.product((2, 3, 4), repeat=n)]
    without_skips = [tuple(op for op in route if op != SKIP) for route in open_routes]
    assert groups["paths"][0].tolist() == [without_skips.count(s) for s in sequences]

    sets = [ops for n in range(1, 5) for ops in itertools.combinations((1, 2, 3, 4), n)]
    for ops, columns in zip(sets, groups["op_sets"][0].reshape(15, 10).tolist()):
        alone = [len(route) for route in open_routes if set(route) <= set(ops)]
        counts = [sum(op in ops for op in route) for route in open_routes]
        assert columns[:5] == [min(alone, default=4), max(alone, default=0), max(counts), min(counts), sum(counts)]
        assert columns[5] == sum(op in ops for op in cell)
        out_of_input, into_output = (
            sum(op in ops for op, edge in zip(cell, EDGES) if edge[end] == node) for end, node in ((0, 0), (1, 3))
        )
        assert columns[6:8] == [out_of_input, into_output]


def test_spaces_of_a_family_have_the_same_groups():
    cells = DIGITS.distinct()[:20]
    for ours, theirs in zip(DIGITS.graph_features(cells).values(), NASBENCH201.graph_features(cells).values()):
        np.testing.assert_array_equal(ours, theirs)
    macro = TRANSBENCH101_MACRO.graph_features(TRANSBENCH101_MACRO.all())
    assert {name: group.shape for name, group in macro.items()} == {
        "features": (3256, 4), "shapes": (3256, 13), "modules": (3256, 30)
    }  # fmt: skip
