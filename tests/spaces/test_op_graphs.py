from __future__ import annotations

import numpy as np

from naslib_archlock.spaces import op_graphs as o
from naslib_archlock.spaces.cells import representatives
from naslib_archlock.spaces.known import NASBENCH201, TRANSBENCH101_MACRO


def edges_of(graphs: o.OpGraphs, row: int = 0) -> set[tuple[int, int]]:
    return {(int(a), int(b)) for a, b in zip(*np.nonzero(graphs.adjacency[row]))}


def test_the_graph_of_a_cell():
    """The cell 0 -3x3-> 2 -1x1-> 3 with a skip from 0 to 3: nodes 2 (0->2), 4 (0->3) and 6 (2->3)."""
    graphs = o.cell_graphs(np.array([[0, 3, 0, 1, 0, 2]]))
    assert graphs.labels.tolist() == [[o.INPUT_LABEL, 0, 3, 0, 1, 0, 2, o.OUTPUT_LABEL]]
    assert edges_of(graphs) == {(0, 2), (2, 6), (6, 7), (0, 4), (4, 7)}
    assert graphs.is_node.tolist() == [[True, False, True, False, True, False, True, True]]


def test_cells_that_compute_one_function_have_one_graph():
    cells = NASBENCH201.all()[::50]
    for one, other in zip(o.cell_graphs(cells), o.cell_graphs(representatives(cells))):
        np.testing.assert_array_equal(one, other)


def test_every_node_of_a_usable_cell_lies_on_a_path():
    graphs = o.cell_graphs(NASBENCH201.distinct())
    inner = graphs.is_node.copy()
    inner[:, [o.INPUT, o.OUTPUT]] = False
    assert (graphs.adjacency.sum(axis=1) > 0)[inner].all()
    assert (graphs.adjacency.sum(axis=2) > 0)[inner].all()


def test_modules_are_a_chain():
    graphs = o.chain_graphs(np.array([[1, 4, 1, 3, 0, 0], [1, 2, 3, 1, 1, 1]]))
    assert edges_of(graphs) == {(0, 1), (1, 2), (2, 3), (3, 4), (4, 7)}
    assert edges_of(graphs, 1) == {(k, k + 1) for k in range(7)}


def test_positions_are_eigenvectors_of_the_laplacian():
    for graphs in (
        o.cell_graphs(NASBENCH201.distinct()[::400]),
        o.chain_graphs(TRANSBENCH101_MACRO.all()[::400]),
    ):
        for adjacency, is_node, positions in zip(graphs.adjacency, graphs.is_node, o.laplacian_positions(graphs)):
            both = np.maximum(adjacency, adjacency.T)
            root = np.sqrt(np.maximum(both.sum(axis=1), 1))
            laplacian = np.diag(is_node.astype(float)) - both / np.outer(root, root)
            moved = laplacian @ positions
            lengths = (positions**2).sum(axis=0)
            values = (positions * moved).sum(axis=0) / np.where(lengths > 0, lengths, 1)
            np.testing.assert_allclose(moved, positions * values, atol=1e-5)
            assert (positions[~is_node] == 0).all()
            filled = lengths > 0.5
            assert filled.sum() == is_node.sum()
            assert (positions.max(axis=0) >= -positions.min(axis=0) - 1e-5)[filled].all()
