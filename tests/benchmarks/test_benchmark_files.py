"""The registry of files agrees with the search spaces and with NASLib's own code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from naslib_archlock.benchmarks.benchmark_files import FILES, BenchmarkFile, accuracy_files, files_of
from naslib_archlock.plugin.compat import naslib_home
from naslib_archlock.proxies.zero_cost import zero_cost_file_name
from naslib_archlock.spaces.known import DIGITS, NASBENCH201, NASLIB_SPACES, TRANSBENCH101_MICRO


@pytest.mark.parametrize("space", NASLIB_SPACES, ids=lambda space: space.name)
def test_every_task_has_one_accuracy_file_and_every_space_one_zero_cost_file(space):
    accuracies = [file for file in files_of(space) if not file.is_zero_cost]
    assert sorted(task for file in accuracies for task in file.tasks) == sorted(space.tasks)
    assert list(accuracy_files(space)) == list(space.tasks)
    assert [file.name for file in files_of(space) if file.is_zero_cost] == [zero_cost_file_name(space)]
    assert all(set(file.tasks) <= set(space.tasks) for file in files_of(space))


def test_nasbench201_has_a_file_for_each_task_and_transnas_one_for_all():
    assert accuracy_files(NASBENCH201)["cifar10"] == "nb201_cifar10_full_training.pickle"
    assert len(set(accuracy_files(NASBENCH201).values())) == 4
    assert set(accuracy_files(TRANSBENCH101_MICRO).values()) == {"transnas-bench_v10141024.pth"}


def test_an_embedded_space_needs_no_file():
    assert files_of(DIGITS) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_address_is_one_and_every_fact_has_a_source(file):
    assert file.page.startswith("https://") and file.said_by
    assert file.drive_id == "" or file.drive_id in file.page
    assert file.url == "" or file.url.startswith("https://")
    assert file.sha256 == "" or re.fullmatch("[0-9a-f]{64}", file.sha256)


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        ({"url": "https://example.org/f"}, "archlock data fetch f --dir data"),
        ({"drive_id": "1a"}, "gdown 1a -O data/f (pip install gdown), or open https://example.org in a browser"),
        ({}, "open https://example.org in a browser, and put the file at data/f"),
    ],
)
def test_how_to_get_a_file_goes_by_where_it_is_offered(offered, expected):
    facts = {"page": "https://example.org", "licence": "", "said_by": "a test"}
    file = BenchmarkFile("f", ("nasbench201",), ("cifar10",), "some benchmark", **facts, **offered)
    assert file.how_to_get(Path("data")) == expected


@pytest.mark.naslib
def test_names_and_addresses_are_those_of_naslib():
    home = naslib_home()
    code = (home / "naslib" / "utils" / "get_dataset_api.py").read_text(encoding="utf-8")
    readme = (home / "README.md").read_text(encoding="utf-8")
    assert all(file.name in code for file in FILES if not file.is_zero_cost)
    for file in FILES:
        if file.said_by.startswith("README.md") and "Develop" in file.said_by:
            assert file.drive_id in readme and file.name in readme
