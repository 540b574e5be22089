"""Checks of benchmark files: whole ones, damaged ones, and those that lack tasks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from naslib_archlock.benchmarks import benchmark_files, file_checks
from naslib_archlock.benchmarks.conversion import to_naslib
from naslib_archlock.benchmarks.file_checks import DAMAGED, LACKS_TASKS, OK, check_embedded, check_files
from naslib_archlock.spaces.known import DIGITS, DIGITS_DOMAINS, NASBENCH201, TRANSBENCH101_MICRO
from naslib_archlock.store.digests import file_digest

CIFAR10 = "nb201_cifar10_full_training.pickle"


@pytest.fixture
def naslib_files(tmp_path, toy_nasbench201) -> Path:
    for name, content in to_naslib([NASBENCH201], toy_nasbench201).files.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def states(folder: Path, *tasks: str) -> dict[str, str]:
    return {check.path.name: check.state for check in check_files(NASBENCH201, folder, tasks)}


def test_whole_files_are_ok_and_say_what_they_hold(naslib_files):
    checks = check_files(NASBENCH201, naslib_files)
    assert [check.state for check in checks] == [OK] * 4
    assert checks[0].detail == "15,625 architectures on cifar10; the last epoch only"
    assert checks[0].sha256 == file_digest(naslib_files / CIFAR10)
    assert "6 proxies of 400 of 15,625 architectures" in checks[3].detail
    assert all(check.advice == "" for check in checks)


def test_only_what_is_there_and_needed_is_checked(naslib_files):
    assert set(states(naslib_files, "cifar-10")) == {CIFAR10, "zc_nasbench201.json"}
    (naslib_files / CIFAR10).unlink()
    assert CIFAR10 not in states(naslib_files)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1000]), "it cannot be read|cannot be read"),
        (lambda path: path.write_bytes(b""), "cannot be read"),
        (lambda path: (path.unlink(), path.mkdir()), "it is no file"),
        (lambda path: (path.unlink(), path.symlink_to("nowhere")), "cannot be read"),
    ],
)
def test_damage_is_said_with_what_to_do(naslib_files, damage, said):
    import re

    damage(naslib_files / CIFAR10)
    (check,) = (c for c in check_files(NASBENCH201, naslib_files) if c.path.name == CIFAR10)
    assert check.state == DAMAGED
    assert re.search(said, check.detail) and str(naslib_files) not in check.detail
    assert "delete it, and get it again: gdown 1sh8" in check.advice


def test_a_damaged_zero_cost_file(naslib_files):
    path = naslib_files / "zc_nasbench201.json"
    path.write_text(path.read_text()[:-5])
    assert states(naslib_files)["zc_nasbench201.json"] == DAMAGED
    path.write_text("{}")
    assert states(naslib_files)["zc_nasbench201.json"] == DAMAGED


def test_a_published_digest_must_be_that_of_the_file(naslib_files, monkeypatch):
    real = benchmark_files.FILES[0]
    for sha256, state in ((file_digest(naslib_files / CIFAR10), OK), ("0" * 64, DAMAGED)):
        monkeypatch.setattr(benchmark_files, "FILES", (replace(real, sha256=sha256),))
        (check,) = file_checks.check_files(NASBENCH201, naslib_files)
        assert check.state == state


def test_a_copy_of_fewer_tasks_lacks_them_unless_others_are_needed(tmp_path, toy_tables):
    pytest.importorskip("torch")
    for name, content in to_naslib([TRANSBENCH101_MICRO], toy_tables).files.items():
        (tmp_path / name).write_bytes(content)
    checks = check_files(TRANSBENCH101_MICRO, tmp_path)
    assert [check.state for check in checks] == [LACKS_TASKS] * 2
    assert checks[0].detail.startswith("jigsaw, room_layout, segmentsemantic; it holds 4,096")
    assert "--tasks" in checks[0].advice
    assert {check.state for check in check_files(TRANSBENCH101_MICRO, tmp_path, ["normal"])} == {OK}


def test_a_plain_table_is_checked(tmp_path, toy_nasbench201):
    table = next(toy_nasbench201.glob("nasbench201.csv*"))
    (tmp_path / table.name).write_bytes(table.read_bytes())
    assert states(tmp_path) == {table.name: OK}
    assert states(tmp_path, "class_scene", "cifar10") == {table.name: OK}  # class_scene is of another search space
    assert states(tmp_path, "ninapro") == {table.name: LACKS_TASKS}
    (tmp_path / table.name).write_bytes(table.read_bytes()[:-100])
    assert states(tmp_path) == {table.name: DAMAGED}


@pytest.mark.parametrize("space", [DIGITS, DIGITS_DOMAINS], ids=lambda space: space.name)
def test_the_embedded_files_are_as_published(space, monkeypatch):
    assert check_embedded(space).state == OK
    monkeypatch.setattr("naslib_archlock.data._sums", lambda folder: {})
    assert check_embedded(space).state == DAMAGED
