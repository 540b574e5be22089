from __future__ import annotations

import numpy as np
import pytest

from naslib_archlock.errors import CellError
from naslib_archlock.spaces.cells import CONV_3X3, NONE
from naslib_archlock.spaces.known import DIGITS, DIGITS_DOMAINS

SPACE = DIGITS_DOMAINS
OUTSIDE = next(
    tuple(cell) for cell in DIGITS.distinct().tolist() if tuple(cell) not in set(map(tuple, SPACE.distinct().tolist()))
)


def rows(cells):
    return set(map(tuple, cells.tolist()))


def test_it_holds_all_cells_of_some_functions_and_no_others():
    assert rows(SPACE.distinct()) < rows(DIGITS.distinct())
    functions = rows(SPACE.distinct())
    belongs = [tuple(function) in functions for function in DIGITS.representatives(DIGITS.all()).tolist()]
    assert rows(SPACE.all()) == rows(DIGITS.all()[belongs])
    assert rows(SPACE.representatives(SPACE.all())) == functions


def test_the_sample_is_not_of_one_kind():
    """Its features vary as those of the whole space do."""
    spread, of_all = (space.features(space.distinct()).std(axis=0) for space in (SPACE, DIGITS))
    varies = of_all > 0
    assert (spread[varies] / of_all[varies] > 0.7).all()


def test_a_cell_that_does_not_belong_is_refused_with_the_space_that_has_it():
    for make, what in ((SPACE.from_str, DIGITS.to_str(OUTSIDE)), (SPACE.from_naslib, DIGITS.to_naslib(OUTSIDE))):
        with pytest.raises(CellError, match="does not belong to digits_domains, .* the search space digits holds all"):
            make(what)
    with pytest.raises(CellError, match="does not belong"):
        SPACE.from_str(DIGITS.to_str((NONE,) * 6))


def test_neighbours_and_mutations_stay_in_the_space():
    rng, members = np.random.default_rng(0), rows(SPACE.all())
    n_neighbours = []
    for cell in map(tuple, SPACE.distinct().tolist()):
        near = SPACE.neighbours(cell)
        n_neighbours.append(len(near))
        assert set(near) == {other for other in DIGITS.neighbours(cell) if other in members}
        child = SPACE.mutate(cell, rng)
        assert child in members
        if near and any((SPACE.representatives([other])[0] != cell).any() for other in near):
            assert child in near
            assert (SPACE.representatives([child])[0] != SPACE.representatives([cell])[0]).any()
    assert min(n_neighbours) == 0, "no cell has an empty neighbourhood, so nothing tests it"


def test_networks_are_built_from_its_cells():
    cell = (CONV_3X3,) * 6
    assert SPACE.network_cell(cell) == cell
