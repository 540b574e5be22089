from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naslib_archlock.errors import CellError
from naslib_archlock.spaces import cells as c

# The example of the paper, section 4.1:
#   node1 = conv3x3(node0); node2 = conv3x3(node0) + avgpool(node1)
#   node3 = skip(node0) + conv3x3(node1) + skip(node2)
PAPER_CELL = (3, 3, 4, 1, 3, 1)
PAPER_ROWS = "00010 00010 00001 01000 00010 01000"

any_cell = st.tuples(*[st.integers(0, 4)] * 6)


def test_the_papers_example_encodes_as_in_the_paper():
    rows = c.one_hot([PAPER_CELL]).reshape(6, 5).astype(int)
    assert " ".join("".join(map(str, row)) for row in rows) == PAPER_ROWS


def test_paper_example_is_drawn_as_in_the_paper():
    assert c.draw(PAPER_CELL).splitlines() == [
        "node1 = conv3x3(node0)",
        "node2 = conv3x3(node0) + avgpool(node1)",
        "node3 = skip(node0) + conv3x3(node1) + skip(node2)",
    ]


def test_nothing_reaches_a_node_without_edges():
    assert c.draw((0, 0, 0, 0, 0, 0)).splitlines() == ["node1 = 0", "node2 = 0", "node3 = 0"]


def test_index_and_one_hot_number_every_cell_once():
    cells = c.all_codes(5)
    np.testing.assert_array_equal(c.cell_index(cells), np.arange(15_625))
    np.testing.assert_array_equal(c.cells_at(np.arange(15_625)), cells)
    encodings = c.one_hot(cells)
    assert encodings.shape == (15_625, c.ENCODING_DIM)
    assert encodings.dtype == np.float32
    np.testing.assert_array_equal(encodings.reshape(-1, 6, 5).argmax(axis=2), cells)
    np.testing.assert_array_equal(encodings.reshape(-1, 6, 5).sum(axis=2), 1)


def test_a_cell_of_numpy_integers_becomes_plain_integers():
    cell = c.as_cell(np.array(PAPER_CELL))
    assert str(cell) == "(3, 3, 4, 1, 3, 1)"  # NASLib's tables have this text as a key


@pytest.mark.parametrize(
    "codes",
    [
        (), (1, 2, 3), (0,) * 7, (0, 0, 0, 0, 0, 5), (0, 0, 0, 0, 0, -1), (0, 0, 0, 0, 0, 1.5), "000000", None, 7,
        (0, 0, 0, 0, 0, float("nan")), (0, 0, 0, 0, 0, float("inf")), (0, 0, 0, 0, 0, None), ((0, 0, 0),) * 6,
    ],
)  # fmt: skip
def test_what_is_no_cell_is_refused(codes):
    with pytest.raises(CellError, match="six integers from 0 to 4"):
        c.as_cell(codes)


# -- cells that compute the same function ------------------------------------------------------------------------------


def test_numbers_of_distinct_functions():
    index = c.representative_index()
    assert len(np.unique(index)) == 4_660
    assert len(np.unique(index[c.cell_index(c.all_codes(4))])) == 871


def test_representatives_are_those_of_the_numbers_that_cells_compute():
    """This does not use ``computed_function``: it evaluates all cells on numbers, with some function for each op.

    The function of pooling is linear.
    """
    cells = c.all_codes(5)
    outputs = []
    for x in (0.7, -1.3):
        nodes = np.full((4, len(cells)), x)
        nodes[1:] = 0
        for (source, target), op in zip(c.EDGES, cells.T):
            value = nodes[source]
            ops = [0 * value, value, np.sin(1.7 * value), np.tanh(2.3 * value), 0.6 * value]  # pooling is linear
            nodes[target] += np.choose(op, ops)
        outputs.append(nodes[3])
    _, by_number = np.unique(np.round(outputs, 9), axis=1, return_inverse=True)
    representative = c.representative_index()
    pairs = set(zip(by_number.ravel().tolist(), representative.tolist()))
    # Both groupings agree: each output value has one representative, and each representative one value.
    assert len(pairs) == len(np.unique(by_number)) == len(np.unique(representative))


def test_representatives_are_idempotent_and_compute_the_same_function():
    cells = c.all_codes(5)
    representatives = c.representatives(cells)
    np.testing.assert_array_equal(c.representatives(representatives), representatives)
    functions = [c.computed_function(tuple(cell)) for cell in cells.tolist()]
    assert [c.computed_function(tuple(cell)) for cell in representatives.tolist()] == functions


def test_no_pooling_appears_in_a_representative():
    assert (c.representatives(c.all_codes(4)) != c.AVG_POOL).all()


ONE_CONV = (0, 0, 0, 3, 0, 0)


@pytest.mark.parametrize(
    ("cell", "same_as"),
    [
        # These have one convolution on some edge, and skips that pass its input or output on.
        ((3, 0, 1, 0, 0, 1), ONE_CONV), ((1, 0, 3, 0, 0, 1), ONE_CONV), ((1, 0, 1, 0, 0, 3), ONE_CONV),
        ((3, 0, 0, 0, 1, 0), ONE_CONV), ((1, 0, 0, 0, 3, 0), ONE_CONV), ((0, 1, 0, 0, 0, 3), ONE_CONV),
        # These have dead edges: they lead to a node that no edge leaves, or leave a node that no edge enters.
        ((2, 4, 3, 3, 0, 0), ONE_CONV), ((0, 0, 4, 3, 2, 2), ONE_CONV),
        # The pooling of a sum is the sum of the poolings.
        ((3, 1, 1, 0, 0, 4), (3, 0, 0, 4, 4, 0)), ((2, 3, 1, 0, 0, 4), (2, 3, 0, 0, 4, 4)),
        # This is the same sum, with the two inner nodes in the other order.
        ((3, 2, 0, 0, 1, 1), (2, 3, 0, 0, 1, 1)),
        # In these, no path leads from input to output.
        ((3, 3, 3, 0, 0, 0), (0, 0, 0, 0, 0, 0)), ((0, 0, 3, 0, 3, 3), (0, 0, 0, 0, 0, 0)),
    ],
)  # fmt: skip
def test_cells_that_compute_the_same(cell, same_as):
    assert c.computed_function(cell) == c.computed_function(same_as)
    np.testing.assert_array_equal(c.representatives([cell]), c.representatives([same_as]))


@pytest.mark.parametrize(
    ("cell", "other"),
    [
        ((3, 0, 2, 0, 0, 1), (2, 0, 3, 0, 0, 1)),  # the ops have another order
        ((1, 0, 0, 1, 1, 0), (0, 0, 0, 1, 0, 0)),  # twice the input is not the input
        ((3, 0, 0, 0, 3, 0), (0, 0, 0, 3, 0, 0)),  # two convolutions are not one
        ((1, 1, 0, 0, 0, 3), (1, 0, 1, 0, 3, 3)),
    ],
)
def test_cells_that_compute_something_else(cell, other):
    assert c.computed_function(cell) != c.computed_function(other)


@given(any_cell)
def test_relabelling_inner_nodes_that_are_not_joined_changes_nothing(cell):
    a, b, _, d, e, f = cell
    assert c.computed_function((a, b, 0, d, e, f)) == c.computed_function((b, a, 0, d, f, e))


def test_every_code_is_one_of_a_cell():
    for code in range(c.N_CODES):
        assert c.as_cell((code,) * 6) == (code,) * 6
