from __future__ import annotations

import gzip

import numpy as np
import pytest

from naslib_archlock import data
from naslib_archlock.benchmarks.packed_csv import pack, rows_of_all, unpack
from naslib_archlock.errors import TableError
from naslib_archlock.spaces.known import DIGITS, DIGITS_DOMAINS

CELLS = [(3, 0, 2, 0, 0, 3), (1, 3, 1, 2, 0, 0)]


def test_what_is_packed_is_unpacked_the_same(tmp_path, monkeypatch):
    packed = pack(DIGITS, ["a/val/0", "a/val/1"], zip(CELLS, [["1.50", "2"], ["", "-3"]]))
    assert gzip.decompress(packed).decode().splitlines()[0] == "arch,a/val/0,a/val/1"
    assert pack(DIGITS, ["a/val/0", "a/val/1"], zip(CELLS, [["1.50", "2"], ["", "-3"]])) == packed
    monkeypatch.setattr(data, "FOLDER", tmp_path)
    data.publish("some.csv.gz", packed, tmp_path)
    cells, columns = unpack(DIGITS, "some.csv.gz")
    assert cells == CELLS
    np.testing.assert_array_equal(columns["a/val/0"], [1.5, np.nan])
    np.testing.assert_array_equal(columns["a/val/1"], [2, -3])
    (tmp_path / "some.csv.gz").write_bytes(packed[:-1])
    with pytest.raises(TableError, match="differs from its checksum"):
        unpack(DIGITS, "some.csv.gz")


def test_every_architecture_has_the_row_of_the_cell_that_computes_its_function():
    trained = [tuple(cell) for cell in DIGITS_DOMAINS.distinct()[::-1].tolist()]
    found = np.array(trained)[rows_of_all(DIGITS_DOMAINS, trained)]
    np.testing.assert_array_equal(found, DIGITS_DOMAINS.representatives(DIGITS_DOMAINS.all()))
