"""Conversion between NASLib's files and plain tables: the figures survive, and what is lost is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from naslib_archlock.benchmarks.conversion import Converted, to_naslib, to_tables
from naslib_archlock.benchmarks.table import find_table, read_table
from naslib_archlock.errors import TableError, UnknownNameError
from naslib_archlock.spaces.known import DIGITS, NASBENCH201, TRANSBENCH101_MACRO, TRANSBENCH101_MICRO


def write(made: Converted, folder: Path) -> Path:
    folder.mkdir()
    for name, content in made.files.items():
        (folder / name).write_bytes(content)
    return folder


def test_nasbench201_there_and_back(tmp_path, toy_nasbench201):
    there = to_naslib([NASBENCH201], toy_nasbench201)
    assert set(there.files) == {
        "nb201_cifar10_full_training.pickle",
        "nb201_cifar100_full_training.pickle",
        "nb201_ImageNet16_full_training.pickle",
        "zc_nasbench201.json",
    }
    assert any("the test accuracies of the table are left out" in remark for remark in there.remarks)
    assert any("the note on the tables: This benchmark is MADE UP" in remark for remark in there.remarks)
    back = to_tables([NASBENCH201], write(there, tmp_path / "naslib"))
    assert ["its test figures are not test accuracies" in note for note in back.notes] == [True]
    before = read_table(find_table(toy_nasbench201, NASBENCH201), NASBENCH201)
    after = read_table(find_table(write(back, tmp_path / "tables"), NASBENCH201), NASBENCH201)
    assert after.tasks == before.tasks
    for task in before.tasks:
        for split in ("train", "val"):
            np.testing.assert_array_equal(after.accuracies(task, split), before.accuracies(task, split))
        np.testing.assert_array_equal(after.accuracies(task, "test"), before.accuracies(task, "val"))
    assert json.loads(back.files["zc_nasbench201.json"]) == json.loads(
        (toy_nasbench201 / "zc_nasbench201.json").read_bytes()
    )


def test_transnas_there_and_back_loses_nothing(tmp_path, toy_tables):
    pytest.importorskip("torch")
    naslib = write(to_naslib([TRANSBENCH101_MICRO], toy_tables), tmp_path / "naslib")
    back = to_tables([TRANSBENCH101_MICRO], naslib)
    assert back.notes == []
    before = read_table(find_table(toy_tables, TRANSBENCH101_MICRO), TRANSBENCH101_MICRO)
    after = read_table(find_table(write(back, tmp_path / "tables"), TRANSBENCH101_MICRO), TRANSBENCH101_MICRO)
    assert set(after.tasks) == set(before.tasks)
    for task in before.tasks:
        for split in ("train", "val", "test"):
            np.testing.assert_array_equal(after.accuracies(task, split), before.accuracies(task, split))
    # Once more gives the same bytes.
    naslib = write(to_naslib([TRANSBENCH101_MICRO], tmp_path / "tables"), tmp_path / "naslib again")
    assert to_tables([TRANSBENCH101_MICRO], naslib).files == back.files


@pytest.fixture
def both_tables(tmp_path, toy_tables, macro_tables) -> Path:
    folder = tmp_path / "both"
    folder.mkdir()
    for path in (*toy_tables.iterdir(), *macro_tables.iterdir()):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def test_two_spaces_of_one_file_are_written_on_their_common_tasks(tmp_path, both_tables):
    pytest.importorskip("torch")
    spaces = [TRANSBENCH101_MICRO, TRANSBENCH101_MACRO]
    made = to_naslib(spaces, both_tables)
    assert list(made.files)[-1] == "transnas-bench_v10141024.pth"
    assert any("Only some of the tables hold autoencoder, class_object" in remark for remark in made.remarks)
    back = write(to_tables(spaces, write(made, tmp_path / "naslib")), tmp_path / "tables")
    for space in spaces:
        assert set(read_table(find_table(back, space), space).tasks) == {"class_scene", "normal"}


def test_chosen_tasks_alone_are_converted(tmp_path, toy_nasbench201):
    naslib = write(to_naslib([NASBENCH201], toy_nasbench201), tmp_path / "naslib")
    for made in (
        to_naslib([NASBENCH201], toy_nasbench201, ["CIFAR-100"]),
        to_tables([NASBENCH201], naslib, ["cifar100"]),
    ):
        assert list(json.loads(made.files["zc_nasbench201.json"])) == ["cifar100"]
        assert not any("cifar10_" in name or "ImageNet" in name for name in made.files)
    assert read_table(find_table(write(made, tmp_path / "tables"), NASBENCH201), NASBENCH201).tasks == ("cifar100",)


def test_a_task_that_is_not_there_is_named(tmp_path, toy_nasbench201):
    naslib = write(to_naslib([NASBENCH201], toy_nasbench201, ["cifar10"]), tmp_path / "naslib")
    with pytest.raises(UnknownNameError, match="unknown task 'cifar100' in NASLib's files of .*known: cifar10"):
        to_tables([NASBENCH201], naslib, ["cifar10", "cifar100"])
    with pytest.raises(UnknownNameError, match="unknown task 'ninapro' in the table of nasbench201"):
        to_naslib([NASBENCH201], toy_nasbench201, ["ninapro"])


def test_what_cannot_be_converted_is_said(tmp_path, toy_nasbench201):
    with pytest.raises(TableError, match="none of NASLib's accuracy files of nasbench201 is in"):
        to_tables([NASBENCH201], tmp_path)
    with pytest.raises(TableError, match="no table of nasbench201"):
        to_naslib([NASBENCH201], tmp_path)
    for convert in (to_tables, to_naslib):
        with pytest.raises(UnknownNameError, match="unknown search space of NASLib 'digits'"):
            convert([DIGITS], toy_nasbench201)


def table_with(tmp_path: Path, toy_nasbench201: Path, rename: dict[str, str]) -> Path:
    """The made-up table with other names of tasks, and without zero-cost scores."""
    import gzip

    path = find_table(toy_nasbench201, NASBENCH201)
    raw = path.read_bytes()
    header, _, rest = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode().partition("\n")
    for old, new in rename.items():
        header = header.replace(f"{old}/", f"{new}/")
    (tmp_path / "nasbench201.csv").write_text(f"{header}\n{rest}")
    return tmp_path


def test_names_are_naslibs_and_tasks_of_ones_own_are_left_out(tmp_path, toy_nasbench201):
    folder = table_with(tmp_path, toy_nasbench201, {"cifar10": "cifar10-valid", "cifar100": "my task"})
    made = to_naslib([NASBENCH201], folder)
    assert set(made.files) == {"nb201_cifar10_full_training.pickle", "nb201_ImageNet16_full_training.pickle"}
    assert any("NASLib knows no task my task" in remark for remark in made.remarks)
    assert any("there are no zero-cost scores" in remark for remark in made.remarks)
    with pytest.raises(TableError, match="holds no task that NASLib knows"):
        to_naslib([NASBENCH201], folder, ["my task"])
