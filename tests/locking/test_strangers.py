"""A hidden target stays hidden, whatever name a table, a zero-cost file or a ranker gives it."""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from naslib_archlock.config.sections import Config
from naslib_archlock.errors import ConfigError, RankerError, TableError, UnknownNameError
from naslib_archlock.locking.api import open_search
from naslib_archlock.locking.knowledge import Knowledge
from naslib_archlock.locking.prepare import open_benchmark, prepare, report_targets
from naslib_archlock.locking.schemes import get_scheme
from naslib_archlock.locking.view import View
from naslib_archlock.ranker.ranker import Ranker

pytestmark = pytest.mark.usefixtures("fast_training")

TABLE, SCORES = "transbench101_micro.csv", "zc_transbench101_micro.json"
EVOLUTION = ("archlock.strategy", "evolution")


@pytest.fixture
def rename(toy_tables: Path, tmp_path: Path):
    """Make a copy of the made-up tables in which tasks have other names; returns the overrides that name it.

    The first mapping renames tasks of the table, the second those of the zero-cost file; None leaves the task out.
    """

    def make(of_table: dict[str, str], of_scores: dict[str, str | None]) -> list[str]:
        folder = tmp_path / "renamed"
        folder.mkdir(exist_ok=True)
        header, *rows = csv.reader(gzip.decompress((toy_tables / f"{TABLE}.gz").read_bytes()).decode().splitlines())
        parts = [name.rpartition("/") for name in header]
        header = [of_table.get(task, task) + slash + split for task, slash, split in parts]
        with (folder / TABLE).open("w", newline="") as f:
            csv.writer(f).writerows([header, *rows])
        scores = json.loads((toy_tables / SCORES).read_text())
        renamed = {of_scores.get(task, task): entries for task, entries in scores.items()}
        (folder / SCORES).write_text(json.dumps({name: e for name, e in renamed.items() if name is not None}))
        return ["archlock.tables", str(folder)]

    return make


def view_of(config: Config) -> View:
    benchmark = open_benchmark(config)
    targets = report_targets(config, benchmark.tasks)
    return get_scheme(config.archlock.scheme).view(benchmark, config.dataset, targets, config)


def trained_on(config: Config) -> list[str]:
    ranker = prepare(config, open_benchmark(config)).ranker
    assert ranker is not None
    return [name.partition("/")[2] for name in ranker.info.tasks]


@pytest.mark.parametrize("name", ["normal", "Normal", "normal-valid", "surface_normals", "normals_test"])
@pytest.mark.parametrize("where", ["table", "scores"])
@pytest.mark.parametrize("scheme", ["s", "tu"])
def test_a_target_of_another_spelling_is_not_trained_on(toy_config, rename, scheme, where, name):
    tables = rename(*({"normal": name}, {}) if where == "table" else ({}, {"normal": name}))
    keys = ["archlock.target", name if where == "table" else "normal", "archlock.scheme", scheme, *EVOLUTION]
    assert trained_on(toy_config(*tables, *keys)) == ["class_scene", "class_object", "autoencoder"]


@pytest.mark.parametrize("scheme", ["s", "tu"])
@pytest.mark.parametrize("names", [({"normal": "mine"}, {}), ({}, {"normal": "mine"})])
def test_a_target_that_may_be_there_under_another_name_is_refused(toy_config, rename, names, scheme):
    target = names[0].get("normal", "normal")
    keys = [*rename(*names), "archlock.scheme", scheme, *EVOLUTION, "archlock.target", target]
    with pytest.raises(ConfigError, match=f"target {target} must stay unseen and is not named in .*json, .* there is"):
        trained_on(toy_config(*keys))
    others = ["archlock.train_tasks", "class_scene,class_object"]
    assert trained_on(toy_config(*keys, *others)) == ["class_scene", "class_object"]


def test_scores_of_no_target_are_enough_where_all_names_are_known(toy_config, rename):
    config = toy_config(*rename({}, {"normal": None}), *EVOLUTION)
    assert trained_on(config) == ["class_scene", "class_object", "autoencoder"]


@pytest.mark.parametrize("name", ["normal~0-3", "Normal~1-2", "normal"])
def test_a_sample_of_the_targets_images_is_hidden_and_so_is_what_it_was_sampled_from(toy_config, rename, name):
    tables = rename(
        {"normal": "normal~4-5", "autoencoder": "normal~6-7"}, {"normal": name, "autoencoder": "normal~6-7"}
    )
    config = toy_config(*tables, *EVOLUTION, "archlock.target", "normal~4-5")
    assert trained_on(config) == ["class_scene", "class_object"]
    for scheme in ("tk", "tu", "s"):
        config = toy_config(*tables, "archlock.scheme", scheme, "archlock.target", "normal~4-5")
        assert "normal~6-7" not in view_of(config).further_tasks


def test_a_known_target_is_found_under_another_name(toy_config, rename):
    """Scheme TK weighs further tasks by how alike they are to the target: a name must not switch that off."""
    keys = ("archlock.scheme", "tk", "archlock.target", "Normal")
    renamed = toy_config(*rename({"normal": "Normal"}, {"class_object": "cls-object"}), *keys)
    fitness = get_scheme("tk").expected_fitness(view_of(renamed), renamed)
    config = toy_config("archlock.scheme", "tk")
    np.testing.assert_array_equal(fitness, get_scheme("tk").expected_fitness(view_of(config), config))
    evolved = toy_config(*rename({"normal": "Normal"}, {}), *keys, *EVOLUTION)
    assert "normal" in trained_on(evolved)


def test_a_known_target_without_scores_is_refused_where_it_may_have_another_name(toy_config, rename):
    config = toy_config(*rename({"normal": "mine"}, {}), "archlock.scheme", "tk", "archlock.target", "mine")
    with pytest.raises(ConfigError, match="target mine .* there is normal"):
        get_scheme("tk").expected_fitness(view_of(config), config)


# -- rankers -----------------------------------------------------------------------------------------------------------


def with_ranker(ranker: Ranker, tasks: tuple[str, ...], left_out: tuple[str, ...], folder: Path) -> list[str]:
    """Overrides that name a copy of a ranker, which says that it was trained on other tasks."""
    accuracy = {"left_out_tasks": {f"transbench101_micro/{name}": 0.9 for name in left_out}}
    info = replace(ranker.info, tasks=tuple(f"transbench101_micro/{name}" for name in tasks), accuracy=accuracy)
    Ranker(ranker.model, info).save(folder / "r.safetensors")
    return ["archlock.ranker", str(folder / "r.safetensors"), *EVOLUTION]


def test_a_ranker_that_knows_the_target_by_another_spelling_is_refused(toy_config, toy_ranker, tmp_path):
    for name in ("normal", "surface_normal", "normal-valid", "NORMAL~0-3"):
        config = toy_config(*with_ranker(toy_ranker, ("class_scene", name), (), tmp_path))
        seen = name.partition("~")[0]
        with pytest.raises(RankerError, match=f"trained on {seen}, which the scheme must not have seen"):
            trained_on(config)


def test_a_ranker_that_may_know_the_target_by_another_name_is_refused(toy_config, toy_ranker, rename, tmp_path):
    tables = rename({"normal": "mine"}, {})
    ranker = with_ranker(toy_ranker, ("class_scene", "normal"), (), tmp_path)
    keys = [*tables, *ranker, "archlock.target", "mine"]
    with pytest.raises(ConfigError, match="target mine .* not named in the ranker .*safetensors, but there is normal"):
        trained_on(toy_config(*keys))
    assert trained_on(toy_config(*keys, "archlock.train_tasks", "class_scene,normal")) == ["class_scene", "normal"]
    # scheme S is compared with, and may have seen everything
    assert trained_on(toy_config(*keys, "archlock.scheme", "s")) == ["class_scene", "normal"]


@pytest.mark.parametrize(("strange", "left_out"), [("svhn", ()), ("theirs", ("normal",)), ("class_scene~0-3", ())])
def test_a_ranker_is_used_where_it_cannot_know_the_target(toy_config, toy_ranker, tmp_path, strange, left_out):
    ranker = with_ranker(toy_ranker, ("class_scene", strange), left_out, tmp_path)
    assert strange in trained_on(toy_config(*ranker))


def test_no_ranker_in_the_box_is_taken_for_a_target_of_an_unknown_name():
    told = {"search_space": "digits", "dataset": "digit", "strategy": "evolution", "embedding": "task2vec"}
    with pytest.raises(ConfigError, match="target turned .* there is rotation"):
        open_search(**told, target="turned")


# -- names within and between files ------------------------------------------------------------------------------------


def test_a_table_holds_a_task_once(toy_config, rename):
    with pytest.raises(TableError, match="normal and surface_normal are two names of one task"):
        open_benchmark(toy_config(*rename({"autoencoder": "surface_normal"}, {})))


def test_the_benchmark_says_what_it_calls_a_task(toy_config, rename):
    tables = rename({"normal": "surface_normal"}, {})
    with pytest.raises(UnknownNameError, match="names the task 'normal' otherwise: give it as 'surface_normal'"):
        open_benchmark(toy_config(*tables))


def test_the_source_is_no_target_under_another_name(toy_config):
    with pytest.raises(ConfigError, match=r"target names Class-Scene, which is the source .*, also called class_scene"):
        toy_config("archlock.target", "normal,Class-Scene")
    assert report_targets(toy_config("archlock.target", ""), ["Class-Scene", "normal"]) == ("normal",)


@pytest.mark.parametrize("name", ["class_object", "Class Object"])
def test_a_task_of_two_zero_cost_files_is_refused(toy_config, toy_zero_cost, tmp_path, name):
    paths = []
    for folder, tasks in (("a", toy_zero_cost), ("b", {name: toy_zero_cost["class_object"]})):
        (tmp_path / folder).mkdir()
        paths.append(tmp_path / folder / SCORES)
        paths[-1].write_text(json.dumps(tasks))
    config = toy_config("archlock.zero_cost", ",".join(map(str, paths)))
    with pytest.raises(TableError, match=f"are of one task: class_object in {paths[0]}, and {name} in {paths[1]}"):
        Knowledge(config).training_tables()
    with pytest.raises(TableError, match="are of one task"):
        Knowledge(toy_config("archlock.zero_cost", f"{paths[0]},{paths[0]}")).training_tables()
    # the same task in files of two search spaces is trained on twice: on other cells
    (tmp_path / "zc_nasbench201.json").write_text(json.dumps({name: toy_zero_cost["class_object"]}))
    both = toy_config("archlock.zero_cost", f"{paths[0]},{tmp_path / 'zc_nasbench201.json'}")
    assert len(Knowledge(both).training_tables()[0]) == 5


def test_a_task_twice_in_one_zero_cost_file_is_refused(toy_config, rename):
    config = toy_config(*rename({}, {"autoencoder": "Class_Object"}))
    with pytest.raises(TableError, match="are of one task: class_object .*, and Class_Object"):
        Knowledge(config).training_tables()
