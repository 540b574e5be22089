from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from naslib_archlock import knowledge, pipeline
from naslib_archlock.benchmarks.base import SPLITS
from naslib_archlock.config import Config
from naslib_archlock.embedding.proxies import ProxyEmbedding
from naslib_archlock.errors import ConfigError, EmbeddingError, RankerError, TableError, UnknownNameError
from naslib_archlock.ranker import Ranker
from naslib_archlock.search import ExhaustiveSearch, RegularizedEvolution
from naslib_archlock.seeding import stream

SECONDS = {"preparation": 0.1234, "search": 0.5678}
pytestmark = pytest.mark.usefixtures("fast_training")


def prepare(config: Config, ranker: Ranker | None = None) -> pipeline.Prepared:
    return pipeline.prepare(config, pipeline.open_benchmark(config), ranker)


def run(config: Config, ranker: Ranker | None = None):
    prepared = prepare(config, ranker)
    for _ in range(config.search.epochs):
        prepared.search.step()
    return prepared


# -- a whole run -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["s", "tk", "tu"])
def test_a_result_holds_the_figures_of_the_cell_found(toy_config, toy_ranker, scheme):
    config = toy_config("archlock.scheme", scheme, "archlock.target", "normal,autoencoder")
    benchmark = pipeline.open_benchmark(config)
    prepared = run(config, toy_ranker)
    result = pipeline.finish(config, benchmark, prepared.search, SECONDS)
    assert json.loads(json.dumps(result)) == result
    for figures in (result, result["s"]):
        cell = tuple(figures["cell"])
        assert figures["arch"] == benchmark.space.to_str(cell)
        assert figures["source_val"] == benchmark.accuracy(cell, task="class_scene", split="val")
        assert figures["source_test"] == benchmark.accuracy(cell, task="class_scene", split="test")
        assert figures["targets"] == {
            task: benchmark.accuracy(cell, task=task, split="test") for task in ("normal", "autoencoder")
        }
        assert 0 < figures["source_queries"] <= 15
    assert result["cell"] == list(prepared.search.best().arch)
    assert (result["scheme"], result["source"], result["seed"]) == (scheme, "class_scene", 0)
    assert (result["seconds_preparation"], result["seconds"]) == (0.123, 0.568)
    assert "MADE UP" in result["notes"][0]
    if scheme == "s":
        assert {key: result[key] for key in result["s"]} == result["s"]


def test_every_result_is_compared_with_what_scheme_s_finds(toy_config, toy_ranker):
    config, config_s = toy_config(), toy_config("archlock.scheme", "s")
    benchmark = pipeline.open_benchmark(config)
    prepared = run(config, toy_ranker)
    result = pipeline.finish(config, benchmark, prepared.search, SECONDS)
    prepared_s = run(config_s, toy_ranker)
    result_s = pipeline.finish(config_s, benchmark, prepared_s.search, SECONDS)
    assert result["s"] == result_s["s"]


def test_without_named_targets_all_others_are_reported(toy_config):
    config = toy_config("archlock.target", "")
    assert pipeline.report_targets(config, ("normal", "class_scene", "jigsaw")) == ("normal", "jigsaw")
    assert pipeline.report_targets(toy_config(), ("normal", "class_scene", "jigsaw")) == ("normal",)


@pytest.mark.parametrize("exhaustive", ["true", "false"])
def test_a_seed_gives_the_same_search_and_another_seed_another(toy_config, exhaustive):
    first, again, other = (
        run(toy_config("seed", seed, "archlock.exhaustive", exhaustive)).search for seed in ("0", "0", "1")
    )
    assert type(first) is (ExhaustiveSearch if exhaustive == "true" else RegularizedEvolution)
    assert first.history == again.history
    assert first.history != other.history


def test_each_purpose_draws_its_own_numbers():
    """So that more simulated targets, say, do not change the opponents or the search."""
    draws = {
        purpose: tuple(stream(seed, purpose).random(3))
        for seed in (0, 1)
        for purpose in ("search", "opponents", "targets", "reference")
    }
    assert len(set(draws.values())) == 4
    assert stream(0, "search").random() == stream(0, "search").random()
    assert stream(0, "search").random() != stream(1, "search").random()


def test_more_simulated_targets_do_not_change_the_newcomers(toy_config, toy_ranker):
    few, many = (
        run(toy_config("archlock.n_targets", n, "search.population_size", "15"), toy_ranker).search for n in ("1", "9")
    )
    assert [e.arch for e in few.history] == [e.arch for e in many.history]
    assert [e.fitness for e in few.history] != [e.fitness for e in many.history]


def test_the_lock_gives_up_no_more_of_the_source_than_allowed(toy_config, toy_ranker):
    """And what it gives up it puts to use: it is fitter, by the ranker's word, than what scheme S finds."""
    budget = 3.0
    config = toy_config(
        "archlock.scheme", "tk", "archlock.target", "autoencoder", "archlock.source_budget_pct", str(budget),
        "archlock.exhaustive", "true", "archlock.source_queries", "200",
    )  # fmt: skip
    prepared = run(config)
    result = pipeline.finish(config, pipeline.open_benchmark(config), prepared.search, SECONDS)
    assert result["source_val"] >= (1 - budget / 100) * max(prepared.search.oracle.known.values())
    fitness_s, _ = prepared.search.fitness.evaluate(np.array([result["s"]["cell"]]))
    assert result["fitness"] > fitness_s[0]


def test_a_run_on_real_tables(shared_data: Path, toy_config):
    """NAS-Bench-201, with a ranker trained on the tables of both spaces."""
    config = toy_config(
        "search_space", "nasbench201", "dataset", "cifar10", "archlock.target", "cifar100",
        "archlock.tables", str(shared_data), "archlock.scheme", "tk",
    )  # fmt: skip
    prepared = run(config)
    assert {name.split("/")[0] for name in prepared.ranker.info.tasks} == {"nasbench201", "transbench101_micro"}
    result = pipeline.finish(config, pipeline.open_benchmark(config), prepared.search, SECONDS)
    assert result["notes"] == []
    assert 10 < result["targets"]["cifar100"] < 74
    assert result["s"]["source_val"] >= result["source_val"] * 0.9


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


def test_leaving_every_task_out_is_refused(toy_config):
    config = toy_config("archlock.leave_out", "class_scene,class_object,normal,autoencoder")
    for scheme in ("s", "tk", "tu"):
        with pytest.raises(RankerError, match="no task is left to train the ranker on"):
            prepare(toy_config("archlock.leave_out", config.archlock.leave_out, "archlock.scheme", scheme))


def test_voters_without_any_score_are_refused(toy_config):
    with pytest.raises(
        ConfigError, match=r"none of zen, grasp has scores of transbench101_micro task class_scene; it has .*nwot"
    ):
        prepare(toy_config("archlock.proxies", "zen,grasp:-1"))
    prepare(toy_config("archlock.proxies", "zen,nwot"))  # the one votes alone


# -- zero-cost files ---------------------------------------------------------------------------------------------------


def zero_cost_with(tmp_path: Path, scores) -> tuple[str, str]:
    """Overrides that name a zero-cost file with this content."""
    path = tmp_path / "zc_transbench101_micro.json"
    path.write_text(json.dumps(scores), encoding="utf-8")
    return "archlock.zero_cost", str(path)


@pytest.mark.parametrize("scheme", ["s", "tk", "tu"])
def test_a_zero_cost_file_without_the_source_is_refused(toy_config, toy_zero_cost, tmp_path, scheme):
    without = zero_cost_with(tmp_path, {t: s for t, s in toy_zero_cost.items() if t != "class_scene"})
    message = "unknown task 'class_scene' in zero-cost files of transbench101_micro; known: "
    with pytest.raises(UnknownNameError, match=message):
        prepare(toy_config(*without, "archlock.scheme", scheme))


@pytest.mark.parametrize("scheme", ["s", "tu"])
def test_a_zero_cost_file_of_the_target_alone_is_refused(toy_config, toy_zero_cost, tmp_path, scheme):
    only = zero_cost_with(tmp_path, {"normal": toy_zero_cost["normal"]})
    with pytest.raises(RankerError, match="no task is left to train the ranker on"):
        prepare(toy_config(*only, "archlock.scheme", scheme))


def test_tables_without_a_proxy_in_common_are_refused(toy_config, toy_zero_cost, tmp_path):
    parts = {
        "class_scene": {cell: {"nwot": entry["nwot"]} for cell, entry in toy_zero_cost["class_scene"].items()},
        "class_object": {cell: {"jacov": entry["jacov"]} for cell, entry in toy_zero_cost["class_object"].items()},
    }
    with pytest.raises(EmbeddingError, match="no proxy in common"):
        prepare(toy_config(*zero_cost_with(tmp_path, parts)))


def test_a_source_table_without_the_rankers_reference_cells_is_refused(toy_config, toy_zero_cost, toy_ranker, tmp_path):
    few = {"class_scene": dict(list(toy_zero_cost["class_scene"].items())[:50])}
    with pytest.raises(EmbeddingError, match="task 'class_scene' lacks .* reference cells of this ranker"):
        prepare(toy_config(*zero_cost_with(tmp_path, few)), toy_ranker)


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


# -- embeddings --------------------------------------------------------------------------------------------------------


@pytest.fixture
def embeddings(tmp_path) -> Path:
    """A folder of made-up embeddings of all four tasks, 6 numbers each."""
    rng = np.random.default_rng(0)
    for task in ("class_scene", "class_object", "normal", "autoencoder"):
        np.save(tmp_path / f"{task}.npy", rng.standard_normal(6))
    return tmp_path


def test_embeddings_may_come_from_files(toy_config, embeddings):
    config = toy_config("archlock.embedding", str(embeddings / "{task}.npy"), "archlock.scheme", "tk")
    prepared = run(config)
    assert prepared.ranker.info.embedding == "file"
    assert prepared.ranker.info.embedding_dim == 6
    before = [e.fitness for e in prepared.search.history]
    np.save(embeddings / "normal.npy", -np.load(embeddings / "normal.npy"))
    assert [e.fitness for e in run(config, prepared.ranker).search.history] != before


def test_with_a_ranker_and_embeddings_no_zero_cost_file_is_needed(toy_config, toy_tables, embeddings, tmp_path):
    embedding = ("archlock.embedding", str(embeddings / "{task}.npy"))
    ranker = prepare(toy_config(*embedding)).ranker
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "transbench101_micro.csv.gz").write_bytes((toy_tables / "transbench101_micro.csv.gz").read_bytes())
    config = toy_config(*embedding, "archlock.tables", str(folder))
    assert len(run(config, ranker).search.history) == 15
    with pytest.raises(TableError, match="no zero-cost file"):
        prepare(toy_config("archlock.tables", str(folder)))


def test_embeddings_of_different_sizes_are_refused(toy_config, embeddings):
    config = toy_config("archlock.embedding", str(embeddings / "{task}.npy"), "archlock.scheme", "tk")
    ranker = prepare(config).ranker
    np.save(embeddings / "normal.npy", np.ones(7))
    with pytest.raises(EmbeddingError, match="'normal'.* 7 numbers, .* trained with 6"):
        prepare(config, ranker)
    with pytest.raises(ConfigError, match=r"differ in size: \[6, 7\]"):
        prepare(config)
    np.save(embeddings / "class_scene.npy", np.ones(5))
    with pytest.raises(EmbeddingError, match="'class_scene'.* 5 numbers"):
        prepare(config, ranker)


def test_a_ranker_wants_the_kind_of_embedding_that_it_was_trained_with(toy_config, embeddings, toy_ranker):
    from_files = toy_config("archlock.embedding", str(embeddings / "{task}.npy"))
    with pytest.raises(ConfigError, match="trained with embedding proxies"):
        prepare(from_files, toy_ranker)
    with pytest.raises(ConfigError, match="set archlock.embedding"):
        prepare(toy_config(), prepare(from_files).ranker)


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


# -- the benchmark -----------------------------------------------------------------------------------------------------


def test_unknown_tasks_are_told_the_known_ones(toy_config):
    for overrides in (["dataset", "class_scen"], ["archlock.target", "normal,class_scen"]):
        with pytest.raises(UnknownNameError, match="unknown task 'class_scen'.*did you mean 'class_scene'"):
            pipeline.open_benchmark(toy_config(*overrides))


def test_the_benchmark_is_that_of_the_tables(toy_config):
    benchmark = pipeline.open_benchmark(toy_config())
    assert benchmark.tasks == ("class_scene", "class_object", "normal", "autoencoder")
    for split in SPLITS:
        assert 0 < benchmark.accuracy((3,) * 6, task="normal", split=split) < 100


def test_a_ranker_of_cells_cannot_rank_macro_architectures(toy_config, toy_ranker, macro_tables):
    config = toy_config("search_space", "transbench101_macro", "archlock.tables", str(macro_tables))
    with pytest.raises(RankerError, match="cannot rank transbench101_macro"):
        prepare(config, toy_ranker)


def test_macro_architectures_are_searched_with_a_ranker_of_their_own(toy_config, macro_tables):
    config = toy_config("search_space", "transbench101_macro", "archlock.tables", str(macro_tables))
    prepared = run(config)
    assert prepared.ranker.info.family == "macro"
    benchmark = pipeline.open_benchmark(config)
    result = pipeline.finish(config, benchmark, prepared.search, SECONDS)
    assert benchmark.space.from_str(result["arch"]) == tuple(result["cell"])
