"""NASLib's accuracy files: what is written is read back, and what is damaged is refused in one line."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from naslib_archlock.benchmarks.naslib_format import (
    NaslibAccuracies,
    encode_nasbench201,
    encode_transbench101,
    read_accuracies,
)
from naslib_archlock.benchmarks.table import find_table, read_table
from naslib_archlock.errors import TableError
from naslib_archlock.spaces.known import NASBENCH201, TRANSBENCH101_MACRO, TRANSBENCH101_MICRO
from naslib_archlock.spaces.space import SearchSpace

FIRST = NASBENCH201.to_str(tuple(NASBENCH201.all()[0].tolist()))


def accuracies_in(folder: Path, space: SearchSpace) -> NaslibAccuracies:
    table = read_table(find_table(folder, space), space)
    columns = {f"{t}/{s}": table.accuracies(t, s) for t in table.tasks for s in table.splits(t)}
    return NaslibAccuracies(space, columns, dict.fromkeys(table.tasks, 1))


@pytest.fixture
def nasbench201(toy_nasbench201) -> NaslibAccuracies:
    return accuracies_in(toy_nasbench201, NASBENCH201)


@pytest.fixture
def content(nasbench201) -> dict[str, Any]:
    """The content of the file of cifar10, to be changed."""
    return pickle.loads(encode_nasbench201(nasbench201, "cifar10"))


@pytest.fixture
def refused(tmp_path) -> Callable[..., str]:
    """A function that reads a pickle as the file of cifar10, and returns what is said against it."""

    def read(content: Any) -> str:
        path = tmp_path / "nb201_cifar10_full_training.pickle"
        path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content))
        with pytest.raises(TableError) as caught:
            read_accuracies(path, NASBENCH201, ["cifar10"])
        assert str(path) in str(caught.value)
        return str(caught.value).replace(str(path), "FILE")

    return read


@pytest.mark.parametrize("task", ["cifar10", "cifar100", "ImageNet16-120"])
def test_a_file_of_nasbench201_is_read_back(tmp_path, nasbench201, task):
    path = tmp_path / "file.pickle"
    path.write_bytes(encode_nasbench201(nasbench201, task))
    found = read_accuracies(path, NASBENCH201, [task])
    assert found.n_epochs == {task: 1}
    for split, source in (("train", "train"), ("val", "val"), ("test", "val")):  # one series for both
        np.testing.assert_array_equal(found.columns[f"{task}/{split}"], nasbench201.columns[f"{task}/{source}"])


def test_the_same_accuracies_give_the_same_bytes(nasbench201, toy_tables):
    assert encode_nasbench201(nasbench201, "cifar10") == encode_nasbench201(nasbench201, "cifar10")
    pytest.importorskip("torch")
    micro = accuracies_in(toy_tables, TRANSBENCH101_MICRO)
    assert encode_transbench101([micro]) == encode_transbench101([micro])


def test_the_last_epoch_counts_and_the_number_of_epochs_is_known(tmp_path, content):
    for record in content.values():
        record["cifar10-valid"]["eval_acc1es"][:0] = [1.0, 2.0]
    path = tmp_path / "file.pickle"
    path.write_bytes(pickle.dumps(content))
    found = read_accuracies(path, NASBENCH201, ["cifar10"])
    assert found.n_epochs == {"cifar10": 3}
    assert found.columns["cifar10/val"][0] == content[FIRST]["cifar10-valid"]["eval_acc1es"][2]


def test_both_spaces_of_transnas_are_read_back_from_one_file(tmp_path, toy_tables, macro_tables):
    pytest.importorskip("torch")
    micro, macro = accuracies_in(toy_tables, TRANSBENCH101_MICRO), accuracies_in(macro_tables, TRANSBENCH101_MACRO)
    micro = NaslibAccuracies(micro.space, micro.columns, dict.fromkeys(macro.tasks, 1))
    path = tmp_path / "transnas-bench_v10141024.pth"
    path.write_bytes(encode_transbench101([micro, macro]))
    for made in (micro, macro):
        found = read_accuracies(path, made.space, made.space.tasks)
        assert set(found.tasks) == {"class_scene", "normal"}
        for name, column in found.columns.items():
            np.testing.assert_array_equal(column, made.columns[name])
        splits = {name.rpartition("/")[2] for name in found.columns}
        assert splits == ({"train", "val", "test"} if made is micro else {"val", "test"})  # macro has no train column


def test_a_file_of_another_level_or_task_holds_nothing(tmp_path, toy_tables):
    pytest.importorskip("torch")
    path = tmp_path / "transnas-bench_v10141024.pth"
    path.write_bytes(encode_transbench101([accuracies_in(toy_tables, TRANSBENCH101_MICRO)]))
    with pytest.raises(TableError, match="holds nothing of transbench101_macro"):
        read_accuracies(path, TRANSBENCH101_MACRO, ["class_scene"])
    with pytest.raises(TableError, match="holds nothing of transbench101_micro on room_layout"):
        read_accuracies(path, TRANSBENCH101_MICRO, ["room_layout"])


def test_missing_architectures_are_counted(content, refused):
    del content[FIRST]
    assert "1 of the 15,625 architectures of nasbench201 are missing, |none~0|" in refused(content)


@pytest.mark.parametrize("figure", [float("nan"), float("inf"), -1.0, 100.5])
def test_a_figure_that_is_no_accuracy_is_refused(content, refused, figure):
    content[FIRST]["cifar10-valid"]["eval_acc1es"] = [figure]
    assert "cifar10/val" in refused(content)


def test_training_accuracies_that_are_no_numbers_are_left_out(tmp_path, content):
    content[FIRST]["cifar10-valid"]["train_acc1es"] = [float("nan")]
    path = tmp_path / "file.pickle"
    path.write_bytes(pickle.dumps(content))
    assert set(read_accuracies(path, NASBENCH201, ["cifar10"]).columns) == {"cifar10/val", "cifar10/test"}


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("trap",)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (b"", "cannot be read"),
        (b"no pickle", "cannot be read"),
        (pickle.dumps({"a": 1.0})[:-2], "cannot be read"),
        (pickle.dumps([1, 2]), "architectures of nasbench201 are missing"),
        (pickle.dumps(None), "has not the structure"),
        (pickle.dumps({FIRST: Trap()}), "asks for posix.mkdir, and would run what it likes"),
    ],
)
def test_what_is_no_such_file_is_refused_and_not_run(refused, tmp_path, monkeypatch, wrong, said):
    monkeypatch.chdir(tmp_path)
    assert said in refused(wrong)
    assert not (tmp_path / "trap").exists()
