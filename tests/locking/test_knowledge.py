"""What a search may know of tasks: zero-cost scores, and embeddings of scores, of files and of images."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from preparing import prepared_by, run

from naslib_archlock.config.load import load_config
from naslib_archlock.embedding.proxy_embedding import ProxyEmbedding
from naslib_archlock.errors import ConfigError, EmbeddingError, TableError, UnknownNameError
from naslib_archlock.locking import knowledge
from naslib_archlock.proxies.zero_cost import ZeroCostFile
from naslib_archlock.spaces.known import DIGITS, TRANSBENCH101_MICRO
from naslib_archlock.tasks import read

ON_DIGITS = ("search_space", "digits", "dataset", "digit")

pytestmark = pytest.mark.usefixtures("fast_training")


# -- the ranker's tasks ------------------------------------------------------------------------------------------------


def names(tables) -> list[str]:
    return [scores.task for scores in tables]


def test_tasks_to_train_on(toy_config):
    everything = ["class_scene", "class_object", "normal", "autoencoder"]
    tables, left_out = knowledge.Knowledge(toy_config()).training_tables()
    assert (names(tables), names(left_out)) == (everything, [])
    tables, left_out = knowledge.Knowledge(toy_config("archlock.leave_out", "normal,class_scene")).training_tables()
    assert (names(tables), names(left_out)) == (["class_object", "autoencoder"], ["class_scene", "normal"])
    tables, left_out = knowledge.Knowledge(toy_config("archlock.train_tasks", "normal")).training_tables()
    assert (names(tables), names(left_out)) == (["normal"], [])
    tables, _ = knowledge.Knowledge(toy_config(), hidden=["normal"]).training_tables()
    assert names(tables) == ["class_scene", "class_object", "autoencoder"]
    # a hidden task may be left out once more
    tables, left_out = knowledge.Knowledge(toy_config("archlock.leave_out", "normal"), ["normal"]).training_tables()
    assert (names(tables), names(left_out)) == (["class_scene", "class_object", "autoencoder"], [])


@pytest.mark.parametrize("key", ["archlock.train_tasks", "archlock.leave_out"])
def test_unknown_training_tasks_are_told_the_known_ones(toy_config, key):
    with pytest.raises(UnknownNameError, match="unknown task 'norml' in zero-cost files; .*did you mean 'normal'"):
        knowledge.Knowledge(toy_config(key, "norml")).training_tables()


def test_a_hidden_task_cannot_be_trained_on(toy_config):
    with pytest.raises(ConfigError, match="train_tasks names normal, a target"):
        knowledge.Knowledge(toy_config("archlock.train_tasks", "normal"), ["normal"]).training_tables()


def test_tasks_to_train_on_under_other_names(toy_config):
    keys = ("archlock.train_tasks", "Normal,class-scene,auto_encoder", "archlock.leave_out", "AutoEncoder")
    tables, left_out = knowledge.Knowledge(toy_config(*keys)).training_tables()
    assert (names(tables), names(left_out)) == (["class_scene", "normal"], ["autoencoder"])
    for name in ("Normal", "normal-valid", "normal~0-3"):
        with pytest.raises(ConfigError, match=f"train_tasks names {name}, a target"):
            knowledge.Knowledge(toy_config("archlock.train_tasks", name), ["normal"]).training_tables()


# -- zero-cost files ---------------------------------------------------------------------------------------------------


def zero_cost_with(tmp_path: Path, scores) -> tuple[str, str]:
    """Overrides that name a zero-cost file with this content."""
    path = tmp_path / "zc_transbench101_micro.json"
    path.write_text(json.dumps(scores), encoding="utf-8")
    return "archlock.zero_cost", str(path)


@pytest.mark.parametrize("scheme", ["s", "tk", "tu"])
def test_a_zero_cost_file_without_the_source_is_refused(ranked_config, toy_zero_cost, tmp_path, scheme):
    without = zero_cost_with(tmp_path, {t: s for t, s in toy_zero_cost.items() if t != "class_scene"})
    message = "unknown task 'class_scene' in zero-cost files of transbench101_micro; known: "
    with pytest.raises(UnknownNameError, match=message):
        prepared_by(ranked_config(*without, "archlock.scheme", scheme))


def test_tables_without_a_proxy_in_common_are_refused(ranked_config, toy_zero_cost, tmp_path):
    parts = {
        "class_scene": {cell: {"nwot": entry["nwot"]} for cell, entry in toy_zero_cost["class_scene"].items()},
        "class_object": {cell: {"jacov": entry["jacov"]} for cell, entry in toy_zero_cost["class_object"].items()},
    }
    with pytest.raises(EmbeddingError, match="no proxy in common"):
        prepared_by(ranked_config(*zero_cost_with(tmp_path, parts)))


def test_a_source_table_without_the_rankers_reference_cells_is_refused(
    ranked_config, toy_zero_cost, toy_ranker, tmp_path
):
    few = {"class_scene": dict(list(toy_zero_cost["class_scene"].items())[:50])}
    with pytest.raises(EmbeddingError, match="task 'class_scene' lacks .* reference cells of this ranker"):
        prepared_by(ranked_config(*zero_cost_with(tmp_path, few)), toy_ranker)


def test_files_of_the_whole_family_are_read(shared_data: Path, toy_config):
    config = toy_config("archlock.tables", str(shared_data))
    assert [path.name for path in knowledge.zero_cost_files(config)] == [
        "zc_nasbench201.json", "zc_transbench101_micro.json"
    ]  # fmt: skip


def test_missing_files_say_what_to_give_instead(toy_config, tmp_path):
    with pytest.raises(
        TableError, match="no zero-cost file such as zc_transbench101_micro.json in .*archlock.zero_cost"
    ):
        knowledge.zero_cost_files(toy_config("archlock.tables", str(tmp_path)))
    with pytest.raises(UnknownNameError, match="unknown zero-cost file 'scores.json'; known: zc_nasbench201.json"):
        _ = knowledge.Knowledge(toy_config("archlock.zero_cost", str(tmp_path / "scores.json"))).tables


def test_nothing_is_read_before_it_is_asked_for_and_nothing_twice(toy_config, monkeypatch):
    read, real = [], ZeroCostFile.scores

    def scores(file, task):
        read.append(task)
        return real(file, task)

    monkeypatch.setattr(ZeroCostFile, "scores", scores)
    known = knowledge.Knowledge(toy_config(), ["normal"])
    assert read == []
    for _ in range(2):
        assert names(known.tables) == ["class_scene", "class_object", "autoencoder"]
        assert read == ["class_scene", "class_object", "autoencoder"]


def test_the_embedded_benchmark_has_scores_in_the_package():
    (path,) = knowledge.zero_cost_files(load_config(None, ON_DIGITS))
    assert path.name == "zc_digits.json.gz"
    assert path.is_file()


# -- embeddings --------------------------------------------------------------------------------------------------------


@pytest.fixture
def embeddings(tmp_path) -> Path:
    """A folder of made-up embeddings of all four tasks, 6 numbers each."""
    rng = np.random.default_rng(0)
    for task in ("class_scene", "class_object", "normal", "autoencoder"):
        np.save(tmp_path / f"{task}.npy", rng.standard_normal(6))
    return tmp_path


def test_embeddings_may_come_from_files(ranked_config, embeddings):
    config = ranked_config("archlock.embedding", str(embeddings / "{task}.npy"), "archlock.scheme", "tk")
    prepared = run(config)
    assert prepared.ranker.info.embedding == "file"
    assert prepared.ranker.info.embedding_dim == 6
    before = [e.fitness for e in prepared.search.history]
    np.save(embeddings / "normal.npy", -np.load(embeddings / "normal.npy"))
    assert [e.fitness for e in run(config, prepared.ranker).search.history] != before


def test_with_a_ranker_and_embeddings_no_zero_cost_file_is_needed(ranked_config, toy_tables, embeddings, tmp_path):
    embedding = ("archlock.embedding", str(embeddings / "{task}.npy"))
    ranker = prepared_by(ranked_config(*embedding)).ranker
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "transbench101_micro.csv.gz").write_bytes((toy_tables / "transbench101_micro.csv.gz").read_bytes())
    config = ranked_config(*embedding, "archlock.tables", str(folder))
    assert len(run(config, ranker).search.history) == 15
    with pytest.raises(TableError, match="no zero-cost file"):
        prepared_by(ranked_config("archlock.tables", str(folder)))


def test_embeddings_of_different_sizes_are_refused(ranked_config, embeddings):
    config = ranked_config("archlock.embedding", str(embeddings / "{task}.npy"), "archlock.scheme", "tk")
    ranker = prepared_by(config).ranker
    np.save(embeddings / "normal.npy", np.ones(7))
    with pytest.raises(EmbeddingError, match="'normal'.* 7 numbers, .* trained with 6"):
        prepared_by(config, ranker)
    with pytest.raises(ConfigError, match=r"differ in size: \[6, 7\]"):
        prepared_by(config)
    np.save(embeddings / "class_scene.npy", np.ones(5))
    with pytest.raises(EmbeddingError, match="'class_scene'.* 5 numbers"):
        prepared_by(config, ranker)


def test_a_ranker_wants_the_kind_of_embedding_that_it_was_trained_with(ranked_config, embeddings, toy_ranker):
    from_files = ranked_config("archlock.embedding", str(embeddings / "{task}.npy"))
    with pytest.raises(ConfigError, match="trained with embedding proxies"):
        prepared_by(from_files, toy_ranker)
    with pytest.raises(ConfigError, match="set archlock.embedding"):
        prepared_by(ranked_config(), prepared_by(from_files).ranker)


def test_the_proxies_embedding_is_that_of_the_rankers_metadata(toy_config, toy_ranker):
    known = knowledge.Knowledge(toy_config())
    vector = known.embedding("normal", toy_ranker.info)
    info = toy_ranker.info
    expected = ProxyEmbedding(info.embedding_proxies, info.reference_cells).embed(
        next(scores for scores in known.tables if scores.task == "normal")
    )
    np.testing.assert_array_equal(vector, expected)
    assert len(info.reference_cells) == 32
    assert len(vector) == info.embedding_dim == 32 * len(info.embedding_proxies)


# -- images ------------------------------------------------------------------------------------------------------------


def test_the_images_of_a_task_are_those_of_its_folder_or_of_the_embedded_benchmark(toy_config, digit_images):
    config = toy_config("archlock.max_images", "30")
    of_folder = knowledge.task_images(config, str(digit_images["low"]), TRANSBENCH101_MICRO, 10)
    assert (of_folder.name, of_folder.images.shape) == ("low", (30, 3, 10, 10))
    assert knowledge.task_images(config, "edges", DIGITS, 8).name == "edges"


def test_a_benchmark_whose_images_are_not_here_is_named(toy_config):
    with pytest.raises(ConfigError, match="of transbench101_micro task 'normal' do not come with.*'archlock embed'"):
        knowledge.task_images(toy_config(), "normal", TRANSBENCH101_MICRO, 8)


# -- what is hidden ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("strategy", ["bayesian", "evolution"])
@pytest.mark.parametrize("scheme", ["s", "tu"])
def test_the_images_and_scores_of_an_unknown_target_are_not_read(monkeypatch, scheme, strategy):
    real_task, real_scores, asked = read.embedded_task, ZeroCostFile.scores, []

    def embedded_task(task):
        asked.append(task)
        return real_task(task)

    def scores(file, task):
        assert task != "edges"
        return real_scores(file, task)

    monkeypatch.setattr(read, "embedded_task", embedded_task)
    monkeypatch.setattr(ZeroCostFile, "scores", scores)
    keys = ("archlock.scheme", scheme, "archlock.target", "edges", "archlock.strategy", strategy)
    prepared_by(load_config(None, [*ON_DIGITS, *keys])).search.step()
    assert asked == (["digit"] if strategy == "evolution" else [])


# -- tasks that are sampled from another ------------------------------------------------------------------------------

Names = tuple[list[str], list[str]]


@pytest.fixture
def tasks_of(toy_config, toy_zero_cost: dict[str, Any], tmp_path) -> Callable[..., Names]:
    """Names of the tasks to train on and of those left out, where tasks are sampled from two of them."""
    scores = {**toy_zero_cost, "normal~1+2": toy_zero_cost["normal"], "class_scene~3+4": toy_zero_cost["class_scene"]}
    file = tmp_path / "zc_transbench101_micro.json"
    file.write_text(json.dumps(scores), encoding="utf-8")

    def found(*overrides: str, hidden: tuple[str, ...] = ()) -> Names:
        chosen, left_out = knowledge.Knowledge(
            toy_config("archlock.zero_cost", str(file), *overrides), hidden
        ).training_tables()
        return [t.task for t in chosen], [t.task for t in left_out]

    return found


def test_with_a_task_those_sampled_from_it_are_left_out(tasks_of):
    """They share images with it, so a ranker that learnt from them would have seen it."""
    chosen, left_out = tasks_of("archlock.leave_out", "normal")
    assert set(left_out) == {"normal", "normal~1+2"}
    assert set(chosen) == {"class_scene", "class_object", "autoencoder", "class_scene~3+4"}


def test_a_sampled_task_is_left_out_alone(tasks_of):
    chosen, left_out = tasks_of("archlock.leave_out", "normal~1+2")
    assert left_out == ["normal~1+2"]
    assert "normal" in chosen


def test_what_is_left_out_is_not_trained_on_even_where_it_is_asked_for(tasks_of):
    chosen, left_out = tasks_of("archlock.leave_out", "normal", "archlock.train_tasks", "normal~1+2,class_object")
    assert chosen == ["class_object"]
    assert set(left_out) == {"normal", "normal~1+2"}


def test_a_hidden_task_may_be_left_out_but_not_asked_for(tasks_of):
    _, left_out = tasks_of("archlock.leave_out", "normal", hidden=("normal",))
    assert "normal" not in left_out
    with pytest.raises(ConfigError, match="train_tasks names normal, a target"):
        tasks_of("archlock.train_tasks", "normal", hidden=("normal",))
