from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naslib_archlock.errors import CellError, ConfigError, UnknownNameError
from naslib_archlock.spaces.known import TRANSBENCH101_MACRO


def test_macro_space_holds_what_its_paper_says():
    """There are 4 to 6 modules; 1 to 4 of them downsample (3, 4) and 1 to 3 double the channels (2, 4)."""
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


@given(st.integers(0, 3_255))
def test_macro_neighbours_are_valid_and_mutual(which):
    arch = tuple(TRANSBENCH101_MACRO.all()[which].tolist())
    neighbours = TRANSBENCH101_MACRO.neighbours(arch)
    assert neighbours
    for other in neighbours:
        assert TRANSBENCH101_MACRO.from_naslib(other) == other
        assert arch in TRANSBENCH101_MACRO.neighbours(other)


def test_a_feature_of_cells_is_none_of_macro_architectures():
    assert not TRANSBENCH101_MACRO.has_features(["pool"])
    with pytest.raises(UnknownNameError, match="pool"):
        TRANSBENCH101_MACRO.features([(1, 2, 3, 4, 0, 0)], ["pool"])


def test_macro_architectures_have_no_networks_here():
    assert not TRANSBENCH101_MACRO.builds_networks
    with pytest.raises(ConfigError, match="transbench101_macro has no networks that this package builds"):
        TRANSBENCH101_MACRO.network_cell((1, 2, 3, 4, 0, 0))
