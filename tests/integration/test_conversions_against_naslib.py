"""Compares the canonical cell with NASLib's own conversions, for every cell."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
import pytest

from naslib_archlock.errors import CellError
from naslib_archlock.spaces.cells import one_hot
from naslib_archlock.spaces.known import NASBENCH201, TRANSBENCH101_MACRO, TRANSBENCH101_MICRO, get_space

PAPER_CELL = (3, 3, 4, 1, 3, 1)


def graph(space_name: str, op_indices: Any = None) -> Any:
    """A NASLib search space object without networks."""
    from naslib.search_spaces import supported_search_spaces

    made = supported_search_spaces[space_name]()
    made.instantiate_model = False
    if op_indices is not None:
        made.set_op_indices(op_indices)
    return made


def test_all_cells_of_nasbench201():
    from naslib.search_spaces.nasbench201.conversions import convert_op_indices_to_str, convert_str_to_op_indices

    for op_indices in itertools.product(range(5), repeat=6):
        cell = NASBENCH201.from_naslib(op_indices)
        text = convert_op_indices_to_str(op_indices)
        assert NASBENCH201.to_str(cell) == text
        assert NASBENCH201.from_str(text) == cell
        assert NASBENCH201.to_naslib(cell) == op_indices == convert_str_to_op_indices(text)


def test_all_cells_of_transbench101_micro():
    from naslib.search_spaces.transbench101.conversions import convert_op_indices_micro_to_str

    for op_indices in itertools.product(range(4), repeat=6):
        cell = TRANSBENCH101_MICRO.from_naslib(op_indices)
        text = convert_op_indices_micro_to_str(op_indices)
        assert TRANSBENCH101_MICRO.to_str(cell) == text
        assert TRANSBENCH101_MICRO.from_str(text) == cell
        assert TRANSBENCH101_MICRO.to_naslib(cell) == op_indices


def test_all_macro_architectures():
    from naslib.search_spaces.transbench101.conversions import convert_op_indices_macro_to_str

    for arch in map(tuple, TRANSBENCH101_MACRO.all().tolist()):
        assert TRANSBENCH101_MACRO.to_str(arch) == convert_op_indices_macro_to_str(TRANSBENCH101_MACRO.to_naslib(arch))


@pytest.mark.parametrize("name", ["nasbench201", "transbench101_micro", "transbench101_macro"])
def test_what_naslib_samples_and_mutates_is_in_our_space(name):
    np.random.seed(0)
    random.seed(0)
    space, parent, child = get_space(name), graph(name), graph(name)
    known = {tuple(arch) for arch in space.all().tolist()}
    for _ in range(200):
        parent.sample_random_architecture()
        seen = [parent.get_op_indices()]
        if space.family == "cell":  # NASLib's macro space cannot mutate, because it compares a list with 0
            child.mutate(parent)
            seen.append(child.get_op_indices())
        for op_indices in seen:
            arch = space.from_naslib(op_indices)
            assert arch in known
            assert space.to_naslib(arch) == tuple(op_indices)
            assert all(type(code) is int for code in arch)  # NASLib's codes may be NumPy's, which print differently


def test_the_papers_cell_as_naslib_writes_it():
    from naslib.search_spaces.nasbench201.conversions import convert_str_to_op_indices

    text = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
    assert NASBENCH201.from_naslib(convert_str_to_op_indices(text)) == PAPER_CELL
    with pytest.raises(CellError):
        TRANSBENCH101_MICRO.to_naslib(PAPER_CELL)  # this cell has a pooling


def test_naslibs_encodings_of_one_cell_disagree_between_its_spaces_and_ours_does_not():
    from naslib.utils.encodings import EncodingType

    cell = (3, 1, 2, 0, 3, 2)
    raw = {
        space.name: graph(space.name, space.to_naslib(cell)).encode(EncodingType.ADJACENCY_ONE_HOT)
        for space in (NASBENCH201, TRANSBENCH101_MICRO)
    }
    ours = one_hot([cell])[0].tolist()
    assert raw["transbench101_micro"] == ours
    assert raw["nasbench201"] != ours
    # The same codes, but NASLib orders edges by source, and numbers ops differently.
    edges, ops = (0, 1, 3, 2, 4, 5), (1, 0, 3, 2, 4)
    rows = np.reshape(raw["nasbench201"], (6, 5))
    assert rows.tolist() == np.reshape(ours, (6, 5))[np.ix_(edges, ops)].tolist()


def test_naslibs_micro_encode_needs_its_argument():
    with pytest.raises(NotImplementedError):
        graph("transbench101_micro", (3, 1, 2, 0, 3, 2)).encode()
