from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naslib_archlock.errors import CellError, UnknownNameError
from naslib_archlock.spaces import cells as c
from naslib_archlock.spaces.known import (
    DIGITS,
    NASBENCH201,
    SPACES,
    TRANSBENCH101_MACRO,
    TRANSBENCH101_MICRO,
    get_space,
)

CELL_SPACES = [NASBENCH201, TRANSBENCH101_MICRO, DIGITS]
EVERY_SPACE = list(SPACES.values())
seeds = st.integers(0, 2**32 - 1)
spaces = st.sampled_from(EVERY_SPACE)


def one_of(space, seed: int):
    archs = space.all()
    return tuple(archs[seed % len(archs)].tolist())


# -- every space -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("space", "size", "distinct"), [
    (NASBENCH201, 15_625, 4_929), (TRANSBENCH101_MICRO, 4_096, 870), (DIGITS, 4_096, 870),
    (TRANSBENCH101_MACRO, 3_256, 3_256),
], ids=lambda value: getattr(value, "name", None))  # fmt: skip
def test_sizes(space, size, distinct):
    assert len(np.unique(c.cell_index(space.all()))) == len(space.all()) == size
    assert len(np.unique(c.cell_index(space.distinct()))) == len(space.distinct()) == distinct


@pytest.mark.parametrize("space", EVERY_SPACE, ids=lambda s: s.name)
def test_every_architecture_survives_strings_and_naslibs_codes(space):
    for arch in map(tuple, space.all().tolist()):
        assert space.from_str(space.to_str(arch)) == arch
        assert space.from_naslib(space.to_naslib(arch)) == arch
        assert len(space.draw(arch).splitlines()) >= 3


def test_spaces_are_found_by_naslibs_names():
    assert [get_space(name).name for name in SPACES] == [
        "nasbench201",
        "transbench101_micro",
        "transbench101_macro",
        "digits",
    ]
    with pytest.raises(UnknownNameError, match="did you mean 'nasbench201'"):
        get_space("nasbench210")


def test_cells_share_a_family_and_macro_architectures_have_their_own():
    assert NASBENCH201.family == TRANSBENCH101_MICRO.family != TRANSBENCH101_MACRO.family


def test_all_seven_transnas_tasks_are_known():
    assert len(TRANSBENCH101_MICRO.tasks) == 7
    assert set(TRANSBENCH101_MICRO.tasks) == set(TRANSBENCH101_MACRO.tasks)


# -- sampling ----------------------------------------------------------------------------------------------------------


@given(spaces, st.integers(1, 200), seeds)
def test_samples_are_distinct_functions_and_connected(space, n, seed):
    sample = space.sample(n, np.random.default_rng(seed))
    assert sample == space.sample(n, np.random.default_rng(seed))
    assert all(type(code) is int for arch in sample for code in arch)
    if space.family == "cell":
        functions = {c.computed_function(arch) for arch in sample}
        assert len(functions) == n
        assert () not in functions
    else:
        assert len(set(sample)) == n
        assert [space.from_naslib(arch) for arch in sample] == sample


def test_seeds_draw_different_samples():
    draws = {tuple(NASBENCH201.sample(10, np.random.default_rng(seed))) for seed in range(20)}
    assert len(draws) == 20


def test_a_sample_may_be_the_whole_space_and_no_more():
    sample = TRANSBENCH101_MICRO.sample(870, np.random.default_rng(0))
    assert sorted(sample) == sorted(map(tuple, TRANSBENCH101_MICRO.distinct().tolist()))
    with pytest.raises(CellError, match="870 distinct architectures, fewer than the 871"):
        TRANSBENCH101_MICRO.sample(871, np.random.default_rng(0))


@pytest.mark.parametrize("space", CELL_SPACES, ids=lambda s: s.name)
def test_every_function_is_drawn_equally_often(space):
    """Uniform over functions: many cells compute one convolution, yet it is not drawn more often than others."""
    rng = np.random.default_rng(0)
    n, draws = len(space.distinct()), 200
    counts = np.zeros(5**6)
    for _ in range(draws):
        counts[c.cell_index(space.sample(n // 2, rng))] += 1
    one_convolution = counts[c.cell_index([(0, 0, 0, 3, 0, 0)])][0]
    assert 0.35 * draws < one_convolution < 0.65 * draws


# -- mutation ----------------------------------------------------------------------------------------------------------


@given(spaces, seeds, seeds)
def test_a_mutant_differs_in_one_slot_and_in_function(space, which, seed):
    arch = one_of(space, which)
    mutant = space.mutate(arch, np.random.default_rng(seed))
    assert mutant == space.mutate(arch, np.random.default_rng(seed))
    assert sum(a != b for a, b in zip(arch, mutant)) == 1
    assert all(type(code) is int for code in mutant)
    if space.family == "cell":
        assert c.computed_function(mutant) not in ((), c.computed_function(arch))
    else:
        assert space.from_naslib(mutant) == mutant


@pytest.mark.parametrize("space", EVERY_SPACE, ids=lambda s: s.name)
def test_every_distinct_architecture_can_be_mutated(space):
    rng = np.random.default_rng(0)
    archs = [tuple(arch) for arch in space.distinct()[::7].tolist()]
    assert all(space.mutate(arch, rng) != arch for arch in archs)


def test_all_usable_neighbours_are_reached():
    arch = (0, 0, 0, 3, 0, 0)
    rng = np.random.default_rng(0)
    reached = {NASBENCH201.mutate(arch, rng) for _ in range(500)}
    # op 0->3 becomes another one; all other edges alone lead nowhere
    assert reached == {(0, 0, 0, op, 0, 0) for op in (1, 2, 4)}


@pytest.mark.parametrize("space", CELL_SPACES, ids=lambda s: s.name)
def test_neighbours_of_a_cell(space):
    arch = (3, 3, 2, 1, 3, 1)
    neighbours = space.neighbours(arch)
    assert len(set(neighbours)) == len(neighbours) == 6 * (space.n_codes - 1)
    assert all(sum(a != b for a, b in zip(arch, other)) == 1 for other in neighbours)


# -- macro architectures -----------------------------------------------------------------------------------------------


def test_macro_space_holds_what_its_paper_says():
    """4 to 6 modules; 1 to 4 of them downsample (3, 4) and 1 to 3 double the channels (2, 4)."""
    expected = set()
    for length in (4, 5, 6):
        for modules in itertools.product((1, 2, 3, 4), repeat=length):
            down, double = sum(m >= 3 for m in modules), sum(m % 2 == 0 for m in modules)
            if 1 <= down <= 4 and 1 <= double <= 3:
                expected.add((*modules, *[0] * (6 - length)))
    assert set(map(tuple, TRANSBENCH101_MACRO.all().tolist())) == expected
    assert len(expected) == 3_256


def test_macro_string_by_hand():
    assert TRANSBENCH101_MACRO.from_str("64-1234-basic") == (1, 2, 3, 4, 0, 0)
    assert TRANSBENCH101_MACRO.to_str((1, 2, 3, 4, 0, 0)) == "64-1234-basic"
    assert TRANSBENCH101_MACRO.draw((1, 2, 3, 4, 0, 0)).splitlines() == [
        "module 1: plain",
        "module 2: channels x2",
        "module 3: resolution /2",
        "module 4: channels x2, resolution /2",
    ]


@pytest.mark.parametrize(
    "text",
    ["64-123-basic", "64-1234123-basic", "64-1111-basic", "64-3333-basic", "64-2222-basic", "64-1235-basic",
     "64-33331-basic", "64-1234", "64-1234-basic\n", "", None],
)  # fmt: skip
def test_what_is_no_macro_architecture_is_refused(text):
    with pytest.raises(CellError):
        TRANSBENCH101_MACRO.from_str(text)


@pytest.mark.parametrize("codes", [(1, 2, 0, 3, 4, 0), (0, 1, 2, 3, 4, 0), (1, 2, 3, 0, 0, 0), (0,) * 6])
def test_macro_codes_with_gaps_are_refused(codes):
    with pytest.raises(CellError, match="then zeros"):
        TRANSBENCH101_MACRO.from_naslib(codes)


@given(seeds)
def test_macro_neighbours_are_valid_and_mutual(which):
    arch = one_of(TRANSBENCH101_MACRO, which)
    neighbours = TRANSBENCH101_MACRO.neighbours(arch)
    assert neighbours
    for other in neighbours:
        assert TRANSBENCH101_MACRO.from_naslib(other) == other
        assert arch in TRANSBENCH101_MACRO.neighbours(other)
