from __future__ import annotations

import ast
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naslib_archlock.benchmarks.table import find_table, read_table
from naslib_archlock.errors import CellError
from naslib_archlock.spaces import cells as c
from naslib_archlock.spaces import notation
from naslib_archlock.spaces.known import NASBENCH201, TRANSBENCH101_MICRO
from naslib_archlock.spaces.space import SearchSpace

# The example of the paper, section 4.1:
#   node1 = conv3x3(node0); node2 = conv3x3(node0) + avgpool(node1)
#   node3 = skip(node0) + conv3x3(node1) + skip(node2)
PAPER_CELL = (3, 3, 4, 1, 3, 1)
PAPER_STRING = (
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
)  # fmt: skip


def test_the_papers_example_as_a_nasbench201_string():
    assert notation.from_nasbench201_str(PAPER_STRING) == PAPER_CELL
    assert notation.to_nasbench201_str(PAPER_CELL) == PAPER_STRING


def test_paper_example_in_naslibs_order():
    # NASLib: edges 01 02 03 12 13 23; 0 skip, 1 none, 2 conv3x3, 3 conv1x1, 4 avgpool
    assert notation.to_naslib_nasbench201(PAPER_CELL) == (2, 2, 0, 4, 2, 0)
    assert notation.from_naslib_nasbench201((2, 2, 0, 4, 2, 0)) == PAPER_CELL


def test_all_nasbench201_cells_survive_every_notation():
    cells = [tuple(cell) for cell in c.all_codes(5).tolist()]
    assert len(set(cells)) == 15_625
    strings = [notation.to_nasbench201_str(cell) for cell in cells]
    assert len(set(strings)) == 15_625
    assert [notation.from_nasbench201_str(text) for text in strings] == cells
    naslib = [notation.to_naslib_nasbench201(cell) for cell in cells]
    assert len(set(naslib)) == 15_625
    assert [notation.from_naslib_nasbench201(codes) for codes in naslib] == cells


def test_all_micro_cells_survive_every_notation():
    cells = [tuple(cell) for cell in c.all_codes(4).tolist()]
    assert len(set(cells)) == 4_096
    strings = [notation.to_transbench101_micro_str(cell) for cell in cells]
    assert len(set(strings)) == 4_096
    assert [notation.from_transbench101_micro_str(text) for text in strings] == cells
    assert [notation.from_naslib_transbench101_micro(cell) for cell in cells] == cells


def test_micro_string_is_the_canonical_form_itself():
    assert notation.from_transbench101_micro_str("64-41414-1_20_313") == (1, 2, 0, 3, 1, 3)


@pytest.mark.parametrize(
    "text",
    [
        "", "nonsense", PAPER_STRING + "|none~0|", PAPER_STRING.replace("avg_pool_3x3", "max_pool_3x3"),
        PAPER_STRING.replace("avg_pool_3x3~1", "avg_pool_3x3~0"), PAPER_STRING.replace("|+|", "|"),
        PAPER_STRING[:-1], PAPER_STRING + "\n", "|none~0|+|none~0|none~1|", PAPER_STRING.encode(), None, 3,
    ],
)  # fmt: skip
def test_bad_nasbench201_strings_are_refused(text):
    with pytest.raises(CellError, match="not a NAS-Bench-201 string"):
        notation.from_nasbench201_str(text)


@pytest.mark.parametrize(
    "text",
    ["", "64-41414-3_31_21", "64-41414-4_31_212", "64-41414-3_31_2123", "64-41414-331212", "64-4111-3_31_212",
     "64-41414-3_31_212\n", " 64-41414-3_31_212", None, 3],
)  # fmt: skip
def test_bad_micro_strings_are_refused(text):
    with pytest.raises(CellError):
        notation.from_transbench101_micro_str(text)


def test_a_pooling_cell_has_no_micro_string():
    with pytest.raises(CellError, match="from 0 to 3"):
        notation.to_transbench101_micro_str(PAPER_CELL)
    with pytest.raises(CellError, match="from 0 to 3"):
        notation.from_naslib_transbench101_micro(PAPER_CELL)


@given(st.text(alphabet="|+~_0123abcdeiklnoprsv x", max_size=100))
def test_any_text_is_a_cell_or_refused(text):
    try:
        cell = notation.from_nasbench201_str(text)
    except CellError:
        return
    assert notation.to_nasbench201_str(cell) == text


@pytest.mark.parametrize(("space", "task"), [(NASBENCH201, "cifar10"), (TRANSBENCH101_MICRO, "autoencoder")])
def test_naslibs_keys_name_the_cells_of_the_official_tables(shared_data: Path, space: SearchSpace, task: str):
    """NASLib's zero-cost file repeats accuracies; they agree with the benchmark's accuracies of the same cells."""
    benchmark = read_table(find_table(shared_data, space), space)
    entries = json.loads((shared_data / f"zc_{space.name}.json").read_text())[task]
    cells = [space.from_naslib(ast.literal_eval(key)) for key in entries]
    table = [benchmark.accuracy(cell, task=task, split="val") for cell in cells]
    assert np.corrcoef(table, [entry["val_accuracy"] for entry in entries.values()])[0, 1] > 0.99


@pytest.mark.parametrize("space", [NASBENCH201, TRANSBENCH101_MICRO])
def test_naslibs_keys_name_cells_whose_weights_are_counted_right(shared_data: Path, space: SearchSpace):
    """A 3x3 convolution has nine times the weights of a 1x1 one. (In TransNAS, strided skips also have weights.)"""
    entries = next(iter(json.loads((shared_data / f"zc_{space.name}.json").read_text()).values()))
    cells = np.array([space.from_naslib(ast.literal_eval(key)) for key in entries])
    weights = 9 * (cells == c.CONV_3X3).sum(axis=1) + (cells == c.CONV_1X1).sum(axis=1)
    params = np.array([entry["params"]["score"] for entry in entries.values()])
    assert np.corrcoef(weights, params)[0, 1] > 0.99
