from __future__ import annotations

import numpy as np
import pytest

from naslib_archlock.errors import UnknownNameError
from naslib_archlock.spaces import cells as c
from naslib_archlock.spaces.known import (
    DIGITS,
    DIGITS_DOMAINS,
    NASBENCH201,
    NASLIB_SPACES,
    SPACES,
    TRANSBENCH101_MACRO,
    TRANSBENCH101_MICRO,
    get_space,
)


def test_spaces_are_found_by_naslibs_names():
    assert [get_space(name).name for name in SPACES] == [
        "nasbench201",
        "transbench101_micro",
        "transbench101_macro",
        "digits",
        "digits_domains",
    ]
    with pytest.raises(UnknownNameError, match="did you mean 'nasbench201'"):
        get_space("nasbench210")


@pytest.mark.parametrize(("space", "size", "distinct"), [
    (NASBENCH201, 15_625, 4_659), (TRANSBENCH101_MICRO, 4_096, 870), (DIGITS, 4_096, 870),
    (TRANSBENCH101_MACRO, 3_256, 3_256), (DIGITS_DOMAINS, 813, 160),
], ids=lambda value: getattr(value, "name", None))  # fmt: skip
def test_sizes(space, size, distinct):
    assert len(np.unique(c.cell_index(space.all()))) == len(space.all()) == size
    assert len(np.unique(c.cell_index(space.distinct()))) == len(space.distinct()) == distinct


def test_cells_share_a_family_and_macro_architectures_have_their_own():
    assert NASBENCH201.family == TRANSBENCH101_MICRO.family != TRANSBENCH101_MACRO.family


def test_all_seven_transnas_tasks_are_known():
    assert len(TRANSBENCH101_MICRO.tasks) == 7
    assert set(TRANSBENCH101_MICRO.tasks) == set(TRANSBENCH101_MACRO.tasks)


def test_two_spaces_come_with_their_benchmark():
    assert [space for space in SPACES.values() if space.is_embedded] == [DIGITS, DIGITS_DOMAINS]
    assert not {DIGITS, DIGITS_DOMAINS} & set(NASLIB_SPACES)


def test_cells_have_a_network_in_naslib():
    names = {name: space.naslib_network for name, space in SPACES.items()}
    assert names == {
        "nasbench201": "nasbench201",
        "transbench101_micro": "transbench101_micro",
        "transbench101_macro": "",
        "digits": "nasbench201",
        "digits_domains": "nasbench201",
    }
