from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naslib_archlock.errors import ConfigError, UnknownNameError
from naslib_archlock.spaces import cells as c
from naslib_archlock.spaces.known import SPACES

EVERY_SPACE = list(SPACES.values())
seeds = st.integers(0, 2**32 - 1)
spaces = st.sampled_from(EVERY_SPACE)
every_space = pytest.mark.parametrize("space", EVERY_SPACE, ids=lambda s: s.name)


def one_of(space, seed: int):
    archs = space.all()
    return tuple(archs[seed % len(archs)].tolist())


@every_space
def test_every_architecture_survives_strings_and_naslibs_codes(space):
    for arch in map(tuple, space.all().tolist()):
        assert space.from_str(space.to_str(arch)) == arch
        assert space.from_naslib(space.to_naslib(arch)) == arch
        assert len(space.draw(arch).splitlines()) >= 3


# -- numbers and encodings ---------------------------------------------------------------------------------------------


@every_space
def test_the_index_numbers_architectures_in_their_order(space):
    archs = space.all()
    index = space.index(archs)
    assert (np.diff(index) > 0).all()
    assert 0 <= index[0] <= index[-1] < space.index_size
    np.testing.assert_array_equal(space.at(index), archs)
    assert space.index(tuple(archs[5].tolist())).tolist() == [index[5]]


def test_spaces_of_one_family_number_and_encode_alike():
    arch = (3, 0, 1, 2, 3, 1)
    cells = [space for space in EVERY_SPACE if space.family == "cell"]
    assert len(cells) == 4
    assert len({space.index_size for space in cells}) == len({space.encoding_dim for space in cells}) == 1
    assert len({int(space.index(arch)[0]) for space in cells}) == 1
    assert len({space.encode([arch]).tobytes() for space in cells}) == 1


@every_space
def test_encodings_are_one_hot_and_differ(space):
    archs = space.all()
    encodings = space.encode(archs)
    assert encodings.shape == (len(archs), space.encoding_dim)
    assert encodings.dtype == np.float32
    assert set(np.unique(encodings)) == {0, 1}
    assert (encodings.sum(axis=1) == archs.shape[1]).all()
    assert len(np.unique(encodings, axis=0)) == len(archs)


# -- abilities ---------------------------------------------------------------------------------------------------------


@every_space
def test_a_space_has_the_features_that_it_names(space):
    archs = space.distinct()[:50]
    assert space.has_features(space.feature_names)
    assert not space.has_features([*space.feature_names, "colour"])
    if not space.feature_names:
        with pytest.raises(ConfigError, match=f"{space.name} has no features"):
            space.features(archs)
        return
    found = space.features(archs)
    assert found.shape == (len(archs), len(space.feature_names))
    last, first = space.feature_names[-1], space.feature_names[0]
    np.testing.assert_array_equal(space.features(archs, [last, first]), found[:, [-1, 0]])
    with pytest.raises(UnknownNameError, match=f"unknown feature 'colour' in {space.name}"):
        space.features(archs, [first, "colour"])


@every_space
def test_abilities_say_what_works(space):
    arch = tuple(space.distinct()[0].tolist())
    for has, ask in (
        (space.has_costs, lambda: space.conv_weights([arch])),
        (space.has_costs, lambda: space.flops([arch])),
        (space.builds_networks, lambda: space.network_cell(arch)),
    ):
        if has:
            assert len(ask()) > 0
        else:
            with pytest.raises(ConfigError, match="choose another search space"):
                ask()


# -- sampling and mutation ---------------------------------------------------------------------------------------------


@given(spaces, st.integers(1, 200), seeds)
def test_samples_are_distinct_functions_and_connected(space, n, seed):
    n = min(n, len(space.distinct()))
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


@given(spaces, seeds, seeds)
def test_a_mutant_differs_in_one_slot_and_in_function(space, which, seed):
    arch = one_of(space, which)
    mutant = space.mutate(arch, np.random.default_rng(seed))
    assert mutant == space.mutate(arch, np.random.default_rng(seed))
    if any((space.representatives([near]) != space.representatives([arch])).any() for near in space.neighbours(arch)):
        assert sum(a != b for a, b in zip(arch, mutant)) == 1  # a space that is a sample may have no such neighbour
    assert all(type(code) is int for code in mutant)
    if space.family == "cell":
        assert c.computed_function(mutant) not in ((), c.computed_function(arch))
    else:
        assert space.from_naslib(mutant) == mutant


@every_space
def test_every_distinct_architecture_can_be_mutated(space):
    rng = np.random.default_rng(0)
    archs = [tuple(arch) for arch in space.distinct()[::7].tolist()]
    assert all(space.mutate(arch, rng) != arch for arch in archs)
