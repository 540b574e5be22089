"""Compares ``NaslibBenchmark`` with NASLib's own queries and the plain tables, and tests its messages."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from naslib_archlock.benchmarks.benchmark_files import accuracy_files
from naslib_archlock.benchmarks.conversion import to_naslib, to_tables
from naslib_archlock.benchmarks.table import find_table, read_table
from naslib_archlock.commands.main import main
from naslib_archlock.config.load import load_config
from naslib_archlock.errors import CellError, NaslibError, UnknownNameError
from naslib_archlock.locking.prepare import open_benchmark, prepare
from naslib_archlock.locking.result import finish
from naslib_archlock.plugin import naslib_benchmark as module
from naslib_archlock.plugin.compat import naslib_data_folder
from naslib_archlock.plugin.naslib_benchmark import NaslibBenchmark
from naslib_archlock.spaces.known import NASBENCH201, TRANSBENCH101_MACRO, TRANSBENCH101_MICRO, get_space
from naslib_archlock.spaces.space import SearchSpace

SPACES = ("nasbench201", "transbench101_micro")


@pytest.fixture(scope="module")
def benchmarks(dataset_apis: dict[str, Any], sources: dict[str, str]) -> dict[str, NaslibBenchmark]:
    return {name: NaslibBenchmark(get_space(name), {sources[name]: dataset_apis[name]}) for name in SPACES}


def some_cells(space: SearchSpace, n: int = 20) -> list[tuple[int, ...]]:
    rows = np.random.default_rng(0).choice(space.all(), size=n, replace=False)
    return [tuple(row) for row in rows.tolist()]


def op_indices_by_naslib(space: SearchSpace, cell: tuple[int, ...]) -> tuple[int, ...]:
    """NASLib's codes, computed without our conversion."""
    from naslib.search_spaces.nasbench201.conversions import convert_str_to_op_indices

    text = space.to_str(cell)
    if space is NASBENCH201:
        return convert_str_to_op_indices(text)
    return tuple(int(digit) for digit in text.rpartition("-")[2] if digit != "_")


@pytest.mark.parametrize("name", SPACES)
def test_answers_are_those_of_naslibs_query(name, benchmarks, dataset_apis):
    from naslib.search_spaces import supported_search_spaces
    from naslib.search_spaces.core.query_metrics import Metric
    from naslib.utils import get_dataset_api

    space, benchmark = get_space(name), benchmarks[name]
    graph = supported_search_spaces[name]()
    graph.instantiate_model = False
    for task in benchmark.tasks:
        api = get_dataset_api(name, task) if space is NASBENCH201 else {**dataset_apis[name], "task": task}
        for cell in some_cells(space):
            graph.set_op_indices(op_indices_by_naslib(space, cell))
            for split, metric in (
                ("train", Metric.TRAIN_ACCURACY),
                ("val", Metric.VAL_ACCURACY),
                ("test", Metric.TEST_ACCURACY),
            ):
                expected = graph.query(metric, task, dataset_api=api)
                assert benchmark.accuracy(cell, task=task, split=split) == expected


@pytest.mark.parametrize("name", SPACES)
def test_answers_are_the_figures_of_the_plain_tables(name, benchmarks, shared_data):
    space, benchmark = get_space(name), benchmarks[name]
    text = gzip.decompress((shared_data / f"{name}.csv.gz").read_bytes()).decode()
    rows = {row["arch"]: row for row in csv.DictReader(io.StringIO(text))}
    assert len(rows) == len(space.all())
    # NASLib answers from the last epoch. It takes nasbench201's test accuracy from the validation series.
    columns = {"train": "train", "val": "val" if space is NASBENCH201 else "val_final"}
    columns["test"] = "val" if space is NASBENCH201 else "test"
    for cell in some_cells(space, 50):
        for task in benchmark.tasks:
            for split, column in columns.items():
                expected = float(rows[space.to_str(cell)][f"{task}/{column}"])
                assert benchmark.accuracy(cell, task=task, split=split) == expected


def test_only_nasbench201_answers_test_with_validation(benchmarks):
    assert benchmarks["nasbench201"].test_is_validation
    assert not benchmarks["transbench101_micro"].test_is_validation
    cell = (3, 3, 3, 1, 1, 3)
    for name, task, same in (("nasbench201", "cifar100", True), ("transbench101_micro", "class_object", False)):
        val, test = (benchmarks[name].accuracy(cell, task=task, split=split) for split in ("val", "test"))
        assert (val == test) is same


def test_transnas_tasks_get_answers_of_their_own(benchmarks):
    """NASLib's query ignores its argument ``dataset`` there."""
    answers = [
        benchmarks["transbench101_micro"].accuracy((3, 3, 3, 1, 1, 3), task=task, split="val")
        for task in benchmarks["transbench101_micro"].tasks
    ]
    assert len(set(answers)) == len(answers) > 1


@pytest.mark.usefixtures("own_cache")
def test_the_transnas_database_is_loaded_once(monkeypatch, dataset_apis):
    import naslib.utils

    calls = []

    def get_dataset_api(space, task):
        calls.append(task)
        return {**dataset_apis[space], "task": task}

    monkeypatch.setattr(naslib.utils, "get_dataset_api", get_dataset_api)
    benchmark = NaslibBenchmark(TRANSBENCH101_MICRO)
    for task in benchmark.tasks:
        benchmark.accuracy((3,) * 6, task=task, split="val")
    assert len(calls) == 1


# -- files that were converted -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SPACES)
def test_a_search_on_tables_made_of_naslibs_files_is_the_search_on_these_files(name, sources, tmp_path, capsys):
    space, tables = get_space(name), tmp_path / "tables"
    tables.mkdir()
    for file_name, content in to_tables([space], naslib_data_folder()).files.items():
        (tables / file_name).write_bytes(content)
    results = []
    for of in ([], ["archlock.tables", str(tables)]):
        argv = ["search", "--json", "search_space", name, "dataset", sources[name], "search.epochs", "12", *of]
        assert main([*argv, "out_dir", str(tmp_path / f"run{len(of)}")]) == 0
        found = json.loads(capsys.readouterr().out)
        results.append({key: value for key, value in found.items() if key != "notes" and "seconds" not in key})
    assert results[0] == results[1]


@pytest.mark.parametrize(("name", "task"), [("nasbench201", "cifar100"), ("transbench101_micro", "normal")])
def test_naslib_reads_files_that_were_made_of_tables(
    name, task, tmp_path, toy_tables, toy_nasbench201, monkeypatch, naslib
):
    space, tables = get_space(name), toy_nasbench201 if name == "nasbench201" else toy_tables
    (tmp_path / "data").mkdir()
    for file_name, content in to_naslib([space], tables).files.items():
        (tmp_path / "data" / file_name).write_bytes(content)
    monkeypatch.setattr(sys.modules["naslib.utils.get_dataset_api"], "get_project_root", lambda: tmp_path)
    api = naslib.utils.get_dataset_api(name, task)
    found, table = NaslibBenchmark(space, {task: api}), read_table(find_table(tables, space), space)
    np.testing.assert_array_equal(found.accuracies(task, "val"), table.accuracies(task, "val"))
    of_test = "val" if found.test_is_validation else "test"
    np.testing.assert_array_equal(found.accuracies(task, "test"), table.accuracies(task, of_test))
    scores = naslib.utils.get_zc_benchmark_api(name, task)
    assert scores == json.loads((tables / f"zc_{name}.json").read_text(encoding="utf-8"))[task]


# -- kept answers ------------------------------------------------------------------------------------------------------

TASKS = [("nasbench201", "cifar10"), ("transbench101_micro", "autoencoder")]


def kept_names(own_cache: Path) -> set[str]:
    """The names of the cached answers of NASLib, and of the files that were read for them."""
    beside = [json.loads(path.read_text()) for path in (own_cache / "naslib_archlock" / "kept").glob("*.json")]
    return {facts.get("name") or Path(facts.get("content of", "")).name for facts in beside} - {""}


@pytest.fixture
def no_naslib(monkeypatch) -> Callable[[], None]:
    """A function that forbids to load NASLib from then on."""
    return lambda: monkeypatch.setattr(module, "load_naslib", lambda: pytest.fail("NASLib was loaded"))


@pytest.mark.parametrize(("name", "task"), TASKS)
def test_kept_answers_are_those_of_naslibs_query(name, task, dataset_apis, own_cache, no_naslib):
    """One benchmark asks a given api, one asks NASLib and fills the cache, and one must not load NASLib."""
    space = get_space(name)
    api = dataset_apis[name] if space is NASBENCH201 else {**dataset_apis[name], "task": task}
    asked = NaslibBenchmark(space, {task: api})
    assert kept_names(own_cache) == set()
    first = NaslibBenchmark(space)
    archs = [tuple(arch) for arch in space.all().tolist()]
    for split in ("val", "test"):
        expected = [asked.accuracy(arch, task=task, split=split) for arch in archs]
        assert [first.accuracy(arch, task=task, split=split) for arch in archs] == expected
    no_naslib()
    second = NaslibBenchmark(space)
    assert second.tasks == first.tasks == asked.tasks
    assert [second.accuracy(arch, task=task, split="test") for arch in archs] == expected


def test_what_a_given_api_answers_is_neither_kept_nor_replaced_by_what_is_kept(own_cache):
    """The given api may come from any file."""
    archs = [tuple(arch) for arch in NASBENCH201.all().tolist()]
    made_up = {NASBENCH201.to_str(arch): {"cifar100": {"eval_acc1es": [12.5]}} for arch in archs}
    of_file = NaslibBenchmark(NASBENCH201)
    answers = []
    for _ in range(2):
        given = NaslibBenchmark(NASBENCH201, {"cifar100": {"nb201_data": made_up}})
        assert given.accuracy(archs[7], task="cifar100", split="val") == 12.5
        answers.append(of_file.accuracy(archs[7], task="cifar100", split="val"))
    assert answers[0] == answers[1] != 12.5


def test_architectures_of_other_spaces_are_refused(own_cache, no_naslib):
    for _ in range(2):
        benchmark = NaslibBenchmark(TRANSBENCH101_MICRO)
        for arch in ((4, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 5), (0,) * 5):
            with pytest.raises(CellError):
                benchmark.accuracy(arch, task="class_scene", split="val")
        assert benchmark.accuracy((3,) * 6, task="class_scene", split="val") > 0
        no_naslib()


@pytest.mark.parametrize("change", ["version", "code", "content"])
def test_answers_of_other_code_or_content_are_asked_for_again(change, own_cache, monkeypatch, tmp_path, dataset_apis):
    data = tmp_path / "data"
    data.mkdir()
    path = data / accuracy_files(TRANSBENCH101_MICRO)["class_scene"]
    path.write_bytes((naslib_data_folder() / path.name).read_bytes())
    monkeypatch.setattr(module, "naslib_data_folder", lambda: data)
    loads = []
    monkeypatch.setattr(
        sys.modules["naslib.utils"],
        "get_dataset_api",
        lambda space, task: loads.append(task) or {**dataset_apis[space], "task": task},
    )

    def ask() -> float:
        return NaslibBenchmark(TRANSBENCH101_MICRO).accuracy((3,) * 6, task="class_scene", split="val")

    assert ask() == ask()
    assert len(loads) == 1
    if change == "version":
        monkeypatch.setattr(module, "_VERSION", module._VERSION + 1)
    elif change == "code":
        monkeypatch.setattr(module, "_code_hash", lambda space: "other code")
    else:
        path.write_bytes(path.read_bytes() + b" ")
    assert ask() == ask()
    assert len(loads) == 2


def test_the_code_that_answers_is_that_of_the_space():
    assert module._code_hash(NASBENCH201) != module._code_hash(TRANSBENCH101_MICRO)
    assert module._code_hash(TRANSBENCH101_MICRO) == module._code_hash(TRANSBENCH101_MACRO)


def test_a_database_that_lacks_an_architecture_is_refused_and_not_kept(own_cache, monkeypatch):
    answers = {NASBENCH201.to_str(tuple(a)): {"cifar100": {"eval_acc1es": [50.0]}} for a in NASBENCH201.all().tolist()}
    missing = answers.popitem()[0]
    monkeypatch.setattr(sys.modules["naslib.utils"], "get_dataset_api", lambda space, task: {"nb201_data": answers})
    with pytest.raises(NaslibError) as error:
        NaslibBenchmark(NASBENCH201).accuracy((3,) * 6, task="cifar100", split="val")
    for part in (missing, "nb201_cifar100_full_training.pickle", "not whole", "download the file again"):
        assert part in str(error.value)
    assert "cifar100/val" not in kept_names(own_cache)


@pytest.mark.parametrize("strategy", ["bayesian", "evolution"])
def test_a_hidden_tasks_answers_are_first_asked_for_after_the_search(own_cache, strategy, all_tasks_ranker):
    """Its file is not even read for a hash. A search reads only one split of its source: the one it may query."""
    keys = {
        "search_space": "nasbench201", "dataset": "cifar10", "archlock.scheme": "s", "archlock.target": "cifar100",
        "archlock.strategy": strategy, "archlock.ranker": all_tasks_ranker if strategy == "evolution" else "",
        "search.epochs": 12,
    }  # fmt: skip
    config = load_config(None, [str(part) for pair in keys.items() for part in pair])
    benchmark = open_benchmark(config)
    search = prepare(config, benchmark).search
    for _ in range(12):
        search.step()
    of_benchmarks = {name for name in kept_names(own_cache) if "/" in name or name.startswith("nb201")}
    assert of_benchmarks == {"cifar10/val", "nb201_cifar10_full_training.pickle"}
    finish(config, benchmark, search)
    # rank percentiles need both splits of both tasks
    added = {"cifar10/test", "cifar100/val", "cifar100/test", "nb201_cifar100_full_training.pickle"}
    assert {name for name in kept_names(own_cache) if "/" in name or name.startswith("nb201")} == of_benchmarks | added


@pytest.mark.parametrize("name", SPACES)
def test_a_search_with_kept_answers_does_not_import_naslib(name, run_watched, sources, tmp_path):
    """The search is also the same."""
    results = []
    for run, has_naslib in (("cold", True), ("warm", False)):
        out = tmp_path / run
        command = ["search", "search_space", name, "dataset", sources[name], "search.epochs", "12", "out_dir", str(out)]
        found = run_watched(f"from naslib_archlock.commands.main import main; assert main({command}) == 0")
        assert ("naslib" in found["modules"]) == has_naslib
        assert (accuracy_files(get_space(name))[sources[name]] in found["opened"]) == has_naslib
        (path,) = out.rglob("result.json")
        results.append(path.read_bytes())
    assert results[0] == results[1]


def test_what_naslib_lacks_is_said_when_the_benchmark_is_opened(own_cache, monkeypatch):
    """The check imports NASLib once, and does not wait until the middle of a search."""

    def broken() -> None:
        raise NaslibError("NASLib cannot be imported")

    with monkeypatch.context() as patch:
        patch.setattr(module, "load_naslib", broken)
        for _ in range(2):
            with pytest.raises(NaslibError, match="cannot be imported"):
                NaslibBenchmark(NASBENCH201)
    NaslibBenchmark(NASBENCH201)
    monkeypatch.setattr(module, "load_naslib", broken)
    assert NaslibBenchmark(NASBENCH201).tasks == ("cifar10", "cifar100", "ImageNet16-120")


# -- mistakes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SPACES)
def test_unknown_task_and_split(name, benchmarks):
    task = benchmarks[name].tasks[0]
    with pytest.raises(UnknownNameError, match=f"unknown task 'cifar11'.*known: .*{task}"):
        benchmarks[name].accuracy((3,) * 6, task="cifar11", split="val")
    with pytest.raises(UnknownNameError, match="unknown split 'valid'.*known: train, val, test"):
        benchmarks[name].accuracy((3,) * 6, task=task, split="valid")


@pytest.mark.parametrize(
    ("levels", "tasks"),
    [(["micro"], ["class_scene", "normal"]), (["macro"], ["cifar10"]), (["macro"], []), (["macro"], "normal"),
     (["macro"], 7), (["macro"], None), ([], [])],
)  # fmt: skip
def test_a_file_that_holds_nothing_of_the_space_is_not_said_to_be_missing(levels, tasks):
    api = SimpleNamespace(search_spaces=levels, task_list=tasks)
    with pytest.raises(NaslibError) as error:
        NaslibBenchmark(TRANSBENCH101_MACRO, {"class_scene": {"api": api, "task": "class_scene"}})
    for part in ("holds nothing of transbench101_macro", "transnas-bench_v10141024.pth", str(levels), str(tasks)):
        assert part in str(error.value)


class Stranger:
    """What no file holds."""


WRONG_FIGURES = {
    "NaN": [np.nan], "infinity": [np.inf], "minus infinity": [-np.inf], "above 100": [100.5], "negative": [-1.0],
    "near the largest float": [1.7e308], "too large": [10**400], "complex": [1j], "text": ["90.1"], "nothing": [None],
    "true": [True], "no series": 90.1, "a text as the series": "90", "an empty series": [], "a list in it": [[90.1]],
    "an array of one": [np.array([90.1])], "a mapping": {"last": 90.1}, "a set": {90.1}, "something": Stranger(),
}  # fmt: skip


@pytest.fixture
def figures(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What NASLib reads from its file of cifar100: good figures, which a test spoils."""
    archs = NASBENCH201.all()
    accuracies = np.where(NASBENCH201.is_usable(archs), 50.0, 1.0).tolist()
    texts = [NASBENCH201.to_str(tuple(arch)) for arch in archs.tolist()]
    content: dict[str, Any] = {t: {"cifar100": {"eval_acc1es": [a]}} for t, a in zip(texts, accuracies)}
    database = {"nb201_data": content}
    monkeypatch.setattr(sys.modules["naslib.utils"], "get_dataset_api", lambda space, task: database)
    return database


def look_up() -> float:
    return NaslibBenchmark(NASBENCH201).accuracy((3,) * 6, task="cifar100", split="val")


def refused(own_cache: Path, *parts: str) -> None:
    with pytest.raises(NaslibError) as error:
        look_up()
    for part in ("nb201_cifar100_full_training.pickle", "download the file again", *parts):
        assert part in str(error.value)
    assert "cifar100/val" not in kept_names(own_cache)


@pytest.mark.parametrize("what", WRONG_FIGURES)
def test_one_wrong_figure_in_naslibs_file(what, figures, own_cache):
    assert look_up() == 50.0
    shutil.rmtree(own_cache)
    arch = list(figures["nb201_data"])[7]  # the search would not look it up
    figures["nb201_data"][arch]["cifar100"]["eval_acc1es"] = WRONG_FIGURES[what]
    refused(own_cache, arch)


@pytest.mark.parametrize(
    "spoil",
    [lambda good: list(good.items()), lambda good: None, lambda good: "text", lambda good: 5, lambda good: {},
     lambda good: {arch: [1, 2] for arch in good}, lambda good: dict.fromkeys(good), lambda good: list(good),
     lambda good: {arch: {"cifar10-valid": entry["cifar100"]} for arch, entry in good.items()},
     lambda good: {arch: {"cifar100": [entry]} for arch, entry in good.items()},
     lambda good: {arch: entry["cifar100"] for arch, entry in good.items()}],
)  # fmt: skip
def test_another_structure_in_naslibs_file(spoil, figures, own_cache):
    figures["nb201_data"] = spoil(figures["nb201_data"])
    refused(own_cache, "is not whole")


@pytest.mark.parametrize("spoil", [lambda accuracy: -accuracy, lambda accuracy: 100 - accuracy])
def test_another_metric_in_naslibs_file(spoil, figures, own_cache):
    for entry in figures["nb201_data"].values():
        entry["cifar100"]["eval_acc1es"] = [spoil(entry["cifar100"]["eval_acc1es"][0])]
    refused(own_cache, "cifar100 has top-1 accuracy in %")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path)])
def test_something_else_by_the_name_of_a_file_is_not_said_to_be_missing(make, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "naslib_data_folder", lambda: tmp_path)
    make(tmp_path / "nb201_cifar10_full_training.pickle")
    with pytest.raises(NaslibError, match="nb201_cifar10_full_training.pickle is no file"):
        NaslibBenchmark(NASBENCH201)


def test_missing_files_are_named_with_their_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "naslib_data_folder", lambda: tmp_path)
    with pytest.raises(NaslibError) as error:
        NaslibBenchmark(NASBENCH201)
    for part in (str(tmp_path), "nb201_cifar10_full_training.pickle", "archlock.tables", "NASLIB_HOME"):
        assert part in str(error.value)


@pytest.mark.parametrize(("name", "task"), [("nasbench201", "cifar100"), ("transbench101_micro", "class_scene")])
def test_a_file_that_was_cut_short(name, task, monkeypatch, tmp_path):
    space = get_space(name)
    file_name = accuracy_files(space)[task]
    path = tmp_path / "data" / file_name
    path.parent.mkdir()
    path.write_bytes((naslib_data_folder() / file_name).read_bytes()[:100_000])
    monkeypatch.setattr(module, "naslib_data_folder", lambda: path.parent)
    monkeypatch.setattr(sys.modules["naslib.utils.get_dataset_api"], "get_project_root", lambda: tmp_path)
    with pytest.raises(NaslibError, match=f"cannot read its benchmark file {path}.*get another from"):
        NaslibBenchmark(space).accuracy((3,) * 6, task=task, split="val")


def test_the_command_line_without_naslib(tmp_path, child_environment):
    environment = {**child_environment, "NASLIB_HOME": str(tmp_path)}
    found = subprocess.run([sys.executable, "-c", "import naslib"], cwd=tmp_path, env=environment, capture_output=True)
    if found.returncode == 0:
        pytest.skip("NASLib is installed as a package here")
    config = Path(module.__file__).parents[1] / "configs" / "nasbench201.yaml"
    command = [sys.executable, "-m", "naslib_archlock", "search", "--config-file", str(config)]
    done = subprocess.run(
        [*command, "out_dir", str(tmp_path / "run")], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    for part in ("NASLib was not found", str(tmp_path), "git clone", "NASLIB_HOME"):
        assert part in done.stderr
    assert not (tmp_path / "run").exists()
