from __future__ import annotations

import numpy as np
import pytest

from experiments.toy import TASKS, write_tables
from naslib_archlock.benchmarks.table import find_table, read_table
from naslib_archlock.errors import OutputError
from naslib_archlock.proxies.zero_cost import read_zero_cost
from naslib_archlock.spaces.known import TRANSBENCH101_MICRO

SPACE = TRANSBENCH101_MICRO


def test_the_tables_are_whole_and_say_that_they_are_made_up(toy_tables):
    benchmark = read_table(find_table(toy_tables, SPACE), SPACE)
    assert benchmark.tasks == tuple(TASKS)
    assert "MADE UP" in benchmark.notes[0]
    assert list(read_zero_cost(toy_tables / "zc_transbench101_micro.json", SPACE)) == list(TASKS)


def test_cells_that_compute_the_same_are_equally_accurate(toy_tables):
    benchmark = read_table(find_table(toy_tables, SPACE), SPACE)
    for task in TASKS:
        one, same = (
            benchmark.accuracy(cell, task=task, split="test") for cell in ((0, 0, 0, 3, 0, 0), (3, 0, 1, 0, 0, 1))
        )
        assert one == same
        values = [benchmark.accuracy(tuple(cell), task=task, split="val") for cell in SPACE.all()[::16].tolist()]
        assert 0 < min(values) < max(values) < 100


def test_it_is_the_same_everywhere(toy_tables, tmp_path):
    write_tables(tmp_path / "again")
    for path in toy_tables.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_there_are_locks_to_be_found(toy_tables):
    """Target accuracy varies among the cells within 2% of the best on a source."""
    benchmark = read_table(find_table(toy_tables, SPACE), SPACE)
    cells = [tuple(cell) for cell in SPACE.distinct().tolist()]
    source, target = (
        np.array([benchmark.accuracy(cell, task=task, split="val") for cell in cells])
        for task in ("class_scene", "autoencoder")
    )
    within = source >= 0.98 * source.max()
    assert within.sum() > 1
    assert np.ptp(target[within]) > 0.05  # of SSIM


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("here")
    with pytest.raises(OutputError):
        write_tables(tmp_path / "file" / "toy")
