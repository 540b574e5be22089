from __future__ import annotations

import itertools

import pytest
from matplotlib.figure import Figure

from experiments.patterns.cell_drawings import _NODES, cell_grid, draw_cell
from naslib_archlock.errors import CellError
from naslib_archlock.report.pictures import png
from naslib_archlock.spaces.cells import AVG_POOL, CONV_1X1, CONV_3X3, EDGES, NONE, SKIP

CELL = (CONV_3X3, SKIP, AVG_POOL, NONE, CONV_1X1, NONE)


def texts_of(cell) -> list[str]:
    axis = Figure().subplots()
    draw_cell(axis, cell, "title")
    assert axis.get_title() == "title"
    return [text.get_text() for text in axis.texts if text.get_text()]


def test_every_op_is_named_on_its_edge_and_every_node_numbered():
    assert sorted(texts_of(CELL)) == ["0", "1", "1x1", "2", "3", "3x3", "pool", "skip"]
    assert sorted(texts_of((NONE,) * 6)) == ["0", "1", "2", "3"]


def test_an_arrow_leads_from_source_to_destination():
    axis = Figure().subplots()
    draw_cell(axis, (NONE, NONE, NONE, NONE, CONV_3X3, NONE))
    (arrow,) = [a for a in axis.texts if not a.get_text()]
    (x0, y0), (x1, y1) = _NODES[1], _NODES[3]
    for point, (x, y) in ((arrow.get_position(), (x0, y0)), (arrow.xy, (x1, y1))):
        assert point == pytest.approx((x, y), abs=0.2)


def test_no_two_edges_cross():
    def side(a, b, c) -> float:
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    for one, other in itertools.combinations(EDGES, 2):
        if not set(one) & set(other):
            (a, b), (c, d) = ([_NODES[i] for i in edge] for edge in (one, other))
            assert side(a, b, c) * side(a, b, d) > 0 or side(c, d, a) * side(c, d, b) > 0


def test_what_is_no_cell_is_refused():
    with pytest.raises(CellError, match="six integers"):
        draw_cell(Figure().subplots(), (1, 2, 3))


def test_a_grid_has_a_cell_for_each_pair_and_the_same_bytes_for_the_same_cells():
    def grid(cell) -> Figure:
        best = {("a", "b"): (cell, "first"), ("b", "a"): (CELL, "second")}
        return cell_grid({"best": best, "worst": {("a", "b"): (CELL, "third")}}, ["a", "b"], "a title")

    figure = grid(CELL)
    axes = [axis for block in figure.subfigs for axis in block.axes]
    assert len(axes) == 8
    assert [axis.get_title() for axis in axes if axis.get_title()] == ["first", "second", "third"]
    assert png(figure) == png(grid(CELL)) != png(grid((SKIP,) * 6))
