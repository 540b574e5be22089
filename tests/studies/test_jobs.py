from __future__ import annotations

from naslib_archlock.spaces.cells import cell_index
from naslib_archlock.spaces.known import DIGITS
from naslib_archlock.studies.jobs import first_distinct


def test_the_first_of_each_function():
    skip = (1,) * 6
    dead_edge = (3, 0, 0, 1, 0, 0)  # the convolution leads nowhere, so the cell is its skip
    assert (
        cell_index(DIGITS.representatives([dead_edge]))[0]
        == cell_index(DIGITS.representatives([(0, 0, 0, 1, 0, 0)]))[0]
    )
    assert first_distinct(DIGITS, [skip, dead_edge, skip, (0, 0, 0, 1, 0, 0)]) == [skip, dead_edge]
